"""What a real API server does with ClusterProfiles: who may change and read them, and whose entries stay."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import MEMBER_CLUSTERS, MEMBER_REPORTS, cluster_profiles
from mcs_controller.cli.hub import make_hub
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.controllers.config import HubConfig
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig
from tests.api.documents import CLUSTER_PROFILE, NOW, JsonObject
from tests.realkube.controlplane import ControlPlane
from tests.realkube.rest import MERGE_PATCH
from tests.realkube.workloads import namespace_in
from tests.support.waiting import eventually

pytestmark = pytest.mark.realkube

APPLY = "application/apply-patch+yaml"
OLD, NEW = cluster_profiles("v1alpha1"), cluster_profiles("v1alpha2")
NAME = CLUSTER_PROFILE["metadata"]["name"]
SERVER = "https://east.example.com"
MEMBER = "inventoried"
PROFILE = f"mcs-controller.{MEMBER}"


@pytest.mark.requirement("CP-03")
@pytest.mark.parametrize("resource", [OLD, NEW], ids=lambda one: one.version)
async def test_the_manager_of_a_profile_cannot_be_changed(
    crds: ControlPlane, namespace: str, resource: Any
) -> None:
    body = {**CLUSTER_PROFILE, "apiVersion": resource.api_version}
    await crds.call("POST", resource.path(namespace), body)
    path = resource.path(namespace, NAME)
    changed = {"spec": {"clusterManager": {"name": "other"}}}
    answer = await crds.request("PATCH", path, changed, content_type=MERGE_PATCH)
    assert answer.status == 422
    assert "ClusterManager is immutable" in answer.body["message"]
    renamed = {"spec": {"displayName": "Another name"}}
    assert (await crds.request("PATCH", path, renamed, content_type=MERGE_PATCH)).status == 200


async def test_a_profile_of_either_version_is_read_in_the_other(crds: ControlPlane, namespace: str) -> None:
    for written, read in ((OLD, NEW), (NEW, OLD)):
        body = {**CLUSTER_PROFILE, "apiVersion": written.api_version}
        await crds.call("POST", written.path(namespace), body)
        found = await crds.call("GET", read.path(namespace, NAME))
        assert (found["apiVersion"], found["spec"]) == (read.api_version, CLUSTER_PROFILE["spec"])
        await crds.call("DELETE", read.path(namespace, NAME))


@pytest.mark.requirement("CP-06")
async def test_who_may_read_one_inventory_may_not_read_another(crds: ControlPlane, namespace: str) -> None:
    async with namespace_in(crds, prefix="other") as other:
        group = "rbac.authorization.k8s.io"
        roles = f"/apis/{group}/v1/namespaces/{namespace}"
        rule = {"apiGroups": [OLD.group], "resources": [OLD.plural], "verbs": ["list"]}
        role = {"metadata": {"name": "reader"}, "rules": [rule]}
        await crds.call("POST", f"{roles}/roles", {"apiVersion": f"{group}/v1", "kind": "Role", **role})
        binding = {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "reader"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "nobody"}],
        }
        await crds.call("POST", f"{roles}/rolebindings", binding)

        async def allowed() -> bool:
            return (await crds.request("GET", NEW.path(namespace), user="nobody")).status == 200

        await eventually(allowed)
        assert (await crds.request("GET", NEW.path(other), user="nobody")).status == 403
        assert (await crds.request("GET", NEW.path(), user="nobody")).status == 403


@contextlib.asynccontextmanager
async def running_hub(plane: ControlPlane, namespace: str) -> AsyncIterator[CollectorRegistry]:
    client = Client(load_kubeconfig(plane.kubeconfig()), name="broker")
    registry = CollectorRegistry()
    config = HubConfig(inventory_namespace=namespace, interval_seconds=0.3)
    hub = make_hub(config, client, clock=SystemClock(), random=Random(1), registry=registry)
    running = asyncio.create_task(hub.run())
    try:
        yield registry
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await client.close()


@contextlib.asynccontextmanager
async def member(plane: ControlPlane, name: str = MEMBER, **way: Any) -> AsyncIterator[None]:
    """A member with one way to reach it. Its namespace never ends here: each test has a name of its own."""
    namespace = member_namespace(name)
    try:
        await plane.call(
            "POST",
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        )
        body = {
            "apiVersion": MEMBER_CLUSTERS.api_version,
            "kind": "MemberCluster",
            "metadata": {"name": name},
            "spec": {"access": [{"name": "corp", "server": SERVER, **way}]},
        }
        await plane.call("POST", MEMBER_CLUSTERS.path(namespace), body)
        # Nobody's report counts before its first heartbeat.
        path = MEMBER_CLUSTERS.path(namespace, name, "status")
        beat = {"status": {"heartbeat": "2026-11-20T10:00:00.000000Z"}}
        await plane.call("PATCH", path, beat, content_type=MERGE_PATCH)
        yield
    finally:
        await plane.request("DELETE", MEMBER_CLUSTERS.path(namespace, name))
        await plane.request("DELETE", f"/api/v1/namespaces/{namespace}")


async def apply_report(plane: ControlPlane, *names: str, member: str = MEMBER) -> None:
    seen = [{"name": name, "value": "x", "lastObservedTime": NOW} for name in names]
    health = {"status": "True", "reason": "Healthy", "message": "", "observedTime": NOW}
    body = {
        "apiVersion": MEMBER_REPORTS.api_version,
        "kind": "MemberReport",
        "metadata": {"name": "report"},
        "spec": {"kubernetesVersion": "v1.36.4", "controlPlane": health, "properties": seen},
    }
    path = f"{MEMBER_REPORTS.path(member_namespace(member), 'report')}?fieldManager=member&force=true"
    await plane.call("PATCH", path, body, content_type=APPLY)


@pytest.mark.requirement("CP-01", "CP-04", "CP-09")
async def test_the_hubs_entries_come_and_go_and_those_of_another_writer_stay(
    crds: ControlPlane, namespace: str
) -> None:
    path = NEW.path(namespace, PROFILE)

    async def properties() -> list[str]:
        found = await crds.request("GET", path)
        status = found.body.get("status", {}) if found.status == 200 else {}
        return [one["name"] for one in status.get("properties", ())]

    async with member(crds):
        await apply_report(crds, "a.example.com", "b.example.com")
        async with running_hub(crds, namespace) as registry:
            await eventually(properties, lambda names: names == ["a.example.com", "b.example.com"])
            theirs = {
                "apiVersion": OLD.api_version,
                "kind": "ClusterProfile",
                "metadata": {"name": PROFILE},
                "status": {"properties": [{"name": "theirs.example.com", "value": "y"}]},
            }
            apply = f"{OLD.path(namespace, PROFILE, 'status')}?fieldManager=other"
            await crds.call("PATCH", apply, theirs, content_type=APPLY)
            await apply_report(crds, "b.example.com")
            await eventually(
                properties, lambda names: sorted(names) == ["b.example.com", "theirs.example.com"]
            )
            profile: JsonObject = await crds.call("GET", path)
            assert profile["status"]["version"] == {"kubernetes": "v1.36.4"}
            assert profile["status"]["accessProviders"] == [{"name": "corp", "cluster": {"server": SERVER}}]
            assert {one["type"]: one["status"] for one in profile["status"]["conditions"]} == {
                "ControlPlaneHealthy": "True",
                "Joined": "True",
                "mcs-controller.io/PropertiesMirrored": "True",
            }
            assert "theirs.example.com" in await properties()
            version = profile["metadata"]["resourceVersion"]
            before = _writes(registry)
        # A hub that starts again does not know what it wrote, and finds that nothing is left to be written.
        await apply_report(crds, "b.example.com")
        async with running_hub(crds, namespace) as registry:

            async def looked() -> bool:
                return _writes(registry) > 0

            await eventually(looked)
            assert (await crds.call("GET", path))["metadata"]["resourceVersion"] == version
            assert before >= 3
        # The other entry is one that no hub wants: it is left to whoever wrote it.
        assert sorted(await properties()) == ["b.example.com", "theirs.example.com"]


def _writes(registry: CollectorRegistry) -> float:
    return sum(
        registry.get_sample_value("mcs_hub_profile_writes_total", {"what": what}) or 0.0
        for what in ("head", "status")
    )
