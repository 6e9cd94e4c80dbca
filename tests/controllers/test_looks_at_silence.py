"""One look at the members after the other: who is dead, who is held with most others, and who is in doubt."""

import pytest

from mcs_controller.clusterset.membership.statement import statement
from tests.controllers.looks import North, north
from tests.controllers.releasing import annotated, in_seconds
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime


async def test_a_dead_member_whose_record_goes_missing_stays_dead_until_it_is_removed() -> None:
    async with north("east", "west", "south", "mars") as one:
        one.silent.add("east")
        await one.look(7)
        assert one.members.dead == {"east"}
        assert one.news() == ["east"]

        await one.remove("east")
        await one.look(2)

        assert one.members.dead == {"east"}
        assert one.news() == []


async def test_members_that_fall_silent_together_are_held_and_told_as_they_come_back() -> None:
    others = ("east", "west", "south", "mars")
    async with north(*others) as one:
        one.silent.update(others)
        await one.look(8)
        assert one.members.dead == frozenset()
        assert one.members.held == set(others)
        assert one.news() == sorted(others)

        one.silent.clear()
        await one.look()

        assert one.members.held == frozenset()
        assert one.news() == sorted(others)


async def test_the_first_of_many_that_fall_silent_half_a_minute_apart_is_not_taken_for_a_single_one() -> None:
    others = ("east", "west", "south", "mars")
    async with north(*others) as one:
        one.silent.add("east")
        await one.look(2)
        one.silent.update(others)
        await one.look(5)
        assert one.members.dead == frozenset()
        assert one.members.held == {"east"}


async def test_a_member_that_died_alone_stays_dead_when_the_others_fall_silent_together() -> None:
    others = ("east", "west", "south", "mars", "pluto")
    async with north(*others) as one:
        one.silent.add("east")
        await one.look(7)
        one.silent.update(others)
        await one.look(8)
        assert one.members.dead == {"east"}
        assert one.members.held == set(others) - {"east"}


async def test_the_silent_member_that_the_administrator_lets_go_is_dead_and_the_others_are_held() -> None:
    others = ("east", "west", "south", "mars")
    async with north(*others) as one:
        one.silent.update(others)
        await one.look(8)
        await one.patch("east", annotated(in_seconds(3600)))
        await one.look()
        assert one.members.dead == {"east"}
        assert one.members.held == {"west", "south", "mars"}


async def test_members_that_are_dead_already_count_neither_as_silent_nor_as_members() -> None:
    others = ("east", "west", "south", "mars")
    async with north(*others) as one:
        one.silent.add("east")
        await one.look(7)
        one.silent.add("west")
        await one.look(7)
        assert one.members.dead == {"east", "west"}
        assert one.members.held == frozenset()

        one.silent.update(others)
        await one.look(8)
        assert one.members.dead == {"east", "west"}
        assert one.members.held == {"south", "mars"}


async def test_members_that_are_held_stay_so_when_most_of_the_others_are_back() -> None:
    others = ("east", "west", "south", "mars")
    async with north(*others) as one:
        one.silent.update(others)
        await one.look(8)
        one.silent.difference_update({"east", "west", "south"})
        await one.look(3)
        assert one.members.dead == frozenset()
        assert one.members.held == {"mars"}


async def test_where_nobodys_word_is_needed_plain_time_counts() -> None:
    async with north() as one:
        before = {name: one.members.word_seconds(name) for name in ("", "north", "east")}
        await one.look(3)
        passed = {name: one.members.word_seconds(name) - seconds for name, seconds in before.items()}
        assert passed == {"": pytest.approx(30, abs=1), "north": pytest.approx(30, abs=1), "east": 0}


async def test_a_members_words_count_only_from_the_second_after_the_history_broke() -> None:
    """What it said before may be of a state that is gone: no hold of the fuse ends by it."""
    async with north() as one:

        async def says(*seconds: int) -> float:
            """Its word counts for so much more, after it stated what it exports at these seconds."""
            before = one.members.word_seconds("east")
            for at in seconds:
                said = statement(f"2026-01-01T00:00:{at:02d}.000000Z", (), ())
                exported = {"at": said.at, "services": 0, "endpointSlices": 0, "digest": said.digest}
                await one.status("east", exported=exported)
                await one.look()
            return round(one.members.word_seconds("east") - before)

        assert await says(1, 2, 3) == 20
        one.members.distrust()
        assert await says(4) == 0
        assert await says(5) == 10


async def test_under_the_policy_keep_nobody_is_dead_held_or_doubtful() -> None:
    async with north("east", "west", "south", "mars", dead_member_policy="keep") as one:
        one.silent.update({"east"})
        await one.look(10)
        assert (one.members.dead, one.members.held, one.members.doubtful) == (frozenset(),) * 3


async def test_a_member_is_doubtful_until_its_first_heartbeat_here_which_is_told() -> None:
    async with Clusterset("east", "west", "north", start=False) as world:
        one = North(world)
        one.silent.add("east")
        await one.presence.step()
        await one.look(3)
        assert one.members.doubtful == {"east"}
        one.news()

        one.silent.clear()
        await one.look()

        assert one.members.doubtful == frozenset()
        assert one.news() == ["east"]
