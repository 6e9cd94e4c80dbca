"""The DNS server after a SIGTERM: not ready at once, answering for as long as it was told to, then gone."""

import asyncio
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.zone.snapshot import service_line, write_snapshot
from mcs_controller.dnscheck.client import QueryFailed, query
from tests.cli.program import running
from tests.dns.zonetext import packed, vip
from tests.realkube.product import free_port
from tests.support.kubeconfigs import kubeconfig, write

pytestmark = pytest.mark.slow

WEB = "web.shop.svc.clusterset.local"
DRAIN_SECONDS = 3.0


def argv(folder: Path, port: int, workers: int, drain_seconds: float = DRAIN_SECONDS) -> list[str | Path]:
    config = write(folder, "away.kubeconfig", kubeconfig())
    snapshot = folder / "zone.snapshot"
    line = service_line(ServiceKey("shop", "web"), packed(vip("shop/web", "10.96.0.1")))
    write_snapshot(snapshot, "clusterset.local.", [line], datetime.now(UTC))
    return [
        "dns", "--kubeconfig", config, "--listen", f"127.0.0.1:{port}", "--workers", str(workers),
        "--snapshot", snapshot, "--drain-seconds", str(drain_seconds),
    ]  # fmt: skip


async def count_answers(port: int, process: asyncio.subprocess.Process) -> int:
    """Queries over UDP and TCP until the process has ended; only its end leaves one without an answer."""
    answered = 0
    while process.returncode is None:
        try:
            reply = await query(("127.0.0.1", port), WEB, "A", tcp=answered % 2 == 1, timeout_seconds=5)
        except QueryFailed:
            await asyncio.wait_for(process.wait(), 3)
            break
        assert reply.data("A") == ("10.96.0.1",)
        answered += 1
        await asyncio.sleep(0.01)
    return answered


@pytest.mark.parametrize("workers", [1, 2])
async def test_after_sigterm_it_is_not_ready_at_once_and_answers_until_the_time_is_over(
    workers: int, tmp_path: Path
) -> None:
    port = free_port()
    loop = asyncio.get_running_loop()
    async with running(*argv(tmp_path, port, workers)) as program:
        await program.get_until("/readyz?verbose", "readyz check passed")
        os.kill(program.process.pid, signal.SIGTERM)
        told_at_seconds = loop.time()
        answering = asyncio.create_task(count_answers(port, program.process))
        status, _ = await program.get_until("/readyz", "shutdown: ending within 3 s")
        assert status == 503
        assert loop.time() - told_at_seconds < DRAIN_SECONDS
        assert (await program.get("/healthz"))[0] == 200
        _, stderr = await asyncio.wait_for(program.process.communicate(), 60)

        assert loop.time() - told_at_seconds >= DRAIN_SECONDS
        assert await answering >= 20
    assert program.process.returncode == 0
    assert b"Traceback" not in stderr


@pytest.mark.parametrize(("second", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("workers", [1, 2])
async def test_another_signal_ends_it_at_once(
    second: signal.Signals, exit_code: int, workers: int, tmp_path: Path
) -> None:
    async with running(*argv(tmp_path, free_port(), workers, drain_seconds=600)) as program:
        await program.get_until("/readyz?verbose", "readyz check passed")
        os.kill(program.process.pid, signal.SIGTERM)
        await program.get_until("/readyz", "shutdown: ending")
        ended = await program.end(second)
    assert ended.exit_code == exit_code
    assert "Traceback" not in ended.stderr
