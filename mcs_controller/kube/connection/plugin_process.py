"""Runs a program for what it prints, whatever it does instead: hang, print without end, leave children.

asyncio's own pipes are not used: with them the end of a process is not seen before everybody who inherited
its output has closed it, so that one forgotten child of a plugin would keep us waiting for ever. The end of
the program itself counts. Its children are waited for a moment longer, and are killed then; one that has made
a session of its own lives on, and nobody reads what it prints.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

READ_BYTES: Final = 64 * 1024
LINGER_SECONDS: Final = 1.0
"""How long a program's children may go on printing when it has ended itself."""


class TooMuchOutput(Exception):
    """The program printed more than it may."""


class Completed(NamedTuple):
    """How a program ended, and what it printed."""

    exit_code: int
    output: bytes
    complaint: bytes


async def run_to_end(
    command: str,
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    *,
    timeout_seconds: float,
    output_max_bytes: int,
) -> Completed:
    """Run it until it has ended; afterwards nothing of its session is left.

    What it and its children printed counts, up to `LINGER_SECONDS` after its own end.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it did not end in time.
        TooMuchOutput: it printed more than `output_max_bytes`.
    """
    output, output_end = os.pipe()
    complaint, complaint_end = os.pipe()
    printed, complained = _Printed(output, output_max_bytes), _Printed(complaint, output_max_bytes)
    try:
        try:
            process = await asyncio.create_subprocess_exec(
                command,
                *arguments,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output_end,
                stderr=complaint_end,
                start_new_session=True,
            )
        finally:
            os.close(output_end)
            os.close(complaint_end)
        try:
            async with asyncio.timeout(timeout_seconds):
                exit_code = await _ended(process, printed.ended, complained.ended)
            await asyncio.wait((printed.ended, complained.ended), timeout=LINGER_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return Completed(exit_code, printed.all(), complained.all())
    finally:
        printed.close()
        complained.close()


async def _ended(process: asyncio.subprocess.Process, *pipes: "asyncio.Future[None]") -> int:
    """Its exit code. Raises `TooMuchOutput` as soon as that is seen."""
    ended = asyncio.create_task(process.wait())
    try:
        pending: set[asyncio.Future[Any]] = {ended, *pipes}
        while not ended.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        return ended.result()
    finally:
        ended.cancel()


class _Printed:
    """What comes out of a pipe, of which it owns the end that is read. `ended` with it, or by too much."""

    def __init__(self, descriptor: int, max_bytes: int) -> None:
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        self._content = bytearray()
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._take)

    def all(self) -> bytes:
        """All that is there by now, also what no event has told of yet. Raises `TooMuchOutput`."""
        while not self.ended.done() and self._take():
            pass
        if self.ended.done():
            self.ended.result()
        return bytes(self._content)

    def close(self) -> None:
        """Read no more."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        if not self.ended.cancel():
            # Nobody asks for it where something else failed first.
            self.ended.exception()

    def _take(self) -> bool:
        """Whether there was something, or the end."""
        try:
            chunk = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        self._content += chunk
        if len(self._content) > self._max_bytes:
            self._stop(TooMuchOutput())
        elif not chunk:
            self._stop(None)
        return True

    def _stop(self, error: TooMuchOutput | None) -> None:
        self._loop.remove_reader(self._descriptor)
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
