"""What this cluster says of itself on the broker: its MemberReport, bounded, and the times that stay.

Each ClusterProperty is told with its name and value as they are (CP-09), or not at all (CP-10): a value is
never cut. A time says since when something has been seen to be so (CP-11). It is kept as long as that stays
so, also over a restart: nothing is written for a new time alone (CP-14).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from mcs_controller.api.inventory import MAX_PROPERTIES, MAX_PROPERTY_CHARS
from mcs_controller.api.names import CLUSTER_ID_PROPERTY, CLUSTERSET_PROPERTY
from mcs_controller.clusterset.fields import Json, an_object, child, items, text
from mcs_controller.clusterset.reports.control_plane import ControlPlane, Health

WhySkipped = Literal["ValueTooLong", "NoValue", "TooManyProperties"]

_FIRST: Final = (CLUSTER_ID_PROPERTY, CLUSTERSET_PROPERTY)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a ClusterProperty says; `value` is None if it is not told, for the reason `skipped`."""

    value: str | None
    skipped: WhySkipped | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """Something that is so, and the time from which on it has been seen, as RFC 3339."""

    what: str
    time: str


@dataclass(frozen=True, slots=True)
class Told:
    """Which properties are told, in their order, and which are not, and why."""

    values: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, WhySkipped] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """All that is said; `found_at` is since when the control plane has been found as it is, and `cluster_uid`
    is that of the cluster that says it, "" if it does not say that.
    """

    version: str = ""
    control_plane: ControlPlane | None = None
    found_at: str = ""
    properties: Mapping[str, Since] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    cluster_uid: str = ""


def decode_seen(raw: Json) -> Seen:
    """Any ClusterProperty, without a value that is too long to be told. Raises `MalformedObject`."""
    value = child(an_object(raw, "object"), "spec").get("value")
    if not isinstance(value, str) or not value:
        return Seen(None, "NoValue")
    return Seen(value) if len(value) <= MAX_PROPERTY_CHARS else Seen(None, "ValueTooLong")


def told_of(found: Mapping[str, Seen]) -> Told:
    """What is told of so many properties: the two well-known ones first, then the others by name."""
    names = [name for name in _FIRST if name in found] + sorted(found.keys() - set(_FIRST))
    values: dict[str, str] = {}
    skipped: dict[str, WhySkipped] = {}
    too_many: dict[str, WhySkipped] = {}
    for name in names:
        seen = found[name]
        if seen.value is None:
            skipped[name] = seen.skipped or "NoValue"
        elif len(values) < MAX_PROPERTIES:
            values[name] = seen.value
        else:
            too_many[name] = "TooManyProperties"
    # First those that somebody can mend one by one.
    first = list((skipped | too_many).items())[:MAX_PROPERTIES]
    return Told(values, dict(first))


def report_of(
    version: str,
    control_plane: ControlPlane | None,
    told: Told | None,
    observed: Mapping[str, Since],
    *,
    held: Report,
    now: str,
    cluster_uid: str = "",
) -> Report:
    """What is to be said, given what the broker has (`held`).

    `observed` has the values that this process has seen, and since when. What is still as the broker has it
    keeps the time that it has there. `told` is None while the properties are not known.
    """
    properties, skipped = held.properties, held.skipped
    if told is not None:
        properties = {name: _since(name, one, observed, held, now) for name, one in told.values.items()}
        skipped = told.skipped
    same = control_plane is not None and control_plane == held.control_plane
    return Report(
        version or held.version,
        control_plane,
        held.found_at if same and held.found_at else now,
        properties,
        skipped,
        cluster_uid,
    )


def own(held: Report, cluster_uid: str) -> Report:
    """What is there of this cluster's own words: nothing, if a cluster wrote it that had the id before."""
    return held if held.cluster_uid in ("", cluster_uid) else Report()


def _since(name: str, value: str, observed: Mapping[str, Since], held: Report, now: str) -> Since:
    for known in (held.properties.get(name), observed.get(name)):
        if known is not None and known.what == value and known.time:
            return known
    return Since(value, now)


def encode_report(report: Report) -> dict[str, Any]:
    """The spec of the MemberReport."""
    spec: dict[str, Any] = {
        "properties": [
            {"name": name, "value": one.what, "lastObservedTime": one.time}
            for name, one in sorted(report.properties.items())
        ],
        "skippedProperties": [
            {"name": name, "reason": reason} for name, reason in sorted(report.skipped.items())
        ],
    }
    if report.cluster_uid:
        spec["clusterUID"] = report.cluster_uid
    if report.version:
        spec["kubernetesVersion"] = report.version
    if report.control_plane is not None:
        found = report.control_plane
        spec["controlPlane"] = {
            "status": found.status,
            "reason": found.reason,
            "message": found.message,
            "observedTime": report.found_at,
        }
    return spec


def decode_report(raw: Json) -> Report:
    """What a MemberReport says. Raises `MalformedObject`."""
    spec = child(raw, "spec")
    found = child(spec, "controlPlane")
    listed = [an_object(one, "property") for one in items(spec, "properties", MAX_PROPERTIES)]
    skipped = [an_object(one, "property") for one in items(spec, "skippedProperties", MAX_PROPERTIES)]
    return Report(
        text(spec, "kubernetesVersion"),
        ControlPlane(cast(Health, text(found, "status")), text(found, "reason"), text(found, "message"))
        if found
        else None,
        text(found, "observedTime"),
        {text(one, "name"): Since(text(one, "value"), text(one, "lastObservedTime")) for one in listed},
        {text(one, "name"): text(one, "reason") for one in skipped},
        text(spec, "clusterUID"),
    )
