"""When a worker process is helped, and when it is ended: late costs nothing, hanging costs its life."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcs_controller.dns.workers import pulse
from mcs_controller.dns.workers.pulse import (
    BUSY_CPU_SECONDS,
    LATE_ROUNDS,
    SILENT_ROUNDS,
    STARTING_ROUNDS,
    ProcessState,
    Pulse,
    process_state,
)


def rounds(pulse: Pulse, count: int, *states: ProcessState) -> list[str]:
    """So many rounds without a beat, in one state after the other: every fault that is told."""
    faults = []
    for number in range(count):
        if pulse.round() and (fault := pulse.judge(states[number % len(states)])):
            faults.append(fault)
    return faults


def beating() -> Pulse:
    pulse = Pulse()
    pulse.beat()
    return pulse


SLEEPING, STARVED = ProcessState("S", 1.0), ProcessState("R", 1.0)


def test_it_is_late_after_a_few_rounds_and_well_again_with_a_beat() -> None:
    pulse = beating()
    for number in range(1, LATE_ROUNDS + 1):
        assert pulse.round() is (number == LATE_ROUNDS)
        assert pulse.is_late is (number == LATE_ROUNDS)
    pulse.beat()
    assert not pulse.is_late


@pytest.mark.parametrize("letter", ["T", "t"])
def test_one_that_was_stopped_is_ended_within_a_second(letter: str) -> None:
    assert rounds(beating(), 4, ProcessState(letter, 1.0)) == ["has been stopped"]


def test_one_that_sleeps_and_says_nothing_is_ended_after_ten_seconds() -> None:
    pulse = beating()
    assert rounds(pulse, SILENT_ROUNDS - 1, SLEEPING) == []
    assert rounds(pulse, 1, SLEEPING) == ["has sent nothing for 10 s"]


def test_one_that_only_lacks_cpu_is_never_ended() -> None:
    assert rounds(beating(), 100 * SILENT_ROUNDS, STARVED) == []
    assert rounds(beating(), 100 * SILENT_ROUNDS, SLEEPING, STARVED, SLEEPING) == []


def test_that_it_lacked_cpu_before_it_beat_again_excuses_no_later_silence() -> None:
    pulse = beating()
    assert rounds(pulse, SILENT_ROUNDS, STARVED) == []
    pulse.beat()
    assert rounds(pulse, SILENT_ROUNDS, SLEEPING) == ["has sent nothing for 10 s"]


def test_one_that_has_had_much_cpu_without_a_word_is_in_an_endless_loop() -> None:
    states = [ProcessState("R", 1.0 + number * 0.2) for number in range(SILENT_ROUNDS)]
    assert rounds(beating(), SILENT_ROUNDS, *states) == ["has used CPU for 10 s without a beat"]


def test_what_it_used_before_it_fell_silent_does_not_count() -> None:
    assert rounds(beating(), SILENT_ROUNDS, ProcessState("R", 900.0)) == []


def test_one_that_starts_has_a_minute() -> None:
    assert rounds(Pulse(), STARTING_ROUNDS - 1, SLEEPING) == []


def test_five_seconds_of_cpu_are_much() -> None:
    states = [ProcessState("R", 1.0)] * (SILENT_ROUNDS - 1) + [ProcessState("R", 1.0 + BUSY_CPU_SECONDS)]
    assert rounds(beating(), SILENT_ROUNDS, *states) == ["has used CPU for 10 s without a beat"]


def test_one_that_is_dying_has_not_been_stopped() -> None:
    assert rounds(beating(), SILENT_ROUNDS - 1, ProcessState("X", 1.0)) == []


def test_what_the_kernel_says_is_read_whatever_the_process_is_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    times = b"300 45 1000 2000"
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_bytes(
        b"7 (\xff) R (\xc3) D 1 7 7 0 -1 4194304 500 600 700 800 " + times + b" 20 0 1 0 12345\n"
    )
    monkeypatch.setattr(pulse, "Path", lambda name: tmp_path / name.removeprefix("/proc/"))

    assert process_state(7) == ProcessState("D", 3.45)
    assert process_state(8) is None


def test_the_state_of_a_process_is_what_the_kernel_says() -> None:
    code = "open('/proc/self/comm', 'w').write('a) R 1'); print(flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        os.kill(process.pid, 19)
        os.waitpid(process.pid, os.WUNTRACED)
        state = process_state(process.pid)
        assert state is not None
        assert state.letter == "T"
    finally:
        process.kill()
        process.communicate()
    assert process_state(process.pid) is None
    own = process_state(os.getpid())
    assert own is not None
    assert own.cpu_seconds > 0
