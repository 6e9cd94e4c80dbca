"""What a fleet tells its workers, and what it makes of what they say. In virtual time, without processes."""

import asyncio
import logging
import os
import signal
from dataclasses import replace
from random import Random

import pytest

from mcs_controller.dns.answers.counters import Held
from mcs_controller.dns.workers.fleet import (
    LONG_LIFE_SECONDS,
    LONGEST_RESTART_SECONDS,
    SERVICES_PER_ORDERS,
    STOP_SECONDS,
)
from mcs_controller.dns.workers.protocol import Orders
from mcs_controller.dns.workers.pulse import BEAT_SECONDS, LATE_ROUNDS, SILENT_ROUNDS, ProcessState
from tests.dns.played import CONFIG, FIRST_PID, Playing, played, totals, until
from tests.dns.zonetext import key

pytestmark = pytest.mark.looptime(sockets=True)

WEB, CART = key("shop/web"), key("shop/cart")


class Kernel:
    """What the kernel says of the processes, and which of them it was told to end."""

    def __init__(self) -> None:
        self.state: ProcessState | None = ProcessState("S", 1.0)
        self.killed: list[tuple[int, int]] = []
        self.fleet: Playing | None = None

    def state_of(self, pid: int) -> ProcessState | None:
        assert pid >= FIRST_PID
        return self.state

    def kill(self, pid: int, number: int) -> None:
        self.killed.append((pid, number))
        assert self.fleet is not None
        player = self.fleet.players[pid - FIRST_PID]
        if not player.is_alive:
            raise ProcessLookupError
        player.ends()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr("mcs_controller.dns.workers.fleet.process_state", kernel.state_of)
    monkeypatch.setattr(os, "kill", kernel.kill)
    return kernel


async def test_a_worker_is_told_what_it_is_and_then_the_whole_zone_before_it_serves() -> None:
    fleet = Playing(2)
    count = 2 * SERVICES_PER_ORDERS + 3
    for number in range(count):
        fleet.put(key(f"shop/s{number}"), "10.96.0.1")
    fleet.open()
    async with played(fleet, 2) as players:
        for number, player in enumerate(players):
            assert player.hello is not None
            assert player.hello.config == replace(CONFIG, workers=2)
            assert player.hello.groups == [
                [(pair.udp.fileno(), pair.tcp.fileno()) for pair in slot.pairs] for slot in fleet._slots
            ]
            assert [len(services) for services in player.services()] == [
                SERVICES_PER_ORDERS,
                SERVICES_PER_ORDERS,
                3,
            ]
            assert [(each.is_open, each.serve, each.stop) for each in player.orders[:3]] == [
                (False, [], False),
                (False, [], False),
                (True, [number], False),
            ]
            told = [item for orders in player.orders for item in orders.services]
            assert told == [(service, fleet.zone[service]) for service in fleet.zone]


async def test_a_change_is_told_to_every_worker_as_it_is_then_and_once() -> None:
    fleet = Playing(2)
    fleet.put(WEB, "10.96.0.1")
    async with played(fleet, 2) as players:
        before = [len(player.orders) for player in players]
        for number in range(100):
            fleet.put(CART, f"10.96.1.{number}")
        fleet.put(WEB)
        await until(
            lambda: all(len(player.orders) > count for player, count in zip(players, before, strict=True))
        )

        for player, count in zip(players, before, strict=True):
            assert [each.services for each in player.orders[count:]] == [
                [(CART, fleet.zone[CART]), (WEB, None)]
            ]


async def turns(count: int = 200) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_that_the_zone_is_open_or_stale_is_told_when_it_changes_and_not_again() -> None:
    fleet = Playing(2)
    async with played(fleet, 2) as players:
        assert [(each.told.is_open, each.told.stale) for each in players] == [(False, False)] * 2
        for change, wanted in (
            (fleet.open, (True, False)),
            (lambda: fleet.set_stale(True), (True, True)),
            (lambda: fleet.set_stale(False), (True, False)),
        ):
            before = [len(player.orders) for player in players]
            for _ in range(3):
                change()
                await turns()
            assert [len(player.orders) for player in players] == [count + 1 for count in before]
            assert [(each.told.is_open, each.told.stale) for each in players] == [wanted] * 2


async def test_only_workers_that_serve_their_own_group_answer_and_one_that_is_open_makes_it_ready() -> None:
    fleet = Playing(2)
    async with played(fleet, 2) as (first, second):
        assert fleet.answering() == 2
        assert fleet.ready()
        second.reports(0)
        await until(lambda: fleet.answering() == 1)
        first.reports(0, is_open=False)
        await until(lambda: not fleet.ready())
        assert fleet.answering() == 1
        second.reports(0, 1, is_open=True)
        await until(fleet.ready)
        assert fleet.answering() == 2


