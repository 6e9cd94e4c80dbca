"""Namespaces and control groups end with whoever made them, however that one ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.realkube.place import Place
from tests.realnode.cgroups import CgroupGuardian, groups
from tests.realnode.sandbox import Sandbox, SandboxError
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realnode, pytest.mark.realkube]
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    made = Sandbox("box", tmp_path, whole=True, prepare="mount -t tmpfs box /run")
    await made.start()
    try:
        yield made
    finally:
        made.stop()


def processes_of(marker: str) -> list[str]:
    """Whose command line has the marker; a process that has ended but was not reaped has none."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (process / "cmdline").read_text():
                found.append(process.name)
        except OSError:
            continue
    return found


def own_mounts() -> str:
    return Path("/proc/mounts").read_text()


async def run_daemon(sandbox: Sandbox) -> str:
    """A program that left its parent, as containerd's shims do; and the marker to know it by."""
    marker = f"daemon-{uuid4().hex}"
    await sandbox.run(["sh", "-c", f"setsid sh -c ': {marker}; sleep 300' >/dev/null 2>&1 </dev/null &"])
    assert processes_of(marker)
    return marker


async def test_a_stopped_sandbox_takes_programs_along_that_left_their_parents(sandbox: Sandbox) -> None:
    marker = await run_daemon(sandbox)
    sandbox.stop()
    assert processes_of(marker) == []


async def test_orphans_do_not_stay_as_zombies(sandbox: Sandbox) -> None:
    await sandbox.run(["sh", "-c", "setsid sh -c 'sleep 0.01' & sleep 0.1"])
    assert "<defunct>" not in await sandbox.run(["ps", "-A"])


async def test_mounts_and_links_of_a_sandbox_are_seen_by_nobody_else(sandbox: Sandbox) -> None:
    await sandbox.ip("link add inside0 type bridge")
    assert "inside0" in await sandbox.run(["ip", "-brief", "link"])
    assert "box /run tmpfs" in await sandbox.run(["cat", "/proc/mounts"])
    assert "inside0" not in [name for _, name in socket.if_nameindex()]
    assert "box /run tmpfs" not in own_mounts()


async def test_a_program_that_fails_inside_is_told_with_what_it_wrote(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"link show none \(box\): Device .none. does not exist"):
        await sandbox.run(["ip", "link", "show", "none"])


async def test_a_place_gives_sockets_of_its_namespace_and_returns_to_the_own(tmp_path: Path) -> None:
    box = Sandbox("net", tmp_path)
    await box.start()
    try:
        own = os.readlink("/proc/thread-self/ns/net")
        with Place("127.0.0.1", box.netns).entered():
            assert os.readlink("/proc/thread-self/ns/net") == os.readlink(box.netns)
        assert os.readlink("/proc/thread-self/ns/net") == own
    finally:
        box.stop()


async def test_nothing_is_left_of_a_run_that_was_killed(tmp_path: Path) -> None:
    marker = uuid4().hex
    program = f"""
import asyncio, os, signal
from pathlib import Path
from tests.realnode.cgroups import CgroupGuardian, within
from tests.realnode.sandbox import Sandbox
async def main():
    CgroupGuardian("mcs-{marker}")
    prepare = "mount -t tmpfs box /run" + within("mcs-{marker}", "/run/scratch")
    box = Sandbox("box", Path({str(tmp_path)!r}), whole=True, prepare=prepare)
    await box.start()
    for mount in Path("/proc/mounts").read_text().splitlines():
        if mount.split()[2].startswith("cgroup"):
            assert Path(mount.split()[1], "mcs-{marker}").is_dir()
    await box.run(["sh", "-c", "mkdir -p $(grep -m1 ^cgroup /proc/mounts | cut -d' ' -f2)/pods/one"])
    await box.run(["sh", "-c", "setsid sh -c ': {marker}; sleep 300' >/dev/null 2>&1 </dev/null &"])
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=REPOSITORY, stderr=subprocess.PIPE
    )
    _, told = await run.communicate()
    assert (run.returncode, told) == (-signal.SIGKILL, b"")

    async def left() -> list[str]:
        return [*map(str, groups(f"mcs-{marker}")), *processes_of(marker)]

    assert await eventually(left, lambda found: not found) == []


def test_a_guardian_removes_only_the_groups_of_its_run() -> None:
    hierarchy = next(
        Path(line.split()[1]) for line in own_mounts().splitlines() if line.split()[2].startswith("cgroup")
    )
    own, other = (f"mcs-{uuid4().hex}" for _ in range(2))
    (hierarchy / own / "pods").mkdir(parents=True)
    (hierarchy / other).mkdir()
    try:
        CgroupGuardian(own).release()
        assert not (hierarchy / own).exists()
        assert (hierarchy / other).exists()
    finally:
        (hierarchy / other).rmdir()
