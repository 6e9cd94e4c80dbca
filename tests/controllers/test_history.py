"""A broker whose history broke: restored, wiped, or with kinds and namespaces deleted and made again."""

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES
from tests.controllers.clusterset import Clusterset

pytestmark = pytest.mark.looptime


@pytest.mark.requirement("MCS-LIFE-07")
async def test_an_own_slice_that_was_edited_behind_a_deaf_watch_is_read_and_put_right() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()
        stalled = world.broker.faults.stall_watches(users=["member-east"])
        await world.broker_api.patch(
            EXPORTED_ENDPOINT_SLICES,
            "shop.web-abc",
            {"spec": {"endpoints": []}},
            namespace="mcs-member-east",
        )

        await world["east"].endpoints("shop", "web", "10.1.0.9")

        async def follows() -> bool:
            return await world["west"].addresses_of("shop", "web") == {"10.1.0.9"}

        await world.until(follows, within_seconds=1)
        stalled.lift()
