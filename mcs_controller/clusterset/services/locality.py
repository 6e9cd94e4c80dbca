"""Near endpoints first: whose endpoints the clients of an importing cluster get (decisions/0030-locality.md).

An exporting cluster is at a distance: the own cluster, one in the same zone, one in the same region, or any
other. Clients get the endpoints up to the least distance at which enough are ready, and at least up to the
one that is preferred. Where not enough are ready at any distance, they get all: a preference never takes the
last endpoint. A port that only farther clusters serve makes all of its IP family reach that far.

What is left out stays in its slice, not ready and yet serving: all that reads EndpointSlices leaves it out
then, nothing of it is forgotten, and it can be brought in again though its exporter cannot be asked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from mcs_controller.api.names import CONDITION_LOCALITY
from mcs_controller.clusterset.model import (
    AddressFamily,
    Condition,
    Endpoint,
    ImportedSlice,
    LocalImport,
    Member,
)
from mcs_controller.clusterset.services.preference import MinReady, Preference, Scope

RETURN_SECONDS: Final = 30.0
"""How long nearer endpoints must have been enough before farther ones are left out again, by default: long
enough for pods that start and crash to be noticed as such."""

OWN, SAME_ZONE, SAME_REGION, ELSEWHERE = range(4)
"""Distances, the nearest first."""

_PREFERRED: Final[Mapping[Scope, int]] = {
    "cluster": OWN,
    "zone": SAME_ZONE,
    "region": SAME_REGION,
    "none": ELSEWHERE,
}
_ALIKE: Final = "the endpoints of all clusters are used alike"
_NAMED_MAX: Final = 10

NEAR: Final = "Near"
FAILED_OVER: Final = "FailedOver"
NOT_PREFERRED: Final = "NotPreferred"
INVALID: Final = "InvalidValue"
"""Reasons of the condition."""


def distance(own: Member, other: Member) -> int:
    """How far another member is, by the places that the broker's administrator wrote.

    A cluster without a zone is in no zone, and so with the region. Zones of one name in two regions differ.
    """
    if own.zone and (own.zone, own.region) == (other.zone, other.region):
        return SAME_ZONE
    if own.region and own.region == other.region:
        return SAME_REGION
    return ELSEWHERE


def distances_here(own: str, members: Mapping[str, Member]) -> dict[str, int]:
    """How far each of these members is from `own`, one of them; those that are elsewhere are left out."""
    found = {own: OWN}
    for cluster, member in members.items():
        if cluster != own and (far := distance(members[own], member)) != ELSEWHERE:
            found[cluster] = far
    return found


def distances_in_doubt(own: str, held: Iterable[ImportedSlice], scope: Scope) -> dict[str, int]:
    """The same while the members have not been read: near are those whose endpoints take traffic here."""
    found = {own: OWN}
    if scope in ("zone", "region"):
        near = (one.source_cluster for one in held if in_use([one], {}) is not None)
        found |= {cluster: _PREFERRED[scope] for cluster in near if cluster != own}
    return found


def is_left_out(endpoint: Endpoint) -> bool:
    """Whether an imported endpoint is marked as left out: it could serve, and takes no traffic here."""
    return endpoint.ready is False and endpoint.serving is True and not endpoint.terminating


def unmarked(endpoint: Endpoint) -> Endpoint:
    """An endpoint from an exporter; one that looks like one of ours that is left out is just not ready."""
    return replace(endpoint, serving=False) if is_left_out(endpoint) else endpoint


def brought_in(endpoint: Endpoint) -> Endpoint:
    """An endpoint as it lies here, as it would be if it were not left out."""
    return replace(endpoint, ready=True) if is_left_out(endpoint) else endpoint


def _takes_traffic_always(endpoint: Endpoint, slice_: ImportedSlice) -> bool:
    """Clients ask DNS for the host names of a headless service one by one, so all stay there."""
    return slice_.derived_service == "" and endpoint.hostname != ""


def left_out(slice_: ImportedSlice) -> ImportedSlice:
    """The slice, its endpoints taking no traffic. What is not ready stays as it is."""

    def mark(endpoint: Endpoint) -> Endpoint:
        if endpoint.ready is False or _takes_traffic_always(endpoint, slice_):
            return endpoint
        return replace(endpoint, ready=False, serving=True)

    return with_endpoints(slice_, mark)


def with_endpoints(slice_: ImportedSlice, change: Callable[[Endpoint], Endpoint]) -> ImportedSlice:
    """The slice with changed endpoints; the very same if nothing changed."""
    before = slice_.content.endpoints
    after = tuple(map(change, before))
    if all(map(_is_same, before, after)):
        return slice_
    return replace(slice_, content=replace(slice_.content, endpoints=after))


def _is_same(one: Endpoint, other: Endpoint) -> bool:
    return one is other


class Reach(NamedTuple):
    """Up to which distance endpoints take traffic.

    `nearer_since_seconds` is since when a smaller distance would be enough, None if it would not be.
    """

    distance: int
    nearer_since_seconds: float | None = None


Reaches = Mapping[AddressFamily, Reach]


def needed(slices: Iterable[ImportedSlice], distances: Mapping[str, int], wanted: Preference) -> int:
    """The least distance at which enough endpoints of one family are ready, for each port.

    `slices` are those of all clusters, with nothing left out; `distances` of the clusters that are not
    elsewhere. An endpoint without ports serves only the addresses of a headless service.
    """
    found: dict[tuple[str, str], list[list[int]]] = {}
    for slice_ in slices:
        content = slice_.content
        far = distances.get(slice_.source_cluster, ELSEWHERE)
        ready = sum(endpoint.ready is not False for endpoint in content.endpoints)
        names = [(port.name, port.protocol) for port in content.ports]
        if not slice_.derived_service:
            names.append(("", ""))
        for name in names:
            counts = found.setdefault(name, [[0, 0] for _ in range(ELSEWHERE + 1)])
            counts[far][0] += ready
            counts[far][1] += len(content.endpoints)
    preferred = _PREFERRED[wanted.scope]
    return max(
        (_enough_at(counts, preferred, wanted.min_ready) for counts in found.values()), default=preferred
    )


def _enough_at(counts: Sequence[Sequence[int]], preferred: int, enough: MinReady) -> int:
    ready = in_all = 0
    for far, (ready_there, all_there) in enumerate(counts):
        ready += ready_there
        in_all += all_there
        if far >= preferred and enough.are_enough(ready, in_all):
            return far
    return ELSEWHERE


def in_use(slices: Iterable[ImportedSlice], distances: Mapping[str, int]) -> int | None:
    """The distance of the farthest cluster of which an endpoint takes traffic that could be left out.

    None if there is none in these slices.
    """
    return max(
        (
            distances.get(slice_.source_cluster, ELSEWHERE)
            for slice_ in slices
            if any(
                endpoint.ready is not False and not _takes_traffic_always(endpoint, slice_)
                for endpoint in slice_.content.endpoints
            )
        ),
        default=None,
    )


def step(before: Reach | None, needed_now: int, now_seconds: float, return_seconds: float) -> Reach:
    """The next reach. It goes farther at once, and back once nearer ones were enough for `return_seconds`.

    So endpoints that come and go make it go back once in that time at most. None: nothing is in use yet.
    """
    if before is None or needed_now >= before.distance:
        return Reach(needed_now)
    since_seconds = now_seconds if before.nearer_since_seconds is None else before.nearer_since_seconds
    if now_seconds - since_seconds >= return_seconds:
        return Reach(needed_now)
    return Reach(before.distance, since_seconds)


def seconds_left(reaches: Reaches, now_seconds: float, return_seconds: float) -> float | None:
    """In how many seconds one of them may go back; None if none waits for that."""
    return min(
        (
            max(0.0, reach.nearer_since_seconds + return_seconds - now_seconds)
            for reach in reaches.values()
            if reach.nearer_since_seconds is not None
        ),
        default=None,
    )


def is_beyond(slice_: ImportedSlice, reaches: Reaches, distances: Mapping[str, int]) -> bool:
    """Whether the endpoints of a slice are farther away than traffic goes."""
    reach = reaches.get(slice_.content.address_type)
    return reach is not None and distances.get(slice_.source_cluster, ELSEWHERE) > reach.distance


def nearest(clusters: Iterable[str], distances: Mapping[str, int], scope: Scope) -> int:
    """The least distance of these clusters, all that is preferred counting as one."""
    return max(_PREFERRED[scope], min((distances.get(one, ELSEWHERE) for one in clusters), default=ELSEWHERE))


def condition(
    wanted: Preference,
    reaches: Reaches,
    distances: Mapping[str, int],
    clusters: Sequence[str],
    *,
    return_seconds: float,
    is_headless: bool = False,
) -> Condition:
    """What a ServiceImport says of it. `clusters` are those that export the service.

    It names no numbers of endpoints: it would be written again with each of their changes.
    """
    first = nearest(clusters, distances, wanted.scope)
    farthest = max((reach.distance for reach in reaches.values()), default=first)
    near = [one for one in clusters if distances.get(one, ELSEWHERE) <= first]
    used = [one for one in clusters if distances.get(one, ELSEWHERE) <= farthest]
    others = [one for one in clusters if one not in used]
    is_far = bool(near) and len(used) > len(near) and farthest > first
    if is_far:
        text = (
            f"not enough endpoints of {_named(near)} are ready (it takes {wanted.min_ready}): clients here "
            f"get those of {_named([one for one in used if one not in near])}, too, until enough have been "
            f"ready for {return_seconds:g} s"
        )
    elif others:
        text = (
            f"clients here get the endpoints of {_named(used)}; those of {_named(others)} are left out while "
            f"enough are ready (it takes {wanted.min_ready})"
        )
    elif wanted.scope == "none":
        text = _ALIKE
    else:
        text = "all clusters that export the service are equally near: none is left out"
    if others and is_headless:
        text += "; endpoints with a host name are never left out"
    if wanted.asked_by and wanted.scope != "none":
        text += f"; {wanted.scope} is preferred, as {wanted.asked_by}"
    if wanted.problem:
        return Condition(CONDITION_LOCALITY, "False", INVALID, f"{wanted.problem}; {text}")
    return Condition(CONDITION_LOCALITY, "False" if is_far else "True", FAILED_OVER if is_far else NEAR, text)


def over(imported: LocalImport, overruled_by: str = "") -> Condition | None:
    """The condition of an import for which nothing is preferred, or not any more; None if nothing ever was.

    `overruled_by` says who would not have what others ask for, "" if nobody asks.
    """
    if not overruled_by and not any(one.type == CONDITION_LOCALITY for one in imported.conditions):
        return None
    text = f"{_ALIKE}, as {overruled_by}" if overruled_by else _ALIKE
    return Condition(CONDITION_LOCALITY, "False", NOT_PREFERRED, text)


def was_preferred(imported: LocalImport) -> bool:
    """Whether the import says that near endpoints are preferred: then some may be left out."""
    return any(one.type == CONDITION_LOCALITY and one.reason != NOT_PREFERRED for one in imported.conditions)


def _named(clusters: Sequence[str]) -> str:
    more = len(clusters) - _NAMED_MAX
    return ", ".join(clusters[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
