"""`mcs-controller leave` as operators run it: a process with the agent's credentials and shipped rights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES, Resource
from tests.integration.conftest import Product, World, real
from tests.integration.sites import EAST, WEST, StorySite
from tests.realkube.audit import AuditLog
from tests.realkube.plugin import BROKER
from tests.realkube.product import PROGRAM
from tests.support.objects import EXPORTS, IMPORTS

pytestmark = [pytest.mark.realkube, pytest.mark.slow]

EVERYWHERE = {"10.1.0.1", "10.1.0.2", "10.2.0.1"}
KINDS = ("ExportedService", "ExportedEndpointSlice", "ServiceImport", "EndpointSlice", "Service")
TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ended:
    exit_code: int
    told: list[str]
    complained: list[str]

    @property
    def removed(self) -> dict[str, int]:
        return {kind: int(text.split()[0]) for kind, text in (line.split(": ") for line in self.told)}


async def leave(product: Product, tmp_path: Path, *, broker_account: str = "east") -> Ended:
    """The command for the cluster east, run to its end with nothing else in its environment."""
    east, broker = product.clusterset["east"], product.clusterset[BROKER]
    namespace = f"mcs-member-{broker_account}"
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "leave",
        "--cluster-id=east",
        f"--kubeconfig={await east.service_account_kubeconfig('mcs-system', 'mcs-agent')}",
        f"--broker-kubeconfig={await broker.service_account_kubeconfig(namespace, 'member')}",
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, error = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Ended(process.returncode, out.decode().splitlines(), error.decode().splitlines())


@pytest.fixture
async def world(real_product: Product) -> AsyncIterator[World]:
    """Exported by east and west, imported everywhere, and east's agent stopped; it runs again afterwards."""
    async with real(real_product, f"leave-{uuid4().hex[:8]}") as found:
        for name, backends in (("east", EAST), ("west", WEST)):
            await found[name].service(found.namespace, "web", *backends)
            await found[name].export(found.namespace, "web")
        for site in found:
            await site.ready_import(found.namespace, "web", ["east", "west"])
            await site.has_addresses(found.namespace, "web", *EVERYWHERE)
        await found["east"].stop_agent()
        try:
            yield found
        finally:
            await found["east"].start_agent()


async def names(site: StorySite, resource: Resource, namespace: str) -> set[str]:
    return {one["metadata"]["name"] for one in (await site.api.list(resource, namespace=namespace)).items}


def refused(product: Product) -> int:
    """How many requests of the accounts that the command uses were refused, since the servers began."""
    logs = (product.clusterset[name].audit_log for name in ("east", BROKER))
    return sum(not one.allowed for log in logs for one in AuditLog(log).more())


@pytest.mark.requirement("MCS-LIFE-06", "MCS-RBAC-03", "MCS-RBAC-06")
async def test_a_cluster_leaves_with_the_shipped_rights_and_takes_nothing_that_is_not_ours(
    world: World, real_product: Product, tmp_path: Path
) -> None:
    namespace, east = world.namespace, world["east"]
    slices = await names(east, ENDPOINT_SLICES, namespace)
    refused_before = refused(real_product)

    ended = await leave(real_product, tmp_path)

    assert (ended.exit_code, ended.complained) == (0, [])
    assert tuple(ended.removed) == KINDS
    # What an import owns may be gone before it is looked for: the garbage collector removes it, too.
    assert all(ended.removed[kind] for kind in KINDS[:3]), ended.removed
    assert refused(real_product) == refused_before
    assert await names(east, IMPORTS, namespace) == set()
    assert await names(east, SERVICES, namespace) == {"web"}
    assert await names(east, EXPORTS, namespace) == {"web"}
    left = await names(east, ENDPOINT_SLICES, namespace)
    assert len(left) == 1
    assert left < slices
    for name in ("west", "north"):
        await world[name].ready_import(namespace, "web", ["west"])
        await world[name].has_addresses(namespace, "web", "10.2.0.1")

    again = await leave(real_product, tmp_path)
    assert again == Ended(0, [f"{kind}: 0 removed" for kind in KINDS], [])


@pytest.mark.requirement("MCS-RBAC-06")
async def test_with_another_members_credential_nothing_is_removed_and_one_line_says_why(
    world: World, real_product: Product, tmp_path: Path
) -> None:
    ended = await leave(real_product, tmp_path, broker_account="west")

    (complaint,) = ended.complained
    assert (ended.exit_code, ended.told) == (1, [])
    assert "forbidden" in complaint.lower()
    assert await names(world["east"], IMPORTS, world.namespace) == {"web"}
    await world["east"].has_addresses(world.namespace, "web", *EVERYWHERE)
    assert (await world["west"].ready_import(world.namespace, "web", ["east", "west"]))["spec"]["ips"]
