"""Lanes of the work queue: who has many keys does not hold up who has few."""

import asyncio

import pytest

from mcs_controller.kube.errors import Conflict
from mcs_controller.kube.queue.work_queue import WorkQueue
from tests.kube.queues import make, now, serving

LANES = {"a": 5000, "b": 3, "c": 1}


@pytest.mark.looptime
@pytest.mark.parametrize("workers", [1, 8])
async def test_many_keys_of_one_lane_hold_the_keys_of_another_up_for_one_turn_each(workers: int) -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)

    queue = make(reconcile, workers=workers, lanes=True)
    for lane, count in LANES.items():
        for number in range(count):
            queue.add(f"{lane}{number:04}", lane)
            queue.add(f"{lane}{number:04}", lane)
    assert len(queue) == 5004
    async with serving(queue):
        await queue.idle()
    assert seen[:7] == ["a0000", "b0000", "c0000", "a0001", "b0001", "a0002", "b0002"]
    assert seen[7:] == [f"a{number:04}" for number in range(3, 5000)]


@pytest.mark.looptime
async def test_a_lane_that_is_never_done_takes_its_turns_and_no_more() -> None:
    seen: list[str] = []
    queue: WorkQueue[str]

    async def reconcile(key: str) -> None:
        seen.append(key)
        if key == "a" and len(seen) < 100:
            queue.add("a")

    queue = make(reconcile, workers=1, lanes=True)
    queue.add("a", "busy")
    async with serving(queue):
        for number in range(10):
            queue.add(f"b{number}")
        await queue.idle()
    assert seen[:20] == [key for number in range(10) for key in ("a", f"b{number}")]


@pytest.mark.looptime
async def test_in_lanes_the_oldest_key_is_told_too() -> None:
    async def reconcile(key: str) -> None:
        return None

    queue = make(reconcile, lanes=True)
    assert queue.oldest_seconds() == 0
    queue.add("a1", "a")
    await asyncio.sleep(5)
    queue.add("b1", "b")
    await asyncio.sleep(2)
    assert queue.oldest_seconds() == 7


@pytest.mark.looptime
async def test_a_key_that_several_want_looked_at_has_the_first_turn_that_comes_and_no_second() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)

    queue = make(reconcile, workers=1, lanes=True)
    for number in range(5):
        queue.add(f"m{number}", "mars")
    queue.add("shared", "mars")
    queue.add("shared", "east")
    queue.add("e0", "east")
    assert len(queue) == 7
    async with serving(queue):
        await queue.idle()
    assert seen == ["m0", "shared", "m1", "e0", "m2", "m3", "m4"]


@pytest.mark.looptime
async def test_a_retry_and_what_a_reconcile_adds_elsewhere_stay_in_the_lane_that_caused_them() -> None:
    seen: list[str] = []
    failing = {f"m{number}" for number in range(20)}

    async def note(key: str) -> None:
        seen.append(key)
        await asyncio.sleep(1)

    later = make(note, workers=1, lanes=True)

    async def reconcile(key: str) -> None:
        later.add(key)
        if key in failing:
            failing.remove(key)
            raise Conflict(409, "Conflict", "no")

    queue = make(reconcile, workers=1, lanes=True, first_retry_seconds=10)
    async with serving(queue), serving(later):
        for key in sorted(failing):
            queue.add(key, "mars")
        await asyncio.sleep(5)
        queue.add("own")
        await asyncio.sleep(2.5)
        assert "own" in seen[-3:]
        # By now all of mars's are being retried.
        await asyncio.sleep(60)
        seen.clear()
        for number in range(20):
            queue.add(f"m{number}", "mars")
        await asyncio.sleep(2)
        queue.add("own")
        await asyncio.sleep(2.5)
        assert "own" in seen


@pytest.mark.looptime
async def test_a_key_added_by_another_party_while_it_is_worked_on_has_that_partys_turn() -> None:
    seen: list[str] = []
    queue: WorkQueue[str]

    async def reconcile(key: str) -> None:
        seen.append(key)
        await asyncio.sleep(1)

    queue = make(reconcile, workers=1, lanes=True)
    async with serving(queue):
        queue.add("m0", "mars")
        await asyncio.sleep(0.5)
        for number in range(1, 10):
            queue.add(f"m{number}", "mars")
        queue.add("m0", "east")
        await queue.idle()
    assert seen[:3] == ["m0", "m1", "m0"]


@pytest.mark.looptime
async def test_slow_work_of_one_lane_leaves_a_worker_for_the_others() -> None:
    ended: dict[str, float] = {}

    async def reconcile(key: str) -> None:
        await asyncio.sleep(10 if key.startswith("m") else 1)
        ended[key] = now()

    queue = make(reconcile, workers=4, lanes=True)
    async with serving(queue):
        for number in range(8):
            queue.add(f"m{number}", "mars")
        await asyncio.sleep(2)
        began = now()
        queue.add("own")
        await queue.idle()
    assert ended["own"] - began == pytest.approx(1)
    assert sorted(key for key, at in ended.items() if at < began + 8.5) == ["m0", "m1", "m2", "own"]

    ended.clear()
    queue = make(reconcile, workers=4, lanes=True)
    async with serving(queue):
        for number in range(8):
            queue.add(f"m{number}", "mars")
        queue.add("m5", "east")
        await asyncio.sleep(2)
        began = now()
        queue.add("own")
        await queue.idle()
    # The fourth worker works on east's, and is free after it.
    assert ended["own"] - began == pytest.approx(9)
    assert sorted(key for key, at in ended.items() if at < began + 8.5) == ["m0", "m1", "m2", "m5"]