async def test_before_any_worker_reports_there_is_nobody_who_answers() -> None:
    fleet = Playing(2)

    assert (fleet.answering(), fleet.ready(), fleet.pids(), fleet.held()) == (0, False, [], Held())
    assert fleet.restarts == 0


async def test_what_workers_count_is_added_up_and_outlives_them() -> None:
    fleet = Playing(2)
    async with played(fleet, 2) as (first, second):
        first.reports(0, counted=totals(requests=5, short=1), connections=3, held=Held(2, 7, 10))
        second.reports(1, counted=totals(requests=7, short=2), connections=4, held=Held(1, 8, 20))
        await until(lambda: fleet.held().prebuilt == 30)
        assert fleet.held() == Held(2, 8, 30)
        merged = fleet.merged_counters()
        assert (merged.udp.requests[0], merged.dropped["short"], merged.tcp_connections) == (12, 3, 7)
        assert merged.udp.ceiling_bytes == CONFIG.udp_payload_limit_bytes

        second.ends()
        await fleet.has_players(3)
        fleet.players[2].reports(1, counted=totals(requests=100))
        await until(lambda: fleet.answering() == 2)

        merged = fleet.merged_counters()
        assert (merged.udp.requests[0], merged.dropped["short"], merged.tcp_connections) == (112, 3, 3)
        assert fleet.held().services == 2


async def test_the_group_of_a_worker_that_ended_is_answered_by_the_first_until_a_new_one_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet = Playing(3)
    fleet.put(WEB, "10.96.0.1")
    async with played(fleet, 3) as players:
        first, _, third = players[:3]
        assert [each.told.serve for each in players] == [[0], [1], [2]]
        first.ends()
        await until(lambda: players[1].told.serve == [0, 1])
        assert third.told.serve == [2]
        assert fleet.answering() == 2
        assert fleet.pids() == [FIRST_PID + 1, FIRST_PID + 2]

        await fleet.has_players(4)
        assert fleet.restarts == 1
        assert fleet.pids() == [FIRST_PID + 3, FIRST_PID + 1, FIRST_PID + 2]
        new = players[3]
        assert new.services() == [[WEB]]
        assert new.told.serve == [0]
        players[1].reports(0, 1)
        await turns()
        assert players[1].told.serve == [0, 1], "until the new one has said that it serves"
        new.reports(0)
        await until(lambda: players[1].told.serve == [1])
    (told,) = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert told == f"DNS worker 0 (process {FIRST_PID}) has ended: starting another"


async def test_while_no_worker_answers_each_has_its_own_group() -> None:
    fleet = Playing(2)
    async with played(fleet, 2) as players:
        for player in players[:2]:
            player.ends()
        await until(lambda: fleet.answering() == 0)
        await fleet.has_players(4)
        assert sorted(tuple(player.told.serve) for player in players[2:]) == [(0,), (1,)]


async def test_a_worker_that_is_late_is_helped_until_it_beats_again(kernel: Kernel) -> None:
    fleet = Playing(2)
    kernel.state = ProcessState("R", 1.0)
    lags: list[float] = []
    fleet.observe_lag = lags.append
    async with played(fleet, 2) as (first, second):
        for number in range(LATE_ROUNDS - 1):
            await asyncio.sleep(BEAT_SECONDS)
            second.beats(number / 10)
        await turns()
        assert (first.told.serve, second.told.serve) == ([0], [1]), "not late yet"
        await asyncio.sleep(BEAT_SECONDS)
        second.beats()
        await until(lambda: second.told.serve == [0, 1])
        assert first.told.serve == [0], "it may only be slow"
        assert fleet.answering() == 1
        assert fleet.ready(), "one that is late answers"

        first.beats(0.25)
        await until(lambda: second.told.serve == [1])
        assert fleet.answering() == 2
        assert lags == [0.0, 0.1, 0.0, 0.25]
        assert fleet.restarts == 0


