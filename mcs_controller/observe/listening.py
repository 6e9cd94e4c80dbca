"""Listening sockets for an address that a user wrote, and one clear line when that cannot be.

`:8080` (no host) means every address of the machine, over IPv4 and IPv6 where the machine has both. The
sockets are made here and not by the event loop, because the loop's message for a port in use names neither
the cause nor the cure, and because port 0 must become the same port for every address of a name.
"""

import contextlib
import errno
import socket
from dataclasses import dataclass
from typing import Final

BACKLOG_CONNECTIONS: Final = 128


class ListenError(Exception):
    """An address that cannot be listened on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Host and port as a user gives them; `host` is "" for every address of the machine."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "ListenAddress":
        """Read `HOST:PORT`, `:PORT` or `[IPV6]:PORT`; raises ValueError with the reason."""
        host, colon, port = text.strip().rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{text!r} is not ADDRESS:PORT with a port from 0 to 65535")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{text!r}: write an IPv6 address in brackets, as in [::1]:{port}")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen_tcp(address: ListenAddress) -> list[socket.socket]:
    """Listening, non-blocking TCP sockets for every address that `address` stands for, all on one port.

    Raises `ListenError`, with nothing left open.
    """
    sockets: list[socket.socket] = []
    port = address.port
    with contextlib.ExitStack() as undo:
        for family, host in _resolve(address):
            listener = undo.enter_context(_bind(family, host, port, address))
            port = listener.getsockname()[1]
            sockets.append(listener)
        undo.pop_all()
    return sockets


def _resolve(address: ListenAddress) -> list[tuple[socket.AddressFamily, str]]:
    if not address.host:
        both = socket.has_dualstack_ipv6()
        return [(socket.AF_INET6, "::") if both else (socket.AF_INET, "0.0.0.0")]
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise ListenError(
            f"cannot listen on {address}: the name {address.host!r} is not known ({error}); "
            "give an IP address of this machine"
        ) from error
    return list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))


def _bind(family: socket.AddressFamily, host: str, port: int, address: ListenAddress) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # One socket for both families only where no host was given.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if address.host else 0)
        listener.bind((host, port))
        listener.listen(BACKLOG_CONNECTIONS)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen on {address}: {_explain(error, port)}") from error
    return listener


def _explain(error: OSError, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"the port is already in use; stop what uses it (ss -ltnp 'sport = :{port}' shows it) "
                "or choose another port"
            )
        case errno.EACCES:
            return "permission denied; choose a port from 1024 on, or give the process CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address; give one of its own, or only :PORT for all of them"
    return error.strerror or str(error)
