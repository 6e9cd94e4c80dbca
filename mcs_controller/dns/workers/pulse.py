"""Whether a worker process is alive: by its beats, and when they stop, by what the kernel says of it.

When a worker is late, another one answers for its group as well, since that costs nothing if it was only
slow. It is ended much later, and never because the machine is short of CPU: its successor would cost more CPU
and be late as well. Only one that was stopped from outside is ended soon, for the sake of its TCP clients.

Silence is counted in the parent's own rounds: a time in which the parent stood still is no worker's fault.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

BEAT_SECONDS: Final = 0.2
"""Between two beats of a worker, and between two rounds of its parent."""

LATE_ROUNDS: Final = 3
STOPPED_ROUNDS: Final = 4
"""With these two a worker that hangs costs its clients less than a second."""

SILENT_ROUNDS: Final = 50
STARTING_ROUNDS: Final = 300
"""A worker that has never beaten may still be reading its modules from a slow disk."""

BUSY_CPU_SECONDS: Final = 5.0
"""One that has had so much CPU without a beat does not lack it: it is in an endless loop."""

_TICKS_PER_SECOND: Final = 100.0
"""USER_HZ, which is the same on every architecture that Python has wheels for."""


class ProcessState(NamedTuple):
    """What /proc says of a process."""

    letter: str
    cpu_seconds: float


@dataclass(slots=True)
class Pulse:
    """One worker process's beats, from its start."""

    has_beaten: bool = False
    silent_rounds: int = 0
    _was_runnable: bool = False
    _cpu_before_seconds: float = 0.0

    def beat(self) -> None:
        """It has said something."""
        self.has_beaten = True
        self.silent_rounds = 0
        self._was_runnable = False

    @property
    def is_late(self) -> bool:
        """Whether others should answer what it is asked."""
        return self.silent_rounds >= LATE_ROUNDS

    def round(self) -> bool:
        """A round has passed; whether `judge` needs to know the state of the process."""
        self.silent_rounds += 1
        return self.is_late

    def judge(self, state: ProcessState) -> str | None:
        """Why a process that is late has to be ended, None while it has not."""
        if self.silent_rounds == LATE_ROUNDS:
            self._cpu_before_seconds = state.cpu_seconds
        self._was_runnable = self._was_runnable or state.letter == "R"
        if state.letter in "Tt" and self.silent_rounds >= STOPPED_ROUNDS:
            return "has been stopped"
        if self.silent_rounds < (SILENT_ROUNDS if self.has_beaten else STARTING_ROUNDS):
            return None
        seconds = self.silent_rounds * BEAT_SECONDS
        if state.cpu_seconds - self._cpu_before_seconds >= BUSY_CPU_SECONDS:
            return f"has used CPU for {seconds:.0f} s without a beat"
        return None if self._was_runnable else f"has sent nothing for {seconds:.0f} s"


def process_state(pid: int) -> ProcessState | None:
    """Of a process of ours, None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name in brackets may hold anything, blanks and brackets too.
    fields = stat.rpartition(")")[2].split()
    return ProcessState(fields[0], (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND)
