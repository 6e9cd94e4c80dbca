"""A Secret as a pod has it: a file that a kubelet writes anew when the Secret changes."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.realkube.controlplane import ControlPlane
from tests.realkube.rest import MERGE_PATCH

LOOK_SECONDS = 0.5


class MountedSecret:
    """Of a control plane without nodes; the keys are the names of the files in `folder`."""

    def __init__(self, plane: ControlPlane, namespace: str, name: str, folder: Path) -> None:
        self._plane = plane
        self._folder = folder
        self._path = f"/api/v1/namespaces/{namespace}/secrets"
        self._name = name

    async def create(self, **files: bytes) -> None:
        """The Secret, and the files in the pod."""
        await self._plane.call(
            "POST", self._path, {"metadata": {"name": self._name}, "data": _encoded(files)}
        )
        await self.follow()

    async def write(self, **files: bytes) -> None:
        """As an administrator does; it reaches the pod with the next look."""
        path = f"{self._path}/{self._name}"
        await self._plane.call("PATCH", path, {"data": _encoded(files)}, content_type=MERGE_PATCH)

    async def delete(self) -> None:
        await self._plane.call("DELETE", f"{self._path}/{self._name}")

    async def read(self) -> dict[str, bytes]:
        found = await self._plane.call("GET", f"{self._path}/{self._name}")
        return {key: b64decode(value) for key, value in found["data"].items()}

    async def follow(self) -> None:
        """One look of the kubelet."""
        for name, content in (await self.read()).items():
            file = self._folder / name
            if not file.exists() or file.read_bytes() != content:
                staged = file.with_name(f".{name}")
                staged.write_bytes(content)
                staged.replace(file)

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """What the Secret holds is in the files half a second later, as long as the block runs."""

        async def go_on() -> None:
            while True:
                await self.follow()
                await asyncio.sleep(LOOK_SECONDS)

        async with asyncio.TaskGroup() as group:
            following = group.create_task(go_on())
            yield
            following.cancel()


def _encoded(files: dict[str, bytes]) -> dict[str, Any]:
    return {name: b64encode(content).decode() for name, content in files.items()}
