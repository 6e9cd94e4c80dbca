"""What the broker holds of a service: the members, their records and their slices."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from mcs_controller.api.names import CONDITION_WITHIN_LIMITS
from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, MEMBER_CLUSTERS
from mcs_controller.cli.explaining.reading import Reading, Unread
from mcs_controller.clusterset.conditions import decode_conditions
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.explain.picture import OnBroker
from mcs_controller.clusterset.fields import child
from mcs_controller.clusterset.identity import cluster_of_namespace, member_namespace
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.naming import exported_service_name
from mcs_controller.kube.client import JsonObject

T = TypeVar("T")


async def read_broker(reading: Reading, key: ServiceKey) -> tuple[OnBroker, ...] | None:
    """Every member, and what it exports of the service; None if that could not be read."""
    member_bodies, record_bodies = await asyncio.gather(
        reading.many("the MemberClusters", MEMBER_CLUSTERS),
        reading.many(
            "the ExportedServices",
            EXPORTED_SERVICES,
            field_selector=f"metadata.name={exported_service_name(key)}",
        ),
    )
    if isinstance(member_bodies, Unread) or isinstance(record_bodies, Unread):
        return None
    bodies_of = {_cluster_of(body): body for body in member_bodies}
    records_of = {_cluster_of(body): body for body in record_bodies}
    exporting = sorted(cluster for cluster in records_of if cluster)
    found = await asyncio.gather(*(_slices(reading, key, cluster) for cluster in exporting))
    slices = [one for one in found if not isinstance(one, Unread)]
    if len(slices) != len(found):
        return None
    slices_of = dict(zip(exporting, slices, strict=True))
    return tuple(
        _on_broker(cluster, bodies_of.get(cluster), records_of.get(cluster), slices_of.get(cluster, []))
        for cluster in sorted({*bodies_of, *records_of} - {""})
    )


def _on_broker(
    cluster: str, member: JsonObject | None, record: JsonObject | None, slices: list[JsonObject]
) -> OnBroker:
    unreadable: list[str] = []

    def read(kind: str, decoder: Callable[[JsonObject], T], body: JsonObject | None) -> T | None:
        try:
            return None if body is None else decoder(body)
        except MalformedObject as error:
            unreadable.append(f"{kind}: {error}")
            return None

    exported = read("ExportedService", decode.exported_service, record)
    found = [read("ExportedEndpointSlice", decode.exported_slice, body) for body in slices]
    # An importer keeps the last MemberCluster that it could read; nothing here remembers that one.
    member_value = read("MemberCluster", decode_member, member)
    return OnBroker(
        cluster,
        member_value,
        exported,
        tuple(one for one in found if one is not None),
        tuple(unreadable),
        _over_limits(member) if member is not None else "",
    )


def _over_limits(member: JsonObject) -> str:
    try:
        conditions = decode_conditions(child(member, "status").get("conditions"))
    except MalformedObject:
        return ""
    return next(
        (one.message for one in conditions if (one.type, one.status) == (CONDITION_WITHIN_LIMITS, "False")),
        "",
    )


def _cluster_of(body: JsonObject) -> str:
    return cluster_of_namespace(str(child(body, "metadata").get("namespace"))) or ""


async def _slices(reading: Reading, key: ServiceKey, cluster: str) -> list[JsonObject] | Unread:
    def is_of_service(body: JsonObject) -> bool:
        spec = child(body, "spec")
        return (spec.get("serviceNamespace"), spec.get("serviceName")) == key

    return await reading.many(
        f"the ExportedEndpointSlices of {cluster}",
        EXPORTED_ENDPOINT_SLICES,
        namespace=member_namespace(cluster),
        holds=is_of_service,
    )
