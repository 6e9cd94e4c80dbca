"""Turns: by time and by number, for one task and for many."""

import asyncio

import pytest

from mcs_controller.kube.pacing.turns import Turn

pytestmark = pytest.mark.looptime


def test_a_turn_is_used_up_by_time() -> None:
    turn = Turn(0.005, 1000)

    assert [turn.used_up_by(seconds) for seconds in (0.002, 0.002, 0.002)] == [False, False, True]


def test_a_turn_is_used_up_by_number() -> None:
    turn = Turn(0.005, 3)

    assert [turn.used_up_by(0.0) for _ in range(3)] == [False, False, True]


async def test_a_pause_lets_others_run_and_gives_a_new_turn() -> None:
    turn, others = Turn(0.005, 1000), 0

    def other() -> None:
        nonlocal others
        others += 1

    assert turn.used_up_by(1.0)
    asyncio.get_running_loop().call_soon(other)
    await turn.pause()

    assert others == 1
    assert not turn.used_up_by(0.001)


async def test_many_tasks_together_take_one_turn_in_each_round_of_the_loop() -> None:
    turn, done, rounds, worst = Turn(0.005, 1000), 0, 0, 0

    async def work() -> None:
        nonlocal done
        for _ in range(20):
            done += 1
            if turn.used_up_by(0.002):
                await turn.pause()

    tasks = [asyncio.create_task(work()) for _ in range(8)]
    await asyncio.sleep(0)  # Each begins with a step.
    while not all(task.done() for task in tasks):
        before = done
        await asyncio.sleep(0)
        worst, rounds = max(worst, done - before), rounds + 1

    assert done == 160
    assert rounds > 30
    assert worst <= 3
