"""What somebody might write or delete, and the picture after that. Nothing is written anywhere."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from mcs_controller.clusterset.explain.picture import InCluster, OnBroker, Picture
from mcs_controller.clusterset.model import LocalExport, LocalService, Member, SourceSlice, StringMap
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    PolicyKey,
    Present,
    ServicePolicy,
)
from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.syntax import micro_time

Value = LocalExport | LocalService | SourceSlice | Member | Policy | ServicePolicy | StringMap


@dataclass(frozen=True, slots=True)
class Change:
    """An object that is created, changed or deleted: `value` is None for a deletion.

    The value of a Namespace are its labels. A MemberCluster lies on the broker, all else in the cluster that
    was looked at.
    """

    kind: str
    name: str
    deleted: bool = False
    value: Value | None = None


POLICY_KINDS: Final = ("ExportPolicy", "ImportPolicy")
BULK_KIND: Final = "ServiceExportPolicy"

KINDS: Final = (
    "ServiceExport",
    "Service",
    "EndpointSlice",
    "Namespace",
    "MemberCluster",
    *POLICY_KINDS,
    BULK_KIND,
)
"""What a change may be of."""


def changed(picture: Picture, changes: Iterable[Change]) -> Picture:
    """The picture when all of this was written, and no agent has looked at it yet.

    Raises ValueError for a change in a cluster when none was looked at.
    """
    for change in changes:
        if change.kind == "MemberCluster":
            picture = _with_member(picture, change)
        elif picture.here is None:
            raise ValueError(f"{change.kind} {change.name}: no cluster was looked at")
        else:
            picture = replace(picture, here=_here(picture.here, change, picture))
    return picture


def _with_member(picture: Picture, change: Change) -> Picture:
    before = picture.broker or ()
    after = _members(before, change)
    here = picture.here
    if here is not None and _places(before) != _places(after):
        here = replace(here, relocated=True)
    return replace(picture, broker=after, here=here)


def _places(members: Iterable[OnBroker]) -> dict[str, tuple[str, str]]:
    """Where the members lie that lie anywhere."""
    places = {one.cluster: (one.member.region, one.member.zone) for one in members if one.member is not None}
    return {cluster: place for cluster, place in places.items() if any(place)}


def _members(before: tuple[OnBroker, ...], change: Change) -> tuple[OnBroker, ...]:
    held = next((one for one in before if one.cluster == change.name), OnBroker(change.name, None))
    others = [one for one in before if one.cluster != change.name]
    member = None
    if isinstance(change.value, Member):
        told = held.member or Member(change.name)
        # The status is the member's own, and nobody changes it by writing the object.
        member = replace(
            told,
            allowed_cidrs=change.value.allowed_cidrs,
            allowed_namespaces=change.value.allowed_namespaces,
            limits=change.value.limits,
            owns=change.value.owns,
            region=change.value.region,
            zone=change.value.zone,
        )
    return tuple(sorted((*others, replace(held, member=member)), key=lambda one: one.cluster))


def _here(here: InCluster, change: Change, picture: Picture) -> InCluster:
    match change.kind, change.value:
        case "Namespace", _ if change.deleted:
            return InCluster(
                here.cluster,
                "missing",
                leader_at=here.leader_at,
                serves_api=here.serves_api,
                import_policies=here.import_policies,
                export_policies=here.export_policies,
                bulk=replace(here.bulk, export=None),
                live=here.live,
            )
        case "Namespace", tuple() as labels:
            return replace(here, namespace="active", namespace_labels=labels)
        case "Namespace", _:
            return replace(here, namespace="active")
        case "ExportPolicy", policy if policy is None or isinstance(policy, Policy):
            return replace(here, export_policies=here.export_policies.with_policy(change.name, policy))
        case "ImportPolicy", policy if policy is None or isinstance(policy, Policy):
            before = next((one for one in here.import_policies.written if one.name == change.name), None)
            prefers = any(one is not None and one.prefers is not None for one in (before, policy))
            return replace(
                here,
                import_policies=here.import_policies.with_policy(change.name, policy),
                relocated=here.relocated or prefers,
            )
        case "ServiceExportPolicy", ServicePolicy() as policy:
            return replace(here, bulk=here.bulk.with_policy(policy))
        case "ServiceExportPolicy", _:
            gone = PolicyKey(picture.service.namespace, change.name)
            return replace(here, bulk=here.bulk.without_policy(gone))
        case "ServiceExport", LocalExport() as export:
            # Who applies it wants it to be there: then it is no policy's any more.
            bulk = replace(here.bulk, export=Present())
            return replace(here, export=_export(here.export, export, picture.now_seconds), bulk=bulk)
        case "ServiceExport", _:
            return replace(here, export=None, bulk=replace(here.bulk, export=None))
        case "Service", LocalService() as service:
            return replace(here, service=_service(here.service, service))
        case "Service", _:
            # Its EndpointSlices go with it.
            return replace(here, service=None, slices=())
        case "EndpointSlice", SourceSlice() as slice_:
            return replace(here, slices=(*_without(here.slices, change.name), slice_))
        case _:
            return replace(here, slices=_without(here.slices, change.name))


def created(export: LocalExport, now_seconds: float) -> LocalExport:
    """A ServiceExport that is created at a time, in seconds since the epoch."""
    return replace(export, created_at=micro_time(now_seconds)[:19] + "Z", deleting=False)


def _export(before: LocalExport | None, after: LocalExport, now_seconds: float) -> LocalExport:
    if before is None:
        return created(after, now_seconds)
    return replace(before, labels=after.labels, annotations=after.annotations)


def _service(before: LocalService | None, after: LocalService) -> LocalService:
    """A manifest leaves out what the API server fills in."""
    if before is None:
        return after
    return replace(
        after,
        uid=before.uid,
        ip_families=after.ip_families or before.ip_families,
        cluster_ips=after.cluster_ips or (() if after.headless else before.cluster_ips),
    )


def _without(slices: Iterable[SourceSlice], name: str) -> tuple[SourceSlice, ...]:
    return tuple(one for one in slices if one.name != name)
