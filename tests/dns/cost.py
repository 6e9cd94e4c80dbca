"""What an answer costs, told in ways that another load on the machine does not change.

`steps` counts the instructions that the interpreter carries out: the same on every run, and blind to what
happens inside of one instruction, such as the copying of a long text. `seconds` is the shortest of many
tries, and is compared with that of something else in the same process only.
"""

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

TIMES_A_PLAIN_QUESTION = 10


def steps(call: Callable[[], object]) -> int:
    """Instructions of the interpreter."""
    count = 0

    def on_step(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        else:
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        return on_step

    before = sys.gettrace()
    # Python 3.12 looks for opcodes to be traced when the tracing begins, and not again.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(on_step)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def seconds(call: Callable[[], object], *, tries: int = 30, calls_a_try: int = 5) -> float:
    """The least that a call took of the processor's time."""
    best = float("inf")
    for _ in range(tries):
        started = time.thread_time()
        for _ in range(calls_a_try):
            call()
        best = min(best, time.thread_time() - started)
    return best / calls_a_try
