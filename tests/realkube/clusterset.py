"""Real control planes by name over one etcd, started together and always taken down together.

    async with RealClusterset(folder, [ControlPlaneSpec("broker"), ControlPlaneSpec("east")]) as real:
        await real["east"].kubectl("get", "namespaces")

Each control plane has its own prefix in the etcd, and so shares nothing with the others. Logs
stay in the work folder; the data does not. Nothing is bound to the event loop that started it.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.realkube import rest
from tests.realkube.binaries import Binaries, locate_binaries
from tests.realkube.controlplane import START_TIMEOUT_S, ControlPlane, ControlPlaneSpec
from tests.realkube.place import LOOPBACK, Place
from tests.realkube.process import ReservedPort, ServerProcess


class RealClusterset:
    def __init__(
        self,
        work_dir: Path,
        specs: Sequence[ControlPlaneSpec],
        binaries: Binaries | None = None,
        place: Place = LOOPBACK,
    ) -> None:
        self._work_dir = work_dir
        self._specs = tuple(specs)
        self._binaries = binaries or locate_binaries()
        self._place = place
        self._etcd: _Etcd | None = None
        self._planes: dict[str, ControlPlane] = {}

    async def start(self) -> None:
        try:
            self._etcd = _Etcd(self._binaries.etcd, self._work_dir, self._place)
            await self._etcd.start()
            for spec in self._specs:
                self._planes[spec.name] = ControlPlane(
                    spec, self._binaries, self._etcd.url, self._work_dir, self._place
                )
            async with asyncio.TaskGroup() as group:
                for plane in self._planes.values():
                    group.create_task(plane.start(), name=f"start {plane.name}")
        except BaseExceptionGroup as failures:
            self.stop()
            raise failures.exceptions[0] from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for plane in self._planes.values():
            plane.stop()
        if self._etcd is not None:
            self._etcd.stop()
        self._planes.clear()
        self._etcd = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def back_up(self) -> Path:
        """A copy of all that etcd holds, taken while it stands still; for `restore`."""
        assert self._etcd is not None
        return await self._etcd.back_up()

    async def restore(self, backup: Path | None, *, bump_revision: int = 0) -> None:
        """Go back to a copy, or to nothing at all, and versions with it; API servers start anew.

        With `bump_revision` objects keep their versions, while the server's own goes up by so much and all
        history is compacted, as after `etcdutl snapshot restore --bump-revision --mark-compacted`.
        """
        assert self._etcd is not None
        for plane in self:
            await plane.stop_api_server()
        await self._etcd.restore(backup)
        if bump_revision:
            await self._etcd.bump_revision(bump_revision)
        for plane in self:
            await plane.start_api_server()

    def __getitem__(self, name: str) -> ControlPlane:
        return self._planes[name]

    def __iter__(self) -> Iterator[ControlPlane]:
        return iter(self._planes.values())


class _Etcd:
    def __init__(self, program: Path, work_dir: Path, place: Place) -> None:
        self._place = place
        self._port = ReservedPort()
        self._peer_port = ReservedPort()
        self._data_dir = work_dir / "etcd-data"
        self.url = f"http://127.0.0.1:{self._port.number}"
        peer_url = f"http://127.0.0.1:{self._peer_port.number}"
        self._server = ServerProcess(
            "etcd",
            place.command(
                [
                    program,
                    f"--data-dir={self._data_dir}",
                    f"--listen-client-urls={self.url}",
                    f"--advertise-client-urls={self.url}",
                    f"--listen-peer-urls={peer_url}",
                    f"--initial-advertise-peer-urls={peer_url}",
                    f"--initial-cluster=default={peer_url}",
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

    async def back_up(self) -> Path:
        backup = self._data_dir.with_name("etcd-backup")
        await asyncio.to_thread(self._server.kill)
        await asyncio.to_thread(shutil.copytree, self._data_dir, backup)
        await self.start()
        return backup

    async def restore(self, backup: Path | None) -> None:
        await asyncio.to_thread(self._server.kill)
        await asyncio.to_thread(shutil.rmtree, self._data_dir)
        if backup is not None:
            await asyncio.to_thread(shutil.copytree, backup, self._data_dir)
        await self.start()

    async def bump_revision(self, by: int) -> None:
        """Over etcd's own gateway to JSON: each write raises the revision by one."""
        key = base64.b64encode(b"/bump").decode()
        revision = 0
        for _ in range(by):
            answer = await rest.send(self.url, "POST", "/v3/kv/put", body={"key": key}, place=self._place)
            assert answer.status == 200, answer.body
            revision = int(answer.body["header"]["revision"])
        compaction = {"revision": str(revision), "physical": True}
        answer = await rest.send(self.url, "POST", "/v3/kv/compaction", body=compaction, place=self._place)
        assert answer.status == 200, answer.body

    def stop(self) -> None:
        self._server.kill()
        self._peer_port.release()
        self._port.release()
        shutil.rmtree(self._data_dir, ignore_errors=True)
