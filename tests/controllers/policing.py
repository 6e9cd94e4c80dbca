"""East and west with services that east exports, and policies that its administrator writes."""

from __future__ import annotations

from typing import Any

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EXPORT_POLICIES,
    IMPORT_POLICIES,
    NAMESPACES,
    SERVICES,
)
from tests.support.cluster import Cluster
from tests.support.objects import Object, body

EXPORT_CRD = "exportpolicies.mcs-controller.io"
IMPORT_CRD = "importpolicies.mcs-controller.io"


async def with_policies(east: Cluster, *policies: Object, **settings: Any) -> None:
    """East's agent asks policies from now on; these are there."""
    if await east.held(CUSTOM_RESOURCE_DEFINITIONS, "", EXPORT_CRD) is None:
        await east.install(EXPORT_CRD)
    for one in policies:
        await east.api.create(EXPORT_POLICIES, one)
    await east.restart(export_policies=True, **settings)
    await east.ready()


def policy(name: str, action: str = "Allow", **spec: Any) -> Object:
    return body(EXPORT_POLICIES, name, spec={"action": action, **spec})


async def label(cluster: Cluster, namespace: str, **labels: str | None) -> None:
    """The namespace has these labels, too."""
    await cluster.api.patch(NAMESPACES, namespace, {"metadata": {"labels": labels}})


async def label_service(cluster: Cluster, namespace: str, name: str, **labels: str | None) -> None:
    """The Service has these labels, too."""
    await cluster.edit(SERVICES, namespace, name, {"metadata": {"labels": labels}})


async def condition_of(cluster: Cluster, name: str, kind: str) -> Object | None:
    """A condition of an ExportPolicy."""
    held = await cluster.api.get(EXPORT_POLICIES, name)
    found: list[Object] = held.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind), None)


def metric(cluster: Cluster, name: str, policy: str = "export") -> float | None:
    return cluster.agent.registry.get_sample_value(f"mcs_policy_{name}", {"policy": policy})


def import_policy(name: str, action: str = "Allow", **spec: Any) -> Object:
    return body(IMPORT_POLICIES, name, spec={"action": action, **spec})


async def with_import_policies(west: Cluster, *policies: Object, **settings: Any) -> None:
    """West's agent asks ImportPolicies from now on; these are there."""
    if await west.held(CUSTOM_RESOURCE_DEFINITIONS, "", IMPORT_CRD) is None:
        await west.install(IMPORT_CRD)
    for one in policies:
        await west.api.create(IMPORT_POLICIES, one)
    await west.restart(import_policies=True, **settings)
    await west.ready()


def without_schema(crd: Object) -> None:
    """An API server with this CRD takes any policy, as an old one may be."""
    for version in crd["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec.clear()
        spec.update({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
