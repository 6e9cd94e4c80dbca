"""From an object of the API server to what the zone needs of it.

What an object may be is decided by `clusterset/decode`, for us as for everybody. Nearly all endpoints look
the same, though, and reading them is most of what a start and a change cost: those are read here in one go,
and whatever is not plain is left to the exact way.

Invariant: for every object the short way gives what the exact way gives, or leaves it to that.
"""

from socket import AF_INET, inet_pton
from typing import Any, Final, NamedTuple

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.decode.slices import MAX_ENDPOINTS
from mcs_controller.dns.zone.packed import PackedService, PackedSlice, packed_import, packed_slice

Json = dict[str, Any]

_NO_ENDPOINTS: Final[Json] = {"endpoints": []}
_ADDRESSES_AND_CONDITIONS: Final = 2

_PERHAPS_SPECIAL: Final = frozenset((0, 127, 169, *range(224, 256)))
"""First bytes of the addresses that may be none of an endpoint."""


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
        addresses, conditions = endpoint.get("addresses"), endpoint.get("conditions")
        if (
            type(addresses) is not list
            or len(addresses) != 1
            or type(conditions) is not dict
            or (len(endpoint) > _ADDRESSES_AND_CONDITIONS and not _is_plain(endpoint))
        ):
            return None
        ready = conditions.get("ready")
        if (
            (ready is not True and ready is not False)
            or type(conditions.get("serving", True)) is not bool
            or type(conditions.get("terminating", False)) is not bool
        ):
            return None
        try:
            address = inet_pton(AF_INET, addresses[0])
        except (OSError, TypeError, ValueError):
            return None
        if address[0] in _PERHAPS_SPECIAL:
            return None
        if ready is True:
            packed.append(address)
    return b"".join(packed)


def _is_plain(endpoint: Json) -> bool:
    get = endpoint.get
    return (
        not get("hostname")
        and get("hints") is None
        and type(get("zone", "")) is str
        and type(get("nodeName", "")) is str
    )
