"""One UDP socket, read by ourselves: one wake-up drains up to 64 queries.

asyncio's DatagramProtocol reads one packet a wake-up, which makes it six times slower under load. The bound
of 64 keeps the loop's other work (TCP, watches) going. Nothing here blocks: a reply that the kernel will
not take at once is dropped and counted, as the network might have done.

On a socket for all of a machine's addresses a reply must come from the address that was asked, or clients
drop it; the kernel tells and takes that beside each packet (IP_PKTINFO), which costs a little.
"""

import asyncio
import socket
from functools import lru_cache
from typing import Final

from mcs_controller.dns.counters import Counters
from mcs_controller.dns.fastpath import Responder

PACKETS_PER_WAKEUP: Final = 64
LAST_WAKEUPS: Final = 128
"""So much of what has arrived is still answered at the end."""

_READ_BYTES: Final = 4096
_BESIDE_BYTES: Final = 64
_IP_PKTINFO: Final = 8
"""From Linux's <netinet/in.h>; Python has no name for it. The structure: interface, our address, target."""

_ANY_ADDRESSES: Final = ("0.0.0.0", "::")
_SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024


class UdpListener:
    """Serves a bound, non-blocking socket from `start` to `stop`, which closes it."""

    def __init__(self, sock: socket.socket, respond: Responder, counters: Counters) -> None:
        self._sock = sock
        self._respond = respond
        self._dropped = counters.dropped
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)
        self._for_any_address = sock.getsockname()[0] in _ANY_ADDRESSES
        if self._for_any_address and sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        elif self._for_any_address:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)

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
        return self._drain_any() if self._for_any_address else self._drain_one()

    def _drain_one(self) -> bool:
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
                try:
                    self._sock.sendto(reply, client)
                except OSError:
                    self._dropped["send"] += 1
        return True

    def _drain_any(self) -> bool:
        receive, respond, send = self._sock.recvmsg, self._respond, self._sock.sendmsg
        for _ in range(PACKETS_PER_WAKEUP):
            try:
                packet, beside, _, client = receive(_READ_BYTES, _BESIDE_BYTES)
            except BlockingIOError:
                return False
            except OSError:
                continue
            reply = respond(packet)
            if reply is not None:
                try:
                    send((reply,), (_from_there(*beside[0]),) if beside else (), 0, client)
                except OSError:
                    self._dropped["send"] += 1
        return True


@lru_cache(maxsize=64)
def _from_there(level: int, kind: int, data: bytes) -> tuple[int, int, bytes]:
    """What to send beside a reply for what came beside its query."""
    if level != socket.IPPROTO_IP:
        return level, kind, data
    # Whichever interface leads to the client: it need not be the one that the query came by.
    return level, kind, b"\0\0\0\0" + data[4:8] + b"\0\0\0\0"
