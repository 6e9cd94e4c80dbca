"""What an answer costs, told in ways that another load on the machine does not change.

`steps` counts the instructions that the interpreter carries out: the same on every run, and blind to what
happens inside of one instruction, such as the copying of a long text. `seconds` is the shortest of many
tries, and is compared with that of something else in the same process only.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

TIMES_A_PLAIN_QUESTION = 10


def steps(call: Callable[[], object]) -> int:
    """Instructions of the interpreter."""
    count = 0

    def on_instruction(*_: object) -> None:
        nonlocal count
        count += 1

    with _watched(on_instruction):
        call()
    return count


if sys.version_info >= (3, 12):

    @contextmanager
    def _watched(on_instruction: Callable[..., None]) -> Iterator[None]:
        monitoring = sys.monitoring
        tool, event = monitoring.PROFILER_ID, monitoring.events.INSTRUCTION
        monitoring.use_tool_id(tool, __name__)
        monitoring.register_callback(tool, event, on_instruction)
        monitoring.set_events(tool, event)
        try:
            yield
        finally:
            monitoring.set_events(tool, 0)
            monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)

else:

    @contextmanager
    def _watched(on_instruction: Callable[..., None]) -> Iterator[None]:
        def on_step(frame: FrameType, event: str, _: Any) -> Any:
            if event == "opcode":
                on_instruction()
            else:
                frame.f_trace_opcodes = True
                frame.f_trace_lines = False
            return on_step

        before = sys.gettrace()
        sys.settrace(on_step)
        try:
            yield
        finally:
            sys.settrace(before)


def seconds(call: Callable[[], object], *, tries: int = 30, calls_a_try: int = 5) -> float:
    """The least that a call took of the processor's time."""
    best = float("inf")
    for _ in range(tries):
        started = time.thread_time()
        for _ in range(calls_a_try):
            call()
        best = min(best, time.thread_time() - started)
    return best / calls_a_try


def in_seconds_like_plain_ones(call: Callable[[], object], plain: Callable[[], object]) -> bool:
    """Whether a call takes no longer than ten plain questions.

    Both are measured anew where it does: another program may have had the caches all through one of the two,
    and a cost that is there is there every time.
    """
    return any(seconds(call) <= TIMES_A_PLAIN_QUESTION * seconds(plain) for _ in range(5))
