"""The fuse of endpoints, look by look: what counts as lost, what trips it, and what it keeps."""

import asyncio
from dataclasses import replace

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD, WITHDRAW_ALLOWED
from mcs_controller.clusterset.fuse import MASS_ENDPOINT_LOSS
from mcs_controller.clusterset.model import Condition, Endpoint, Member, ServiceKey
from mcs_controller.controllers.services.imports.fuse import WINDOW_SECONDS
from tests.controllers.losing import HOLD_SECONDS, READY, UNREADY, World, service

pytestmark = pytest.mark.looptime

RELEASED = ((ANNOTATION_WITHDRAW, WITHDRAW_ALLOWED),)
HELD = Condition(CONDITION_HELD, "True", MASS_ENDPOINT_LOSS)
EAST: set[str] = {"east"}
NOBODY: set[str] = set()


@pytest.fixture
async def world() -> World:
    """Four services of east."""
    one = World()
    one.imported(0, 1, 2, 3)
    return one


@pytest.mark.parametrize("endpoints", [(), UNREADY, None], ids=["empty", "not ready", "no slice"])
async def test_what_most_lose_at_once_is_kept_whichever_way_it_was_lost(
    world: World, endpoints: tuple[Endpoint, ...] | None
) -> None:
    world.says(0, 1, 2, endpoints=endpoints)
    assert world.kept_of(0, 1, 2, 3) == [EAST, EAST, EAST, NOBODY]
    assert world.fuse.held == 3


async def test_all_losses_of_one_event_count_before_the_first_is_written(world: World) -> None:
    world.says(0, 1, 2)
    assert world.keeps(0) == EAST


async def test_less_than_that_goes(world: World) -> None:
    world.says(0, 1)
    assert world.kept_of(0, 1) == [NOBODY, NOBODY]
    assert world.fuse.held == 0


@pytest.mark.parametrize("later_seconds", [WINDOW_SECONDS - 1, WINDOW_SECONDS + 1])
async def test_what_went_within_the_last_minute_counts_and_then_no_longer(
    world: World, later_seconds: float
) -> None:
    world.says(0, 1)
    for _ in range(2):
        world.kept_of(0, 1)
    await asyncio.sleep(later_seconds)
    world.says(2)
    assert world.keeps(2) == (EAST if later_seconds < WINDOW_SECONDS else NOBODY)


async def test_what_went_counts_as_one_of_those_that_there_were(world: World) -> None:
    world.imported(4, 5)
    world.says(0, 1)
    world.kept_of(0, 1)
    world.says(2)
    assert world.keeps(2) == NOBODY, "three of six are no more than half"


async def test_what_is_made_good_within_the_minute_is_no_loss(world: World) -> None:
    world.says(0, 1)
    world.kept_of(0, 1)
    world.says(0, 1, endpoints=READY)
    world.kept_of(0, 1)
    world.says(2)
    assert world.keeps(2) == NOBODY


async def test_a_loss_that_is_made_good_before_anything_was_written_is_none(world: World) -> None:
    world.says(3)
    world.keeps(3)
    world.says(3, endpoints=READY)
    world.keeps(3)
    world.says(0, 1)
    world.says(0, endpoints=READY)
    world.says(2)
    assert world.kept_of(1, 2) == [NOBODY, NOBODY]


async def test_what_could_not_be_written_before_the_others_were_lost_is_held_like_them(world: World) -> None:
    world.says(0)
    assert world.keeps(0, writes=False) == NOBODY
    world.says(1, 2)
    assert world.kept_of(0, 1, 2) == [EAST] * 3
    await asyncio.sleep(WINDOW_SECONDS + 1)
    world.says(3)
    assert world.keeps(3) == EAST
    assert world.fuse.held == 4


async def test_what_is_held_stays_though_the_others_return(world: World) -> None:
    world.says(0, 1, 2)
    world.kept_of(0, 1, 2)
    world.says(0, 1, endpoints=READY)
    assert world.kept_of(0, 1, 2) == [NOBODY, NOBODY, EAST]
    assert world.fuse.held == 1


async def test_after_the_last_has_returned_a_single_loss_goes_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.says(0, 1, 2)
    world.kept_of(0, 1, 2)
    world.says(0, 1, 2, endpoints=READY)
    world.kept_of(0, 1, 2)
    assert world.fuse.held == 0
    assert "recovered: no endpoints are held any more" in caplog.messages
    world.says(0)
    assert world.keeps(0) == NOBODY


