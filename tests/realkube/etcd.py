"""One etcd, backed up and restored with the programs and in the order of etcd's own disaster recovery guide.

A snapshot is saved from the running server. To restore one the server is stopped, its data go, a new data
folder is made of the snapshot, and the server starts from that.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from pathlib import Path

from tests.realkube import rest
from tests.realkube.binaries import Binaries
from tests.realkube.place import Place
from tests.realkube.process import ReservedPort, ServerProcess

START_TIMEOUT_S = 60
COMMAND_TIMEOUT_S = 60


class EtcdError(Exception):
    """A command of etcd's failed; carries what it said."""


class Etcd:
    def __init__(self, binaries: Binaries, work_dir: Path, place: Place) -> None:
        self._binaries = binaries
        self._work_dir = work_dir
        self._place = place
        self._port = ReservedPort()
        self._peer_port = ReservedPort()
        self._data_dir = work_dir / "etcd-data"
        self._backups = 0
        self.url = f"http://127.0.0.1:{self._port.number}"
        peer_url = f"http://127.0.0.1:{self._peer_port.number}"
        self._membership = (
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=default={peer_url}",
        )
        self._server = ServerProcess(
            "etcd",
            place.command(
                [
                    binaries.etcd,
                    f"--data-dir={self._data_dir}",
                    f"--listen-client-urls={self.url}",
                    f"--advertise-client-urls={self.url}",
                    f"--listen-peer-urls={peer_url}",
                    *self._membership,
                    "--socket-reuse-port=true",
                    "--unsafe-no-fsync=true",
                    "--log-level=warn",
                ]
            ),
            work_dir,
        )

    async def start(self) -> None:
        self._server.start()
        await self._server.wait_ready(
            lambda: rest.answers_ok(self.url, "/health", place=self._place), START_TIMEOUT_S
        )

    async def kill(self) -> None:
        """As in a crash; its data stay, and `start` brings it back."""
        await asyncio.to_thread(self._server.kill)

    def pause(self) -> None:
        """It stands still: connections stay open and nothing is answered."""
        self._server.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._server.signal(signal.SIGCONT)

    async def back_up(self) -> Path:
        """Save a snapshot of what the running server holds."""
        self._backups += 1
        snapshot = self._work_dir / f"etcd-backup-{self._backups}.db"
        await self._run(self._binaries.etcdctl, f"--endpoints={self.url}", "snapshot", "save", snapshot)
        return snapshot

    async def restore(self, snapshot: Path | None, *, bump_revision: int = 0) -> None:
        """Go back to a snapshot, or to nothing at all.

        With `bump_revision` the revision is that much higher than in the snapshot, and all history up to it
        counts as compacted.
        """
        await asyncio.to_thread(self._server.kill)
        await asyncio.to_thread(shutil.rmtree, self._data_dir)
        if snapshot is not None:
            bump = (f"--bump-revision={bump_revision}", "--mark-compacted") if bump_revision else ()
            data_dir = f"--data-dir={self._data_dir}"
            await self._run(
                self._binaries.etcdutl, "snapshot", "restore", snapshot, data_dir, *self._membership, *bump
            )
        await self.start()

    async def _run(self, *argv: str | Path) -> None:
        done = await asyncio.to_thread(
            subprocess.run,
            self._place.command(argv),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise EtcdError(f"{' '.join(map(str, argv))}: {done.stdout.strip()}")

    def stop(self) -> None:
        self._server.kill()
        self._peer_port.release()
        self._port.release()
        shutil.rmtree(self._data_dir, ignore_errors=True)
