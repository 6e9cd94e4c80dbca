"""When the work queue turns to a key again: after a failure, or because a reconcile asks for it."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from mcs_controller.kube.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from mcs_controller.kube.queue.work_queue import LONGEST_OF_FEW_SECONDS, LONGEST_RETRY_SECONDS
from tests.kube.queues import make, now, serving


def told_once_to_slow_down(tries: list[float]) -> Callable[[str], Awaitable[None]]:
    """A reconcile that notes when it is tried; the server refuses the first for 30 s."""

    async def reconcile(key: str) -> None:
        tries.append(now())
        if len(tries) == 1:
            raise TooManyRequests(429, "TooManyRequests", "slow down", retry_after_seconds=30)

    return reconcile


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
@pytest.mark.parametrize(
    "refusal",
    [
        Conflict(409, "Conflict", "someone was faster"),
        ServerError(503, "ServiceUnavailable", "etcd is away"),
    ],
    ids=["conflict", "server error"],
)
async def test_a_key_that_alone_is_refused_is_taken_soon_after_the_server_takes_it(
    refusal: Exception,
) -> None:
    tries: list[float] = []

    async def reconcile(key: str) -> None:
        tries.append(now())
        raise refusal

    queue = make(reconcile)
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(1000)
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert 10 < max(waits) <= LONGEST_OF_FEW_SECONDS


@pytest.mark.looptime
async def test_very_many_refused_keys_are_not_retried_as_often_as_few() -> None:
    tries: list[str] = []

    async def reconcile(key: str) -> None:
        tries.append(key)
        raise ServerError(503, "ServiceUnavailable", "etcd is away")

    queue = make(reconcile)
    async with serving(queue):
        for number in range(200):
            queue.add(str(number))
        await asyncio.sleep(200)
        tries.clear()
        await asyncio.sleep(100)
    assert len(tries) < 200 * 100 / (LONGEST_RETRY_SECONDS / 2) * 1.2


@pytest.mark.looptime
async def test_retry_after_wins_over_the_backoff() -> None:
    tries: list[float] = []
    queue = make(told_once_to_slow_down(tries))
    async with serving(queue):
        queue.add("a")
        await asyncio.sleep(60)
    assert 30 <= tries[1] <= 33


@pytest.mark.looptime
async def test_an_event_does_not_wait_for_the_backoff_and_uses_the_promised_retry_up() -> None:
    tries: list[float] = []
    queue = make(told_once_to_slow_down(tries))
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
@pytest.mark.parametrize(
    "refusal",
    [
        ServerError(500, "InternalError", "etcd is away"),
        Unauthorized(401, "Unauthorized", "the token was revoked"),
        NotFound(404, "NotFound", "the CRD is not installed"),
        Forbidden(403, "Forbidden", "create not allowed while custom resource definition is terminating"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_when_the_server_takes_one_key_again_the_other_refused_ones_follow(refusal: ApiError) -> None:
    refused = True
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)
        if refused or key == "invalid":
            raise Invalid(422, "Invalid", "no") if key == "invalid" else refusal

    queue = make(reconcile, first_retry_seconds=1000, longest_retry_seconds=10_000)
    async with serving(queue):
        for key in ("a", "b", "c", "invalid"):
            queue.add(key)
        await queue.idle()
        refused = False
        seen.clear()
        queue.add("b")
        await asyncio.sleep(1)
        assert sorted(seen) == ["a", "b", "c"]
        assert queue.failing == 1


@pytest.mark.looptime
async def test_a_server_that_takes_some_keys_is_not_asked_for_the_others_all_the_time() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)
        if key == "never" or seen.count(key) % 2:
            raise ServerError(500, "InternalError", "etcd is slow")

    queue = make(reconcile, first_retry_seconds=1000, longest_retry_seconds=10_000)
    async with serving(queue):
        queue.add("never")
        for number in range(100):
            for _ in range(2):
                queue.add(str(number))
                await queue.idle()
            await asyncio.sleep(0.1)
        assert 2 <= seen.count("never") <= 4


@pytest.mark.looptime
async def test_a_key_that_was_told_when_to_come_again_is_not_woken_by_others() -> None:
    tries: list[float] = []
    told_once = told_once_to_slow_down(tries)

    async def reconcile(key: str) -> None:
        if key == "told":
            await told_once(key)
        elif not others:
            others.append(key)
            raise ServerError(500, "InternalError", "for a moment")

    others: list[str] = []
    queue = make(reconcile, first_retry_seconds=0.1)
    async with serving(queue):
        queue.add("told")
        queue.add("other")
        await asyncio.sleep(20)
        assert len(tries) == 1
