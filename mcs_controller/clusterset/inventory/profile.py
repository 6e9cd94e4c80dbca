"""The ClusterProfile of a member: its name, what it should say, and what of that is still to be written.

A profile is ours if its manager is ours and it carries our marker. All else in an inventory belongs to other
managers (CP-04): it is neither changed nor deleted, also where it has a name that we would give.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from mcs_controller.api.names import (
    CLUSTER_ID_PROPERTY,
    CLUSTERSET_PROPERTY,
    LABEL_MANAGED_BY,
    MANAGED_BY,
)
from mcs_controller.clusterset.conditions import decode_conditions, encode_conditions, merge_conditions
from mcs_controller.clusterset.fields import Json, an_object, child, items, string_pairs, text
from mcs_controller.clusterset.inventory.report import Health, Listed, Report, Reported, is_by
from mcs_controller.clusterset.model import Condition
from mcs_controller.clusterset.syntax import is_subdomain

LABEL_MANAGER: Final = "x-k8s.io/cluster-manager"
LABEL_MEMBER_ID: Final = "multicluster.x-k8s.io/inventory-member-id"
LABEL_CLUSTERSET: Final = "multicluster.x-k8s.io/clusterset"
"""On the namespace of an inventory. Nothing is decided by it (CP-07)."""

HEALTHY: Final = "ControlPlaneHealthy"
JOINED: Final = "Joined"
MIRRORED: Final = "mcs-controller.io/PropertiesMirrored"

_OWN_REASONS: Final = frozenset({"MemberLeaves", "MemberRemoved", "MemberSilent", "NoLeader", "NoReport"})
"""Why the hub itself does not know how a cluster is, whatever was reported."""
_MAX_ITEMS: Final = 10_000
_SHOWN_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class Held:
    """A profile as it is. `ours`: this manager made it. `status` is as the API has it. `ending`: it was
    deleted, and a finalizer holds it.
    """

    ours: bool
    manager: str
    labels: Mapping[str, str] = field(default_factory=dict)
    display_name: str = ""
    conditions: tuple[Condition, ...] = ()
    status: Json = field(default_factory=dict)
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a member. `silent`: its heartbeat stopped. `leaderless`: only its leader's word
    did. `unproven`: nobody here has seen the heartbeat change yet. `removed`: its MemberCluster is gone, for
    certain.
    """

    listed: Listed
    report: Report | None = None
    silent: bool = False
    leaderless: bool = False
    unproven: bool = False
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a profile should say: metadata and spec, and the status, as they are applied in any version."""

    profile: Json
    status: Json


def profile_name(manager: str, cluster: str) -> str:
    """The profile's name, which no other manager gives (CP-05): a cluster id has no dot, so that the last dot
    ends the manager's name. A manager whose name cannot begin an object's is told apart by a digest.
    """
    if is_subdomain(manager):
        return f"{manager}.{cluster}"
    plain = "".join(one if one.isascii() and one.isalnum() else "-" for one in manager.lower()).strip("-")
    return f"{plain}-{sha256(manager.encode()).hexdigest()[:8]}.{cluster}"


def decode_profile(raw: Json, manager: str) -> Held:
    """A profile of any manager. Raises `MalformedObject`."""
    metadata = child(an_object(raw, "object"), "metadata")
    spec, status = child(raw, "spec"), child(raw, "status")
    labels = dict(string_pairs(metadata, "labels"))
    found = text(child(spec, "clusterManager"), "name")
    ours = found == manager and labels.get(LABEL_MANAGED_BY) == MANAGED_BY
    if not ours:
        return Held(False, found)
    return Held(
        True,
        found,
        labels,
        text(spec, "displayName"),
        decode_conditions(status.get("conditions")),
        status,
        "deletionTimestamp" in metadata,
    )


def is_joined(held: Held) -> bool:
    """Whether it says of its member that it belongs to the clusterset."""
    return any(one.type == JOINED and one.status == "True" for one in held.conditions)


def repeated(held: Held) -> Report:
    """What the profile says of what its member reported."""
    healthy = [one for one in held.conditions if one.type == HEALTHY and one.reason not in _OWN_REASONS]
    times = _times(held)
    return Report(
        text(child(held.status, "version"), "kubernetes"),
        Health(healthy[0].status, healthy[0].reason, healthy[0].message) if healthy else None,
        tuple(Reported(name, value, at) for (name, value), at in times.items()),
        mirrored=next((one for one in held.conditions if one.type == MIRRORED), None),
    )


def wanted(known: Known, held: Held | None, *, manager: str, namespace: str, now_text: str) -> Wanted:
    """What the member's profile should say. Times and transitions that are held stay while nothing changed
    but them (CP-11, CP-14).
    """
    known = _believed(known)
    member = known.listed.member
    metadata = {"name": profile_name(manager, member.cluster), "namespace": namespace}
    spec: dict[str, Any] = {"clusterManager": {"name": manager}}
    if known.listed.display_name:
        spec["displayName"] = known.listed.display_name
    labels = {LABEL_MANAGER: manager, LABEL_MANAGED_BY: MANAGED_BY}
    if member.object_uid:
        # Never what the member says of itself: it could say that it is another cluster (CP-08).
        labels[LABEL_MEMBER_ID] = member.object_uid
    profile = {"metadata": {**metadata, "labels": labels}, "spec": spec}
    report = known.report or Report()
    mirrored, skipped = _properties(report, member.cluster, member.clusterset)
    before = held.conditions if held is not None else ()
    conditions = [_healthy(known, before), _joined(known), _mirrored(skipped, report.mirrored)]
    ours = {one.type for one in conditions}
    merged = merge_conditions(tuple(one for one in before if one.type in ours), conditions, now_text)
    times = _times(held)
    status: dict[str, Any] = {"conditions": encode_conditions(sorted(merged, key=lambda one: one.type))}
    if version := report.version or known.listed.version:
        status["version"] = {"kubernetes": version}
    if mirrored:
        status["properties"] = [
            _property(name, value, times.get((name, value), observed)) for name, value, observed in mirrored
        ]
    if known.listed.access and not known.removed:
        status["accessProviders"] = list(known.listed.access)
    return Wanted(profile, {"metadata": metadata, "status": status})


def _believed(known: Known) -> Known:
    """Without a report that is another cluster's, as one is that is there before the first heartbeat."""
    member = known.listed.member
    if known.report is None or (member.heartbeat and is_by(known.report, member)):
        return known
    return replace(known, report=None)


