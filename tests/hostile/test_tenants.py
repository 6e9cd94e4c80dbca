"""Users of one namespace, who may write Services and ServiceExports there, against the policies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW
from mcs_controller.api.resources import EXPORT_POLICIES, EXPORTED_SERVICES
from mcs_controller.kube.clock import rfc3339
from tests.controllers.policing import label, label_service, metric, policy, with_policies
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

NO_DATABASES = policy("no-databases", "Forbid", serviceSelector={"matchLabels": {"tier": "db"}})
TENANTS = policy("tenants", namespaceSelector={"matchLabels": {"clusterset": "yes"}})
MANY = [f"db-{number}" for number in range(4)]


async def exported(world: Clusterset) -> set[str]:
    held = (await world.broker_api.list(EXPORTED_SERVICES)).items
    return {one["metadata"]["name"].partition(".")[2] for one in held}


async def exports_only(world: Clusterset, names: Iterable[str]) -> None:
    async def does() -> bool:
        return await exported(world) == set(names)

    await world.until(does)


async def test_labels_of_a_service_are_its_users_and_those_of_a_namespace_are_not() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await with_policies(east, NO_DATABASES, TENANTS)
        await world.everywhere("shop")
        await east.deploy("shop", "db")
        await label_service(east, "shop", "db", tier="db", clusterset="yes")
        await world.settle()
        assert await exported(world) == set()
        await label_service(east, "shop", "db", tier=None)
        await world.settle()
        assert await exported(world) == set()
        await label(east, "shop", clusterset="yes")
        await exports_only(world, ["db"])


async def test_what_one_user_holds_up_with_many_exports_goes_on_until_it_is_confirmed() -> None:
    async with Clusterset("east", "west", fuse_minimum=3) as world:
        east = world["east"]
        await with_policies(east, NO_DATABASES)
        await world.everywhere("shop")
        for name in (*MANY, "web"):
            await east.deploy("shop", name)
        await exports_only(world, [*MANY, "web"])

        await asyncio.gather(*(label_service(east, "shop", name, tier="db") for name in MANY))
        await world.settle()
        assert await exported(world) == {*MANY, "web"}
        assert metric(east, "held") == 1

        # Nothing new goes out meanwhile, and a confirmation ends them.
        await east.deploy("shop", "db-new")
        await label_service(east, "shop", "db-new", tier="db")
        until = rfc3339(east.clock.now() + timedelta(hours=1))
        await east.edit(
            EXPORT_POLICIES, "", "no-databases", {"metadata": {"annotations": {ANNOTATION_WITHDRAW: until}}}
        )
        await exports_only(world, ["web"])
        assert metric(east, "held") == 0
