"""What one cluster knows of the members, from a watch cache that may be behind or past it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.clusterset.membership.limits import DEFAULT_LIMITS, Limits
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.kube.errors import Forbidden
from tests.controllers.looks import LOOK_SECONDS, North, north
from tests.controllers.releasing import annotated, in_seconds
from tests.support.clusterset import Clusterset
from tests.support.objects import Object, member_cluster

pytestmark = pytest.mark.looptime

FOUR = ("east", "west", "south", "mars")


async def test_a_look_costs_the_broker_no_more_than_its_watch_cache() -> None:
    async with north() as one:
        before = one.cache.lists_past_it
        one.silent.add("west")
        await one.look(8)
        assert one.members.dead == {"west"}
        assert one.cache.lists_past_it == before


async def test_the_first_look_sees_a_member_that_the_cache_does_not_have_yet() -> None:
    async with Clusterset("east", "north", start=False) as world:
        one = North(world)
        await one.presence.step()
        await one.broker.list(MEMBER_CLUSTERS, resource_version="0")
        one.cache.behind = True
        await world.admit("mars")
        await one.look()
        assert one.members.others() == {"east", "mars"}


async def test_a_look_on_demand_sees_past_the_cache() -> None:
    async with north() as one:
        one.cache.behind = True
        one.silent.add("north")
        await one.world.admit("mars")
        await one.look()
        assert "mars" not in one.members.others()
        await one.members.confirm()
        assert "mars" in one.members.others()


async def test_a_member_that_the_cache_lacks_is_looked_for_past_it_and_is_not_missing() -> None:
    async with north() as one:
        one.cache.behind = True
        await one.world.admit("mars")
        await one.members.confirm()
        await one.look(10)
        assert not one.members.removed("mars")
        assert "mars" in one.members.others()
        assert one.members.heartbeat_ages_seconds()["mars"] == 0.0


async def test_a_cache_that_still_gives_our_id_to_another_cluster_is_not_believed() -> None:
    async with north() as one:
        await one.status("north", clusterUID="another")
        await one.broker.list(MEMBER_CLUSTERS, resource_version="0")
        one.cache.behind = True
        await one.status("north", clusterUID=one.presence.uid)
        await one.look()
        assert one.members.problem is None
        assert one.members.others() == {"east", "west"}


async def test_a_look_on_demand_raises_what_keeps_it_from_reading_and_what_it_finds_of_our_id() -> None:
    async with north() as one:
        fault = one.world.broker.faults.fail(403, users=["member-north"])
        with pytest.raises(Forbidden):
            await one.members.confirm()
        fault.lift()
        await one.status("north", clusterUID="another")
        with pytest.raises(ClusterIdTaken):
            await one.members.confirm()


async def test_the_members_are_known_after_the_first_look_that_works() -> None:
    async with Clusterset("east", "north", start=False) as world:
        one = North(world)
        waiting = asyncio.create_task(one.members.wait_observed())
        await one.presence.step()
        fault = world.broker.faults.fail(503, users=["member-north"])
        await one.members.step()
        await asyncio.sleep(1)
        assert (waiting.done(), one.members.observed) == (False, False)

        fault.lift()
        await one.look()
        await asyncio.sleep(1)

        assert (waiting.done(), one.members.observed) == (True, True)


async def test_a_member_that_comes_is_told_at_the_first_look_that_has_it() -> None:
    async with north() as one:
        one.silent.add("mars")
        await one.world.admit("mars")
        await one.look()
        assert one.news() == ["mars"]
        assert one.members.doubtful == {"mars"}
        await one.look(3)
        assert one.news() == []


async def test_a_members_own_limits_count_and_ours_where_it_states_none() -> None:
    ours = Limits(imports=7, services=9)
    async with north("east", "west", limits=ours) as one:
        await one.spec("east", limits={"imports": 3})
        await one.look()
        assert one.members.limits("east") == Limits(imports=3, services=9)
        assert one.members.limits("west") == ours
        assert one.members.limits("mars") == ours
        assert ours != DEFAULT_LIMITS


async def test_members_that_were_held_stay_so_until_the_last_of_them_is_heard_again() -> None:
    async with north(*FOUR) as one:
        one.silent.update(FOUR)
        await one.look(8)
        assert one.members.held == set(FOUR)

        one.silent = {"east"}
        await one.look(3)
        assert one.members.held == {"east"}
        assert one.members.dead == frozenset()

        one.silent.clear()
        await one.look()
        assert one.members.held == frozenset()

        one.silent.add("east")
        await one.look(7)
        assert one.members.dead == {"east"}, "what is over does not hold what comes later"


async def test_who_has_been_silent_for_less_than_half_of_the_time_out_is_not_counted_with_the_first() -> None:
    async with north(*FOUR) as one:
        one.silent.add("east")
        await one.look(4)
        one.silent.update(FOUR)
        await one.look(2)
        assert set(one.members.heartbeat_ages_seconds().values()) == {20.0, 60.0}
        assert one.members.dead == {"east"}
        assert one.members.held == frozenset()


async def test_members_are_held_from_the_share_on_that_the_operator_chose() -> None:
    for share, dead in ((0.5, {"east", "west"}), (0.4, set())):
        async with north(*FOUR, fuse_share=share) as one:
            one.silent.update({"east", "west"})
            await one.look(7)
            assert one.members.dead == dead
            assert one.members.held == {"east", "west"} - dead


@pytest.mark.requirement("MCS-LIFE-07")
async def test_no_part_of_an_outage_of_the_broker_counts_as_silence() -> None:
    async with north() as one:
        one.silent.update({"east", "west"})
        await one.look(after_seconds=3600)
        assert one.members.heartbeat_ages_seconds() == {"east": 0.0, "west": 0.0}
        await one.look()
        assert one.members.heartbeat_ages_seconds() == {"east": LOOK_SECONDS, "west": LOOK_SECONDS}


@pytest.mark.requirement("MCS-LIFE-05", "MCS-LIFE-07")
async def test_a_member_that_was_due_to_beat_when_the_broker_hung_has_its_time_to_do_so_afterwards() -> None:
    async with north(member_timeout_seconds=3 * LOOK_SECONDS) as one:
        one.silent.add("west")
        await one.look()
        one.silent.update({"north", "east"})
        await one.look(after_seconds=35)
        one.silent -= {"north", "east"}
        await one.look(after_seconds=0.1)
        assert one.members.heartbeat_ages_seconds() == {"east": 0.0, "west": LOOK_SECONDS}
        await one.look()
        assert one.members.dead == frozenset()
        await one.look()
        assert one.members.dead == {"west"}


@pytest.mark.requirement("MCS-LIFE-05", "MCS-LIFE-07")
async def test_while_the_broker_takes_no_heartbeat_of_ours_nobody_else_dies() -> None:
    async with north("east") as one:
        one.silent.update({"north", "east"})
        await one.look(60)
        assert one.members.dead == frozenset()
        one.silent.remove("north")
        await one.look(6)
        assert one.members.dead == frozenset()
        await one.look()
        assert one.members.dead == {"east"}, "it does not come back with the broker"


@pytest.mark.requirement("MCS-LIFE-05", "MCS-LIFE-07")
@pytest.mark.parametrize("silent", [{"east"}, set(FOUR)], ids=["dead", "held"])
async def test_an_outage_of_the_broker_brings_nobody_back(silent: set[str]) -> None:
    async with north(*FOUR) as one:
        one.silent.update(silent)
        await one.look(7)
        dead, held = one.members.dead, one.members.held
        assert dead | held == silent
        assert bool(held) is (len(silent) > 1)
        one.news()
        for after_seconds in (35.0, 0.1, LOOK_SECONDS, 20.0, LOOK_SECONDS):
            await one.look(after_seconds=after_seconds)
            assert (one.members.dead, one.members.held) == (dead, held)
        assert one.news() == []


@pytest.mark.requirement("MCS-LIFE-03", "MCS-LIFE-05", "MCS-LIFE-07")
async def test_a_watch_cache_that_stands_still_makes_nobody_dead_and_keeps_nobody_alive() -> None:
    async with north("east") as one:
        one.cache.behind = True
        await one.look(20)
        assert one.members.dead == frozenset()
        one.silent.add("east")
        await one.look(5)
        assert one.members.dead == frozenset()
        await one.look(2)
        assert one.members.dead == {"east"}


@pytest.mark.requirement("MCS-LIFE-03")
@pytest.mark.parametrize(("late_seconds", "counts"), [(29.0, True), (31.0, False)])
async def test_time_counts_if_our_heartbeat_is_sent_again_soon_after_one_that_failed(
    late_seconds: float, counts: bool
) -> None:
    async with north("east", heartbeat_interval_seconds=20.0) as one:
        one.silent.add("east")
        await one.look(after_seconds=late_seconds)
        assert one.members.heartbeat_ages_seconds() == {"east": late_seconds if counts else 0.0}


async def test_the_time_that_the_broker_needs_for_our_heartbeat_does_not_count() -> None:
    async with north("east") as one:
        one.silent.add("east")
        slow = one.world.broker.faults.delay(3.0, users=["member-north"])
        await one.look(4)
        slow.lift()
        ages_seconds = one.members.heartbeat_ages_seconds()
        assert ages_seconds == {"east": pytest.approx(4 * LOOK_SECONDS + 3 * 3.0)}


async def test_our_own_silence_is_none_of_our_business_here() -> None:
    async with north() as one:
        await one.look(20)
        assert "north" not in one.members.heartbeat_ages_seconds()
        assert "north" not in one.members.heard
        assert "north" not in one.members.others()
        assert one.members.member("north") is not None
        assert one.members.dead == one.members.held == frozenset()


async def test_looks_come_about_every_ten_seconds_and_never_in_step() -> None:
    async with north() as one:
        looks: list[float] = []
        one.members.on_read(lambda: looks.append(asyncio.get_running_loop().time()))
        running = asyncio.create_task(one.members.run())
        await asyncio.sleep(400)
        running.cancel()

        began = looks[0]
        hurried = [later - one for one, later in pairwise(looks) if later - began < 60]
        ordinary = [later - one for one, later in pairwise(looks) if one - began > 60]
        assert all(1.9 < gap < 2.1 for gap in hurried), "at the start there is much to learn"
        assert all(8.9 < gap < 11.1 for gap in ordinary)
        assert max(ordinary) - min(ordinary) > 0.5


async def test_that_history_broke_disturbs_no_look() -> None:
    async with north() as one:
        running = asyncio.create_task(one.members.run())
        await asyncio.sleep(1)
        await one.status("north", heartbeat=None)
        await one.presence.step()
        assert one.presence.problem is None
        await one.next_look()
        running.cancel()
        assert one.members.problem is None


async def test_that_the_members_cannot_be_read_is_logged_once_for_each_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with north() as one:
        told = []
        for code in (403, 503):
            fault = one.world.broker.faults.fail(code, users=["member-north"])
            for _ in range(3):
                await asyncio.sleep(LOOK_SECONDS)
                await one.members.step()
            fault.lift()
            told.append(one.members.problem)
        assert len(set(told)) == 2
        assert [entry.getMessage() for entry in caplog.records] == told


async def test_who_is_no_member_any_more_looks_at_nobody_and_says_why() -> None:
    async with north() as one:
        was = one.members.verified, one.members.excluded
        await one.remove("north")
        await one.presence.step()
        now = one.members.verified, one.members.excluded
        assert (was, now) == ((True, False), (False, True))
        assert "no MemberCluster north" in (one.members.problem or "")
        before = one.looked
        await one.look()
        assert one.looked == before


async def test_the_log_says_of_each_member_when_it_died_came_back_or_was_removed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with north(*FOUR) as one:
        one.silent.add("east")
        await one.look(9)
        one.silent.clear()
        await one.look(2)
        await one.remove("west")
        await one.look(9)
        one.silent.update(FOUR)
        await one.look(9)
        said = [entry.getMessage() for entry in caplog.records]
        assert said == [
            "member east is dead",
            "member east is alive again",
            "the MemberCluster of west is missing on the broker: its exports stay imported, and are "
            "withdrawn when it has been missing for 60 s",
            "member west was removed: withdrawing its exports",
            "most members went silent at once: keeping the endpoints of east, mars, south until their "
            "heartbeats return or the broker's administrator releases them: "
            "`mcs-controller fuse release --member NAME`",
        ]


async def test_a_record_that_cannot_be_read_is_named_in_the_log_and_costs_no_other_member_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with north() as one:
        stray = {
            "apiVersion": MEMBER_CLUSTERS.api_version,
            "kind": "MemberCluster",
            "metadata": {"name": "stray", "namespace": "mcs-member-east"},
        }
        await one.world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await one.world.broker_api.create(MEMBER_CLUSTERS, stray)
        one.silent.add("stray")
        await one.look()
        assert one.members.heartbeat_ages_seconds().keys() == {"west"}
        ignored, missing = dict.fromkeys(entry.getMessage() for entry in caplog.records)
        assert ignored.startswith("a MemberCluster is ignored: name is 'stray'")
        assert missing.startswith("the MemberCluster of east is missing")


async def test_a_member_whose_record_becomes_unreadable_is_not_removed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever writes more networks than are read makes a mistake, and removes nobody."""
    async with Clusterset(edit_broker_crds=without_bounds, member_timeout_seconds=3600) as world:
        await world.exported_by("east")
        await world.settle()
        networks = [f"10.{number // 250}.{number % 250}.0/24" for number in range(1001)]
        spec = {"spec": {"podCIDRs": networks}}
        await world.broker_api.patch(MEMBER_CLUSTERS, "east", spec, namespace="mcs-member-east")
        await world.always(lambda: world["west"].import_of("shop", "web"), for_seconds=700)
        assert any("taken as it was" in entry.getMessage() for entry in caplog.records)


