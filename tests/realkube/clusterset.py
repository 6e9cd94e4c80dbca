"""Real control planes by name over one etcd, started together and always taken down together.

    async with RealClusterset(folder, [ControlPlaneSpec("broker"), ControlPlaneSpec("east")]) as real:
        await real["east"].kubectl("get", "namespaces")

Each control plane has its own prefix in the etcd, and so shares nothing with the others. Logs
stay in the work folder; the data does not. Nothing is bound to the event loop that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.realkube.binaries import Binaries, locate_binaries
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.realkube.etcd import Etcd
from tests.realkube.place import LOOPBACK, Place


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
        self._etcd: Etcd | None = None
        self._planes: dict[str, ControlPlane] = {}

    async def start(self) -> None:
        try:
            self._etcd = Etcd(self._binaries, self._work_dir, self._place)
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

    @property
    def etcd(self) -> Etcd:
        """The one behind all of them, while they run."""
        assert self._etcd is not None, "not started"
        return self._etcd

    async def back_up(self) -> Path:
        """A snapshot of all that etcd holds, taken while everybody works; for `Etcd.restore`."""
        return await self.etcd.back_up()

    @contextlib.asynccontextmanager
    async def down(self) -> AsyncIterator[Etcd]:
        """Inside all is shut down but the etcd, so that it may be restored; then everything starts anew."""
        for plane in self:
            await plane.shut_down()
        yield self.etcd
        async with asyncio.TaskGroup() as group:
            for plane in self:
                group.create_task(plane.start(), name=f"start {plane.name}")

    def __getitem__(self, name: str) -> ControlPlane:
        return self._planes[name]

    def __iter__(self) -> Iterator[ControlPlane]:
        return iter(self._planes.values())
