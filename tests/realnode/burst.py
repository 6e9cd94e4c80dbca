"""A burst of datagrams and replies to them by the batch, each in a program of its own for a namespace.

python -m tests.realnode.burst server ADDRESS PORT     reads a line, answers what waits, tells what it did
python -m tests.realnode.burst client ADDRESS PORT     sends, says "sent", tells what came back
"""

import json
import socket
import sys

from mcs_controller.dns.server import datagrams
from mcs_controller.dns.server.datagrams import Datagrams

CLIENTS, QUERIES = 5, 12
REPLY_BYTES = 700
_TIMEOUT_SECONDS = 5.0


def reply_to(query: bytes) -> bytes:
    """A reply that tells which query it is to."""
    return query.ljust(REPLY_BYTES, b"r")


def serve(address: str, port: int) -> None:
    """Answer once, all that waits by then."""
    messages = []
    send = datagrams._sendmmsg

    def counting(fd: int, at: int, count: int, flags: int) -> int:
        messages.append(count)
        return int(send(fd, at, count, flags))

    datagrams._sendmmsg = counting  # type: ignore[assignment]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, port))
        sock.setblocking(False)
        batch = Datagrams(sock, REPLY_BYTES)
        _tell("bound")
        sys.stdin.readline()
        queries = batch.receive()
        lost = batch.reply([reply_to(query) for query in queries])
    _tell(json.dumps({"queries": len(queries), "messages": messages, "lost": lost}))


def ask(address: str, port: int) -> None:
    """From several sockets; whether each has what it asked for, and from whom it should."""
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(CLIENTS)]
    for number, sock in enumerate(socks):
        # A connected socket hears nobody else.
        sock.connect((address, port))
        sock.settimeout(_TIMEOUT_SECONDS)
        for query in range(QUERIES):
            sock.send(b"%d:%d" % (number, query % 10))
    _tell("sent")
    came = [[sock.recv(65535) for _ in range(QUERIES)] for sock in socks]
    expected = [
        [reply_to(b"%d:%d" % (number, query % 10)) for query in range(QUERIES)] for number in range(CLIENTS)
    ]
    _tell(json.dumps(came == expected))


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"server": serve, "client": ask}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
