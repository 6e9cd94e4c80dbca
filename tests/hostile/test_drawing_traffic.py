"""What a member can do to get more of the traffic than its share, where clients prefer near endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, MEMBER_CLUSTERS
from tests.controllers.mars import HTTP, record, slice_
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import EXPORTS, Object

pytestmark = pytest.mark.looptime

NEAR_FIRST = {"spec": {"exportedAnnotations": {"mcs-controller.io/locality": "cluster"}}}
MARS = {"10.9.0.1"}
GOES_BACK_WITHIN_SECONDS = 60.0
OF_ITS_OWN = {**HTTP, "name": "of-its-own", "port": 81}


async def east_prefers_its_own(world: Clusterset) -> None:
    await world.admit("mars")
    await world.exported_by("east")
    await world["east"].edit(EXPORTS, "shop", "web", NEAR_FIRST)


async def mars_offers(world: Clusterset, *ports: Object, **spec: Any) -> None:
    """As the younger export, which decides nothing; written anew if it is there."""
    for kind, name, content in (
        (EXPORTED_SERVICES, "shop.web", record(exportedAt="2027-01-01T00:00:00Z", ports=list(ports))),
        (EXPORTED_ENDPOINT_SLICES, "shop.web-x", {**slice_(ports=list(ports)), **spec}),
    ):
        await world.publish("mars", kind, name, **content)


async def uses(world: Clusterset, addresses: set[str]) -> None:
    async def does() -> bool:
        return await world["east"].ready_addresses_of("shop", "web") == addresses

    await world.until(does, within_seconds=GOES_BACK_WITHIN_SECONDS)


async def test_a_far_member_takes_no_traffic_that_near_endpoints_can_serve() -> None:
    async with Clusterset("east", "west") as world:
        await east_prefers_its_own(world)
        await mars_offers(world, HTTP)
        await uses(world, EAST)
        await world.settle()
        await uses(world, EAST)


async def test_with_a_port_of_its_own_it_takes_its_share_until_somebody_owns_the_name() -> None:
    async with Clusterset("east", "west") as world:
        await east_prefers_its_own(world)
        await mars_offers(world, HTTP, OF_ITS_OWN)
        await uses(world, EAST | MARS)
        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"owns": ["shop/web"]}}, namespace="mcs-member-east"
        )
        await uses(world, EAST)
