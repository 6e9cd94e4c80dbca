"""Which endpoints of a service take traffic, and for each other one the reason why not.

The importer's own rule (`desired.imported_slices`) decides which are in. The reasons are found afterwards:
one for each endpoint that is not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

from mcs_controller.clusterset.explain.parts import Part, WhyNoPart
from mcs_controller.clusterset.model import (
    AddressFamily,
    Endpoint,
    ImportedSlice,
    MergedService,
    SourceSlice,
)
from mcs_controller.clusterset.services.admission import admitted_endpoints
from mcs_controller.clusterset.services.desired_slices import imported_slices
from mcs_controller.clusterset.services.locality import is_left_out, left_out
from mcs_controller.clusterset.services.naming import imported_slice_name
from mcs_controller.clusterset.services.ownership import takes_part

EndpointState = Literal["in", "not ready", "out"]
"""`not ready` is imported, and takes no traffic; `out` is not imported, or left out for nearer ones."""

Place = Literal[
    "",
    "namespace-missing",
    "namespace-ending",
    "no-api",
    "foreign-import",
    "reserved",
    "name-taken",
    "no-room",
    "policy",
]
"""Why a cluster imports the service not at all, "" if it does."""

WhyNot = (
    WhyNoPart
    | Place
    | Literal[
        "not-ready",
        "terminating",
        "address-not-admitted",
        "member-silent",
        "family",
        "not-as-owners",
        "no-zone",
        "conflicting-port",
        "held",
        "farther",
    ]
)


@dataclass(frozen=True, slots=True)
class EndpointUse:
    """One endpoint of one cluster, and whether it takes traffic.

    `why` is "" for one that is in as usual; one that is in only because the import is held has "held".
    """

    cluster: str
    addresses: tuple[str, ...]
    family: AddressFamily
    hostname: str
    zone: str
    state: EndpointState
    why: WhyNot


def wanted_slices(
    merged: MergedService | None,
    parts: Sequence[Part],
    *,
    own_cluster: str,
    withdrawn: AbstractSet[str],
    owner_uid: str = "",
    refused: AbstractSet[str] = frozenset(),
) -> tuple[ImportedSlice, ...]:
    """What the importer of `own_cluster` writes where nothing prevents it, without `refused` clusters."""
    if merged is None:
        return ()
    counting = [part for part in parts if part.counts and part.cluster not in refused]
    return imported_slices(
        merged,
        {part.cluster: part.record for part in counting if part.record is not None},
        [slice_ for part in counting for slice_ in part.admitted_slices],
        own_cluster=own_cluster,
        owner_uid=owner_uid,
        withdrawn=withdrawn,
    )


def is_ready(endpoint: Endpoint) -> bool:
    """Whether DNS and kube-proxy use it. One that says nothing is ready, unless it is going away."""
    return endpoint.terminating is not True if endpoint.ready is None else endpoint.ready


def uses_of(
    merged: MergedService | None,
    parts: Iterable[Part],
    wanted: Iterable[ImportedSlice],
    *,
    place: Place,
    withdrawn: AbstractSet[str],
    refused: AbstractSet[str] = frozenset(),
) -> Iterator[EndpointUse]:
    """Every endpoint that any cluster offers. `place` says why nothing is imported here, "" if it is.

    `refused` are the exporters that policies here keep from being imported.
    """
    imported = {(one.source_cluster, one.name): one for one in wanted}
    for part in parts:
        for slice_ in part.slices:
            name = imported_slice_name(slice_.service.name, slice_.cluster, slice_.name)
            written = imported.get((slice_.cluster, name))
            why_not = _why_slice_not(merged, part, slice_, written, withdrawn)
            if part.cluster in refused:
                why_not = why_not or "policy"
            zoned = {endpoint.addresses for endpoint in written.content.endpoints} if written else set()
            for endpoint in slice_.content.endpoints:
                why: WhyNot = why_not
                if part.member is not None and not admitted_endpoints((endpoint,), part.member):
                    why = why or "address-not-admitted"
                elif not why and endpoint.addresses not in zoned:
                    why = "no-zone"
                why = why or place
                ready = is_ready(endpoint)
                state: EndpointState = "out" if why else "in" if ready else "not ready"
                if state == "not ready":
                    why = "terminating" if endpoint.terminating else "not-ready"
                yield _use(slice_.cluster, slice_.content.address_type, endpoint, state, why)


def observed_uses(
    slices: Iterable[ImportedSlice], why: WhyNot = "", *, near_first: bool = False
) -> Iterator[EndpointUse]:
    """The endpoints of imported slices as they lie in a cluster. `near_first`: farther ones are left out."""
    for slice_ in slices:
        for endpoint in slice_.content.endpoints:
            family = slice_.content.address_type
            if near_first and is_left_out(endpoint):
                yield _use(slice_.source_cluster, family, endpoint, "out", "farther")
                continue
            ready = is_ready(endpoint)
            reason: WhyNot = why if ready else "terminating" if endpoint.terminating else "not-ready"
            yield _use(slice_.source_cluster, family, endpoint, "in" if ready else "not ready", reason)


def without_farther(
    wanted: Sequence[ImportedSlice], observed: Iterable[ImportedSlice]
) -> tuple[ImportedSlice, ...]:
    """The wanted slices, without the endpoints that the agent left out for nearer ones.

    Only the agent knows what it prefers and since when, so its word counts: the slices here. Where it would
    leave a port without any ready endpoint, it brings in all, and that is foretold.
    """
    farther = {
        (slice_.source_cluster, slice_.content.address_type)
        for slice_ in observed
        if any(map(is_left_out, slice_.content.endpoints))
    }
    after = tuple(
        left_out(one) if (one.source_cluster, one.content.address_type) in farther else one for one in wanted
    )
    return after if _served(after) == _served(wanted) else tuple(wanted)


def _served(slices: Iterable[ImportedSlice]) -> set[tuple[AddressFamily, str, str]]:
    """The ports with a ready endpoint, by family; a headless service has its addresses beside its ports."""
    return {
        (slice_.content.address_type, name, protocol)
        for slice_ in slices
        if any(map(is_ready, slice_.content.endpoints))
        for name, protocol in (
            *((port.name, port.protocol) for port in slice_.content.ports),
            *([] if slice_.derived_service else [("", "")]),
        )
    }


def farther_uses(uses: Iterable[EndpointUse], wanted: Iterable[ImportedSlice]) -> Iterator[EndpointUse]:
    """The same, with those left out that are in and that the wanted slices leave out for nearer ones."""
    farther = {
        (slice_.source_cluster, endpoint.addresses)
        for slice_ in wanted
        for endpoint in slice_.content.endpoints
        if is_left_out(endpoint)
    }
    for use in uses:
        if use.state == "in" and (use.cluster, use.addresses) in farther:
            yield replace(use, state="out", why="farther")
        else:
            yield use


def _use(
    cluster: str, family: AddressFamily, endpoint: Endpoint, state: EndpointState, why: WhyNot
) -> EndpointUse:
    return EndpointUse(cluster, endpoint.addresses, family, endpoint.hostname, endpoint.zone, state, why)


def _why_slice_not(
    merged: MergedService | None,
    part: Part,
    slice_: SourceSlice,
    written: ImportedSlice | None,
    withdrawn: AbstractSet[str],
) -> WhyNot:
    if part.why_not:
        return part.why_not
    if merged is None or part.record is None:
        return "not-exported"
    if part.cluster in withdrawn:
        return "member-silent"
    if slice_.content.address_type not in merged.ip_families:
        return "family"
    if not takes_part(merged, part.record):
        return "not-as-owners"
    if merged.type == "ClusterSetIP" and written is not None and not written.content.ports:
        return "conflicting-port"
    return ""


@dataclass(frozen=True, slots=True)
class Difference:
    """How the imported slices of a cluster differ from the wanted ones: addresses with their clusters."""

    missing: tuple[str, ...] = ()
    left_over: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    """Slices that have the right endpoints, with another readiness, other ports or another Service."""


def difference(wanted: Iterable[ImportedSlice], found: Iterable[ImportedSlice]) -> Difference:
    """What the agent has still to write. Hints and nodes of endpoints are not compared."""
    ought, is_there = _by_address(wanted), _by_address(found)
    return Difference(
        missing=tuple(
            f"{address} of {cluster}" for cluster, address in sorted(ought.keys() - is_there.keys())
        ),
        left_over=tuple(
            f"{address} of {cluster}" for cluster, address in sorted(is_there.keys() - ought.keys())
        ),
        other=tuple(
            f"{address} of {cluster}"
            for cluster, address in sorted(ought.keys() & is_there.keys())
            if ought[cluster, address] != is_there[cluster, address]
        ),
    )


def _by_address(slices: Iterable[ImportedSlice]) -> Mapping[tuple[str, str], set[object]]:
    found: dict[tuple[str, str], set[object]] = {}
    for slice_ in slices:
        for endpoint in slice_.content.endpoints:
            for address in endpoint.addresses:
                value = is_ready(endpoint), frozenset(slice_.content.ports), slice_.derived_service
                found.setdefault((slice_.source_cluster, address), set()).add(value)
    return found
