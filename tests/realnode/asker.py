"""Clients of a DNS server as there are in a cluster, in a program of their own for a node's namespaces.

python -m tests.realnode.asker ADDRESS PORT NAME DATA     asks until it reads a line, then tells what it got

Some have a new port for each query, as resolvers in pods; some keep theirs, as cluster DNS that forwards;
some come over TCP. What is not answered is lost, and so is what is answered with anything but that data. No
query is sent twice but by those that keep their ports: when a server leaves, kube-proxy makes the kernel
forget where their packets go, and the reply to one that is under way at that moment finds no way back, which
no server can help. They send it once more, as resolvers do, and it is counted. That holds for whatever is
sent from a port again, so those with new ports choose them: the kernel soon gives a port out once more, while
it still knows where the packets from it go.
"""

import asyncio
import errno
import json
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle

from dnslib import QTYPE, DNSQuestion, DNSRecord

from mcs_controller.dnscheck.client import QueryFailed, query

TIMEOUT_SECONDS = 5.0
AGAIN_AFTER_SECONDS = 2.0
PAUSE_SECONDS = 0.01
NEW_PORTS, KEPT_PORTS, CONNECTIONS = 4, 3, 3
# Below those that the kernel gives out, and more than are asked from in the 30 s that it remembers a flow.
PORTS_IN_TURN = range(10_000, 32_768)


@dataclass
class Asker:
    """Asks one server for one name. `lost` says when, how, and why; `sent_again` counts queries."""

    server: tuple[str, int]
    name: str
    data: str
    answered: int = 0
    sent_again: int = 0
    lost: list[str] = field(default_factory=list)
    ports: Iterator[int] = field(default_factory=lambda: cycle(PORTS_IN_TURN))
    is_ending: bool = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(NEW_PORTS):
                group.create_task(self._lane(f"new port {number}", self._from_new_port))
            for number in range(CONNECTIONS):
                group.create_task(self._lane(f"connection {number}", self._over_new_connection))
            for number in range(KEPT_PORTS):
                group.create_task(self._kept_port(f"kept port {number}"))
            await asyncio.to_thread(sys.stdin.readline)
            self.is_ending = True

    async def _lane(self, kind: str, ask: Callable[[], Awaitable[str]]) -> None:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        while not self.is_ending:
            asked_at = loop.time()
            try:
                got = await ask()
            except (QueryFailed, OSError) as error:
                got = f"{type(error).__name__}: {error}"
            if got == self.data:
                self.answered += 1
            else:
                self.lost.append(f"{kind} after {asked_at - started_at:.2f} s: {got}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _over_new_connection(self) -> str:
        answer = await query(self.server, self.name, "A", tcp=True, timeout_seconds=TIMEOUT_SECONDS)
        return " ".join(answer.data("A")) or answer.rcode

    async def _from_new_port(self) -> str:
        with udp_socket() as sock:
            self._bind_to_new_port(sock)
            sock.connect(self.server)
            return await self._sent_once(sock, self._question(), TIMEOUT_SECONDS)

    def _bind_to_new_port(self, sock: socket.socket) -> None:
        for number in self.ports:
            try:
                return sock.bind(("", number))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise

    async def _kept_port(self, kind: str) -> None:
        with udp_socket() as sock:
            sock.connect(self.server)

            async def ask() -> str:
                question = self._question()
                try:
                    return await self._sent_once(sock, question, AGAIN_AFTER_SECONDS)
                except TimeoutError:
                    self.sent_again += 1
                    return await self._sent_once(sock, question, TIMEOUT_SECONDS - AGAIN_AFTER_SECONDS)

            await self._lane(kind, ask)

    def _question(self) -> DNSRecord:
        return DNSRecord(q=DNSQuestion(self.name, QTYPE.A))

    async def _sent_once(self, sock: socket.socket, question: DNSRecord, timeout_seconds: float) -> str:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, bytes(question.pack()))
        async with asyncio.timeout(timeout_seconds):
            while True:
                reply = DNSRecord.parse(await loop.sock_recv(sock, 4096))
                if reply.header.id == question.header.id:
                    return " ".join(str(record.rdata) for record in reply.rr) or "no records"


def udp_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock


async def main(address: str, port: str, name: str, data: str) -> None:
    asker = Asker((address, int(port)), name, data)
    await asker.run()
    told = {"answered": asker.answered, "sent_again": asker.sent_again, "lost": asker.lost}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
