"""Who is a member, who is alive, and what a member may do."""

import asyncio
from collections.abc import Collection
from itertools import product

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from tests.controllers.releasing import release_member
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import IMPORTS, member_cluster

pytestmark = pytest.mark.looptime


async def has(world: Clusterset, name: str, addresses: set[str]) -> bool:
    return await world[name].addresses_of("shop", "web") == addresses


async def exporters(world: Clusterset, name: str) -> list[str]:
    imported = await world[name].import_of("shop", "web")
    assert imported is not None
    return [one["cluster"] for one in imported["status"]["clusters"]]


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-04", "MCS-LIFE-05")
async def test_a_dead_members_endpoints_are_withdrawn_and_nothing_else_and_come_back_with_it() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        before = await world["north"].import_of("shop", "web")
        await world["east"].kill()

        await world.until(lambda: has(world, "north", WEST), within_seconds=90)

        after = await world["north"].import_of("shop", "web")
        assert before is not None
        assert after is not None
        assert after["spec"] == before["spec"]
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert await exporters(world, "north") == ["east", "west"]
        (ready,) = after["status"]["conditions"]
        assert "no heartbeat from cluster east" in ready["message"]

        world["east"].start()
        await world.imported("shop", "web", EAST | WEST, within_seconds=15)
        assert await world["north"].import_of("shop", "web") is not None


@pytest.mark.requirement("MCS-LIFE-03")
async def test_a_dead_members_endpoints_are_withdrawn_though_the_broker_takes_its_time() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        world.broker.faults.delay(4.0, verbs=("get", "list", "patch"))
        await world["east"].kill()

        await world.until(lambda: has(world, "north", WEST), within_seconds=200)


@pytest.mark.requirement("MCS-LIFE-05", "MCS-CON-06")
async def test_a_dead_member_keeps_its_precedence() -> None:
    async with Clusterset("east", "west", "north") as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web", ports=[{"name": "http", "port": 80}])
        await world.settle()
        await world["west"].deploy("shop", "web", ports=[{"name": "http", "port": 81}])
        await world["east"].kill()

        await world.until(lambda: has(world, "north", WEST), within_seconds=90)

        imported = await world["north"].import_of("shop", "web")
        assert imported is not None
        assert imported["spec"]["ports"][0]["port"] == 80
        assert (await world["west"].conditions("shop", "web"))["Conflict"] == ("True", "PortConflict")


@pytest.mark.requirement("MCS-LIFE-05")
async def test_with_the_policy_keep_a_dead_members_endpoints_stay() -> None:
    async with Clusterset(dead_member_policy="keep") as world:
        await world.exported_by("east", "west")
        await world["east"].kill()

        await world.always(lambda: has(world, "north", EAST | WEST), for_seconds=300)


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-08")
async def test_a_restart_does_not_bring_a_dead_members_endpoints_back() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        await world["east"].kill()
        await world.until(lambda: has(world, "north", WEST), within_seconds=90)
        before = await world.settled()

        process = await world["north"].restart()

        await world.always(lambda: has(world, "north", WEST), for_seconds=120)
        assert process.wire.writes == []
        assert await world.contents() == before
        world["east"].start()
        await world.imported("shop", "web", EAST | WEST, within_seconds=15)


@pytest.mark.requirement("MCS-LIFE-03")
async def test_a_restart_holds_no_endpoints_of_living_members_back() -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["north"].restart()
        await world["north"].ready()

        await world["east"].deploy("shop", "web")

        await world.imported("shop", "web", EAST, within_seconds=1)


@pytest.mark.requirement("MCS-LIFE-03")
async def test_clocks_that_are_hours_apart_make_nobody_dead_and_change_no_winner() -> None:
    skews = {"east": 7200.0, "west": -7200.0}
    async with Clusterset("east", "west", "north", skew_seconds=skews) as world:
        await world.exported_by("east", "west")
        before = await world.settled()

        await asyncio.sleep(300)

        assert await world.contents() == before