def differs(held: Held, wanted: Wanted) -> tuple[bool, bool]:
    """Whether the head, or the status, lacks something that is wanted. What others added is no difference."""
    head, spec = wanted.profile["metadata"], wanted.profile["spec"]
    labels = any(held.labels.get(key) != value for key, value in head["labels"].items())
    named = spec.get("displayName", held.display_name) != held.display_name
    return labels or named, not _covers(held.status, wanted.status["status"])


def has_more(held: Held, wanted: Wanted) -> tuple[bool, bool]:
    """Whether the head, or the status, says what is not wanted: others' words, or such as we left there.

    Fields of an entry count, too: a way that is no longer to be trusted blindly is still the same way.
    """
    status = wanted.status["status"]
    named = bool(held.display_name) and "displayName" not in wanted.profile["spec"]
    return named, any(
        not _covers(status.get(name, []), found)
        for name in ("properties", "accessProviders")
        if (found := list(items(held.status, name, _MAX_ITEMS)))
    )


def _covers(held: Any, wanted: Any) -> bool:
    """Whether all that is wanted is held; lists are maps by `type` or `name`."""
    if isinstance(wanted, Mapping):
        return isinstance(held, Mapping) and all(
            key in held and _covers(held[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(held, list) and _is_map(wanted) and _is_map(held):
        found = {_key(one): one for one in held}
        return all(_key(one) in found and _covers(found[_key(one)], one) for one in wanted)
    return bool(held == wanted)


def _is_map(entries: Sequence[Any]) -> bool:
    """Whether each has a key of its own; an extension may hold lists whose entries have none."""
    keys = {_key(one) for one in entries}
    return "" not in keys and len(keys) == len(entries)


def _key(one: Any) -> str:
    return str(one.get("type") or one.get("name") or "") if isinstance(one, Mapping) else ""


def _times(held: Held | None) -> dict[tuple[str, str], str]:
    """When what the profile says now was seen: the same value is not written again for a later time."""
    if held is None:
        return {}
    found = items(held.status, "properties", _MAX_ITEMS)
    return {
        (str(one.get("name")), str(one.get("value"))): one["lastObservedTime"]
        for one in found
        if type(one) is dict and isinstance(one.get("lastObservedTime"), str)
    }


def _property(name: str, value: str, observed: str) -> Json:
    one = {"name": name, "value": value}
    return {**one, "lastObservedTime": observed} if observed else one


def _properties(
    report: Report, cluster: str, clusterset: str
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """What is mirrored, and the names of what is not.

    The two well-known ones are what others tell members apart by, and read the membership from (CP-07). A
    member that says there that it is another, or in another clusterset than the broker knows, is not
    repeated; nor is one that names a clusterset where the broker names none, and nobody could contradict.
    """
    allowed = {CLUSTER_ID_PROPERTY: cluster, CLUSTERSET_PROPERTY: clusterset}
    mirrored, skipped = [], list(report.skipped)
    for one in report.properties:
        if one.value != allowed.get(one.name, one.value):
            skipped.append(one.name)
        else:
            mirrored.append((one.name, one.value, one.observed_at))
    return mirrored, sorted(skipped)


def _condition(type: str, status: str, reason: str, message: str) -> Condition:
    return Condition(type=type, status=status, reason=reason, message=message)  # type: ignore[arg-type]


def _healthy(known: Known, before: Sequence[Condition]) -> Condition:
    was_silent = any(one.type == HEALTHY and one.reason == "MemberSilent" for one in before)
    if known.removed:
        return _condition(
            HEALTHY, "Unknown", "MemberRemoved", "nobody reports of a cluster that is no member"
        )
    if not known.listed.member.heartbeat:
        return _condition(HEALTHY, "Unknown", "NoReport", "no agent of the cluster has been here yet")
    if known.listed.member.leaving:
        # Its agent is stopped, or was long dead: `leave` renews the heartbeat in its place, and asks nothing.
        return _condition(
            HEALTHY, "Unknown", "MemberLeaves", "the cluster leaves the clusterset, and nobody reports of it"
        )
    # A hub that has just started has not seen anybody's heartbeat change: what was said before, stays.
    if known.silent or (known.unproven and was_silent):
        return _condition(
            HEALTHY, "Unknown", "MemberSilent", "the cluster's agent does not renew its heartbeat any more"
        )
    if known.leaderless:
        # Each replica renews the heartbeat, and only the leader asks how the cluster is. Where nobody leads,
        # its Lease cannot be renewed, and the last report is of a time when it could.
        return _condition(
            HEALTHY, "Unknown", "NoLeader", "agents of the cluster are alive, and none of them leads"
        )
    if known.report is None or known.report.health is None:
        return _condition(HEALTHY, "Unknown", "NoReport", "the cluster's agent does not report its health")
    health = known.report.health
    return _condition(HEALTHY, health.status, health.reason, health.message)


def _joined(known: Known) -> Condition:
    member = known.listed.member
    if known.removed:
        return _condition(JOINED, "False", "MemberRemoved", "its MemberCluster was removed from the broker")
    if member.leaving:
        return _condition(JOINED, "False", "MemberLeaves", "the cluster is leaving the clusterset")
    if not member.heartbeat:
        return _condition(JOINED, "False", "NeverJoined", "no agent of the cluster has been here yet")
    return _condition(JOINED, "True", "MemberJoined", "the cluster is a member of the clusterset")


def _mirrored(skipped: Sequence[str], said: Condition | None) -> Condition:
    if not skipped and said is not None:
        return said
    if not skipped:
        return _condition(MIRRORED, "True", "AllMirrored", "all reported properties are here")
    shown = ", ".join(skipped[:_SHOWN_NAMES])
    more = f" and {len(skipped) - _SHOWN_NAMES} more" if len(skipped) > _SHOWN_NAMES else ""
    return _condition(
        MIRRORED, "False", "SomeSkipped", f"too long, or not what the broker knows: {shown}{more}"
    )
