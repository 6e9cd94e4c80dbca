"""This cluster's own MemberCluster: who may write it, what is written, and when its history broke."""

from __future__ import annotations

import time

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from tests.controllers.presence import OUR_MISSING, OUR_OLDER, OUR_OTHER, SOMETHING, East, east_alone
from tests.support.clusterset import Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime


def without_formats(value: Object) -> None:
    """A definition that takes any text for a time."""
    value.pop("format", None)
    for part in value.values():
        for one in part if isinstance(part, list) else [part]:
            if isinstance(one, dict):
                without_formats(one)


async def test_of_two_clusters_that_claim_an_id_at_once_the_first_to_write_has_it() -> None:
    async with east_alone() as east:
        east.wire.before_write = lambda: east.edit(clusterUID="another")

        with pytest.raises(ClusterIdTaken, match="belongs to another cluster"):
            await east.step()

        assert (await east.status())["clusterUID"] == "another"
        assert not east.presence.verified


async def test_a_write_of_the_administrator_under_way_costs_no_round() -> None:
    async with east_alone() as east:
        labels = {"metadata": {"labels": {"site": "1"}}}
        east.wire.before_write = lambda: east.world.broker_api.patch(
            MEMBER_CLUSTERS, "east", labels, namespace="mcs-member-east"
        )

        await east.step()

        assert east.presence.verified
        assert east.presence.problem is None


@pytest.mark.parametrize("back_seconds", [1.0, 3600.0], ids=["stands still", "is set back"])
async def test_each_heartbeat_and_statement_is_later_than_the_last_even_if_the_clock_is_not(
    back_seconds: float,
) -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step(after_seconds=5000)
        before = await east.status()

        east.clock.skew_seconds -= back_seconds
        await east.step()

        after = await east.status()
        assert after["heartbeat"] > before["heartbeat"]
        assert after["exported"]["at"] > before["exported"]["at"]
        assert east.breaks == []


async def test_a_member_that_is_admitted_late_has_no_broken_history() -> None:
    async with Clusterset("west", "east", start=False) as world:
        east = East(world)
        await world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await east.step()
        assert (east.presence.verified, east.presence.excluded) == (False, True)
        await world.admit("east", with_namespace=False)

        await east.step()

        assert (east.presence.verified, east.presence.excluded) == (True, False)
        assert east.breaks == []
        assert east.changes == 2


async def test_our_record_that_was_missing_for_a_while_and_is_the_same_again_is_a_break_told_once() -> None:
    async with east_alone() as east:
        await east.step()
        whole = east.world.broker.snapshot()
        await east.world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        for _ in range(2):
            await east.step()
        east.world.broker.restore(whole)

        for _ in range(3):
            await east.step()

        assert east.presence.verified
        assert east.breaks == [OUR_MISSING]


async def test_our_record_that_was_made_anew_between_two_rounds_is_a_break_told_once() -> None:
    async with east_alone() as east:
        await east.step()
        await east.world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await east.world.admit("east", with_namespace=False)

        for _ in range(3):
            await east.step()

        assert east.breaks == [OUR_OTHER]


@pytest.mark.parametrize(
    "older",
    [
        {"heartbeat": "2026-01-01T00:00:00.500000Z"},
        {"heartbeat": None},
        {"exported": {"at": "2026-01-01T00:00:00.500000Z"}},
        {"exported": None},
    ],
    ids=str,
)
async def test_a_heartbeat_or_statement_of_ours_that_went_back_is_a_break_told_once(older: Object) -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step()
        await east.edit(**older)

        for _ in range(3):
            await east.step()

        assert east.breaks == [OUR_OLDER]


async def test_what_another_replica_wrote_later_is_no_break_and_ours_is_later_still() -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step()
        later = "2026-01-01T09:00:00.000000Z"
        await east.edit(heartbeat=later, exported={"at": later})

        await east.step()

        after = await east.status()
        assert after["heartbeat"] == "2026-01-01T09:00:00.000001Z"
        assert after["exported"]["at"] == "2026-01-01T09:00:00.000001Z"
        assert east.breaks == []


async def test_after_a_restore_what_is_written_is_later_than_what_was_lost() -> None:
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step()
        backup = east.world.broker.snapshot()
        await east.step(after_seconds=5000)
        lost = await east.status()
        east.world.broker.restore(backup)
        east.clock.skew_seconds = -4000

        await east.step()

        after = await east.status()
        assert after["heartbeat"] > lost["heartbeat"]
        assert after["exported"]["at"] > lost["exported"]["at"]


async def test_nor_is_it_forgotten_while_nothing_can_be_stated_after_the_restore() -> None:
    """Others would believe only some statements: what they retain is held for longer."""
    async with east_alone() as east:
        east.states(SOMETHING)
        await east.step()
        backup = east.world.broker.snapshot()
        await east.step(after_seconds=5000)
        lost = await east.status()
        east.world.broker.restore(backup)
        east.clock.skew_seconds = -4000
        east.states(None)
        for _ in range(2):
            await east.step()
        assert (await east.status())["exported"]["at"] < lost["exported"]["at"]
        east.states(SOMETHING)

        await east.step()

        assert (await east.status())["exported"]["at"] > lost["exported"]["at"]
        assert east.breaks == [OUR_OLDER]


async def test_versions_that_went_back_are_told_once_until_they_are_in_order_again() -> None:
    async with east_alone() as east:
        seen = {"version": "999999"}
        east.presence.newest_version = lambda: seen["version"]
        for version in ("999999", "999999", "0", "999999"):
            seen["version"] = version
            await east.step()

        assert east.breaks == ["its resource versions went back from 999999"] * 2


async def test_what_is_seen_of_the_broker_while_the_heartbeat_is_written_breaks_no_history() -> None:
    async with east_alone() as east:
        await east.step()
        seen = {"version": "0"}
        east.presence.newest_version = lambda: seen["version"]

        async def others_write() -> None:
            seen["version"] = "999999"

        east.wire.before_write = others_write
        await east.step()
        assert east.breaks == []


async def test_only_a_round_with_another_end_is_told_and_only_who_still_listens() -> None:
    async with east_alone() as east:
        for _ in range(3):
            await east.step()
        assert east.changes == 1
        east.end()
        await east.edit(heartbeat=None)
        await east.step()
        await east.world.broker_api.delete(MEMBER_CLUSTERS, "east", namespace="mcs-member-east")
        await east.step()

        assert not east.presence.verified
        assert (east.changes, east.breaks) == (1, [])


@pytest.mark.parametrize(
    "strange",
    [
        "9999-12-31T23:59:59.999999Z",
        "2099-01-01T00:00:00.5Z",
        "2099-01-01T00:00:00+00:00",
        "2099-13-45T25:61:61.000000Z",
        "0000-01-01T00:00:00.000000Z",
    ],
)
async def test_a_time_that_is_none_of_ours_is_a_break_and_the_next_heartbeat_is_of_now(strange: str) -> None:
    async with Clusterset("east", start=False, edit_broker_crds=without_formats) as world:
        east = East(world)
        await east.step()
        await east.edit(heartbeat=strange)

        await east.step()

        assert (await east.status())["heartbeat"].startswith("2026-01-01T00:00:02")
        assert east.breaks == [OUR_OLDER]


async def test_the_machines_time_zone_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        async with east_alone() as east:
            await east.step(after_seconds=5000)
            before = (await east.status())["heartbeat"]
            east.clock.skew_seconds -= 3600
            await east.step()
            after = (await east.status())["heartbeat"]
    time.tzset()
    assert (before, after) == ("2026-01-01T01:23:20.000000Z", "2026-01-01T01:23:20.000001Z")