@pytest.mark.requirement("MCS-NS-05", "MCS-NS-06")
async def test_a_cluster_id_that_another_cluster_has_ends_the_agent() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        async with Clusterset("east", seed=2, start=False) as twin:
            twin["east"].broker = world.broker
            agent = twin["east"].start()

            with pytest.raises(ExceptionGroup) as caught:
                await asyncio.wait_for(agent.task, 60)

            assert caught.group_contains(ClusterIdTaken, match="belongs to another cluster")
            twin["east"].process = None
        before = await world.settled()
        assert set(before["broker"]) == set(await world.records())
        await world.imported("shop", "web", EAST | WEST)


@pytest.mark.requirement("MCS-NS-05")
async def test_a_rebuilt_cluster_takes_its_id_over_once_the_administrator_has_freed_it() -> None:
    async with Clusterset("east", "west") as world:
        await world["east"].kill()
        await world.broker_api.patch(
            MEMBER_CLUSTERS,
            "east",
            {"status": {"clusterUID": "another"}},
            namespace="mcs-member-east",
            subresource="status",
        )
        agent = world["east"].start()
        with pytest.raises(ExceptionGroup):
            await asyncio.wait_for(agent.task, 60)
        world["east"].process = None

        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await world.broker_api.create(MEMBER_CLUSTERS, member_cluster("east"))
        world["east"].start()
        await world["east"].ready()


@pytest.mark.requirement("MCS-NS-04")
async def test_without_a_member_cluster_the_agent_waits_and_says_whose_turn_it_is() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["west"].kill()
        await world.broker_api.delete(MEMBER_CLUSTERS, "west", namespace="mcs-member-west")
        await world["west"].deploy("shop", "web")
        agent = world["west"].start()
        await world.settle()

        problem = agent.agent.problems()["membership"]
        assert "no MemberCluster west" in problem
        assert "administrator" in problem
        assert (await world["west"].conditions("shop", "web"))["Ready"] == ("False", "Pending")
        export = await world["west"].export_of("shop", "web")
        assert export is not None
        assert problem in [one["message"] for one in export["status"]["conditions"]]

        await world.broker_api.create(MEMBER_CLUSTERS, member_cluster("west"))
        await world["west"].ready()
        await world.imported("shop", "web", WEST)


@pytest.mark.requirement("MCS-NS-04")
async def test_every_member_shares_with_every_other_and_nobody_with_who_is_none() -> None:
    """Symmetric and transitive, as members come and go: it is one set, and not a matter between two."""
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["north"].kill()
        await world.broker_api.delete(MEMBER_CLUSTERS, "north", namespace="mcs-member-north")
        for cluster in world:
            await cluster.deploy("shop", f"of-{cluster.name}")
        world["north"].start()
        await world.until(lambda: shared_among(world, "east", "west"))
        await world.settle()
        assert await shared_among(world, "east", "west")

        await world.broker_api.create(MEMBER_CLUSTERS, member_cluster("north"))
        await world.until(lambda: shared_among(world, "east", "west", "north"))

        await world["west"].kill()
        await world.broker_api.delete(MEMBER_CLUSTERS, "west", namespace="mcs-member-west")
        await world.until(lambda: shared_among(world, "east", "north", besides=("west",)), within_seconds=90)


async def shared_among(world: Clusterset, *members: str, besides: Collection[str] = ()) -> bool:
    """Whether each of these imports what each of them exports, and no cluster but `besides` anything else."""
    pairs = {
        (exporter.name, importer.name)
        for exporter in world
        for importer in world
        if importer.name not in besides
        and await importer.addresses_of("shop", f"of-{exporter.name}", exporter.name)
    }
    return pairs == set(product(members, repeat=2))


@pytest.mark.requirement("MCS-LIFE-06")
async def test_a_member_that_leaves_is_withdrawn_by_the_others() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        await world["east"].kill()

        await world.broker_api.delete(NAMESPACES, "mcs-member-east")

        # It may have been deleted to be made again: it has to stay away for a minute.
        await world.always(lambda: has(world, "north", EAST | WEST), for_seconds=55)
        await world.until(lambda: has(world, "north", WEST), within_seconds=30)
        assert await exporters(world, "north") == ["west"]


@pytest.mark.requirement("MCS-LIFE-06")
async def test_a_member_whose_record_is_deleted_is_withdrawn_until_it_is_admitted_again() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")

        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await world.until(lambda: has(world, "north", WEST), within_seconds=90)

        await world.broker_api.create(MEMBER_CLUSTERS, member_cluster("east"))
        await world.imported("shop", "web", EAST | WEST)


