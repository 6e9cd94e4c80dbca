"""The fuse of imports: for how long it holds, and which losses still count later."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.services.imports.fuse import WINDOW_SECONDS, Recent
from mcs_controller.kube.clock import rfc3339
from tests.controllers.fusing import HELD, HOLD_SECONDS, World, service
from tests.support.agents import LoopClock

pytestmark = pytest.mark.looptime


async def test_a_lost_import_that_somebody_deleted_makes_no_loss_of_others_look_harmless() -> None:
    world = World()
    world.imported(0, 1, 2, clusters=("mars",))
    world.imported(*range(3, 8))
    world.vanish(0, 1, 2)
    assert not world.state()[0]
    for number in range(3):
        world.imports.remove(*service(number))
        world.fuse.look(service(number))
    world.vanish(3, 4, 5)
    assert world.holds(3, 4, 5) == [True] * 3


async def test_what_was_withdrawn_more_than_a_minute_ago_makes_no_loss_of_others_look_harmless() -> None:
    world = World()
    world.imported(0, 1, 2, clusters=("mars",))
    world.imported(*range(3, 8))
    world.vanish(0, 1, 2)
    world.withdraw(0, 1, 2)
    await asyncio.sleep(WINDOW_SECONDS)
    world.vanish(3, 4, 5)
    assert world.holds(3, 4, 5) == [True] * 3


async def test_what_is_let_go_once_more_counts_from_the_first_time() -> None:
    recent = Recent()
    recent.add(service(0))
    await asyncio.sleep(WINDOW_SECONDS - 1)
    recent.add(service(0))
    await asyncio.sleep(1)
    assert list(recent.expired()) == [service(0)]


async def test_a_hold_that_is_over_does_not_begin_anew_when_the_deletion_fails() -> None:
    world = World()
    world.imported(*range(4))
    world.vanish(*range(4))
    assert world.holds(*range(4)) == [True] * 4
    over: list[ServiceKey] = []
    world.fuse.enqueue = over.append
    world.words["east"] = int(HOLD_SECONDS)
    world.fuse.end_holds()
    assert over == [service(number) for number in range(4)]

    entry = world.imports.get(*service(0))
    assert entry is not None
    assert not world.fuse.holds(service(0))
    world.fuse.withdraws(service(0), entry.value)

    assert not world.fuse.holds(service(0))
    world.imports.remove(*service(0))
    world.fuse.look(service(0))
    assert world.fuse.hold(service(0)) is None


async def test_the_hold_of_an_import_that_names_no_exporter_ends_after_its_time() -> None:
    world = World()
    world.imported(*range(4), clusters=())
    world.vanish(*range(4))
    assert world.holds(*range(4)) == [True] * 4
    world.words[""] = int(HOLD_SECONDS)
    assert world.holds(*range(4)) == [False] * 4


async def test_what_is_held_of_several_exporters_is_found_for_each_of_them() -> None:
    world = World()
    world.imported(*range(4), clusters=("mars", "venus"))
    world.vanish(*range(4))
    assert world.holds(*range(4)) == [True] * 4
    for cluster in ("mars", "venus"):
        assert list(world.fuse.held_of(cluster)) == [service(number) for number in range(4)]
    assert list(world.fuse.held_of("east")) == []


async def test_the_time_of_a_hold_begins_anew_when_the_exporter_was_back_meanwhile() -> None:
    world = World()
    world.imported(*range(4))
    world.vanish(*range(4))
    assert world.holds(*range(4)) == [True] * 4
    world.words["east"] = int(HOLD_SECONDS) - 1
    world.imported(*range(4))
    world.vanish(*range(4))
    assert world.holds(*range(4)) == [True] * 4
    world.words["east"] += int(HOLD_SECONDS) - 1
    assert world.holds(*range(4)) == [True] * 4
    world.words["east"] += 1
    assert world.holds(*range(4)) == [False] * 4


async def test_after_a_restart_the_told_end_of_a_hold_counts_what_passed_before() -> None:
    world = World()
    now = LoopClock().now()
    told = replace(HELD, last_transition_at=rfc3339(now - timedelta(seconds=1000)))
    world.imported(0, conditions=(told,))
    world.vanish(0)
    assert world.holds(0) == [True]
    hold = world.fuse.hold(service(0))
    assert hold is not None
    assert hold.ends_at == rfc3339(now + timedelta(seconds=HOLD_SECONDS - 1000))
