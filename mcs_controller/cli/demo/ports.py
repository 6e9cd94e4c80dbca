"""Which ports of this machine a demo takes.

A range that was asked for is taken or refused, one that was not is moved up until all of it is free. Whether
a port is free is found out by binding it the way the servers will; another program can still come first in
the moment until they do, and then they say so.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import combinations
from typing import Final, NamedTuple

from mcs_controller.cli.demo.sites import HOST
from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.dns.errors import DnsError
from mcs_controller.dns.server.sockets import bind_all
from mcs_controller.observe.listening import ListenAddress, ListenError, listen_tcp

DNS_PORT: Final = 1053
HTTP_PORT: Final = 8080
PAGE_PORT: Final = 8180
PORT_MAX: Final = 65535

Probe = Callable[[int], str | None]
"""Why the port cannot be taken, None when it can."""


def dns_probe(port: int) -> str | None:
    """Over UDP and TCP."""
    try:
        for pair in bind_all(((HOST, port),)):
            pair.close()
    except DnsError as error:
        return str(error)
    return None


def http_probe(port: int) -> str | None:
    """Over TCP."""
    try:
        for listener in listen_tcp(ListenAddress(HOST, port)):
            listener.close()
    except ListenError as error:
        return str(error)
    return None


class _Range(NamedTuple):
    """The ports of one kind: from `first` on, if that was asked for, else from `usual` on."""

    option: str
    first: int | None
    usual: int
    is_taken: Probe


def choose_ports(
    count: int,
    dns_first: int | None,
    http_first: int | None,
    page_first: int | None,
    *,
    dns_is_taken: Probe = dns_probe,
    http_is_taken: Probe = http_probe,
) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """The ports of `count` clusters for DNS, HTTP and the page; None means that none was asked for.

    Raises `UsageError` when what was asked for cannot be, `CliError` when it is in use.
    """
    ranges = (
        _Range("--dns-port", dns_first, DNS_PORT, dns_is_taken),
        _Range("--http-port", http_first, HTTP_PORT, http_is_taken),
        _Range("--page-port", page_first, PAGE_PORT, http_is_taken),
    )
    chosen = {
        one.option: _asked_for(count, one.first, one.option, one.is_taken)
        for one in ranges
        if one.first is not None
    }
    for one, other in combinations(ranges, 2):
        if set(chosen.get(one.option, ())) & set(chosen.get(other.option, ())) - {0}:
            raise UsageError(
                f"{one.option} {one.first} and {other.option} {other.first}: the ranges of {count} ports "
                f"overlap, leave at least {count} between them"
            )
    for one in ranges:
        if one.option not in chosen:
            avoid = {port for ports in chosen.values() for port in ports}
            chosen[one.option] = _next_free(count, one.usual, one.option, one.is_taken, avoid)
    dns, http, page = (chosen[one.option] for one in ranges)
    return dns, http, page


def _asked_for(count: int, first: int, option: str, is_taken: Probe) -> Sequence[int]:
    if first == 0:
        return (0,) * count
    if not 0 < first <= PORT_MAX - count + 1:
        raise UsageError(
            f"{option} {first}: {count} clusters need {count} ports from there on; "
            f"use 0 (any free ones), or 1 to {PORT_MAX - count + 1}"
        )
    ports = range(first, first + count)
    for port in ports:
        if (problem := is_taken(port)) is not None:
            raise CliError(f"{option} {first}: {problem}, or leave {option} out to have free ones found")
    return ports


def _next_free(count: int, first: int, option: str, is_taken: Probe, avoid: Collection[int]) -> Sequence[int]:
    """The first range from `first` on of which every port is free."""
    start = port = first
    while port < start + count:
        if port > PORT_MAX:
            raise CliError(f"no {count} free ports in a row from {first} on: choose some with {option}")
        if port in avoid or is_taken(port) is not None:
            start = port + 1
        port += 1
    return range(start, start + count)
