"""A real API server for this folder alone: CRDs and cluster roles would meet other tests' in a shared one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.realkube.credentials import new_credential
from tests.realkube.workloads import namespace_in

CRDS_FOLDER = Path(__file__).resolve().parents[2] / "crds"
USERS = ("viewer", "editor", "member-east", "member-west", "nobody")


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """With nothing installed yet, and no controllers: nothing here is waited for that they do.

    Owner references are checked as strictly as a cluster can.
    """
    spec = ControlPlaneSpec(
        "api",
        tuple(new_credential(user) for user in USERS),
        controller_manager=False,
        api_server_flags=("--enable-admission-plugins=OwnerReferencesPermissionEnforcement",),
    )
    clusterset = RealClusterset(tmp_path_factory.mktemp("api"), [spec])
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(clusterset.start())
    try:
        yield clusterset["api"]
    finally:
        clusterset.stop()


@pytest.fixture(scope="session")
def crds(api_server: ControlPlane) -> ControlPlane:
    """The API server with crds/ applied as a user would, and served."""

    async def install() -> None:
        await api_server.kubectl("apply", "-f", str(CRDS_FOLDER))
        await api_server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(install())
    return api_server


@pytest.fixture
async def namespace(crds: ControlPlane) -> AsyncIterator[str]:
    async with namespace_in(crds, prefix="api") as name:
        yield name
