"""Limits on what one member may make the others read, hold and build, and which objects fit.

All members read what one member stores on the broker. So each importer limits what it takes from one member:
objects and their bytes before decoding, endpoints while decoding, imports while making them. The member
applies the same limits to what it publishes, and so can report to its users what does not fit.

The importer's settings are the defaults. `MemberCluster.spec.limits` sets other limits for its member; only
the broker's administrator can write it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

OBJECT_MAX_BYTES: Final = 512 * 1024
"""JSON of one object, with metadata. A slice of 1,000 endpoints needs a third of it. A record may have
256 KiB of annotations, and the API server adds a note for each of their keys."""

ADDRESSES_PER_ENDPOINT_MAX: Final = 8
"""Kubernetes writes one address per endpoint; a reader of several may use only the first."""

RECORDS_SHARE: Final = 0.25
"""The part of a member's bytes that its records may take; the rest is for slices."""

MEBIBYTE: Final = 1024 * 1024

OBJECTS, BYTES, ENDPOINTS, OBJECT_SIZE = "objects", "bytes", "endpoints", "object_size"
REASONS: Final = (OBJECTS, BYTES, ENDPOINTS, OBJECT_SIZE)
"""Which limit an object exceeds; the values of a metric's label."""

SERVICES, SLICES = "services", "EndpointSlices"
"""The two kinds that a member publishes, as messages to its users name them."""

_JSON: Final = msgspec.json.Encoder()

METADATA_BYTES: Final = 1024
_NOT_PUBLISHED: Final = "not published, over the limit on"
_KEY_BYTES: Final = 8
"""`"f:key":{}` in managedFields for each `key`."""

StatedLimits = tuple[tuple[str, int], ...]
"""The limits that a MemberCluster sets: pairs of a field of `Limits` and its value."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one member may have of one kind of object."""

    objects: int
    size_bytes: int
    endpoints: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken from one member. An endpoint counts once for each of its addresses."""

    services: int = 5_000
    endpoint_slices: int = 10_000
    endpoints: int = 100_000
    mebibytes: int = 64
    imports: int = 1_000

    def stated(self, stated: StatedLimits) -> "Limits":
        """These limits, replaced where the member's MemberCluster states others."""
        return replace(self, **dict(stated)) if stated else self

    def records(self) -> Allowance:
        """How much the member's records may use."""
        return Allowance(self.services, int(self.mebibytes * MEBIBYTE * RECORDS_SHARE))

    def slices(self) -> Allowance:
        """How much its slices may use."""
        size_bytes = self.mebibytes * MEBIBYTE - self.records().size_bytes
        return Allowance(self.endpoint_slices, size_bytes, self.endpoints)


DEFAULT_LIMITS: Final = Limits()


def has_place(usage_and_limit: Iterable[tuple[int, int]]) -> bool:
    """Whether a service may be imported, given how many imports each of its exporters has and may have.

    One exporter below its limit is enough. A service that no other cluster exports needs no place.
    """
    pairs = tuple(usage_and_limit)
    return not pairs or any(used < limit for used, limit in pairs)


def published_bytes(body: Mapping[str, Any]) -> int:
    """An estimate of an object's length as importers read it, made from the body that is written.

    An API server adds metadata, notes each key in `managedFields`, and writes `<`, `>` and `&` as six bytes.
    """
    text = _JSON.encode(body)
    spelt_out = text.count(b"<") + text.count(b">") + text.count(b"&")
    return len(text) + 5 * spelt_out + METADATA_BYTES + _key_chars(body)


def _key_chars(value: Mapping[str, Any]) -> int:
    chars = 0
    for key, item in value.items():
        chars += len(key) + _KEY_BYTES
        if isinstance(item, dict):
            chars += _key_chars(item)
    return chars


def sum_up(unpublished: Mapping[tuple[str, str], int], *, exported: int, limits: Limits) -> str:
    """The message about a member that exceeds its limits; "" if it does not.

    `unpublished` counts the objects that are not published, by kind and limit. `exported` is the number of
    services that are exported.
    """
    values = {OBJECT_SIZE: f"{OBJECT_MAX_BYTES // 1024} KiB for one object", BYTES: f"{limits.mebibytes} MiB"}
    problems = []
    for (kind, reason), number in sorted(unpublished.items()):
        limit = values.get(reason) or (limits.endpoints if reason == ENDPOINTS else _objects(kind, limits))
        what = f"1 {kind.removesuffix('s')} is" if number == 1 else f"{number} {kind} are"
        problems.append(f"{what} {_NOT_PUBLISHED} {reason} ({limit})")
    if exported > limits.imports:
        problems.append(
            f"{exported} services are exported, but each cluster imports at most {limits.imports}"
        )
    if problems:
        problems.append("export less, or ask the broker's administrator for higher spec.limits")
    return "; ".join(problems)


def says_not_published(message: str, kind: str) -> bool:
    """Whether `sum_up` said in a message that objects of the kind are not published."""
    said = (f"{kind} are {_NOT_PUBLISHED}", f"{kind.removesuffix('s')} is {_NOT_PUBLISHED}")
    return any(one in message for one in said)


def _objects(kind: str, limits: Limits) -> int:
    return limits.services if kind == SERVICES else limits.endpoint_slices


@dataclass(frozen=True, slots=True)
class Usage:
    """What one member has of one kind of object."""

    objects: int = 0
    size_bytes: int = 0


def over(usage: Usage, allowed: Allowance, size_bytes: int, held_bytes: int | None = None) -> str | None:
    """The limit that an object of `size_bytes` would exceed, None if it fits.

    `held_bytes` is its size as held now and counted in `usage`, None if it is not held. An object that is
    held may keep its size, even when the limit has become smaller.
    """
    if size_bytes > OBJECT_MAX_BYTES:
        return OBJECT_SIZE
    if held_bytes is None:
        if usage.objects >= allowed.objects:
            return OBJECTS
        held_bytes = 0
    if size_bytes > held_bytes and usage.size_bytes - held_bytes + size_bytes > allowed.size_bytes:
        return BYTES
    return None
