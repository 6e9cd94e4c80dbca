"""The clustersets that the stories of this folder are told on: simulated, and real."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.simcluster.cluster import SimCluster
from tests.integration.real_site import RealSite
from tests.integration.sim_site import SimSite
from tests.integration.sites import StorySite, new_namespace
from tests.realkube import product
from tests.realkube.clusterset import RealClusterset
from tests.realkube.plugin import BROKER, MEMBERS
from tests.realkube.product import Component
from tests.support import crds
from tests.support.dns import dns_server
from tests.support.objects import member_cluster, namespace_body
from tests.worlds import ON_CLUSTERSET


class World:
    """The member clusters by name, and a namespace that all of them have."""

    def __init__(self, namespace: str, *sites: StorySite) -> None:
        self.namespace = namespace
        self.sites = {site.name: site for site in sites}

    def __getitem__(self, name: str) -> StorySite:
        return self.sites[name]

    def __iter__(self) -> Iterator[StorySite]:
        return iter(self.sites.values())


@dataclass
class Product:
    """Agents and DNS servers of the real clusterset, as processes, for the tests of this folder."""

    clusterset: RealClusterset
    work_dir: Path
    agents: dict[str, Component]
    dns: dict[str, Component]
    dns_addresses: dict[str, str]

    def logs(self) -> dict[str, str]:
        """By component."""
        found = (one.process for one in (*self.agents.values(), *self.dns.values()))
        return {one.name: one.log_file.read_text() for one in found}


@pytest.fixture(scope="package")
def real_product(
    real_clusterset: RealClusterset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """Installed as an administrator would, and running."""
    started = Product(real_clusterset, tmp_path_factory.mktemp("product"), {}, {}, {})
    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(_start(started))
        yield started
    finally:
        for component in (*started.agents.values(), *started.dns.values()):
            component.kill()


async def _start(started: Product) -> None:
    planes = [started.clusterset[name] for name in MEMBERS]
    await product.install_clusterset(started.clusterset[BROKER], planes)
    for plane in planes:
        port = product.free_port()
        started.dns_addresses[plane.name] = f"127.0.0.1:{port}"
        started.dns[plane.name] = await product.start_dns(plane, started.work_dir, port)
        site = RealSite(plane, started.clusterset[BROKER], started.work_dir, "")
        await site.launch_agent()
        assert site.agent is not None
        started.agents[plane.name] = site.agent
        await site.api.close()
    for component in (*started.dns.values(), *started.agents.values()):
        await component.wait_ready()


@pytest.fixture(params=["simcluster", pytest.param("real", marks=[pytest.mark.realkube, ON_CLUSTERSET])])
def kind(request: pytest.FixtureRequest) -> Product | None:
    """The real product, or None for a simulated one. Not async: the servers belong to no test's loop."""
    if request.param == "simcluster":
        return None
    found: Product = request.getfixturevalue("real_product")
    return found


@pytest.fixture
async def world(kind: Product | None) -> AsyncIterator[World]:
    """A clusterset of three clusters that runs, with a new namespace in each."""
    namespace = f"story-{uuid4().hex[:8]}"
    if kind is None:
        async with simulated(namespace) as found:
            yield found
    else:
        async with real(kind, namespace) as found:
            yield found


@contextlib.asynccontextmanager
async def simulated(namespace: str) -> AsyncIterator[World]:
    """Agents and DNS servers in this process, without sockets but for DNS."""
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(SimCluster(BROKER))
        admin = broker.client()
        await crds.install(admin, *crds.BROKER_CRDS)
        sites = []
        for name in MEMBERS:
            await admin.create(NAMESPACES, namespace_body(f"mcs-member-{name}"))
            await admin.create(MEMBER_CLUSTERS, member_cluster(name))
            sim = await stack.enter_async_context(SimCluster(name))
            await crds.install(sim.client(), *crds.MCS_CRDS)
            address = await stack.enter_async_context(dns_server(sim.client("dns")))
            site = SimSite(sim, broker, address)
            await site.start_agent()
            stack.push_async_callback(site.stop_agent)
            sites.append(site)
        await new_namespace(sites, namespace)
        yield World(namespace, *sites)


def _refusals(running: Product, logs_before: dict[str, str]) -> list[str]:
    """What a component was refused since; that a namespace is going away is no want of rights."""
    return [
        f"{name}: {line}"
        for name, log in running.logs().items()
        for line in log.removeprefix(logs_before.get(name, "")).splitlines()
        if "Forbidden" in line and "being terminated" not in line
    ]


@contextlib.asynccontextmanager
async def real(running: Product, namespace: str) -> AsyncIterator[World]:
    """The running product, as it was before for whoever comes next. Nobody may be refused anything."""
    logs_before = running.logs()
    sites = []
    for name in MEMBERS:
        plane, broker = running.clusterset[name], running.clusterset[BROKER]
        site = RealSite(plane, broker, running.work_dir, running.dns_addresses[name])
        site.agent = running.agents[name]
        sites.append(site)
    await new_namespace(sites, namespace)
    try:
        yield World(namespace, *sites)
        if not any(site.was_away for site in sites):
            assert not _refusals(running, logs_before)
    finally:
        for site in sites:
            await site.start_agent_as_before()
            assert site.agent is not None
            running.agents[site.name] = site.agent
            await site.api.delete(NAMESPACES, namespace)
            await site.api.close()
