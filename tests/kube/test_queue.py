"""The work queue's promises, in virtual time."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from mcs_controller.kube.errors import Conflict, KubeError, TooManyRequests, Unreachable
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.observe.log_context import log_context


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def serving(queue: WorkQueue[Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


def make(reconcile: Callable[[str], Awaitable[float | None]], **options: Any) -> WorkQueue[str]:
    return WorkQueue("test", reconcile, random=Random(1), **options)


@pytest.mark.looptime
async def test_a_key_added_many_times_before_its_turn_is_worked_on_once() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)

    queue = make(reconcile)
    for _ in range(5):
        queue.add("a")
    assert len(queue) == 1
    async with serving(queue):
        await queue.idle()
    assert seen == ["a"]


@pytest.mark.looptime
async def test_a_key_added_while_it_is_worked_on_is_worked_on_once_more_afterwards() -> None:
    runs: list[tuple[float, float]] = []

    async def reconcile(key: str) -> None:
        started = now()
        await asyncio.sleep(10)
        runs.append((started, now()))

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(3)
        queue.add("a")
        queue.add("a")
        assert len(queue) == 1
        await queue.idle()
    assert runs == [(0, 10), (10, 20)]


@pytest.mark.looptime
async def test_no_two_workers_ever_hold_the_same_key_and_no_more_run_than_there_are_workers() -> None:
    running: set[str] = set()
    most = 0

    async def reconcile(key: str) -> None:
        nonlocal most
        assert key not in running
        running.add(key)
        most = max(most, len(running))
        await asyncio.sleep(1)
        running.discard(key)

    queue = make(reconcile, workers=3)
    async with serving(queue):
        for turn in range(4):
            for key in "abcdef":
                queue.add(key)
            await asyncio.sleep(0.3 * turn)
        await queue.idle()
    assert most == 3


@pytest.mark.looptime
async def test_an_added_key_starts_at_once_when_a_worker_is_free() -> None:
    started: list[float] = []

    async def reconcile(key: str) -> None:
        started.append(now())

    queue = make(reconcile)
    async with serving(queue):
        await asyncio.sleep(100)
        queue.add("a")
        await queue.idle()
        assert started == [100]


@pytest.mark.looptime
async def test_a_slow_key_holds_no_other_key_up() -> None:
    done: dict[str, float] = {}

    async def reconcile(key: str) -> None:
        await asyncio.sleep(60 if key == "slow" else 0)
        done[key] = now()

    queue = make(reconcile, workers=2)
    async with serving(queue):
        queue.add("slow")
        for number in range(20):
            queue.add(f"quick-{number}")
        await queue.idle()
    assert max(when for key, when in done.items() if key != "slow") == 0


@pytest.mark.looptime
async def test_a_failing_key_is_retried_with_growing_waits_that_end_with_success() -> None:
    tries: list[float] = []

    async def reconcile(key: str) -> None:
        tries.append(now())
        if len(tries) < 8:
            raise Conflict(409, "Conflict", "someone was faster")

    queue = make(reconcile, first_retry_seconds=1, longest_retry_seconds=8)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(1)
        assert queue.failing == 1
        await asyncio.sleep(99)
        assert len(tries) == 8
        assert queue.failing == 0
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert all(wait <= ceiling for wait, ceiling in zip(waits, (1, 2, 4, 8, 8, 8, 8), strict=True))


@pytest.mark.looptime
async def test_retry_after_wins_over_the_backoff() -> None:
    tries: list[float] = []

    async def reconcile(key: str) -> None:
        tries.append(now())
        if len(tries) == 1:
            raise TooManyRequests(429, "TooManyRequests", "slow down", retry_after_seconds=30)

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(60)
    assert 30 <= tries[1] <= 33


@pytest.mark.looptime
async def test_an_event_does_not_wait_for_the_backoff_and_uses_the_promised_retry_up() -> None:
    tries: list[float] = []

    async def reconcile(key: str) -> None:
        tries.append(now())
        if len(tries) == 1:
            raise TooManyRequests(429, "TooManyRequests", "slow down", retry_after_seconds=30)

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(1)
        queue.add("a")
        await asyncio.sleep(100)
    assert tries == [0, 1]


@pytest.mark.looptime
async def test_a_reconcile_says_when_it_wants_to_look_again() -> None:
    looks: list[float] = []

    async def reconcile(key: str) -> float | None:
        looks.append(now())
        return 10 if len(looks) < 3 else None

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(100)
    assert looks == pytest.approx([0, 10, 20])


@pytest.mark.looptime
async def test_of_several_wishes_for_later_the_earliest_holds() -> None:
    looks: list[tuple[str, float]] = []

    async def reconcile(key: str) -> None:
        looks.append((key, now()))

    queue = make(reconcile)
    async with serving(queue):
        queue.add_after("a", 30)
        queue.add_after("a", 10)
        queue.add_after("a", 20)
        queue.add_after("b", 5)
        queue.add_after("c", 0)
        assert len(queue) == 1
        await asyncio.sleep(100)
    assert looks == [("c", 0), ("b", 5), ("a", 10)]


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("error", "tries", "warnings"),
    [
        (Conflict(409, "Conflict", "someone was faster"), 1, 0),
        (Conflict(409, "Conflict", "someone was faster"), 2, 1),
        (Unreachable("away"), 1, 1),
    ],
)
async def test_that_another_was_quicker_once_is_no_warning_and_all_else_is(
    error: KubeError, tries: int, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    left = [error] * tries

    async def reconcile(key: str) -> None:
        if left:
            raise left.pop()

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(10)
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == warnings
    assert not left


@pytest.mark.looptime
async def test_a_bug_is_logged_with_its_traceback_and_retried_while_other_keys_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)
        if key == "bad" and seen.count("bad") == 1:
            raise RuntimeError("a bug")

    queue = make(reconcile, workers=1)
    async with serving(queue):
        queue.add("bad")
        queue.add("good")
        await asyncio.sleep(10)
    assert seen == ["bad", "good", "bad"]
    assert [bool(record.exc_info) for record in caplog.records] == [True]


@pytest.mark.looptime
async def test_an_api_error_is_logged_as_one_line_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def reconcile(key: str) -> None:
        if not caplog.records:
            raise Conflict(409, "Conflict", "someone was faster")

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(10)
    assert [(record.levelno, bool(record.exc_info)) for record in caplog.records] == [
        (logging.WARNING, False)
    ]
    assert "someone was faster" in caplog.text


@pytest.mark.looptime
async def test_a_wait_that_someone_else_cancelled_fails_the_key_and_not_the_worker() -> None:
    tries = 0

    async def reconcile(key: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            cancelled = asyncio.get_running_loop().create_future()
            cancelled.cancel()
            await cancelled

    queue = make(reconcile, workers=1)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(10)
    assert tries == 2


@pytest.mark.looptime
async def test_cancelling_the_queue_ends_running_reconciles_and_keeps_their_keys() -> None:
    ended: list[float] = []

    async def reconcile(key: str) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append(now())

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        queue.add_after("b", 500)
        await asyncio.sleep(7)
    assert ended == [7]
    assert len(queue) == 1


@pytest.mark.looptime
async def test_workers_with_nothing_to_wait_for_let_the_rest_of_the_program_run() -> None:
    done = 0
    at_first_turn: list[int] = []

    async def reconcile(key: str) -> None:
        nonlocal done
        done += 1

    queue = make(reconcile, workers=1)
    for number in range(1000):
        queue.add(str(number))
    async with serving(queue):
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(lambda: at_first_turn.append(done))
        await queue.idle()
    assert done == 1000
    assert at_first_turn[0] < 100


async def test_however_many_workers_slow_reconciles_leave_the_loop_a_turn_every_few_milliseconds() -> None:
    """By time: sixteen keys of each of eight workers would take a second together."""
    done: list[int] = []
    in_each_round: list[int] = []

    async def reconcile(key: str) -> None:
        began = time.perf_counter()
        while time.perf_counter() - began < 0.008:
            pass
        done.append(1)

    queue = make(reconcile, workers=8)
    async with serving(queue):
        await asyncio.sleep(0)
        for number in range(60):
            queue.add(str(number))
        while len(done) < 60:
            before = len(done)
            await asyncio.sleep(0)
            in_each_round.append(len(done) - before)
    # In the first round every worker may begin.
    assert max(in_each_round[2:]) == 1


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


@pytest.mark.looptime
async def test_keys_that_found_nobody_are_retried_when_told_to_and_those_that_were_refused_are_not() -> None:
    away = True
    seen: list[tuple[str, float]] = []

    async def reconcile(key: str) -> None:
        seen.append((key, now()))
        if key == "refused":
            raise Conflict(409, "Conflict", "no")
        if away:
            raise Unreachable("away")

    queue = make(reconcile, first_retry_seconds=100, longest_retry_seconds=1000)
    keys = {f"key{number}" for number in range(50)}
    async with serving(queue):
        for key in (*sorted(keys), "refused"):
            queue.add(key)
        await queue.idle()
        seen.clear()
        away = False
        queue.retry_unanswered()
        await asyncio.sleep(0.5)
        assert {key for key, _ in seen} - {"refused"} == keys
        assert len({at for _, at in seen}) > 20
        assert queue.failing == 1
        seen.clear()
        queue.retry_unanswered()
        await asyncio.sleep(0.5)
        assert seen == []


@pytest.mark.looptime
async def test_very_many_keys_that_found_nobody_come_one_after_the_other() -> None:
    seen: list[float] = []

    async def reconcile(key: str) -> None:
        seen.append(now())
        raise Unreachable("away")

    queue = make(reconcile, first_retry_seconds=5000, longest_retry_seconds=50_000)
    async with serving(queue):
        for number in range(3000):
            queue.add(str(number))
        await queue.idle()
        began = now()
        seen.clear()
        queue.retry_unanswered()
        await asyncio.sleep(1)
        assert 300 < len(seen) < 700
        await asyncio.sleep(5)
        assert len(seen) >= 3000
        assert now() == began + 6


@pytest.mark.looptime
async def test_a_key_that_was_answered_since_is_not_retried() -> None:
    away = True
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)
        if away:
            raise Unreachable("away")
        if key == "refused":
            raise Conflict(409, "Conflict", "no")

    queue = make(reconcile, first_retry_seconds=100, longest_retry_seconds=1000)
    async with serving(queue):
        for key in ("well", "refused"):
            queue.add(key)
        await queue.idle()
        away = False
        queue.add("well")
        queue.add("refused")
        await queue.idle()
        seen.clear()
        queue.retry_unanswered()
        await asyncio.sleep(1)
        assert seen == []


@pytest.mark.looptime
async def test_the_log_context_names_the_key_too_during_its_reconcile() -> None:
    contexts: list[dict[str, str]] = []

    async def reconcile(key: str) -> None:
        await asyncio.sleep(1)
        contexts.append(dict(log_context.get()))

    queue = make(reconcile, describe=lambda key: {"name": key})
    around = log_context.set({"cluster": "east"})
    async with serving(queue):
        queue.add("a")
        queue.add("b")
        await queue.idle()
        assert contexts == [{"cluster": "east", "name": "a"}, {"cluster": "east", "name": "b"}]
        assert log_context.get() == {"cluster": "east"}
    log_context.reset(around)


@pytest.mark.looptime
async def test_the_observer_learns_how_long_keys_waited_and_took_and_how_it_ended() -> None:
    told: list[tuple[float, float, str]] = []

    async def reconcile(key: str) -> float | None:
        await asyncio.sleep(4)
        if key == "bad":
            raise Conflict(409, "Conflict", "no")
        return 1000 if key == "later" else None

    queue = make(
        reconcile,
        workers=1,
        first_retry_seconds=5000,
        observer=lambda waited, worked, result: told.append((waited, worked, result)),
    )
    async with serving(queue):
        for key in ("good", "bad", "later"):
            queue.add(key)
        await asyncio.sleep(2)
        assert queue.oldest_seconds() == 2
        await queue.idle()
        assert queue.oldest_seconds() == 0
    assert told == [(0, 4, "ok"), (4, 4, "error"), (8, 4, "again")]
