"""`mcs-controller leave` as operators run it, on real control planes among running agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mcs_controller.api.resources import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    LEASES,
    MEMBER_CLUSTERS,
    SECRETS,
    SERVICES,
    Resource,
)
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from tests.integration.conftest import Product, World, real
from tests.integration.sites import EAST, WEST, StorySite
from tests.realkube.plugin import BROKER
from tests.realkube.product import PROGRAM
from tests.support.objects import EXPORTS, IMPORTS
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.slow, pytest.mark.timeout(300)]

EVERYWHERE = {"10.1.0.1", "10.1.0.2", "10.2.0.1"}
TIMEOUT_SECONDS = 120
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "mcs-agent", "namespace": "mcs-system"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "agent"}},
        "template": {
            "metadata": {"labels": {"app": "agent"}},
            "spec": {"containers": [{"name": "agent", "image": "none"}]},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Ended:
    exit_code: int
    result: Any
    said: list[str]

    @property
    def kinds(self) -> list[str]:
        """Of what was removed, each once, in its order."""
        return list(dict.fromkeys(one["kind"] for one in self.result["objects"]))

    @property
    def members(self) -> dict[str, str]:
        return {one["name"]: one["state"] for one in self.result["members"]}


async def run(*words: str, home: Path) -> Ended:
    """The command, run to its end with nothing else in its environment."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *words,
        "--output=json",
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        cwd=home,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, error = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, json.loads(out) if out else None, error.decode().splitlines())


async def leave(product: Product, home: Path, *words: str, broker_account: str = "east") -> Ended:
    """East leaves, by its administrator and with the member's own credential for the broker."""
    east, broker = product.clusterset["east"], product.clusterset[BROKER]
    credential = await broker.service_account_kubeconfig(f"mcs-member-{broker_account}", "member")
    return await run(
        "leave",
        "--cluster-id=east",
        f"--kubeconfig={east.kubeconfig()}",
        f"--broker-kubeconfig={credential}",
        *words,
        home=home,
    )


@pytest.fixture
async def world(real_product: Product) -> AsyncIterator[World]:
    """Exported by east and west, and imported everywhere."""
    async with real(real_product, f"leave-{uuid4().hex[:8]}") as found:
        for name, backends in (("east", EAST), ("west", WEST)):
            await found[name].service(found.namespace, "web", *backends)
            await found[name].export(found.namespace, "web")
        for site in found:
            await site.ready_import(found.namespace, "web", ["east", "west"])
            await site.has_addresses(found.namespace, "web", *EVERYWHERE)
        yield found


async def names(site: StorySite, resource: Resource, namespace: str) -> set[str]:
    return {one["metadata"]["name"] for one in (await site.api.list(resource, namespace=namespace)).items}


@pytest.mark.requirement("MCS-LIFE-06", "MCS-RBAC-06")
async def test_a_cluster_leaves_whose_agent_is_a_deployment_and_takes_nothing_that_is_not_ours(
    world: World, real_product: Product, tmp_path: Path
) -> None:
    namespace, east = world.namespace, world["east"]
    slices = await names(east, ENDPOINT_SLICES, namespace)
    await east.api.create(DEPLOYMENTS, DEPLOYMENT)
    planned = await leave(real_product, tmp_path, "--dry-run")
    assert (planned.exit_code, planned.kinds[0]) == (0, "Deployment")
    assert await names(east, IMPORTS, namespace) == {"web"}
    # As the kubelet does once the Deployment is scaled to nothing.
    leaving = asyncio.create_task(leave(real_product, tmp_path))

    async def replicas() -> Any:
        return (await east.api.get(DEPLOYMENTS, "mcs-agent", "mcs-system"))["spec"]["replicas"]

    try:
        await eventually(replicas, lambda found: found == 0, TIMEOUT_SECONDS)
        await east.stop_agent()
        ended = await leaving
    finally:
        leaving.cancel()
        await east.api.delete(DEPLOYMENTS, "mcs-agent", namespace="mcs-system")

    assert ended.exit_code == 0, ended
    assert ended.members == {"west": "let go", "north": "let go"}
    assert set(ended.kinds) == {
        *("Deployment", "ExportedService", "ExportedEndpointSlice"),
        *("ServiceImport", "EndpointSlice", "Service", "ServiceExport", "Lease"),
    }
    assert await names(east, IMPORTS, namespace) == set()
    assert await names(east, SERVICES, namespace) == {"web"}
    assert await names(east, EXPORTS, namespace) == {"web"}
    assert await east.conditions(namespace, "web") == {}
    left = await names(east, ENDPOINT_SLICES, namespace)
    assert len(left) == 1
    assert left < slices
    assert "mcs-agent" not in await names(east, LEASES, "mcs-system")
    for name in ("west", "north"):
        await world[name].ready_import(namespace, "web", ["west"])
        await world[name].has_addresses(namespace, "web", "10.2.0.1")

    kubeconfig = real_product.clusterset["east"].kubeconfig()
    checked = await run("uninstall", "--check", f"--kubeconfig={kubeconfig}", home=tmp_path)
    # The rights of agent and DNS server are all that is left, and nothing that an agent made.
    assert checked.exit_code == 1
    assert set(checked.kinds) == {
        *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"),
    }

    again = await leave(real_product, tmp_path)
    assert (again.exit_code, again.result["objects"]) == (0, [])

    await east.start_agent()
    for site in world:
        await site.ready_import(namespace, "web", ["east", "west"])
        await site.has_addresses(namespace, "web", *EVERYWHERE)
    admin = Client(load_kubeconfig(real_product.clusterset[BROKER].kubeconfig()))
    try:
        member = await admin.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        assert "leaving" not in member["status"]
    finally:
        await admin.close()


@pytest.mark.requirement("MCS-RBAC-06")
async def test_with_another_members_credential_nothing_is_removed_and_one_line_says_why(
    world: World, real_product: Product, tmp_path: Path
) -> None:
    await world["east"].stop_agent()
    ended = await leave(real_product, tmp_path, broker_account="west")

    (complaint,) = ended.said
    assert (ended.exit_code, ended.result["objects"]) == (1, [])
    assert "forbidden" in complaint.lower()
    assert await names(world["east"], IMPORTS, world.namespace) == {"web"}
    assert await names(world["east"], SECRETS, "mcs-system") == set()
    await world["east"].has_addresses(world.namespace, "web", *EVERYWHERE)
    assert (await world["west"].ready_import(world.namespace, "web", ["east", "west"]))["spec"]["ips"]


async def test_a_member_that_was_removed_a_moment_ago_is_made_anew(
    real_product: Product, tmp_path: Path
) -> None:
    """An API server empties the namespace of a member before it is gone."""
    name = f"brief-{uuid4().hex[:8]}"
    on_broker = f"--broker-kubeconfig={real_product.clusterset[BROKER].kubeconfig()}"
    create = ("broker", "create-member", name, on_broker, f"--output-file={tmp_path / name}", "--force")
    remove = ("broker", "remove-member", name, on_broker)
    for words in (create, remove, create, remove):
        ended = await run(*words, home=tmp_path)
        assert ended.exit_code == 0, ended
        wanted = "created" if words is create else "deleted"
        assert {one["result"] for one in ended.result["objects"]} == {wanted}