@pytest.mark.requirement("MCS-LIFE-06")
async def test_when_all_records_of_members_are_deleted_at_once_nothing_is_withdrawn() -> None:
    """Also by agents that have run for long, and read the empty list before they know that they are out."""
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        await asyncio.sleep(700)
        for name in ("east", "west", "north"):
            await world.broker_api.delete(MEMBER_CLUSTERS, name, namespace=f"mcs-member-{name}")
        await world.always(lambda: has(world, "north", EAST | WEST), for_seconds=900)

        for name in ("east", "west", "north"):
            await world.broker_api.create(MEMBER_CLUSTERS, member_cluster(name))
        await world.always(lambda: has(world, "north", EAST | WEST), for_seconds=900)


@pytest.mark.requirement("MCS-LIFE-06")
async def test_a_member_that_may_go_by_its_annotation_is_withdrawn_as_soon_as_its_record_is_deleted() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        await world.settle()
        await world["east"].kill()

        await release_member(world, "east")
        await asyncio.sleep(15)
        await world.broker_api.delete(NAMESPACES, "mcs-member-east")

        await world.until(lambda: has(world, "north", WEST), within_seconds=15)


@pytest.mark.requirement("MCS-LIFE-06")
@pytest.mark.parametrize("restarted", [False, True], ids=["", "importers restart"])
async def test_a_member_with_twenty_services_that_is_removed_is_no_mass_loss(restarted: bool) -> None:
    """However many imports that are: the fuse is for faults, and this is the administrator's word."""
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        for number in range(20):
            await world["east"].deploy("shop", f"web-{number}")
        await world.settle()
        assert len(await world["west"].all_of(IMPORTS)) == 20
        await world["east"].kill()
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        if restarted:
            await world["west"].restart()

        async def none_left() -> bool:
            return not await world["west"].all_of(IMPORTS)

        await world.until(none_left, within_seconds=630 if restarted else 90)


@pytest.mark.requirement("MCS-RBAC-06")
async def test_endpoints_outside_a_members_networks_are_dropped_everywhere() -> None:
    async with Clusterset(members={"east": {"podCIDRs": ["10.1.0.0/24"]}}) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web", "10.1.0.1", "192.0.2.1")

        await world.imported("shop", "web", {"10.1.0.1"})
        await world.settle()
        await world.imported("shop", "web", {"10.1.0.1"})

        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"podCIDRs": None}}, namespace="mcs-member-east"
        )
        await world.imported("shop", "web", {"10.1.0.1", "192.0.2.1"})


@pytest.mark.requirement("MCS-RBAC-06", "MCS-EXP-08", "MCS-NS-09")
async def test_an_export_from_a_namespace_that_the_member_may_not_use_goes_nowhere_and_says_so() -> None:
    async with Clusterset(members={"east": {"namespaces": ["shop"]}}) as world:
        for namespace in ("shop", "bank"):
            await world.everywhere(namespace)
            await world["east"].deploy(namespace, "web")

        await world.imported("shop", "web", EAST)
        await world.settle()

        for cluster in world:
            assert await cluster.import_of("bank", "web") is None
        assert (await world["east"].conditions("bank", "web"))["Ready"] == ("False", "Failed")

        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"namespaces": None}}, namespace="mcs-member-east"
        )
        await world.imported("bank", "web", EAST)


@pytest.mark.requirement("MCS-RBAC-06")
async def test_a_member_writes_in_its_own_namespace_of_the_broker_only() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        for cluster in world:
            paths = [one for one in cluster.agent.wire.writes if "broker.mcs-controller.io" in one]
            assert all(f"/namespaces/mcs-member-{cluster.name}/" in one for one in paths)


@pytest.mark.requirement("MCS-RBAC-06")
async def test_a_second_record_in_a_members_namespace_changes_nothing() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        before = await world.settled()
        stray = member_cluster("east")
        stray["metadata"]["name"] = "stray"
        stray["spec"] = {"namespaces": ["elsewhere"]}

        await world.broker_api.create(MEMBER_CLUSTERS, stray)

        assert await world.settled() == before
