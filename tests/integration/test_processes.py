"""Agents and DNS servers as processes on real control planes: what operators see, and what is survived."""

from __future__ import annotations

import asyncio
import json

import pytest

from mcs_controller.api.resources import LEASES
from tests.integration.conftest import Product, World, real
from tests.integration.real_site import RealSite
from tests.integration.sites import EAST, Backend, StorySite
from tests.realkube import rest
from tests.realkube.plugin import BROKER
from tests.support.waiting import eventually

pytestmark = pytest.mark.realkube


async def test_every_component_is_ready_and_says_what_it_does_in_metrics(real_product: Product) -> None:
    async with real(real_product, "metrics-story") as world:
        await world["east"].service(world.namespace, "web", *EAST)
        await world["east"].export(world.namespace, "web")
        await world["west"].ready_import(world.namespace, "web", ["east"])

    for component in (*real_product.agents.values(), *real_product.dns.values()):
        # An API server may have been away until a moment ago.
        await component.wait_ready()
        assert await rest.answers_ok(component.http, "/healthz")
    agent = await real_product.agents["west"].metrics()
    for line in (
        "mcs_agent_leading 1.0",
        'mcs_member_alive{member="east"} 1.0',
        "mcs_export_to_import_seconds_count",
        "mcs_imported_endpointslices",
    ):
        assert line in agent


@pytest.mark.requirement("MCS-LIFE-07")
async def test_the_broker_may_be_away_and_what_happened_meanwhile_is_made_up_for(
    real_product: Product,
) -> None:
    async with real(real_product, "broker-story") as world:
        await _exported(world)
        west, east = world["west"], world["east"]
        for site in world:
            assert isinstance(site, RealSite)
            site.was_away = True
        before = await west.import_of(world.namespace, "web")

        await real_product.clusterset[BROKER].stop_api_server()
        try:
            await east.start_backend(world.namespace, "web", Backend("web-3", "10.1.0.3"))
            await eventually(
                lambda: east.ready_addresses_of(world.namespace, "web"), lambda seen: len(seen) == 3
            )
            agent = real_product.agents["west"]
            await eventually(lambda: rest.answers_ok(agent.http, "/readyz"), lambda ready: not ready)
            assert await rest.answers_ok(agent.http, "/healthz")
            assert await west.import_of(world.namespace, "web") == before
        finally:
            await real_product.clusterset[BROKER].start_api_server()

        await has_endpoints(west, world.namespace, 3)
        await agent.wait_ready()


async def test_a_second_agent_waits_for_the_lease_and_takes_over_when_the_first_is_killed(
    real_product: Product,
) -> None:
    async with real(real_product, "lease-story") as world:
        await _exported(world)
        west = world["west"]
        assert isinstance(west, RealSite)
        first = real_product.agents["west"]
        await west.launch_agent()
        second = west.agent
        assert second is not None
        await second.wait_ready()
        assert "mcs_agent_leading 0.0" in await second.metrics()

        await asyncio.to_thread(first.kill)
        await world["east"].start_backend(world.namespace, "web", Backend("web-3", "10.1.0.3"))

        await has_endpoints(west, world.namespace, 3, within_s=40)
        assert "mcs_agent_leading 1.0" in await second.metrics()
        lease = await west.api.get(LEASES, "mcs-agent", "mcs-system")
        assert lease["spec"]["holderIdentity"]


async def test_logs_are_json_with_the_cluster_and_hold_no_traceback(real_product: Product) -> None:
    for name, log in real_product.logs().items():
        assert "Traceback" not in log, name
        for line in log.splitlines():
            entry = json.loads(line)
            if name.startswith("agent-"):
                assert entry["cluster"] == name.removeprefix("agent-")


async def _exported(world: World) -> None:
    await world["east"].service(world.namespace, "web", *EAST)
    await world["east"].export(world.namespace, "web")
    await world["west"].ready_import(world.namespace, "web", ["east"])
    await has_endpoints(world["west"], world.namespace, 2)


async def has_endpoints(site: StorySite, namespace: str, count: int, *, within_s: float = 20) -> None:
    await eventually(
        lambda: site.ready_addresses_of(namespace, "web"), lambda seen: len(seen) == count, within_s
    )
