"""One look at the members after the other: who is there, was removed, or may have something else."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.clusterset.membership.statement import statement
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from tests.controllers.looks import LOOK_SECONDS, North, north
from tests.controllers.releasing import annotated, in_seconds
from tests.support.clusterset import Clusterset
from tests.support.objects import Object, member_cluster

pytestmark = pytest.mark.looptime


async def test_nobody_is_looked_at_before_our_id_is_proven() -> None:
    async with Clusterset("east", "north", start=False) as world:
        one = North(world)
        one.silent.add("north")
        await one.look(2)
        assert (one.looked, one.members.observed) == (0, False)


async def test_a_member_that_goes_missing_is_removed_after_a_minute_of_looks_and_told_then() -> None:
    async with north() as one:
        await one.remove("east")
        await one.look(6)
        assert not one.members.removed("east")
        assert one.members.others() == {"east", "west"}
        assert one.members.member("east") is not None
        assert one.news() == []

        await one.look()

        assert one.members.removed("east")
        assert one.members.others() == {"west"}
        assert one.members.member("east") is None
        assert one.news() == ["east"]
        await one.look(3)
        assert one.members.removed("east"), "also later"
        assert one.news() == []


async def test_of_an_outage_of_the_broker_two_looks_at_most_count_towards_a_removal() -> None:
    async with north() as one:
        await one.remove("east")
        await one.look()

        await one.look(2, after_seconds=3600)
        assert not one.members.removed("east")

        await one.look(after_seconds=3600)
        assert one.members.removed("east")


async def test_a_list_without_ourselves_removes_nobody_however_often_it_is_read() -> None:
    async with north() as one:
        await one.remove("east", "north")
        await one.look(30)
        assert not one.members.removed("east")
        assert "east" in one.members.others()


async def test_a_list_without_ourselves_removes_nobody_however_long_the_members_were_read_before() -> None:
    async with north() as one:
        await one.look(65)
        assert one.members.removed("mars")
        await one.remove("east", "north")
        await one.look(30)
        assert not one.members.removed("east")
        assert not one.members.removed("north")
        assert one.members.others() == {"east", "west"}
        assert one.news() == []

        # Time counts again once our own is there.
        await one.world.broker_api.create(MEMBER_CLUSTERS, member_cluster("north"))
        await one.look(6)
        assert not one.members.removed("east")
        await one.look()
        assert one.members.removed("east")


async def test_a_release_goes_on_while_the_released_member_is_missing_together_with_ourselves() -> None:
    async with north() as one:
        await one.patch("east", annotated(in_seconds(3600)))
        await one.look()
        assert one.members.released == {"east"}
        assert one.news() == ["east"]
        await one.remove("east", "north")
        await one.look(3)
        assert one.members.released == {"east"}
        assert not one.members.removed("east")

        await one.world.broker_api.create(MEMBER_CLUSTERS, member_cluster("north"))
        await one.look()

        assert one.members.removed("east")


async def test_after_the_history_broke_a_member_has_to_be_missing_for_ten_minutes() -> None:
    async with north() as one:
        await one.remove("east")
        await one.look(3)
        one.members.distrust()
        await one.look(55)
        assert not one.members.removed("east")
        await one.look(10)
        assert one.members.removed("east")


async def test_clusters_that_were_never_seen_count_as_removed_after_ten_minutes_and_that_is_told_once() -> (
    None
):
    async with north() as one:
        sure: list[bool] = []
        one.members.on_sure(lambda: sure.append(one.members.removed("mars")))
        await one.look(50)
        assert not one.members.removed("mars")
        assert sure == []

        await one.look(20)

        assert one.members.removed("mars")
        assert not one.members.removed("east")
        assert sure == [True]


async def test_a_look_on_demand_counts_as_one_look_more_at_who_is_missing() -> None:
    async with north() as one:
        await one.remove("east")
        for _ in range(7):
            await asyncio.sleep(LOOK_SECONDS)
            await one.members.confirm()
        assert one.members.removed("east")


async def test_a_member_that_said_it_may_go_is_removed_at_the_first_look_without_it() -> None:
    async with north() as one:
        await one.patch("east", annotated(in_seconds(3600)))
        await one.look()
        await one.remove("east")
        await one.look()
        assert one.members.removed("east")


@pytest.mark.parametrize(
    "spec",
    [
        {"podCIDRs": ["10.1.0.0/16"]},
        {"namespaces": ["shop"]},
        {"limits": {"services": 3}},
        {"owns": ["shop/web"]},
    ],
    ids=lambda spec: next(iter(spec)),
)
async def test_what_the_administrator_changes_of_a_members_rights_is_told_once(spec: Object) -> None:
    async with north() as one:
        await one.spec("east", **spec)
        await one.look(3)
        assert one.news() == ["east"]


async def test_a_member_that_comes_is_told() -> None:
    async with north() as one:
        await one.world.admit("mars")
        await one.look(2)
        assert one.news().count("mars") >= 1
        assert "mars" in one.members.others()


async def test_what_a_missing_member_stated_is_not_heard_as_new_when_it_is_back() -> None:
    async with north() as one:
        said = statement("2026-01-01T00:00:05.000000Z", (), ())
        exported = {"at": said.at, "services": 0, "endpointSlices": 0, "digest": said.digest}
        await one.status("east", exported=exported)
        await one.look()
        heard = one.members.heard["east"]
        assert heard.fresh
        whole = one.world.broker.snapshot()
        await one.remove("east")
        await one.look()
        one.world.broker.restore(whole)
        await one.look()

        assert not one.members.heard["east"].fresh


async def test_what_a_member_stated_last_is_no_news_in_the_looks_that_miss_it() -> None:
    async with north() as one:
        said = statement("2026-01-01T00:00:05.000000Z", (), ())
        exported = {"at": said.at, "services": 0, "endpointSlices": 0, "digest": said.digest}
        await one.status("east", exported=exported)
        await one.look()
        heard = one.members.heard["east"]
        await one.remove("east")
        await one.look()

        assert heard.fresh
        assert one.members.heard["east"] == replace(heard, fresh=False)


async def test_a_removed_member_is_heard_no_longer() -> None:
    async with north() as one:
        await one.remove("east")
        await one.look(8)
        assert one.members.heard.keys() == {"west"}


async def test_a_silent_member_with_our_own_uid_is_an_id_that_we_had_before() -> None:
    async with north() as one:
        await one.status("east", clusterUID=one.presence.uid)
        await one.look()
        assert one.members.former_ids() == frozenset()

        one.silent.update({"east", "west"})
        await one.look(7)

        assert one.members.former_ids() == {"east"}


async def test_a_look_that_finds_our_id_with_another_uid_ends_the_agent() -> None:
    async with north() as one:
        await one.status("north", clusterUID="another")
        with pytest.raises(ClusterIdTaken):
            await one.look()


async def test_a_record_in_another_members_namespace_and_one_that_cannot_be_read_are_passed_over() -> None:
    async with north() as one:
        stray: Object = {
            "apiVersion": MEMBER_CLUSTERS.api_version,
            "kind": "MemberCluster",
            "metadata": {"name": "aaa", "namespace": "mcs-member-east"},
            "spec": {"namespaces": ["elsewhere"]},
        }
        for name in ("aaa", "zzz"):
            stray["metadata"]["name"] = name
            await one.world.broker_api.create(MEMBER_CLUSTERS, stray)
        one.silent.update({"aaa", "zzz"})
        await one.look()
        east = one.members.member("east")
        assert east is not None
        assert east.allowed_namespaces == ()
        assert one.news() == []


async def test_that_the_members_cannot_be_read_is_our_problem_and_told_with_its_end() -> None:
    async with north() as one:
        fault = one.world.broker.faults.fail(403, users=["member-north"])
        for _ in range(2):
            await asyncio.sleep(LOOK_SECONDS)
            await one.members.step()
        assert "cannot read the members" in (one.members.problem or "")
        assert one.news() == ["north"]

        fault.lift()
        await one.look(2)

        assert one.members.problem is None
        assert one.news() == ["north"]


async def test_what_begins_to_wait_for_a_word_is_looked_for_at_once_and_every_two_seconds_for_a_minute() -> (
    None
):
    async with north() as one:
        running = asyncio.create_task(one.members.run())
        await asyncio.sleep(100)
        before = one.looked
        await asyncio.sleep(60)
        assert one.looked - before <= 8

        await one.next_look()
        before = one.looked
        one.members.hurry()
        await asyncio.sleep(0.1)
        assert one.looked == before + 1
        one.members.hurry()
        await asyncio.sleep(0.1)
        assert one.looked == before + 1, "one look is enough for all that begin to wait at once"
        await asyncio.sleep(50)
        assert one.looked - before >= 22
        await asyncio.sleep(20)
        before = one.looked
        await asyncio.sleep(60)
        assert one.looked - before <= 8
        running.cancel()


async def test_a_look_without_an_answer_is_given_up_and_another_taken_soon() -> None:
    """A black hole has swallowed it; others may have changed everything meanwhile."""
    async with north() as one:
        running = asyncio.create_task(one.members.run())
        await asyncio.sleep(70)
        one.cache.lose = True
        await one.cache.lost.wait()
        before = one.looked
        await asyncio.sleep(18)
        assert one.looked > before
        assert one.members.problem is None
        running.cancel()


async def test_when_our_own_place_changes_the_members_are_looked_at_and_that_is_told_at_once() -> None:
    async with north() as one:
        running = asyncio.create_task(one.members.run())
        await asyncio.sleep(100)
        await one.next_look()
        before = one.looked
        one.news()
        fault = one.world.broker.faults.fail(403, users=["member-north"])
        await one.presence.step()
        fault.lift()
        await asyncio.sleep(0.1)
        assert one.looked == before + 1
        assert one.news() == ["north"]

        running.cancel()
        await asyncio.wait([running])
        await one.presence.step()
        assert one.news() == []