def without_bounds(crd: Object) -> None:
    for version in crd["spec"]["versions"]:
        fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        fields.get("podCIDRs", {}).pop("maxItems", None)


async def test_a_member_that_goes_missing_is_said_at_once_with_the_time_that_is_left_and_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The time is said again when a break of the broker's history makes it longer."""
    gone = "the MemberCluster of east is missing on the broker: its exports stay imported, and are withdrawn"
    async with north() as one:
        assert one.members.missing() == frozenset()
        await one.remove("east")
        await one.look(3)
        assert one.members.missing() == {"east"}
        one.members.distrust()
        await one.look(3)
        await one.world.broker_api.create(MEMBER_CLUSTERS, member_cluster("east"))
        await one.look(2)
        assert one.members.missing() == frozenset()
        await one.remove("east", "north")
        one.silent.add("north")
        await one.look(3)
        assert one.members.missing() == {"east"}
        assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
            ("WARNING", f"{gone} when it has been missing for 60 s"),
            ("WARNING", f"{gone} when it has been missing for 600 s"),
            ("WARNING", "the MemberCluster of east is there again"),
            (
                "WARNING",
                f"{gone} when it has been missing for 60 s, counted from when this cluster's own "
                "MemberCluster is there again",
            ),
        ]


async def test_a_member_that_was_released_is_removed_without_another_word_when_it_goes_missing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with north() as one:
        await one.patch("east", annotated(in_seconds(600)))
        await one.look()
        await one.remove("east")
        await one.look(3)
        said = [entry.getMessage() for entry in caplog.records]
        assert said[1:] == ["member east was removed: withdrawing its exports"]
        assert one.members.missing() == frozenset()


async def test_before_the_first_look_nobody_is_removed_and_nothing_is_wrong_with_the_looks() -> None:
    async with Clusterset("east", "north", start=False) as world:
        one = North(world)
        assert "has not been asked" in (one.members.problem or "")
        await one.presence.step()
        assert one.members.problem is None
        assert not one.members.removed("east")
        assert one.members.others() == frozenset()


async def test_who_was_never_seen_is_none_from_ten_minutes_on_and_not_a_moment_sooner() -> None:
    async with Clusterset("east", "north", start=False) as world:
        one = North(world)
        sure: list[float] = []
        one.members.on_sure(lambda: sure.append(asyncio.get_running_loop().time()))
        await one.presence.step()
        await one.look(after_seconds=0)
        await one.look(29, after_seconds=20)
        await one.look(after_seconds=19.5)
        assert not one.members.removed("mars")
        await one.look(after_seconds=0.5)
        assert one.members.removed("mars")
        assert sure == [600.0]


async def test_a_list_without_ourselves_makes_nobody_sure_of_anything() -> None:
    async with north() as one:
        sure: list[bool] = []
        one.members.on_sure(lambda: sure.append(True))
        await one.remove("north")
        await one.look(70)
        assert sure == []
        assert not one.members.removed("mars")
