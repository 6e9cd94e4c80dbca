"""What vanished without its member's word is kept at that member's own expense."""

import asyncio

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES
from mcs_controller.clusterset.membership.limits import Limits
from tests.controllers.mars import east_exports, record
from tests.support.clusterset import EAST, Clusterset

pytestmark = pytest.mark.looptime


def kept(world: Clusterset, reason: str = "missing") -> float:
    sample = world["west"].agent.registry.get_sample_value
    return sample("mcs_retained_objects", {"kind": "record", "reason": reason}) or 0.0


def left_out(world: Clusterset) -> float:
    labels = {"member": "mars", "kind": "ExportedService", "limit": "objects"}
    return world["west"].agent.registry.get_sample_value("mcs_member_objects_left_out", labels) or 0.0


async def test_a_member_that_deletes_what_it_exports_under_ever_new_names_fills_no_memory() -> None:
    async with Clusterset("east", "west", limits=Limits(services=5)) as world:
        await east_exports(world)

        for number in range(20):
            name = f"s{number:02}"
            await world.publish("mars", EXPORTED_SERVICES, f"shop.{name}", **record(name))
            await asyncio.sleep(0.1)
            await world.broker_api.delete(EXPORTED_SERVICES, f"shop.{name}", namespace="mcs-member-mars")
            await asyncio.sleep(0.1)

        assert kept(world) == 5
        await world.imported("shop", "web", EAST)


async def test_what_comes_back_under_its_name_or_is_let_go_makes_room_again() -> None:
    async with Clusterset("east", "west", limits=Limits(services=2)) as world:
        await east_exports(world)
        names = ["a", "b"]
        for name in names:
            await world.publish("mars", EXPORTED_SERVICES, f"shop.{name}", **record(name))
        await asyncio.sleep(1)
        for name in names:
            await world.broker_api.delete(EXPORTED_SERVICES, f"shop.{name}", namespace="mcs-member-mars")
        await asyncio.sleep(1)
        assert kept(world) == 2

        for name in names:
            await world.publish("mars", EXPORTED_SERVICES, f"shop.{name}", **record(name))
        await asyncio.sleep(1)
        assert kept(world) == 0

        await world.publish("mars", EXPORTED_SERVICES, "shop.c", **record("c"))
        await asyncio.sleep(1)
        assert left_out(world) == 1
        said = {"spec": {"withdrawn": True}}
        await world.broker_api.patch(EXPORTED_SERVICES, "shop.a", said, namespace="mcs-member-mars")
        await world.broker_api.delete(EXPORTED_SERVICES, "shop.a", namespace="mcs-member-mars")

        async def c_is_in() -> bool:
            return await world["west"].import_of("shop", "c") is not None

        await world.until(c_is_in)
