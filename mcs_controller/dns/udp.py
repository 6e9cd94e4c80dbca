"""One UDP socket, read by ourselves: one wake-up drains up to 64 queries.

asyncio's DatagramProtocol reads one packet a wake-up, which makes it six times slower under load. The bound
of 64 keeps the loop's other work (TCP, watches) going. Nothing here blocks: a reply that the kernel will
not take at once is dropped and counted, as the network might have done.
"""

import asyncio
import socket
from typing import Any, Final

from mcs_controller.dns.counters import Counters
from mcs_controller.dns.fastpath import Responder

PACKETS_PER_WAKEUP: Final = 64
LAST_WAKEUPS: Final = 128
"""So much of what has arrived is still answered at the end."""

_READ_BYTES: Final = 4096
_SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024


class UdpListener:
    """Serves a bound, non-blocking socket from `start` to `stop`, which closes it."""

    def __init__(self, sock: socket.socket, respond: Responder, counters: Counters) -> None:
        self._sock = sock
        self._respond = respond
        self._dropped = counters.dropped
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)

    def start(self) -> None:
        """Read whenever something is there."""
        asyncio.get_running_loop().add_reader(self._sock, self.drain)

    def stop(self) -> None:
        """Answer what has arrived already, then close."""
        asyncio.get_running_loop().remove_reader(self._sock)
        for _ in range(LAST_WAKEUPS):
            if not self.drain():
                break
        self._sock.close()

    def drain(self) -> bool:
        """Answer what has arrived, up to the bound; whether more may be there."""
        receive, respond = self._sock.recvfrom, self._respond
        for _ in range(PACKETS_PER_WAKEUP):
            try:
                packet, client = receive(_READ_BYTES)
            except BlockingIOError:
                return False
            except OSError:
                continue  # an ICMP error about an earlier reply: says nothing about the next packet
            reply = respond(packet)
            if reply is not None:
                self._send(reply, client)
        return True

    def _send(self, reply: bytes, client: Any) -> None:
        try:
            self._sock.sendto(reply, client)
        except OSError:
            self._dropped["send"] += 1
