"""The tests' own way to run the program: a test that gives up does not disturb the ones after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.program import DEADLINE_SECONDS, run
from tests.support.kubeconfigs import kubeconfig, write

pytestmark = pytest.mark.slow


async def test_a_command_that_is_given_up_is_killed_and_the_next_one_runs(tmp_path: Path) -> None:
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def answer_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()
        hung_up.set()

    server = await asyncio.start_server(answer_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = write(tmp_path, "silent.kubeconfig", kubeconfig(f"http://127.0.0.1:{port}"))
    async with server, asyncio.timeout(DEADLINE_SECONDS):
        asking = asyncio.create_task(run("members", "--broker-kubeconfig", config))
        await asked.wait()
        asking.cancel()
        await asyncio.wait({asking})
        await hung_up.wait()
    assert (await run("version")).exit_code == 0
