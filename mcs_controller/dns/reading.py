"""From an object of the API server to what the zone needs of it.

What an object may be is decided by `clusterset/decode`, for us as for everybody. Nearly all endpoints look
the same, though, and reading them is most of what a start and a change cost: those are read here in one go,
and whatever is not plain is left to the exact way.

Invariant: for every object the short way gives what the exact way gives, or leaves it to that.
"""

import socket
from typing import Any, Final, NamedTuple

from mcs_controller.clusterset import decode
from mcs_controller.clusterset.decode.slices import MAX_ADDRESS_CHARS, MAX_ENDPOINTS
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.texts import endpoint_address
from mcs_controller.dns.packed import PackedService, PackedSlice, packed_import, packed_slice

Json = dict[str, Any]

_NO_ENDPOINTS: Final[Json] = {"endpoints": []}


class HeldImport(NamedTuple):
    """A ServiceImport, still without slices."""

    service: ServiceKey
    packed: PackedService


class HeldSlice(NamedTuple):
    """An imported slice."""

    service: ServiceKey
    packed: PackedSlice


def read_import(raw: Json) -> HeldImport:
    """A ServiceImport. Raises `MalformedObject`."""
    imported = decode.service_import(raw)
    return HeldImport(imported.service, packed_import(imported))


def read_slice(raw: Json) -> HeldSlice | None:
    """An imported slice, None for any other. Raises `MalformedObject`."""
    addresses = _plain_addresses(raw)
    piece = decode.imported_slice_any_manager(raw if addresses is None else {**raw, **_NO_ENDPOINTS})
    if piece is None:
        return None
    packed = packed_slice(piece)
    return HeldSlice(piece.service, packed if addresses is None else packed._replace(addresses=addresses))


def _plain_addresses(raw: Json) -> bytes | None:
    """The ready addresses of a slice of which nothing else matters here; None when it is not that plain."""
    endpoints = raw.get("endpoints") if type(raw) is dict else None
    if type(endpoints) is not list or len(endpoints) > MAX_ENDPOINTS or raw.get("addressType") != "IPv4":
        return None
    packed = []
    for endpoint in endpoints:
        if type(endpoint) is not dict:
            return None
        get = endpoint.get
        addresses, conditions = get("addresses"), get("conditions")
        if (
            type(addresses) is not list
            or len(addresses) != 1
            or type(conditions) is not dict
            or get("hostname")
            or get("hints") is not None
            or type(get("zone", "")) is not str
            or type(get("nodeName", "")) is not str
        ):
            return None
        (text,) = addresses
        ready = conditions.get("ready")
        if (
            type(ready) is not bool
            or type(conditions.get("serving", True)) is not bool
            or type(conditions.get("terminating", False)) is not bool
            or type(text) is not str
            or len(text) > MAX_ADDRESS_CHARS
            or endpoint_address(text, "IPv4") is None
        ):
            return None
        if ready:
            packed.append(socket.inet_pton(socket.AF_INET, text))
    return b"".join(packed)
