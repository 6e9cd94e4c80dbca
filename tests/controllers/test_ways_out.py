"""No state without a way out: the rest of the table in docs/reliability.md."""

import asyncio

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES, NAMESPACES, SERVICES
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.naming import derived_service_name
from tests.controllers.releasing import release_member
from tests.controllers.test_fuse import ALLOW, exported, held, names
from tests.support.clusterset import Clusterset
from tests.support.objects import IMPORTS, service_body

pytestmark = pytest.mark.looptime


async def unaccounted(world: Clusterset) -> None:
    """East is dead and its records are lost; west was started after that, and cannot know what is gone."""
    await exported(world, 3)
    west = world["west"]
    await world["east"].kill()
    await west.kill()
    for one in (await world.broker_api.list(EXPORTED_SERVICES)).items:
        name = one["metadata"]["name"]
        await world.broker_api.delete(EXPORTED_SERVICES, name, namespace="mcs-member-east")
    west.start()
    await asyncio.sleep(300)
    assert await held(west) == await names(west) == {"east-0", "east-1", "east-2"}


@pytest.mark.requirement("MCS-LIFE-07")
async def test_what_is_not_known_to_be_gone_after_a_start_goes_when_it_is_released() -> None:
    async with Clusterset("east", "west") as world:
        await unaccounted(world)
        west = world["west"]
        await west.edit(IMPORTS, "shop", "east-0", ALLOW)
        await world.settle()
        assert await names(west) == {"east-1", "east-2"}
        await release_member(world, "east")
        await world.settle()
        assert await names(west) == set()


@pytest.mark.requirement("MCS-LIFE-07")
async def test_what_is_not_known_to_be_gone_after_a_start_goes_with_its_members_word_or_its_removal() -> None:
    async with Clusterset("east", "west") as world:
        await unaccounted(world)
        for number in range(3):
            await world["east"].unexport("shop", f"east-{number}")
        world["east"].start()
        await asyncio.sleep(120)
        assert await names(world["west"]) == set()

    async with Clusterset("east", "west") as world:
        await unaccounted(world)
        await world.broker_api.delete(NAMESPACES, "mcs-member-east")
        await asyncio.sleep(120)
        assert await names(world["west"]) == set()


async def test_an_import_waits_for_a_service_that_has_the_name_of_its_own_and_goes_on_without_it() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        west, name = world["west"], derived_service_name(ServiceKey("shop", "web"))
        await west.api.create(SERVICES, service_body(name, "shop"))
        await world["east"].deploy("shop", "web")
        await world.settle()
        ready = (await west.import_conditions("shop", "web"))["Ready"]
        assert ready == ("False", "Pending")

        await west.api.delete(SERVICES, name, namespace="shop")
        await asyncio.sleep(120)
        ready = (await west.import_conditions("shop", "web"))["Ready"]
        assert ready == ("True", "Ready")
