"""What a parent and its workers say to each other: frames of JSON over a socket pair.

The parent tells each worker what it is (`Hello`, once) and then how things should be (`Orders`); the worker
tells how things are (`Report`), and between two reports that it is alive (`Beat`). Orders and reports are
whole states apart from the services, of which only the changed ones are sent, so none of them depends on when
it is read. Both ends are this program in the same version, so a frame that cannot be read ends it all.
"""

import asyncio
import json
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.answers.counters import Held
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.tcp import TcpLimits
from mcs_controller.dns.zone.packed import PackedService, from_json, to_json
from mcs_controller.kube.decoding.json_parser import TEXT_MAX_BYTES, parse_json

FRAME_MAX_BYTES: Final = TEXT_MAX_BYTES
_LENGTH: Final = struct.Struct("!I")


class PeerGone(Exception):
    """The other end is gone, or what it sent cannot be read."""


class Hello(NamedTuple):
    """What a worker is: its configuration, and for each group its sockets' file descriptors."""

    config: DnsConfig
    groups: list[list[tuple[int, int]]]


class Orders(NamedTuple):
    """How a worker should be. `services` are the changes since the last orders."""

    services: list[tuple[ServiceKey, PackedService | None]]
    is_open: bool
    stale: bool
    serve: list[int]
    stop: bool = False


class Report(NamedTuple):
    """How a worker is. `totals` are of its counters."""

    serving: list[int]
    is_open: bool
    totals: list[int]
    tcp_connections: int
    held: Held


class Beat(NamedTuple):
    """A worker is alive: how late its event loop woke it for this."""

    lag_seconds: float


def send(writer: asyncio.StreamWriter, frame: bytes) -> None:
    """Send a frame; nothing when the other end is gone: the reader notices, and uvloop would raise here."""
    if not writer.is_closing():
        writer.write(frame)


def pack_hello(hello: Hello) -> bytes:
    """As a frame."""
    return _frame([asdict(hello.config, dict_factory=_without_paths), hello.groups])


def pack_orders(orders: Orders) -> bytes:
    """As a frame."""
    services = [
        (*service, None if packed is None else to_json(packed)) for service, packed in orders.services
    ]
    return _frame([services, *orders[1:]])


def pack_report(report: Report) -> bytes:
    """As a frame."""
    return _frame([*report[:4], asdict(report.held)])


def pack_beat(beat: Beat) -> bytes:
    """As a frame."""
    return _frame([*beat])


async def read_hello(reader: asyncio.StreamReader) -> Hello:
    """The next frame, which is a hello. Raises `PeerGone`."""
    config, groups = _checked(await _read(reader), 2)
    config["tcp"] = TcpLimits(**config["tcp"])
    config["listen"] = tuple((host, port) for host, port in config["listen"])
    return Hello(DnsConfig(**config), [[(udp, tcp) for udp, tcp in group] for group in groups])


async def read_orders(reader: asyncio.StreamReader) -> Orders:
    """The next frame, which is orders. Raises `PeerGone`."""
    services, *rest = _checked(await _read(reader), 5)
    return Orders(
        [
            (ServiceKey(namespace, name), None if packed is None else from_json(packed))
            for namespace, name, packed in services
        ],
        *rest,
    )


async def read_report(reader: asyncio.StreamReader) -> Report | Beat:
    """The next frame, which is a report or a beat. Raises `PeerGone`."""
    value = await _read(reader)
    if isinstance(value, list) and len(value) == 1:
        return Beat(*value)
    serving, is_open, totals, tcp_connections, held = _checked(value, 5)
    return Report(serving, is_open, totals, tcp_connections, Held(**held))


def _without_paths(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Files are the parent's: a worker is told of none."""
    return {name: value for name, value in fields if not isinstance(value, Path)}


def _frame(value: Any) -> bytes:
    body = json.dumps(value, separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


async def _read(reader: asyncio.StreamReader) -> Any:
    try:
        (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if size > FRAME_MAX_BYTES:
            raise PeerGone(f"a frame of {size} bytes")
        return parse_json(await reader.readexactly(size))
    except (OSError, EOFError, ValueError) as error:
        raise PeerGone(str(error) or type(error).__name__) from error


def _checked(value: Any, length: int) -> list[Any]:
    if not isinstance(value, list) or len(value) != length:
        raise PeerGone("a frame of another kind than was expected")
    return value
