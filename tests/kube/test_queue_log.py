"""What the work queue tells the log and its observer of reconciles and how they ended."""

import asyncio
import logging

import pytest

from mcs_controller.kube.errors import Conflict, Invalid, KubeError, Unreachable
from mcs_controller.observe.log_context import log_context
from tests.kube.queues import make, serving


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
            raise Invalid(422, "Invalid", "no")
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
