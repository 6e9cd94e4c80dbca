"""A program under a wrong clock has another time of day, and waits as long as ever."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.wrong_clock import FOLLOWED_WITHIN_SECONDS, WrongClock, can_be_wrong

SAYS_THE_TIME = """
import asyncio, os, sys, time
async def main():
    for line in sys.stdin:
        began = time.monotonic()
        await asyncio.sleep(0.2)
        written = os.stat(sys.argv[1]).st_mtime
        print(time.time(), time.monotonic() - began, time.monotonic(), written, flush=True)
asyncio.run(main())
"""


@pytest.mark.skipif(not can_be_wrong(), reason="needs libfaketime: make packages")
def test_the_clock_is_wrong_and_jumps_and_nothing_else_does(tmp_path: Path) -> None:
    clock = WrongClock(tmp_path / "offset", 3600)
    file = tmp_path / "file"
    file.touch()
    with subprocess.Popen(
        [*clock.around, sys.executable, "-c", SAYS_THE_TIME, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for offset_seconds in (3600.0, -3600.0, 0.0):
            clock.jump(offset_seconds)
            time.sleep(FOLLOWED_WITHIN_SECONDS)
            print("?", file=program.stdin, flush=True)
            now, waited, monotonic, written = map(float, program.stdout.readline().split())
            assert now - time.time() == pytest.approx(offset_seconds, abs=1.0)
            assert waited == pytest.approx(0.2, abs=0.15)
            assert monotonic == pytest.approx(time.monotonic(), abs=1.0)
            assert written == pytest.approx(file.stat().st_mtime, abs=0.001)
        program.stdin.close()
