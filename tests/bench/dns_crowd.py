"""More load than dnsperf makes on one core: clients that ask several questions at a time.

    python -m tests.bench.dns_crowd --port PORT --questions FILE --seconds SECONDS --server-pid PID

dnsperf asks one question with one call of the kernel, and is at its limit before our server is. Here each of
a few clients sends a burst of questions with one call (UDP_SEGMENT), as a resolver does that serves many
programs, and sends the next when the whole burst has been answered. All servers get the same. Loopback only;
prints one line of JSON.

Every query is accounted for: at the end the crowd waits for what is still under way, and what never comes is
lost.
"""

import argparse
import json
import select
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from dnslib import RCODE, DNSRecord

from mcs_controller.dns.server.datagrams import SOL_UDP, UDP_SEGMENT, Datagrams
from tests.bench.dns_load import CLIENTS, cpu_seconds

BURST: Final = 8
"""As many as are under way for one client: all of them fit into the buffer that a socket has by itself."""

LOST_SECONDS: Final = 0.5
_SEGMENT_SIZE = struct.Struct("@H")
_ID = struct.Struct("!H")


@dataclass(slots=True)
class Client:
    """One socket, what it waits for, and since when."""

    sock: socket.socket
    datagrams: Datagrams
    waiting: int = 0
    heard_at_seconds: float = 0.0


@cache
def packed(name: str, rtype: str) -> bytes:
    """A query without its id."""
    query: bytes = DNSRecord.question(name, rtype).pack()
    return query[_ID.size :]


def bursts(questions: Path, random: Random) -> list[tuple[int, bytes]]:
    """The questions as queries in groups of one size, in no order: the size, and a burst of queries."""
    by_size: dict[int, list[bytes]] = {}
    for number, line in enumerate(questions.read_text().splitlines()):
        name, rtype = line.split()
        query = _ID.pack(number & 0xFFFF) + packed(name, rtype)
        by_size.setdefault(len(query), []).append(query)
    found = [
        (size, b"".join(queries[at : at + BURST]))
        for size, queries in by_size.items()
        for at in range(0, len(queries) - BURST + 1, BURST)
    ]
    random.shuffle(found)
    return found


class Crowd:
    """The clients of one server."""

    def __init__(self, port: int, todo: list[tuple[int, bytes]]) -> None:
        self.lost = 0
        self.codes: Counter[int] = Counter()
        self._todo = todo
        self._sent = 0
        self._poll = select.epoll()
        self._clients: dict[int, Client] = {}
        for _ in range(CLIENTS):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.connect(("127.0.0.1", port))
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            self._clients[sock.fileno()] = Client(sock, Datagrams(sock, reply_max_bytes=1))
            self._poll.register(sock.fileno(), select.EPOLLIN)

    def run(self, seconds: float) -> float:
        """Ask for so long; for how long it was."""
        started = now = checked = time.perf_counter()
        for client in self._clients.values():
            self._ask(client, now)
        while now < started + seconds:
            for client in self._heard(now):
                if client.waiting <= 0:
                    self._ask(client, now)
            now = time.perf_counter()
            if now - checked > LOST_SECONDS:
                checked = now
                self._give_up(now)
        return now - started

    def finish(self) -> None:
        """Hear what is still under way; what does not come is lost."""
        while any(client.waiting > 0 for client in self._clients.values()):
            if not self._heard(0.0):
                break
        self.lost += sum(max(0, client.waiting) for client in self._clients.values())

    def _ask(self, client: Client, now: float) -> None:
        size, burst = self._todo[self._sent % len(self._todo)]
        client.sock.sendmsg((burst,), ((SOL_UDP, UDP_SEGMENT, _SEGMENT_SIZE.pack(size)),))
        client.waiting += BURST
        client.heard_at_seconds = now
        self._sent += 1

    def _heard(self, now: float) -> list[Client]:
        """Those that had replies; none when nobody had any for too long."""
        heard = []
        for number, _ in self._poll.poll(LOST_SECONDS):
            client = self._clients[number]
            replies = client.datagrams.receive()
            self.codes.update([reply[3] & 0xF for reply in replies])
            client.waiting -= len(replies)
            client.heard_at_seconds = now
            heard.append(client)
        return heard

    def _give_up(self, now: float) -> None:
        for client in self._clients.values():
            if client.waiting > 0 and now - client.heard_at_seconds > LOST_SECONDS:
                self.lost += client.waiting
                client.waiting = 0
                self._ask(client, now)


def measured(port: int, questions: Path, seconds: float, server_pid: int) -> dict[str, object]:
    """Replies a second, what crowd and server used of their cores, response codes, and what was lost."""
    crowd = Crowd(port, bursts(questions, Random(1)))
    before_s, server_before_s = time.process_time(), cpu_seconds(server_pid)
    took_s = crowd.run(seconds)
    used_s, server_used_s = time.process_time() - before_s, cpu_seconds(server_pid) - server_before_s
    answered = crowd.codes.total()
    crowd.finish()
    return {
        "qps": answered / took_s,
        "busy": used_s / took_s,
        "server_busy": server_used_s / took_s,
        "lost": crowd.lost,
        "codes": {RCODE.get(code): count for code, count in crowd.codes.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--server-pid", type=int, required=True)
    arguments = parser.parse_args()
    print(json.dumps(measured(arguments.port, arguments.questions, arguments.seconds, arguments.server_pid)))


if __name__ == "__main__":
    main()