async def test_a_worker_that_hangs_is_ended_and_what_it_did_is_told(
    kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = kernel.fleet = Playing(2)
    async with played(fleet, 2) as (first, second):
        first.beats()
        for _ in range(SILENT_ROUNDS - 1):
            await asyncio.sleep(BEAT_SECONDS)
            second.beats()
            await turns(20)
        assert kernel.killed == []
        await asyncio.sleep(BEAT_SECONDS)
        await turns()
        assert kernel.killed == [(FIRST_PID, signal.SIGKILL)]
        await fleet.has_players(3)
    told = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert told == [f"DNS worker 0 (process {FIRST_PID}) has sent nothing for 10 s: starting another"]


@pytest.mark.parametrize("state", [None, ProcessState("T", 1.0)])
async def test_a_worker_that_is_gone_while_it_is_judged_is_ended_once_at_most(
    kernel: Kernel, state: ProcessState | None
) -> None:
    """Its end of the conversation is what tells of its end; until then nothing more is done to it."""
    fleet = kernel.fleet = Playing(1)
    kernel.state = state
    async with played(fleet, 1) as (first,):
        first.is_alive = False
        await asyncio.sleep(20 * BEAT_SECONDS)
        await turns()
        assert kernel.killed == ([] if state is None else [(FIRST_PID, signal.SIGKILL)])
        assert len(fleet.players) == 1


class Longest(Random):
    """Waits as long as may be."""

    def uniform(self, a: float, b: float) -> float:
        return b


async def test_workers_that_end_at_once_are_tried_again_after_ever_longer_pauses() -> None:
    fleet = Playing(1, random=Longest())
    loop = asyncio.get_running_loop()
    async with played(fleet, 1):
        pauses = []
        for number in range(1, 12):
            fleet.players[-1].ends()
            ended_at_seconds = loop.time()
            await asyncio.sleep(LONGEST_RESTART_SECONDS + 1)
            pauses.append(fleet.players[-1].started_at_seconds - ended_at_seconds)
            assert len(fleet.players) == number + 1
            assert fleet.restarts == number
        doubling = [0.05 * 2**number for number in range(8)]
        assert pauses == pytest.approx([*doubling, *[LONGEST_RESTART_SECONDS] * 3], abs=0.01)


@pytest.mark.parametrize(("lived_seconds", "pause_seconds"), [(LONG_LIFE_SECONDS + 1, 0.05), (25.0, 0.2)])
async def test_a_worker_that_lived_long_is_replaced_at_once_again(
    kernel: Kernel, lived_seconds: float, pause_seconds: float
) -> None:
    fleet = Playing(1, random=Longest())
    kernel.state = ProcessState("R", 1.0)
    loop = asyncio.get_running_loop()
    async with played(fleet, 1) as players:
        for number in (1, 2):
            players[-1].ends()
            await fleet.has_players(number + 1)
        await asyncio.sleep(lived_seconds)
        players[-1].ends()
        ended_at_seconds = loop.time()
        await fleet.has_players(4)
        pause = players[-1].started_at_seconds - ended_at_seconds
        assert pause == pytest.approx(pause_seconds, abs=0.01)


class Unstartable(Playing):
    """A program that is missing at first."""

    failures = 0

    async def _start_process(self, theirs: object) -> object:  # type: ignore[override]
        if self.failures < 3:
            self.failures += 1
            raise FileNotFoundError(2, "No such file or directory")
        return await super()._start_process(theirs)  # type: ignore[arg-type]


async def test_a_program_that_cannot_be_started_is_tried_again_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet = Unstartable(1)
    running = asyncio.create_task(fleet.run())
    await fleet.has_players(1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    told = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert told == ["DNS worker 0 cannot be started: [Errno 2] No such file or directory"] * 3
    assert fleet.restarts == 3


async def test_the_end_waits_for_the_last_words_of_every_worker_and_counts_them() -> None:
    fleet = Playing(2)
    fleet.put(WEB, "10.96.0.1")
    fleet.open()
    async with played(fleet, 2) as players:
        fleet.set_stale(True)
        await until(lambda: all(player.told.stale for player in players))
        running = next(task for task in asyncio.all_tasks() if "Fleet.run" in repr(task))
        running.cancel()
        await until(lambda: all(player.told.stop for player in players))
        assert [player.told for player in players] == [Orders([], True, True, [], stop=True)] * 2
        for player in players:
            player.beats()
            player.reports(counted=totals(requests=21))
        await turns()
        assert not running.done()
        for player in players:
            player.ends()
        loop = asyncio.get_running_loop()
        before = loop.time()
        await asyncio.gather(running, return_exceptions=True)
        assert loop.time() == before
        assert fleet.merged_counters().udp.requests[0] == 42


async def test_a_worker_that_does_not_end_when_told_is_ended() -> None:
    fleet = Playing(1)
    async with played(fleet, 1) as (player,):
        running = next(task for task in asyncio.all_tasks() if "Fleet.run" in repr(task))
        loop = asyncio.get_running_loop()
        before = loop.time()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert loop.time() - before == pytest.approx(STOP_SECONDS, abs=0.1)
        assert not player.is_alive


async def test_closing_it_closes_the_sockets_of_all_groups() -> None:
    fleet = Playing(2)
    async with played(fleet, 2):
        pairs = [pair for slot in fleet._slots for pair in slot.pairs]
        assert len(pairs) == 2
    assert [(pair.udp.fileno(), pair.tcp.fileno()) for pair in pairs] == [(-1, -1)] * 2
    fleet.close()
