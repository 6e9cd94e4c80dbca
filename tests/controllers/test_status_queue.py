"""When a status is written: behind endpoints that wait, but not for ever, and what was wanted last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.status import AHEAD_MIN_KEYS, AHEAD_SECONDS, StatusWriter

pytestmark = pytest.mark.looptime

WEB = ServiceKey("shop", "web")


class Status(StatusWriter[str, str]):
    """Writes words, and remembers when."""

    def __init__(self) -> None:
        super().__init__("status", Random(1))
        self.held: dict[ServiceKey, str] = {}
        self.written_at_seconds: dict[ServiceKey, float] = {}
        self.ahead = 0
        self.keys_ahead = lambda: self.ahead

    def _difference(self, key: ServiceKey, wanted: str) -> str | None:
        return wanted if self.held.get(key) != wanted else None

    async def _write(self, key: ServiceKey, difference: str) -> None:
        self.held[key] = difference
        self.written_at_seconds[key] = asyncio.get_running_loop().time()


@asynccontextmanager
async def running() -> AsyncIterator[Status]:
    status = Status()
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


async def test_what_is_held_already_is_not_written() -> None:
    async with running() as status:
        status.held[WEB] = "good"
        status.want(WEB, "good")
        assert not len(status.queue)
