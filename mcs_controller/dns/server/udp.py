"""One UDP socket, read by ourselves: one wake-up answers all that waits, up to a bound.

asyncio's DatagramProtocol reads one packet a wake-up, which makes it six times slower under load. The bound
keeps the loop's other work (TCP, watches) going. Nothing here blocks: a reply that the kernel does not take
at once is dropped and counted, as the network might have done.

A few queries are answered one by one, as soon as each is read; when more wait they are taken together, which
costs more for the first and less for each of the others (`datagrams`).
"""

import asyncio
import socket
from functools import lru_cache
from typing import Final

from mcs_controller.dns.answers.counters import Counters
from mcs_controller.dns.answers.fastpath import Responder
from mcs_controller.dns.server.datagrams import BATCH, QUERY_READ_BYTES, Datagrams

FEW: Final = 4
"""From so many on it is cheaper to take them together."""

LAST_WAKEUPS: Final = 128
"""So much of what has arrived is still answered at the end."""

_BESIDE_BYTES: Final = 64
_SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024


class UdpListener:
    """Serves a bound, non-blocking socket from `start` to `stop`, which closes it."""

    def __init__(
        self, sock: socket.socket, respond: Responder, counters: Counters, *, join_replies: bool = True
    ) -> None:
        self._sock = sock
        self._respond = respond
        self._counters = counters
        self._dropped = counters.dropped
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)
        self._datagrams = Datagrams(
            sock, counters.udp.ceiling_bytes, joins=join_replies, on_unjoined=self._count_unjoined
        )
        self._answer_few = (
            self._answer_few_of_any if self._datagrams.for_any_address else self._answer_few_of_one
        )
        self._many = False

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
        # Where many came last time, many are expected.
        if not self._many and not self._answer_few():
            return False
        queries = self._datagrams.receive()
        self._many = len(queries) > FEW
        if queries:
            lost = self._datagrams.reply([self._respond(query) for query in queries])
            if lost:
                self._dropped["send"] += lost
        return len(queries) == BATCH

    def _count_unjoined(self) -> None:
        self._counters.unjoined += 1

    def _answer_few_of_one(self) -> bool:
        """Answer a few; whether more may be there."""
        receive, respond = self._sock.recvfrom, self._respond
        for _ in range(FEW):
            try:
                packet, client = receive(QUERY_READ_BYTES)
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

    def _answer_few_of_any(self) -> bool:
        """The same from the address that was asked."""
        receive, respond, send = self._sock.recvmsg, self._respond, self._sock.sendmsg
        for _ in range(FEW):
            try:
                packet, beside, _, client = receive(QUERY_READ_BYTES, _BESIDE_BYTES)
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
