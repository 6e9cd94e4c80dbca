"""The fuse of imports, look by look: what counts as missing, what trips it, and what it holds."""

import asyncio

import pytest

from mcs_controller.controllers.services.imports.fuse import WINDOW_SECONDS
from mcs_controller.kube.store import Entry
from tests.controllers.fusing import HELD, RELEASED, World, service

pytestmark = pytest.mark.looptime


async def test_more_than_half_and_at_least_so_many_trip_it_and_the_last_that_comes_back_closes_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.imported(*range(5))
    assert world.state() == (False, 0)
    world.vanish(0, 1)
    assert world.state() == (False, 0)
    assert caplog.messages == []

    world.vanish(2)
    assert world.state() == (True, 3)
    assert world.holds(0, 1, 2, 3, 4) == [True, True, True, False, False]
    assert len(caplog.messages) == 1
    assert "3 of 5 imported services" in caplog.messages[0]
    assert "(0 withdrawn" in caplog.messages[0]

    world.vanish(3)
    world.imported(0, 1, 2)
    assert world.state() == (True, 1), "it holds until nothing is missing any more"
    assert world.holds(0, 3) == [False, True]
    assert len(caplog.messages) == 1
    world.imported(3)
    assert world.state() == (False, 0)
    assert len(caplog.messages) == 2
    world.vanish(3)
    assert world.holds(3) == [False]
    assert len(caplog.messages) == 2


async def test_half_of_them_is_no_more_than_half() -> None:
    world = World()
    world.imported(*range(6))
    world.vanish(0, 1, 2)
    assert not world.state()[0]
    world.vanish(3)
    assert world.state()[0]


async def test_what_was_withdrawn_within_the_last_minute_counts_and_then_no_longer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.imported(*range(4))
    world.vanish(0, 1)
    world.withdraw(0, 1)
    assert world.holds(2, 3) == [False, False]
    await asyncio.sleep(WINDOW_SECONDS - 1)
    world.vanish(2)
    assert world.holds(2, 3) == [True, False]
    (told,) = caplog.messages
    assert "3 of 4 imported services" in told
    assert "(2 withdrawn" in told

    other = World()
    other.imported(*range(4))
    other.vanish(0, 1)
    other.withdraw(0, 1)
    await asyncio.sleep(WINDOW_SECONDS)
    other.vanish(2)
    assert other.holds(2) == [False]


async def test_an_import_on_its_way_out_is_counted_once_and_one_that_came_back_is_not() -> None:
    world = World()
    world.imported(*range(6))
    world.vanish(0, 1)
    world.withdraw(0, 1)
    # The watch still shows the first; the second is exported and imported again.
    world.imported(0, exported=False)
    world.imported(1)
    world.vanish(2, 3)
    assert not world.state()[0]
    world.vanish(4)
    assert world.state()[0]
    assert world.fuse.held == 3


async def test_imports_on_their_way_out_do_not_count_twice_as_what_there_was() -> None:
    world = World()
    world.imported(*range(6))
    world.vanish(0, 1)
    world.withdraw(0, 1)
    world.imported(0, 1, exported=False)
    world.vanish(2, 3)
    assert world.state() == (True, 2), "four of six"


@pytest.mark.parametrize("why", ["released", "removed", "released member", "refused"])
async def test_what_may_go_is_no_loss_before_or_after_it_is_withdrawn(why: str) -> None:
    world = World()
    world.imported(*range(4))
    if why == "released":
        world.imported(0, 1, annotations=RELEASED)
    else:
        world.imported(0, 1, clusters=("mars", "venus"))
        of = {
            "removed": world.removed,
            "released member": world.released,
            "refused": world.refused,
        }
        of[why].update({"mars", "venus"})
    world.vanish(0, 1, 2)
    assert (world.fuse.holding, world.holds(0, 1, 2)) == (False, [False] * 3)
    world.withdraw(0, 1)
    world.vanish(3)
    assert not world.state()[0]


async def test_an_import_is_a_loss_unless_all_that_exported_it_were_removed_and_it_names_any() -> None:
    world = World()
    world.removed = {"mars"}
    world.imported(0, clusters=("mars", "east"))
    world.imported(1, clusters=())
    world.imported(2)
    world.vanish(0, 1, 2)
    assert world.holds(0, 1, 2) == [True] * 3


@pytest.mark.parametrize("what", ["another's", "being deleted"])
async def test_imports_that_are_not_ours_or_go_anyway_do_not_count(what: str) -> None:
    world = World()
    world.imported(*range(3))
    for number in (3, 4, 5):
        world.imported(number, managed=what != "another's", deleting=what == "being deleted")
    world.vanish(3, 4, 5)
    assert not world.state()[0]
    world.vanish(0, 1)
    assert not world.state()[0]
    world.vanish(2)
    assert world.fuse.held == 3


@pytest.mark.parametrize("lacks", ["local", "broker", "own export", "word"])
async def test_as_long_as_it_cannot_be_told_nothing_is_missing(lacks: str) -> None:
    world = World()
    world.imported(*range(3))
    if lacks == "local":
        world.synced = False
    elif lacks == "broker":
        world.complete = False
    elif lacks == "own export":
        world.loaded = False
        for number in range(3):
            world.exports.apply(Entry("shop", f"s{number}", "uid", "1", object()))
    else:
        world.unaccounted = {service(number) for number in range(3)}
    world.vanish(0, 1, 2)
    assert not world.state()[0]

    world.synced = world.complete = world.loaded = True
    world.unaccounted = set()
    world.vanish(0, 1, 2)
    assert world.holds(0, 1, 2) == [True] * 3


async def test_what_a_fuse_held_before_the_start_is_held_on_however_few_they_are() -> None:
    world = World()
    world.imported(*range(5))
    world.imported(0, conditions=(HELD,))
    world.vanish(1)
    assert not world.state()[0]
    world.vanish(0)
    assert world.holds(0, 1) == [True, True]
    world.imported(0, 1)
    assert not world.state()[0]


async def test_what_one_cluster_lost_holds_no_others_import_back_unless_that_was_held_already() -> None:
    world = World()
    world.imported(*range(12), clusters=("mars",))
    world.imported(*range(12, 20))
    world.imported(18, conditions=(HELD,))
    world.imported(19, clusters=("mars", "east"))
    world.vanish(*range(12))
    assert world.holds(0, 11, 12) == [True, True, False]
    world.vanish(12, 18, 19)
    assert world.holds(12, 18, 19) == [False, True, True]
    world.withdraw(12)
    world.imported(*range(12), clusters=("mars",))
    world.vanish(13)
    assert world.holds(13) == [True], "nothing of another's is lost any more, and it still holds"


async def test_what_two_clusters_lost_together_is_nobodys_alone() -> None:
    world = World()
    world.imported(*range(6), clusters=("mars", "venus"))
    world.imported(6, 7)
    world.vanish(*range(7))
    assert world.holds(6) == [True]


async def test_what_an_import_without_exporters_lost_is_held_with_the_rest() -> None:
    world = World()
    world.imported(*range(6), clusters=("mars",))
    world.imported(6, clusters=())
    world.vanish(*range(7))
    assert world.holds(6) == [True]


async def test_losses_of_a_cluster_that_were_made_good_count_no_more() -> None:
    world = World()
    world.imported(*range(4), clusters=("mars",))
    world.imported(4, 5, 6, 7)
    world.vanish(*range(4))
    world.vanish(4, 5)
    assert world.state()[0]
    world.imported(*range(4), clusters=("mars",))
    assert world.holds(4, 5) == [True, True]
    assert world.fuse.held == 2
