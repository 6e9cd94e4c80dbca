"""East with Services, and ServiceExportPolicies that its users write."""

from __future__ import annotations

from typing import Any

from mcs_controller.api.names import ANNOTATION_MADE_FOR, LABEL_EXPORT_POLICY
from mcs_controller.api.resources import SERVICE_EXPORT_POLICIES, SERVICES, Resource
from tests.support.cluster import Cluster
from tests.support.objects import EXPORTS, Object, body

CRD = "serviceexportpolicies.mcs-controller.io"
PUBLIC: Object = {"matchLabels": {"public": "yes"}}


async def with_bulk_export(east: Cluster, *policies: Object, **settings: Any) -> None:
    """East's agent follows ServiceExportPolicies from now on; these are there."""
    await east.install(CRD)
    for one in policies:
        await east.api.create(SERVICE_EXPORT_POLICIES, one, namespace="shop")
    await east.restart(service_export_policies=True, **settings)
    await east.ready()


def bulk(name: str = "public", selector: Object = PUBLIC) -> Object:
    return body(SERVICE_EXPORT_POLICIES, name, "shop", spec={"serviceSelector": selector})


async def public(cluster: Cluster, *names: str, namespace: str = "shop") -> None:
    """Services with the label that `bulk` selects."""
    for name in names:
        await cluster.service(namespace, name)
        await relabel(cluster, name, namespace, public="yes")


async def relabel(cluster: Cluster, name: str, namespace: str = "shop", **labels: str | None) -> None:
    await cluster.edit(SERVICES, namespace, name, {"metadata": {"labels": labels}})


async def exports_of(cluster: Cluster, namespace: str = "shop") -> dict[str, str]:
    """The policy that made each ServiceExport, "" for a user's."""
    found = {}
    for one in await cluster.all_of(EXPORTS):
        metadata = one["metadata"]
        if metadata["namespace"] == namespace:
            labels = metadata.get("labels", {})
            assert (LABEL_EXPORT_POLICY in labels) == (ANNOTATION_MADE_FOR in metadata.get("annotations", {}))
            found[metadata["name"]] = labels.get(LABEL_EXPORT_POLICY, "")
    return found


async def uid_of(cluster: Cluster, resource: Resource, name: str) -> str:
    held = await cluster.api.get(resource, name, "shop")
    return str(held["metadata"]["uid"])


async def condition_of(cluster: Cluster, kind: str, name: str = "public") -> Object | None:
    held = await cluster.api.get(SERVICE_EXPORT_POLICIES, name, "shop")
    found: list[Object] = held.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind), None)


def metric(cluster: Cluster, name: str) -> float | None:
    return cluster.agent.registry.get_sample_value(f"mcs_policy_exports_{name}")
