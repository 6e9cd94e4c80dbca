"""A coverage-guided fuzzer of all that reads bytes from outside: `make fuzz-dns`.

Packets, streams of TCP, snapshot files. It runs until the time is over (exit code 0), or until an input
breaks one of the invariants, which it prints and leaves in the folder of its corpus. Needs atheris, which is
no dependency of anything else here.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

with atheris.instrument_imports(include=["mcs_controller.dns"]):
    from mcs_controller.clusterset.model import ServiceKey
    from mcs_controller.dns.server.tcp import TcpConnection, TcpLimits, TcpService
    from mcs_controller.dns.zone.snapshot import SnapshotUnusable, _parse
    from tests.dns.hostile import MESSAGES
    from tests.dns.invariants import Neighbours, check_cost, check_packet, most_steps, servers
    from tests.dns.test_protocol import opt, query

RSS_LIMIT_MIB = 512
INPUT_MAX_BYTES = 1500
SERVERS = servers()
MOST_STEPS = [most_steps(server) for server in SERVERS]
NEIGHBOURS = Neighbours()


def packet(data: bytes) -> None:
    """One message: what becomes of it, what it costs, and what becomes of those that came with it."""
    for server, limit in zip(SERVERS, MOST_STEPS, strict=True):
        check_packet(server, data)
        check_cost(server, data, limit)
    NEIGHBOURS.check(data)


def stream(data: bytes) -> None:
    """What one TCP client sends, in pieces: as many replies come as there are whole queries."""
    server = SERVERS[0]
    connection = TcpConnection(TcpService(server.tcp, server.counters, TcpLimits()))
    connection._buffer += data
    for _ in range(INPUT_MAX_BYTES):
        replies, acceptable = connection._replies()
        lengths, messages = replies[::2], replies[1::2]
        assert lengths == [len(message).to_bytes(2, "big") for message in messages]
        if not acceptable or not connection._whole_query_waits():
            break
    assert len(connection._buffer) <= len(data)


def snapshot(data: bytes) -> None:
    """The lines of a snapshot whose checksum is right."""
    try:
        found = _parse(data.splitlines() or [b""], "clusterset.local.")
    except (SnapshotUnusable, ValueError, RecursionError):
        return
    server = servers()[0]
    for service, packed in found.services.items():
        server.answers.update(service, packed)
        for prefix in ("", "_a._tcp.", "a.east."):
            for rtype in (1, 28, 33):
                check_packet(server, query(prefix + _name(service), rtype, counts=(1, 0, 0, 1), tail=opt()))


def _name(service: ServiceKey) -> str:
    text = f"{service.name[:60]}.{service.namespace[:60]}.svc.clusterset.local"
    return text if text.isascii() else "x"


KINDS = (packet, packet, packet, packet, packet, packet, stream, snapshot)


def one_input(data: bytes) -> None:
    """The first byte says what the rest is."""
    if data:
        KINDS[data[0] % len(KINDS)](data[1:])


def seeds() -> list[bytes]:
    """Where the search begins: one good input of each kind."""
    queries = [
        query(name, rtype, counts=(1, 0, 0, 1), tail=opt(4096))
        for name in ("web.shop.svc.clusterset.local", "10-0-1-7.east.big.shop.svc.clusterset.local", "x.y")
        for rtype in (1, 28, 33, 255)
    ]
    header = b'{"format":"mcs-controller dns snapshot","version":1,"zone":"clusterset.local.",'
    header += b'"true_at":"2026-01-01T00:00:00Z","services":1}\n'
    line = b'["shop","db",[true,[[1,"a","TCP"]],"","",[["east",1,[[1,"a","TCP"]],"0a000001",["a"]]]]]\n'
    framed = b"".join(len(each).to_bytes(2, "big") + each for each in queries[:3])
    queries += [message for message in MESSAGES.values() if len(message) < INPUT_MAX_BYTES]
    return [*(b"\0" + each for each in queries), b"\6" + framed, b"\7" + header + line]


def main() -> None:
    """Fuzz for a while."""
    parser = argparse.ArgumentParser(prog="python -m tests.dns.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="where inputs are kept from run to run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        corpus = arguments.corpus or Path(temporary)
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)
        options: list[Any] = [
            sys.argv[0],
            str(corpus),
            f"-max_total_time={arguments.seconds}",
            f"-max_len={INPUT_MAX_BYTES}",
            f"-rss_limit_mb={RSS_LIMIT_MIB}",
            f"-artifact_prefix={corpus}/",
            f"-seed={Random().randrange(1, 2**31)}",
            "-print_final_stats=1",
        ]
        atheris.Setup(options, one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
