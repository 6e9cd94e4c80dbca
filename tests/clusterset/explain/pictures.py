"""Pictures of shop/web, as they are read of a clusterset in which all is well, to be changed at will."""

from dataclasses import replace
from typing import Any

from mcs_controller.clusterset.explain.case import judge
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.picture import InCluster, OnBroker, Picture
from mcs_controller.clusterset.model import (
    Condition,
    LocalImport,
    LocalService,
    Member,
    ServiceKey,
    SourceSlice,
)
from mcs_controller.clusterset.services.desired import import_conditions, import_metadata, import_spec
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.clusterset.syntax import micro_time, seconds_of_time
from tests.clusterset.builders import WEB, local_service, record, source_slice

NOW = "2026-01-01T00:10:00Z"
NOW_SECONDS = seconds_of_time(NOW) or 0.0
IP = "10.96.0.9"


def member(cluster: str, silent_seconds: float = 1.0, **fields: Any) -> Member:
    """A member whose last heartbeat was so long ago."""
    return replace(Member(cluster, heartbeat=micro_time(NOW_SECONDS - silent_seconds)), **fields)


def on_broker(cluster: str, *slices: SourceSlice, **fields: Any) -> OnBroker:
    """A member that exports the service; with one ready endpoint unless slices are given."""
    base = OnBroker(
        cluster,
        fields.pop("member", member(cluster)),
        fields.pop("record", record(cluster)),
        slices or (source_slice(cluster),),
    )
    return replace(base, **fields)


def bystander(cluster: str, **fields: Any) -> OnBroker:
    """A member that does not export the service."""
    return replace(OnBroker(cluster, member(cluster)), **fields)


def picture(*on: OnBroker, here: InCluster | None = None, **fields: Any) -> Picture:
    """Of the broker, and of one cluster."""
    return replace(Picture(WEB, NOW_SECONDS, here, on), **fields)


def settled(before: Picture, **fields: Any) -> Picture:
    """The picture when the agent of the cluster has done its work; `fields` are of the import."""
    here, case = before.here, judge(before)
    assert here is not None
    if case.merged is None or case.place:
        return before
    merged = case.merged
    ips = (IP,) if merged.type == "ClusterSetIP" else ()
    metadata, spec = import_metadata(merged), import_spec(merged, ips)
    imported = LocalImport(
        WEB,
        "import-uid",
        1,
        spec,
        metadata.labels,
        metadata.annotations,
        merged.clusters,
        import_conditions(merged, spec, withdrawn=case.withdrawn),
        "Present",
        managed=True,
    )
    derived = None
    if ips:
        key = ServiceKey(WEB.namespace, derived_service_name(WEB))
        derived = local_service(service=key, cluster_ips=ips, managed=True, import_name=WEB.name)
    return replace(
        before,
        here=replace(
            here,
            imported=replace(imported, **fields),
            imported_at="2026-01-01T00:01:00Z",
            imported_slices=case.wanted,
            derived=derived,
        ),
    )


def found(seen: Picture) -> dict[str, str]:
    """The findings: id without its prefix to severity."""
    return {one.id.removeprefix("MCS-WHY-"): one.severity for one in explain(seen).findings}


def exported_here(cluster: str, service: LocalService | None = None, **fields: Any) -> InCluster:
    """A cluster that exports the service, as its agent wrote it."""
    from tests.clusterset.builders import local_export

    conditions = (
        Condition("Valid", "True", "Valid"),
        Condition("Ready", "True", "Exported"),
        Condition("Conflict", "False", "NoConflicts"),
    )
    base = InCluster(
        cluster,
        export=local_export(created_at=record(cluster).exported_at, conditions=conditions),
        service=service or local_service(),
        slices=(source_slice(cluster),),
    )
    return replace(base, **fields)
