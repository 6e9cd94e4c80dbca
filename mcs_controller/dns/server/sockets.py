"""A UDP and a TCP socket on one port, for one process or several, or one clear line when that cannot be.

Bound here and not by the event loop, because both must have the same port also when the port is 0, and
because the loop's message for a port in use names neither the cause nor the cure.
"""

import contextlib
import errno
import ipaddress
import socket
from typing import Final, NamedTuple

from mcs_controller.dns.errors import ListenError

DnsAddress = tuple[str, int]
"""An IP address of this machine and a port; "" stands for all addresses, of both families."""

BACKLOG_CONNECTIONS: Final = 512
TCP_SEND_BUFFER_BYTES: Final = 64 * 1024
TCP_RECEIVE_BUFFER_BYTES: Final = 16 * 1024
"""Of each connection (the kernel doubles them): else they grow to megabytes when a client does not read."""

_PORT_TRIES: Final = 32


class SocketPair(NamedTuple):
    """Bound to the same address and port, non-blocking; the TCP socket listens."""

    udp: socket.socket
    tcp: socket.socket

    @property
    def address(self) -> DnsAddress:
        """What is really bound."""
        host, port = self.udp.getsockname()[:2]
        return host, port

    def close(self) -> None:
        """Close both."""
        self.udp.close()
        self.tcp.close()


def bind_all(addresses: tuple[DnsAddress, ...]) -> list[SocketPair]:
    """A pair for every address. Raises `ListenError`, with nothing left open."""
    return bind_groups(addresses, 1)[0]


def bind_groups(addresses: tuple[DnsAddress, ...], count: int) -> list[list[SocketPair]]:
    """So many groups that each have a pair for every address. Raises `ListenError`, with nothing left open.

    Between the groups the kernel divides clients by their address and port (SO_REUSEPORT).
    """
    with contextlib.ExitStack() as undo:
        groups: list[list[SocketPair]] = [[] for _ in range(count)]
        for host, port in addresses:
            for each in _hosts(host):
                for group, pair in zip(groups, _bind(each, port, count), strict=True):
                    group.append(pair)
                    undo.callback(pair.close)
        undo.pop_all()
    return groups


def _hosts(host: str) -> tuple[str, ...]:
    if host:
        return (host,)
    return ("0.0.0.0", "::") if socket.has_dualstack_ipv6() else ("0.0.0.0",)


def _bind(host: str, port: int, copies: int) -> list[SocketPair]:
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError as error:
        raise ListenError(
            f"cannot listen on {host[:256]!r}: not an IP address; give one of this machine, such as 127.0.0.1"
        ) from error
    tries = 1 if port else _PORT_TRIES
    while True:
        tries -= 1
        try:
            return _bind_copies(family, host, port, copies)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and tries:
                continue
            where = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
            raise ListenError(f"cannot serve DNS on {where}: {_explain(error, port)}") from error


def _bind_copies(family: socket.AddressFamily, host: str, port: int, copies: int) -> list[SocketPair]:
    only = _bind_pair(family, host, port, shared=False)
    if copies == 1:
        return [only]
    # The port is free: it had to be bound alone to know, since sharing it works with strangers, too.
    port = only.address[1]
    only.close()
    with contextlib.ExitStack() as undo:
        pairs = []
        for _ in range(copies):
            pair = _bind_pair(family, host, port, shared=True)
            undo.callback(pair.close)
            pairs.append(pair)
        undo.pop_all()
    return pairs


def _bind_pair(family: socket.AddressFamily, host: str, port: int, *, shared: bool) -> SocketPair:
    with contextlib.ExitStack() as undo:
        sockets = []
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            sock = undo.enter_context(socket.socket(family, kind))
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind == socket.SOCK_STREAM:
                # Only for TCP: on a UDP socket it would let a second server take half of the queries.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind((host, port))
            sock.setblocking(False)
            port = sock.getsockname()[1]
            sockets.append(sock)
        # Connections have them from the listening socket.
        sockets[1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TCP_SEND_BUFFER_BYTES)
        sockets[1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TCP_RECEIVE_BUFFER_BYTES)
        sockets[1].listen(BACKLOG_CONNECTIONS)
        undo.pop_all()
    return SocketPair(*sockets)


def _explain(error: OSError, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"the port is already in use; stop what uses it (ss -lntup 'sport = :{port}' shows it) "
                "or choose another port"
            )
        case errno.EACCES:
            return "permission denied; choose a port from 1024 on, or give the process CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address; give one of its own, or only :PORT for all of them"
    return error.strerror or str(error)
