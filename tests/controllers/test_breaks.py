"""A break of the broker's history that nothing but our own MemberCluster shows."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES, MEMBER_CLUSTERS
from mcs_controller.kube.settling import SETTLED_SECONDS
from tests.controllers.mars import record
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime


async def test_a_break_that_shows_in_our_own_member_cluster_alone_is_counted_and_all_is_read_anew() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world.admit("mars")
        await world.settle()
        west = world["west"]
        broken = world.broker.faults.stall_watches(users=["member-west"])
        await world.publish("mars", EXPORTED_SERVICES, "shop.api", **record("api"))
        await world.broker_api.patch(
            MEMBER_CLUSTERS,
            "west",
            {"status": {"heartbeat": "2020-01-01T00:00:00.000000Z"}},
            namespace="mcs-member-west",
            subresource="status",
        )

        async def heard() -> bool:
            return await west.import_of("shop", "api") is not None

        await world.until(heard, within_seconds=15)
        broken.lift()
        records = west.agent.services.stores.broker.records.reflector
        lists_before = records.lists
        await asyncio.sleep(2 * SETTLED_SECONDS + 1)
        assert records.lists == lists_before + 1
        await world.settle()
        assert west.agent.registry.get_sample_value("mcs_broker_history_breaks_total") == 1
        assert world["east"].agent.registry.get_sample_value("mcs_broker_history_breaks_total") == 0
