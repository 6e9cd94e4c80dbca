"""When a status is written: behind endpoints that wait, but not for ever, and what was wanted last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.runtime.pace import BURST, INTERVAL_SECONDS
from mcs_controller.controllers.runtime.status_writer import AHEAD_MIN_KEYS, AHEAD_SECONDS, StatusWriter

pytestmark = pytest.mark.looptime

WEB = ServiceKey("shop", "web")


class Status(StatusWriter[str, str]):
    """Writes words, and remembers when."""

    def __init__(self, *, told_ahead: bool = True) -> None:
        super().__init__("status", Random(1))
        self.held: dict[ServiceKey, str] = {}
        self.written_at_seconds: dict[ServiceKey, float] = {}
        self.asked_before: list[ServiceKey] = []
        self.found_before: str | None = None
        self.ahead = 0
        if told_ahead:
            self.keys_ahead = lambda: self.ahead

    def _difference(self, key: ServiceKey, wanted: str) -> str | None:
        return wanted if self.held.get(key) != wanted else None

    async def _before_writing(self, key: ServiceKey, difference: str) -> None:
        self.asked_before.append(key)
        if self.found_before is not None:
            self.held[key] = self.found_before

    async def _write(self, key: ServiceKey, difference: str) -> None:
        self.held[key] = difference
        self.written_at_seconds[key] = asyncio.get_running_loop().time()


@asynccontextmanager
async def running(*, told_ahead: bool = True) -> AsyncIterator[Status]:
    status = Status(told_ahead=told_ahead)
    task = asyncio.create_task(status.queue.run())
    yield status
    task.cancel()
    await asyncio.wait([task])


async def test_a_status_is_written_at_once_while_few_services_wait() -> None:
    async with running() as status:
        status.ahead = AHEAD_MIN_KEYS - 1
        status.want(WEB, "good")
        await status.queue.idle()
        assert status.written_at_seconds[WEB] == 0


async def test_a_status_is_written_at_once_where_nobody_says_how_many_services_wait() -> None:
    async with running(told_ahead=False) as status:
        status.want(WEB, "good")
        await status.queue.idle()
        assert status.written_at_seconds[WEB] == 0


async def test_a_status_lets_many_services_go_ahead_and_comes_when_they_are_through() -> None:
    async with running() as status:
        status.ahead = AHEAD_MIN_KEYS
        status.want(WEB, "good")
        await asyncio.sleep(AHEAD_SECONDS / 2)
        assert not status.held
        status.want(WEB, "better")
        status.ahead = 0
        await status.queue.idle()
        assert status.held == {WEB: "better"}
        assert AHEAD_SECONDS / 2 <= status.written_at_seconds[WEB] < AHEAD_SECONDS


async def test_no_status_waits_longer_than_its_bound_however_many_they_are() -> None:
    async with running() as status:
        status.ahead = 10 * AHEAD_MIN_KEYS
        keys = [ServiceKey("shop", f"web-{number}") for number in range(100)]
        for key in keys:
            status.want(key, "good")
        await status.queue.idle()
        assert set(status.held) == set(keys)
        assert max(status.written_at_seconds.values()) == pytest.approx(AHEAD_SECONDS, abs=0.1)
        # A wish of later has a wait of its own.
        status.want(WEB, "good")
        await status.queue.idle()
        assert status.written_at_seconds[WEB] >= 2 * AHEAD_SECONDS


async def test_what_was_written_is_wanted_no_more() -> None:
    async with running() as status:
        status.want(WEB, "good")
        await status.queue.idle()
        status.want(WEB, "good")
        assert not len(status.queue)


async def test_what_comes_to_be_held_by_itself_is_not_written() -> None:
    async with running() as status:
        status.ahead = AHEAD_MIN_KEYS
        status.want(WEB, "good")
        status.held[WEB] = "good"
        await status.queue.idle()
        assert not status.written_at_seconds
        assert not status.asked_before


async def test_writes_of_one_object_keep_their_pace_and_the_last_wish_is_the_one() -> None:
    async with running() as status:
        for number in range(BURST + 2):
            status.want(WEB, f"wish {number}")
            await status.queue.idle()
        assert status.held == {WEB: f"wish {BURST - 1}"}
        await asyncio.sleep(2 * INTERVAL_SECONDS)
        await status.queue.idle()
        assert status.held == {WEB: f"wish {BURST + 1}"}


async def test_what_is_found_out_before_writing_counts() -> None:
    async with running() as status:
        status.found_before = "good"
        status.want(WEB, "good")
        await status.queue.idle()
        assert status.asked_before == [WEB]
        assert not status.written_at_seconds


async def test_what_is_held_already_is_not_written() -> None:
    async with running() as status:
        status.held[WEB] = "good"
        status.want(WEB, "good")
        assert not len(status.queue)
