"""Two services of one namespace whose derived Services have one name: a member can search for such a name."""

import pytest

from mcs_controller.api.resources import EXPORTED_ENDPOINT_SLICES, EXPORTED_SERVICES, SERVICES
from mcs_controller.clusterset.services import naming
from tests.controllers.mars import record, slice_
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime


async def derived(cluster: Cluster) -> list[Object]:
    found = await cluster.all_of(SERVICES, "shop")
    return [one for one in found if one["metadata"]["name"].startswith("derived-")]


async def test_a_name_that_collides_takes_no_service_and_no_traffic_of_the_import_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = naming._hash
    monkeypatch.setattr(naming, "_hash", lambda text: honest("shop/web" if text == "shop/evil" else text))
    async with Clusterset("east", "west", dead_member_policy="keep") as world:
        west = world["west"]
        await world.admit("mars")
        await world.exported_by("east")
        before = await derived(west)
        assert len(before) == 1
        ports = [{"name": "evil", "port": 666, "protocol": "TCP"}]
        await world.publish("mars", EXPORTED_SERVICES, "shop.evil", **record("evil", ports=ports))
        await world.publish("mars", EXPORTED_ENDPOINT_SLICES, "shop.evil-x", **slice_("evil"))
        await world.settle()
        assert await derived(west) == before
        assert await west.import_of("shop", "evil") is None
        assert not await west.addresses_of("shop", "evil")

        await world.broker_api.delete(EXPORTED_SERVICES, "shop.evil", namespace="mcs-member-mars")
        await world.settle()
        assert await derived(west) == before
        await world.imported("shop", "web", EAST)
