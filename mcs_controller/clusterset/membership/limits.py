"""How much one member may make the others read, hold and build: the bounds, and what of it fits.

What one member stores on the broker all members read, so each importer bounds what it takes of one member:
objects and their bytes before it decodes them, endpoints as it decodes them, imports as it makes them. The
member itself applies the same bounds to what it publishes, and so can tell its users what does not fit.

The importer's settings are the defaults; `MemberCluster.spec.limits`, which only the broker's administrator
can write, sets others for its member.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

OBJECT_MAX_BYTES: Final = 512 * 1024
"""JSON of one object, metadata included. A slice of 1,000 endpoints has a third of it; a record may carry
256 KiB of annotations, and what the API server notes of each of their keys."""

ADDRESSES_PER_ENDPOINT_MAX: Final = 8
"""Kubernetes writes one, and who reads several may use the first of them only."""

RECORDS_SHARE: Final = 0.25
"""The part of a member's bytes that its records may take; the rest is for slices."""

MEBIBYTE: Final = 1024 * 1024

OBJECTS, BYTES, ENDPOINTS, OBJECT_SIZE = "objects", "bytes", "endpoints", "object_size"
REASONS: Final = (OBJECTS, BYTES, ENDPOINTS, OBJECT_SIZE)
"""Which bound something went over; the values of a metric's label."""

SERVICES, SLICES = "services", "EndpointSlices"
"""What a member publishes, as its users are told of it."""

_JSON: Final = msgspec.json.Encoder()

METADATA_BYTES: Final = 1024
_KEY_BYTES: Final = 8
"""`"f:key":{}` in managedFields for each `key`."""

StatedLimits = tuple[tuple[str, int], ...]
"""What a MemberCluster sets, as pairs of a field of `Limits` and its value."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one member may have of one kind of object."""

    objects: int
    size_bytes: int
    endpoints: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken of one member. Endpoints with several addresses count once for each."""

    services: int = 5_000
    endpoint_slices: int = 10_000
    endpoints: int = 100_000
    mebibytes: int = 64
    imports: int = 1_000

    def stated(self, stated: StatedLimits) -> "Limits":
        """These limits, but for those that are stated for the member."""
        return replace(self, **dict(stated)) if stated else self

    def records(self) -> Allowance:
        """What the member's records may come to."""
        return Allowance(self.services, int(self.mebibytes * MEBIBYTE * RECORDS_SHARE))

    def slices(self) -> Allowance:
        """What its slices may come to."""
        size_bytes = self.mebibytes * MEBIBYTE - self.records().size_bytes
        return Allowance(self.endpoint_slices, size_bytes, self.endpoints)


DEFAULT_LIMITS: Final = Limits()


def has_place(usage_and_limit: Iterable[tuple[int, int]]) -> bool:
    """Whether a service may be imported, given how many imports each of its exporters has and may have.

    One exporter that has a place to spare is enough. A service that no other cluster exports needs none.
    """
    pairs = tuple(usage_and_limit)
    return not pairs or any(used < limit for used, limit in pairs)


def published_bytes(body: Mapping[str, Any]) -> int:
    """About how long an object will be as importers read it, from the body that is written.

    An API server adds metadata, notes each key in `managedFields`, and spells `<`, `>` and `&` in six bytes.
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
    """What to tell of a member that is over its limits; "" if it is not.

    `unpublished` counts, by kind and bound, what is left unpublished; `exported` are the services that are.
    """
    values = {OBJECT_SIZE: f"{OBJECT_MAX_BYTES // 1024} KiB for one object", BYTES: f"{limits.mebibytes} MiB"}
    problems = []
    for (kind, reason), number in sorted(unpublished.items()):
        limit = values.get(reason) or (limits.endpoints if reason == ENDPOINTS else _objects(kind, limits))
        problems.append(f"{number} {kind} are not published, over the limit on {reason} ({limit})")
    if exported > limits.imports:
        problems.append(
            f"{exported} services are exported, of which each cluster imports at most {limits.imports}"
        )
    return "; ".join(problems)


def _objects(kind: str, limits: Limits) -> int:
    return limits.services if kind == SERVICES else limits.endpoint_slices


@dataclass(frozen=True, slots=True)
class Usage:
    """What one member has of one kind of object."""

    objects: int = 0
    size_bytes: int = 0


def over(usage: Usage, allowed: Allowance, size_bytes: int, held_bytes: int | None = None) -> str | None:
    """The bound that an object of `size_bytes` would go over, None if it fits.

    `held_bytes` is its size as it is held and counted in `usage`, None if it is not: what is held may stay
    as large as it is, however little is allowed by now.
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
