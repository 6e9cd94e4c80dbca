"""Clients get near endpoints while there are enough: their own cluster's, then those of their region."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.cli.explaining.manifests import Manifest, changes_of
from mcs_controller.clusterset.explain.changes import Change
from mcs_controller.clusterset.explain.what_if import what_if
from mcs_controller.clusterset.model import Member
from mcs_controller.simcluster.storage.versions import Bucket, Event
from tests.clusterset.builders import record, source_slice
from tests.controllers.explaining import explained, finding, picture, problems, taking_traffic
from tests.controllers.importing import slice_name, west
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, MEMBERS, NORTH, WEST, Clusterset
from tests.support.objects import EXPORTS, Object, member_cluster
from tests.support.reading import ready_addresses

pytestmark = pytest.mark.looptime

LOCALITY = "mcs-controller.io/Locality"
ASKED = "mcs-controller.io/locality"
RETURN_SECONDS = 30.0
REGIONS: Any = {
    "east": {"location": {"region": "eu"}},
    "west": {"location": {"region": "us"}},
    "north": {"location": {"region": "eu"}},
}


async def ready(world: Clusterset, name: str) -> set[str]:
    return await world[name].ready_addresses_of("shop", "web")


async def uses(world: Clusterset, name: str, addresses: set[str]) -> None:
    async def does() -> bool:
        return await ready(world, name) == addresses

    await world.until(does, within_seconds=RETURN_SECONDS + 20, what=lambda: f"in {name}")


async def said(world: Clusterset, name: str) -> tuple[str, str] | None:
    return (await world[name].import_conditions("shop", "web")).get(LOCALITY)


async def asks(cluster: Cluster, scope: str, **more: str) -> None:
    annotations = {ASKED: scope, **{f"{ASKED}-{key.replace('_', '-')}": value for key, value in more.items()}}
    await cluster.edit(EXPORTS, "shop", "web", {"spec": {"exportedAnnotations": annotations}})


async def readiness(cluster: Cluster, *, is_ready: bool, addresses: tuple[str, ...] = ()) -> None:
    conditions = {"ready": is_ready, "serving": is_ready, "terminating": False}
    await cluster.endpoints("shop", "web", *(addresses or cluster.addresses()), conditions=conditions)


async def test_each_cluster_uses_its_own_endpoints_fails_over_and_goes_back() -> None:
    async with Clusterset() as world:
        await world.exported_by("east", "west")
        for cluster in ("east", "west"):
            await asks(world[cluster], "cluster")

        await uses(world, "east", EAST)
        await uses(world, "west", WEST)
        # It has no endpoints of its own, and both others are equally far.
        await uses(world, "north", EAST | WEST)
        assert await said(world, "east") == ("True", "Near")
        assert await said(world, "north") == ("True", "Near")
        # What is left out is still there.
        assert await world["east"].addresses_of("shop", "web") == EAST | WEST

        await readiness(world["east"], is_ready=False)
        await uses(world, "east", WEST)
        await uses(world, "west", WEST)
        await world.settle()
        assert await said(world, "east") == ("False", "FailedOver")
        assert await said(world, "west") == ("True", "Near")

        await readiness(world["east"], is_ready=True)

        async def uses_both() -> bool:
            return await ready(world, "east") == EAST | WEST

        await world.until(uses_both)
        await world.always(uses_both, for_seconds=RETURN_SECONDS - 5)
        await uses(world, "east", EAST)
        await world.settle()
        assert await said(world, "east") == ("True", "Near")
        told = [event[2:] for event in world["east"].agent.told.events if event[0] == "ServiceImport"]
        assert told == [("Warning", "FailedOver"), ("Normal", "Near")]
        registry = world["east"].agent.registry
        assert registry.get_sample_value("mcs_locality_failovers_total") == 1
        assert registry.get_sample_value("mcs_imports_by_locality", {"state": "near"}) == 1


async def test_no_moment_is_without_endpoints_at_a_failover() -> None:
    async with Clusterset("east", "west", locality="cluster") as world:
        await world.exported_by("east", "west")
        await uses(world, "east", EAST)
        slices = {one["metadata"]["name"]: one for one in await world["east"].slices_of("shop", "web")}
        seen = [ready_addresses(slices.values())]

        def look(bucket: Bucket, event: Event) -> None:
            if event.after is not None and event.after.object["metadata"]["name"] in slices:
                slices[event.after.object["metadata"]["name"]] = event.after.object
                seen.append(ready_addresses(slices.values()))

        world["east"].sim._storage.subscribe_all(look)
        await readiness(world["east"], is_ready=False)
        await uses(world, "east", WEST)
        assert seen == [EAST, EAST | WEST, WEST]


async def test_enough_is_what_the_export_says() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        for cluster in ("east", "west"):
            await asks(world[cluster], "cluster", min_ready="2")
        await uses(world, "east", EAST)
        one = next(iter(sorted(EAST)))
        await world["east"].endpoints("shop", "web", one)
        await uses(world, "east", {one} | WEST)


async def test_clusters_of_one_region_come_before_the_rest_and_follow_the_administrator() -> None:
    async with Clusterset(members=REGIONS, locality="region") as world:
        await world.exported_by(*world.names)
        await uses(world, "east", EAST | NORTH)
        await uses(world, "west", WEST)
        await readiness(world["north"], is_ready=False)
        await readiness(world["east"], is_ready=False)
        await uses(world, "east", WEST)
        await readiness(world["north"], is_ready=True)
        await uses(world, "east", NORTH)

        await world.broker_api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"location": {"region": "us"}}}, namespace="mcs-member-east"
        )
        await uses(world, "east", WEST)


async def test_a_dead_member_nearby_is_failed_over() -> None:
    async with Clusterset(members=REGIONS, locality="region") as world:
        await world.exported_by("north", "west")
        await uses(world, "east", NORTH)
        await world["north"].kill()

        async def uses_west() -> bool:
            return await ready(world, "east") == WEST

        await world.until(uses_west, within_seconds=150)
        assert await said(world, "east") == ("False", "FailedOver")


async def test_a_restart_without_the_broker_fails_over_to_what_lies_here() -> None:
    async with Clusterset("east", "west", locality="cluster") as world:
        await world.exported_by("east", "west")
        await uses(world, "east", EAST)
        await world["east"].kill()
        world.broker.faults.refuse_connections()
        world["east"].start()
        await readiness(world["east"], is_ready=False)
        await uses(world, "east", WEST)
        await readiness(world["east"], is_ready=True)
        # Nothing is left out again before all exports are known.
        await uses(world, "east", EAST | WEST)
        await world.settle()
        assert await ready(world, "east") == EAST | WEST


async def test_a_restart_goes_on_as_it_was() -> None:
    async with Clusterset("east", "west", locality="cluster") as world:
        await world.exported_by("east", "west")
        await uses(world, "east", EAST)
        await world.settle()
        await world["east"].restart()
        await world["east"].ready()
        await world.settle()
        assert not [one for one in world["east"].agent.wire.writes if "endpointslices" in one]


@pytest.mark.parametrize("how", ["annotation", "option", "never"])
async def test_all_endpoints_are_used_again_when_nothing_is_preferred_any_more(how: str) -> None:
    async with Clusterset("east", "west", locality="cluster" if how == "option" else "none") as world:
        await world.exported_by("east", "west")
        if how != "option":
            for cluster in ("east", "west"):
                await asks(world[cluster], "cluster")
        await uses(world, "east", EAST)
        if how == "annotation":
            for cluster in ("east", "west"):
                await asks(world[cluster], "none")
        else:
            await world["east"].restart(locality="none" if how == "option" else "never")
        await uses(world, "east", EAST | WEST)
        await world.settle()
        assert await said(world, "east") == ("False", "NotPreferred")
        assert (
            world["east"].agent.registry.get_sample_value("mcs_imports_by_locality", {"state": "near"}) == 0
        )


async def test_where_nothing_is_preferred_nothing_is_said_and_readiness_is_as_exported() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        # As an endpoint that is left out looks, but this is what its own cluster says.
        odd = {"ready": False, "serving": True, "terminating": False}
        await world["west"].endpoints("shop", "web", *WEST, conditions=odd)
        await uses(world, "east", EAST)
        await readiness(world["east"], is_ready=False)
        await uses(world, "east", set())
        assert await said(world, "east") is None


async def test_an_endpoint_that_only_looks_left_out_is_never_brought_in() -> None:
    async with Clusterset("east", "west", locality="cluster") as world:
        await world.exported_by("east", "west")
        odd = {"ready": False, "serving": True, "terminating": False}
        await world["west"].endpoints("shop", "web", *WEST, conditions=odd)
        await readiness(world["east"], is_ready=False)
        await uses(world, "east", set())
        await world["east"].kill()
        world.broker.faults.refuse_connections()
        world["east"].start()
        await world.settle()
        assert await ready(world, "east") == set()


async def test_explain_says_what_is_left_out_and_that_traffic_failed_over() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        for cluster in ("east", "west"):
            await asks(world[cluster], "cluster")
        await uses(world, "east", EAST)
        await world.settle()
        seen = await explained(world, "east")
        assert problems(seen) == []
        assert taking_traffic(seen) == EAST
        assert seen.verdict.text == "shop/web works in east: 2 endpoints of east take traffic"
        left_out = finding(seen, "25")
        assert (left_out.severity, left_out.cluster) == ("note", "west")
        assert left_out.why.startswith("clients here get the endpoints of east; those of west are left out")
        assert {use.why for one in seen.exporters for use in one.endpoints} == {"", "farther"}

        # Without the near endpoints all are brought in, and that is foretold.
        gone = Change("ServiceExport", "web", deleted=True)
        foretold = what_if(await picture(world, "east"), [gone])
        assert taking_traffic(foretold.before) == EAST
        assert taking_traffic(foretold.after) == WEST
        assert [one.id for one in foretold.ended] == ["MCS-WHY-25"]

        await readiness(world["east"], is_ready=False)
        await uses(world, "east", WEST)
        await world.settle()
        seen = await explained(world, "east")
        assert problems(seen) == ["21", "26"]
        assert taking_traffic(seen) == WEST
        assert "not enough endpoints of east are ready (it takes 1)" in finding(seen, "26").why


async def test_what_changes_when_a_member_lies_elsewhere_is_foretold() -> None:
    async with Clusterset(members=REGIONS) as world:
        await world.exported_by("east", "west")
        for cluster in ("east", "west"):
            await asks(world[cluster], "region")
        await uses(world, "north", EAST)
        moved = {"location": {"region": "us"}}
        before = await picture(world, "north")
        foretold = what_if(before, changes_of([Manifest(member_cluster("north", moved), False)], before))
        assert taking_traffic(foretold.before) == EAST
        assert taking_traffic(foretold.after) == WEST
        assert {one.what: (one.before, one.after) for one in foretold.effects} == {
            "left out for nearer ones": ("west", "east")
        }
        assert foretold.assumed == ()

        await world.broker_api.patch(MEMBER_CLUSTERS, "north", {"spec": moved}, namespace="mcs-member-north")
        await uses(world, "north", WEST)
        await world.settle()
        seen = await explained(world, "north")
        assert taking_traffic(seen) == WEST
        assert finding(seen, "25").why == next(
            one.why for one in foretold.after.findings if one.id == "MCS-WHY-25"
        )


async def test_where_the_agent_s_own_option_prefers_it_is_said_that_it_is_not_foretold() -> None:
    async with Clusterset(members=REGIONS, locality="region") as world:
        await world.exported_by("east", "west")
        await uses(world, "north", EAST)
        moved = member_cluster("north", {"location": {"region": "us"}})
        before = await picture(world, "north")
        foretold = what_if(before, changes_of([Manifest(moved, False)], before))
        assert foretold.effects == ()
        assert "--locality of the agents of north" in foretold.assumed[0]


async def test_explain_names_an_annotation_that_nobody_knows() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east")
        await asks(world["east"], "planet")
        await world.settle()
        seen = await explained(world, "west")
        assert problems(seen) == ["27"]
        assert "mcs-controller.io/locality='planet'" in finding(seen, "27").why
        assert taking_traffic(seen) == EAST


async def test_what_stays_as_it_lies_here_counts_as_it_lies_here() -> None:
    async with west() as one:
        eu = {"west", "north"}
        one.members.member = lambda name: Member(name, region="eu" if name in eu else "us")
        asked = ((ASKED, "region"),)
        one.records = [record("east", annotations=asked), record("north", 1, annotations=asked)]
        (up,) = source_slice().content.endpoints
        down = replace(up, ready=False, serving=False)
        one.sources = [source_slice("east"), source_slice("north", endpoints=(down,))]

        async def used() -> set[str]:
            await one.look()
            one.changed(conditions=one.statuses[-1].conditions)
            return {
                entry.value.source_cluster
                for entry in one.slices
                for endpoint in entry.value.content.endpoints
                if endpoint.ready
            }

        assert await used() == {"east"}
        # The broker was restored to a time when north's endpoint was ready; north has not spoken since.
        one.sources = [source_slice("east"), source_slice("north", endpoints=(up,))]
        one.unaccounted_slices = {slice_name("north")}
        assert await used() == {"east"}
        await asyncio.sleep(2 * RETURN_SECONDS)
        assert await used() == {"east"}

        one.unaccounted_slices = set()
        assert await used() == {"east", "north"}
        await asyncio.sleep(RETURN_SECONDS)
        assert await used() == {"north"}

        # A slice without a source stays, and takes over as soon as it must.
        one.sources = [source_slice("north", endpoints=(down,))]
        one.unaccounted_slices = {slice_name("east")}
        assert await used() == {"east"}


def nearest_of(cluster: str, ready_in: set[str]) -> set[str]:
    """The clusters whose endpoints a cluster must use, by REGIONS: its own, its region's, all."""
    for near in ({cluster}, {"east", "north"} if cluster != "west" else {"west"}):
        if near & ready_in:
            return near & ready_in
    return ready_in


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_comes_and_goes_clients_get_the_nearest_and_never_nothing(seed: int) -> None:
    random, ready_in = Random(seed), set(MEMBERS)
    async with Clusterset(members=REGIONS, locality="cluster", seed=seed) as world:
        await world.exported_by(*MEMBERS)
        watched = [Watched(cluster, await cluster.slices_of("shop", "web")) for cluster in world]
        for _ in range(12):
            name, before = random.choice(MEMBERS), set(ready_in)
            what = random.choice(["readiness", "readiness", "restart", "restart cut off"])
            if what == "readiness":
                ready_in ^= {name}
                await readiness(world[name], is_ready=name in ready_in)
            elif what == "restart":
                await world[name].restart()
            else:
                cut_off = world.broker.faults.refuse_connections(users=[f"member-{name}"])
                await world[name].restart()
                await asyncio.sleep(random.uniform(1.0, 20.0))
                cut_off.lift()
            await asyncio.sleep(random.choice([0.5, RETURN_SECONDS / 2, 2 * RETURN_SECONDS]))
            if before & ready_in:
                assert [one.cluster.name for one in watched if one.was_empty] == [], what
            await world.settle()
            for one in watched:
                one.was_empty = False
        await asyncio.sleep(2 * RETURN_SECONDS)
        for name in MEMBERS:
            expected = nearest_of(name, ready_in)
            assert await ready(world, name) == {
                address for one in expected for address in world[one].addresses()
            }


class Watched:
    """The imported slices of a cluster, at every write; whether none had a ready endpoint at a moment."""

    def __init__(self, cluster: Cluster, slices: list[Object]) -> None:
        self.cluster, self.was_empty = cluster, False
        self._slices = {one["metadata"]["name"]: one for one in slices}
        cluster.sim._storage.subscribe_all(self._wrote)

    def _wrote(self, bucket: Bucket, event: Event) -> None:
        if event.last.object["metadata"]["name"] not in self._slices:
            return
        if event.after is None:
            del self._slices[event.last.object["metadata"]["name"]]
        else:
            self._slices[event.after.object["metadata"]["name"]] = event.after.object
        self.was_empty |= not ready_addresses(self._slices.values())
