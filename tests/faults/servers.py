"""The servers of one cluster of the world: an API server, its own etcd, and perhaps a controller manager.

Each can be killed, hung and brought back without the others; nothing here knows our product.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.realkube.etcd import Etcd

CLOSES_WATCHES_IN_ORDER: Final = "--shutdown-watch-termination-grace-period=2s"


class Servers:
    """Of one cluster; started and stopped as a whole."""

    def __init__(self, name: str, work_dir: Path, *, controller_manager: bool) -> None:
        self.name = name
        folder = work_dir / name
        folder.mkdir()
        spec = ControlPlaneSpec(
            name, controller_manager=controller_manager, api_server_flags=(CLOSES_WATCHES_IN_ORDER,)
        )
        self._real = RealClusterset(folder, [spec])

    async def start(self) -> None:
        await self._real.start()

    def stop(self) -> None:
        self._real.stop()

    @property
    def plane(self) -> ControlPlane:
        return self._real[self.name]

    @property
    def etcd(self) -> Etcd:
        return self._real.etcd

    async def back_up(self) -> Path:
        """A snapshot of what its etcd holds; for `Etcd.restore`."""
        return await self._real.back_up()

    @contextlib.asynccontextmanager
    async def down(self) -> AsyncIterator[Etcd]:
        """Inside, only the etcd is left, to be restored; afterwards all is started anew."""
        async with self._real.down() as etcd:
            yield etcd

    @contextlib.asynccontextmanager
    async def api_server_killed(self) -> AsyncIterator[None]:
        """Inside, connections to it are refused."""
        await self.plane.stop_api_server()
        try:
            yield
        finally:
            await self.plane.start_api_server()

    @contextlib.asynccontextmanager
    async def api_server_hung(self) -> AsyncIterator[None]:
        """Inside, connections to it stay open, new ones are accepted, and nothing is answered."""
        self.plane.pause()
        try:
            yield
        finally:
            self.plane.resume()

    @contextlib.asynccontextmanager
    async def etcd_killed(self) -> AsyncIterator[None]:
        """Inside, the API server has no etcd."""
        await self.etcd.kill()
        try:
            yield
        finally:
            await self.etcd.start()

    @contextlib.asynccontextmanager
    async def etcd_hung(self) -> AsyncIterator[None]:
        """Inside, the API server waits for its etcd."""
        self.etcd.pause()
        try:
            yield
        finally:
            self.etcd.resume()
