"""A broker that lies: what every member takes from it, and what no broker can make a member do.

Whoever has the broker can say anything in any member's name, its networks and limits included; so little
bounds it, and docs/security.md says so. What does bound it is decided in each cluster.
"""

import pytest

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    NAMESPACES,
    SERVICES,
)
from tests.controllers.mars import record, slice_
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import IMPORTS, namespace_body

pytestmark = pytest.mark.looptime

ADDRESSES_OF_NOBODY = ("127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1")
HERE = ("default", "kube-system")


async def test_it_can_invent_a_member_that_takes_part_in_a_service() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world.admit("ghost")
        await world.publish("ghost", EXPORTED_SERVICES, "shop.web", **record())
        await world.publish("ghost", EXPORTED_ENDPOINT_SLICES, "shop.web-x", **slice_())

        await world.imported("shop", "web", EAST | {"10.9.0.1"})


async def test_it_cannot_bring_addresses_of_the_node_services_of_reserved_namespaces_or_new_namespaces() -> (
    None
):
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world.admit("ghost")
        for number, address in enumerate(ADDRESSES_OF_NOBODY):
            spec = slice_(sliceName=f"web-{number}", endpoints=[{"addresses": [address]}])
            await world.publish("ghost", EXPORTED_ENDPOINT_SLICES, f"shop.web-{number}", **spec)
        await world.publish("ghost", EXPORTED_SERVICES, "shop.web", **record())
        for namespace in (*HERE, "not-here"):
            there = {"serviceNamespace": namespace}
            await world.publish("ghost", EXPORTED_SERVICES, f"{namespace}.dns", **record("dns") | there)
            await world.publish(
                "ghost", EXPORTED_ENDPOINT_SLICES, f"{namespace}.dns-x", **slice_("dns") | there
            )
        await world.settle()

        for cluster in world:
            assert await cluster.addresses_of("shop", "web") == EAST
            assert {one["metadata"]["namespace"] for one in await cluster.all_of(IMPORTS)} == {"shop"}
            assert await cluster.held(NAMESPACES, "", "not-here") is None
            for namespace in HERE:
                found = await cluster.all_of(SERVICES, namespace)
                assert not any(one["metadata"]["name"].startswith("derived-") for one in found)


async def test_what_it_says_of_a_clusters_own_export_changes_nothing_in_that_cluster() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await world.settle()
        east = world["east"]
        before = await east.import_of("shop", "web")
        world.broker.faults.fail(500, verbs=["create", "update", "patch", "delete"], users=["member-east"])
        name = next(one for one in await world.records() if one.startswith("ExportedEndpointSlice"))
        lie = {"spec": {"endpoints": [{"addresses": ["10.9.0.66"]}]}}
        await world.broker_api.patch(
            EXPORTED_ENDPOINT_SLICES, name.rpartition("/")[2], lie, namespace="mcs-member-east"
        )
        other = {"spec": {"ports": [{"name": "evil", "port": 6, "protocol": "TCP"}]}}
        await world.broker_api.patch(EXPORTED_SERVICES, "shop.web", other, namespace="mcs-member-east")
        await world.settle()

        now = await east.import_of("shop", "web")
        assert before is not None
        assert now is not None
        assert (now["metadata"]["uid"], now["spec"]) == (before["metadata"]["uid"], before["spec"])
        assert await east.addresses_of("shop", "web") == EAST
        assert await world["west"].addresses_of("shop", "web") == {"10.9.0.66"}, "others believe it"


async def test_it_cannot_make_a_member_touch_what_is_not_the_members() -> None:
    """Users' Services, imports and slices of the very names that the broker lets a member export."""
    async with Clusterset("east", "west") as world:
        west = world["west"]
        await world.everywhere("shop")
        await west.service("shop", "web")
        await west.service("shop", "derived-web")
        await west.api.create(NAMESPACES, namespace_body("bank"))
        before = [await west.held(SERVICES, "shop", name) for name in ("web", "derived-web")]
        await world.admit("ghost")
        for name in ("web", "derived-web"):
            await world.publish("ghost", EXPORTED_SERVICES, f"shop.{name}", **record(name))
            await world.publish("ghost", EXPORTED_ENDPOINT_SLICES, f"shop.{name}-x", **slice_(name))
        await world.imported("shop", "derived-web", {"10.9.0.1"})
        await world.settle()

        assert [await west.held(SERVICES, "shop", name) for name in ("web", "derived-web")] == before
