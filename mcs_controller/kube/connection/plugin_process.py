"""Runs a program for what it prints, whatever it does instead: hang, print without end, leave children.

asyncio's own pipes are not used: with them the end of a process is not seen before everybody who inherited
its output has closed it, so that one forgotten child of a plugin would keep us waiting for ever.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from typing import Final, NamedTuple

READ_BYTES: Final = 64 * 1024


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
    """Run it until it and all that share its output have ended; afterwards nothing of its session is left.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it did not end in time.
        TooMuchOutput: it printed more than `output_max_bytes`.
    """
    output_end, output = os.pipe()
    complaint_end, complaint = os.pipe()
    readers = [
        asyncio.create_task(_read(end, output_max_bytes), name=f"output of {command}")
        for end in (output_end, complaint_end)
    ]
    try:
        try:
            process = await asyncio.create_subprocess_exec(
                command,
                *arguments,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=complaint,
                start_new_session=True,
            )
        finally:
            os.close(output)
            os.close(complaint)
        try:
            async with asyncio.timeout(timeout_seconds):
                printed, complained = await asyncio.gather(*readers)
                exit_code = await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return Completed(exit_code, printed, complained)


async def _read(descriptor: int, max_bytes: int) -> bytes:
    reader = asyncio.StreamReader()
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            chunks: list[bytes] = []
            size = 0
            while chunk := await reader.read(READ_BYTES):
                chunks.append(chunk)
                size += len(chunk)
                if size > max_bytes:
                    raise TooMuchOutput
            return b"".join(chunks)
        finally:
            transport.close()