async def test_a_service_with_endpoints_elsewhere_follows_what_its_members_say() -> None:
    world = World()
    world.imported(0, 1, 2, 3, clusters=("east", "north"))
    world.says(0, 1, 2, 3)
    assert world.kept_of(0, 1, 2, 3) == [NOBODY] * 4


async def test_endpoints_elsewhere_of_a_cluster_that_is_dead_or_exports_it_no_more_are_none() -> None:
    world = World()
    world.imported(0, 1, 2, 3, clusters=("east", "north"))
    world.dead.add("north")
    for number in range(4):
        world.keeps(number)
    world.says(0, 1, 2, 3)
    assert world.kept_of(0, 1, 2, 3) == [EAST] * 4

    world = World()
    world.imported(0, 1, 2, 3, clusters=("east", "north"))
    for number in range(4):
        world.exporters[service(number)] = {"east"}
    world.says(0, 1, 2, 3)
    assert world.kept_of(0, 1, 2, 3) == [EAST] * 4


async def test_what_two_clusters_lost_together_is_kept_of_both() -> None:
    world = World()
    world.imported(0, 1, 2, 3, clusters=("east", "north"))
    world.says(0, 1, 2, cluster="east")
    world.says(0, 1, 2, cluster="north")
    assert world.kept_of(0, 1, 2) == [{"east", "north"}] * 3


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("how", ["died", "unexported"])
async def test_of_two_whose_endpoints_are_held_the_one_that_goes_for_another_reason_is_not_kept(
    how: str, known: bool
) -> None:
    world = World()
    world.imported(0, 1, 2, 3, clusters=("east", "north"))
    world.says(0, 1, 2, cluster="east")
    world.says(0, 1, 2, cluster="north")
    world.kept_of(0, 1, 2)
    if how == "died":
        world.dead.add("north")
    else:
        world.exporters[service(0)] = {"east"}
    if not known:
        world.unread.add(service(0))
    assert world.keeps(0) == EAST


async def test_own_endpoints_are_never_kept_nor_counted() -> None:
    world = World()
    world.imported(0, 1, 2, 3, clusters=("west",))
    world.says(0, 1, 2, 3, cluster="west")
    assert world.kept_of(0, 1, 2, 3) == [NOBODY] * 4

    world = World()
    world.imported(0, 1, 2, 3, clusters=("east",))
    world.imported(4, 5, 6, 7, 8, 9, clusters=("west",))
    world.says(0, 1, 2)
    assert world.kept_of(0, 1, 2) == [EAST] * 3


async def test_own_services_are_none_of_those_that_all_clusters_together_lost_a_part_of() -> None:
    """No single one lost enough: only of all together are four of four too many."""
    world = World()
    world.members["south"] = Member("south")
    world.imported(0, 1)
    world.imported(2, 3, clusters=("north",))
    world.imported(4, 5, clusters=("south",))
    world.imported(*range(6, 16), clusters=("west",))
    world.says(0, 1)
    world.says(2, 3, cluster="north")
    world.says(4, 5, cluster="south")
    assert world.kept_of(0, 1, 2, 3, 4, 5) == [EAST, EAST, {"north"}, {"north"}, {"south"}, {"south"}]


async def test_a_member_that_was_released_lost_nothing(world: World) -> None:
    world.released.add("east")
    world.says(0, 1, 2, 3)
    assert world.kept_of(0, 1, 2, 3) == [NOBODY] * 4


async def test_a_release_ends_what_is_held(world: World) -> None:
    world.says(0, 1, 2)
    world.kept_of(0, 1, 2)
    world.released.add("east")
    assert world.kept_of(0, 1, 2) == [NOBODY] * 3
    assert world.fuse.held == 0


async def test_addresses_that_a_member_may_not_have_are_no_loss(world: World) -> None:
    world.members["east"] = replace(world.members["east"], allowed_cidrs=("192.0.2.0/24",))
    world.says(0, 1, 2, 3)
    assert world.kept_of(0, 1, 2, 3) == [NOBODY] * 4


async def test_what_a_cluster_lost_that_is_no_member_any_more_is_not_kept(world: World) -> None:
    del world.members["east"]
    world.says(0, 1, 2, 3)
    assert world.kept_of(0, 1, 2, 3) == [NOBODY] * 4


