"""What a member's objects leave behind here counts for the member, whatever it writes in their place."""

from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES
from mcs_controller.clusterset.membership.limits import Limits
from tests.controllers.mars import record, slice_
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

LATER, EARLIER = "2026-06-01T00:00:00.000000Z", "2026-05-01T00:00:00.000000Z"
LIMIT = 25

IN_THEIR_PLACE: dict[str, dict[str, Any]] = {
    "older ones with one endpoint": {"changedAt": EARLIER, "endpoints": [{"addresses": ["10.9.99.1"]}]},
    "ones with too many endpoints": {
        "endpoints": [{"addresses": [f"10.9.99.{one}"]} for one in range(1, LIMIT + 2)]
    },
    "ones that cannot be read": {"sliceName": "another"},
}


@pytest.mark.parametrize("case", IN_THEIR_PLACE)
async def test_endpoints_that_are_retained_count_whatever_is_written_in_the_place_of_their_slices(
    case: str,
) -> None:
    async with Clusterset("east", "west", dead_member_policy="keep", limits=Limits(endpoints=LIMIT)) as world:
        await world.admit("mars")
        await world.everywhere("shop")
        await world.publish("mars", EXPORTED_SERVICES, "shop.web", **record())
        for number in range(4):
            name = f"web-{number}"
            first = slice_(
                sliceName=name,
                changedAt=LATER,
                endpoints=[{"addresses": [f"10.9.{number}.{one}"]} for one in range(1, 21)],
            )
            for spec in (first, first | IN_THEIR_PLACE[case]):
                await world.publish("mars", EXPORTED_ENDPOINT_SLICES, f"shop.{name}", **spec)
                await world.settle()
                if spec is first:
                    await world.broker_api.delete(
                        EXPORTED_ENDPOINT_SLICES, f"shop.{name}", namespace="mcs-member-mars"
                    )
                    await world.settle()
        assert 0 < len(await world["west"].addresses_of("shop", "web")) <= LIMIT
