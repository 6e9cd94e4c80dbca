import asyncio
import signal
import subprocess
import sys

import pytest

from mcs_controller.cli.lifecycle import run_command
from mcs_controller.kube.event_loop import EventLoop


async def _end_with(code: int) -> int:
    return code


def test_a_command_that_ends_by_itself_keeps_its_exit_code() -> None:
    assert run_command(_end_with(3)) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_command_clean_up_and_ends_with_0(number: signal.Signals) -> None:
    cleaned_up = []

    async def work() -> int:
        try:
            asyncio.get_running_loop().call_soon(signal.raise_signal, number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned_up.append(number)
        return 1

    assert run_command(work()) == 0
    assert cleaned_up == [number]


def test_what_does_not_stop_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcs_controller.cli.lifecycle.SLOW_STOP_SECONDS", 0.01)

    async def work() -> int:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("slow work")
        try:
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            while not any("still stopping: " in one for one in caplog.messages):  # noqa: ASYNC110 - a log is no event
                await asyncio.sleep(0.01)
        return 1

    assert run_command(work()) == 0
    assert "still stopping: slow work; another signal ends the process" in caplog.messages


HANGING = """
import asyncio, signal
from mcs_controller.cli.lifecycle import run_command

async def work():
    loop = asyncio.get_running_loop()
    try:
        loop.call_soon(signal.raise_signal, signal.SIGTERM)
        await asyncio.Event().wait()
    finally:
        loop.call_soon(signal.raise_signal, signal.{second})
        await asyncio.Event().wait()

run_command(work())
"""


@pytest.mark.parametrize(("second", "exit_code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_second_signal_ends_a_clean_up_that_does_not_end(second: str, exit_code: int) -> None:
    code = HANGING.replace("{second}", second)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)

    assert (ended.returncode, ended.stderr) == (exit_code, b"")


def test_a_cancellation_that_no_signal_caused_is_not_taken_for_a_polite_end() -> None:
    async def work() -> int:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_command(work())


def test_commands_run_on_our_uvloop_which_is_what_is_measured() -> None:
    async def is_ours() -> int:
        return 0 if isinstance(asyncio.get_running_loop(), EventLoop) else 1

    assert run_command(is_ours()) == 0