@pytest.mark.parametrize("what", ["our own", "the others'", "our own of the service", "the others' of it"])
async def test_while_it_is_not_known_what_there_is_nothing_is_lost_and_what_is_held_stays(
    world: World, what: str
) -> None:
    def know(known: bool) -> None:
        of_service = set() if known else {service(number) for number in range(4)}
        world.synced = known or what != "our own"
        world.complete = known or what != "the others'"
        world.unread.clear()
        world.unaccounted.clear()
        if what == "our own of the service":
            world.unread.update(of_service)
        if what == "the others' of it":
            world.unaccounted.update(of_service)

    know(False)
    world.says(0, 1, 2)
    assert [world.keeps(number, writes=False) for number in range(3)] == [NOBODY] * 3
    assert world.fuse.held == 0
    know(True)
    assert world.kept_of(0, 1, 2) == [EAST] * 3
    know(False)
    world.says(0, 1, 2, endpoints=None)
    assert world.kept_of(0, 1, 2) == [EAST] * 3


async def test_an_operator_lets_one_service_go_and_it_counts_no_more(world: World) -> None:
    world.says(0, 1, 2)
    world.kept_of(0, 1, 2)
    assert world.keeps(0, annotations=RELEASED, writes=False) == NOBODY
    assert world.fuse.held == 2
    assert world.keeps(0) == NOBODY, "also when the annotation is taken away before its slices"


async def test_what_was_meant_and_came_back_is_a_loss_when_it_vanishes_again(world: World) -> None:
    world.says(0, 1, 2)
    world.kept_of(1, 2)
    world.keeps(0, annotations=RELEASED)
    world.says(0, endpoints=READY)
    world.keeps(0)
    world.says(0)
    assert world.keeps(0) == EAST


async def test_leave_given_before_the_loss_is_no_loss(world: World) -> None:
    world.says(0, 1, told=False)
    for number in (0, 1):
        assert world.keeps(number, annotations=RELEASED) == NOBODY
    world.says(2)
    assert world.keeps(2) == NOBODY


async def test_a_hold_that_is_over_ends_and_what_it_held_is_enqueued_and_counts_no_more(
    world: World,
) -> None:
    world.says(0, 1, 2)
    world.kept_of(0, 1, 2)
    over: list[ServiceKey] = []
    world.fuse.enqueue = over.append
    world.words["east"] = int(HOLD_SECONDS) - 1
    world.fuse.end_holds()
    assert over == []
    assert world.keeps(0) == EAST

    world.words["east"] += 1
    world.fuse.end_holds()

    assert over == [service(0), service(1), service(2)]
    assert world.kept_of(0, 1, 2) == [NOBODY] * 3
    assert world.fuse.held == 0
    world.says(3)
    assert world.keeps(3) == NOBODY


async def test_what_was_held_before_the_start_is_held_on_however_few_they_are() -> None:
    world = World()
    world.imported(0, 1, 2, 3, looked_at=False)
    world.says(0, told=False)
    assert world.keeps(0, conditions=(HELD,)) == EAST
    assert world.fuse.held == 1


async def test_after_a_start_losses_count_that_no_change_told_of() -> None:
    world = World()
    world.imported(0, 1, 2, 3, looked_at=False)
    world.says(0, 1, 2, told=False)
    assert world.keeps(0) == EAST


async def test_a_cluster_that_lost_few_is_not_held_for_what_another_lost(world: World) -> None:
    world.imported(10, 11, 12, clusters=("north",))
    world.says(0, 1, 2, 3)
    world.says(10, cluster="north")
    assert world.keeps(10) == NOBODY
    assert world.keeps(0) == EAST
    assert list(world.fuse.held_of("north")) == []
    assert list(world.fuse.held_of("east")) == [service(0)]


async def test_a_loss_that_becomes_anothers_counts_for_that_one_only() -> None:
    world = World()
    world.imported(0, 1, 2, 3, 4, 5, clusters=("east", "north"))
    world.imported(10, 11, 12, 13, clusters=("north",))
    for number in range(3):
        world.says(number, cluster="east")
        world.says(number, cluster="north")
    for number in range(3):
        # North exports these no more: what is lost is east's alone.
        world.exporters[service(number)] = {"east"}
        world.fuse.look(service(number))
    world.says(10, 11, 12, cluster="north")
    assert world.keeps(10) == NOBODY, "three of ten"


async def test_what_is_exported_no_more_does_not_count_as_what_there_was() -> None:
    world = World()
    world.imported(*range(10))
    world.imported(*range(20, 30), clusters=("north",))
    for number in range(4, 10):
        world.exporters[service(number)] = set()
        world.sources[service(number)].clear()
        world.lie(number)
    world.says(0, 1, 2)
    assert world.keeps(0) == EAST, "three of four"
