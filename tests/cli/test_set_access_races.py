"""`mcs-controller broker set-access` while others change the same member, or on a broker that is older."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.cli import broker_set_access
from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response, Transport
from mcs_controller.simcluster.cluster import SimCluster
from tests.kube.pki import make_pki
from tests.support import crds
from tests.support.transports import PassingTransport

PLACE = "mcs-member-east"
FIRST = {"name": "first", "server": "https://first"}


class Meddling(PassingTransport):
    """Before the first PATCH somebody else does something."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.meddle: Callable[[], Awaitable[object]] | None = None

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if request.method == "PATCH" and self.meddle is not None:
            meddle, self.meddle = self.meddle, None
            await meddle()
        return await super().request(request, timeout_seconds=timeout_seconds)

    async def close(self) -> None:
        """Each command closes its own; here it is the same one for all."""


class Broker:
    """With one member, which is reached by `FIRST`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cluster = SimCluster("broker")
        self.api = self.cluster.client()
        self.transport = Meddling(self.cluster.transport())
        monkeypatch.setattr(broker_set_access, "connect", lambda *_, name: Client(self.transport, name=name))
        monkeypatch.setattr(broker_set_access, "file_of_broker", lambda *_: None)

    async def install(self) -> None:
        await crds.install(self.api, *crds.BROKER_CRDS)
        await self.api.create(NAMESPACES, {"metadata": {"name": PLACE}})
        body = {
            "apiVersion": MEMBER_CLUSTERS.api_version,
            "kind": MEMBER_CLUSTERS.kind,
            "metadata": {"name": "east", "namespace": PLACE},
            "spec": {"access": [FIRST]},
        }
        await self.api.create(MEMBER_CLUSTERS, body)

    async def set_access(self, *words: str) -> int:
        parser = argparse.ArgumentParser()
        broker_set_access.add_arguments(parser)
        return await broker_set_access.run(parser.parse_args(["east", *words]))

    async def ways(self) -> list[dict[str, Any]]:
        found = await self.api.get(MEMBER_CLUSTERS, "east", PLACE)
        access: list[dict[str, Any]] = found["spec"].get("access", [])
        return access


async def test_a_way_that_somebody_else_sets_at_the_same_time_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker(monkeypatch)
    await broker.install()
    theirs = {"name": "theirs", "server": "https://theirs"}

    async def set_another() -> None:
        await broker.api.patch(
            MEMBER_CLUSTERS, "east", {"spec": {"access": [FIRST, theirs]}}, namespace=PLACE
        )

    broker.transport.meddle = set_another
    with pytest.raises(CliError, match="was changed at the same time: run the command again"):
        await broker.set_access("--provider", "mine", "--server", "https://mine")
    assert await broker.ways() == [FIRST, theirs]
    await broker.set_access("--provider", "mine", "--server", "https://mine")
    assert [one["name"] for one in await broker.ways()] == ["first", "theirs", "mine"]


async def test_a_way_is_not_taken_from_others_that_set_one_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker(monkeypatch)
    await broker.install()
    safer = {"name": "first", "server": "https://moved"}

    async def move() -> None:
        await broker.api.patch(MEMBER_CLUSTERS, "east", {"spec": {"access": [safer]}}, namespace=PLACE)

    broker.transport.meddle = move
    with pytest.raises(CliError, match="was changed at the same time"):
        await broker.set_access("--provider", "first", "--remove")
    assert await broker.ways() == [safer]


async def test_a_broker_whose_members_have_no_ways_yet_is_told_to_be_upgraded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker(monkeypatch)
    await broker.install()
    crd = await broker.api.get(CUSTOM_RESOURCE_DEFINITIONS, MEMBER_CLUSTERS.crd_name)
    for version in crd["spec"]["versions"]:
        del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["access"]
    await broker.api.update(CUSTOM_RESOURCE_DEFINITIONS, crd)
    with pytest.raises(CliError, match="is of an older release and has no access: run `broker init`"):
        await broker.set_access("--provider", "mine", "--server", "https://mine")


async def test_a_ca_that_would_not_be_checked_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broker = Broker(monkeypatch)
    await broker.install()
    words = ("--provider", "mine", "--server", "https://mine", "--insecure-skip-tls-verify")
    with pytest.raises(UsageError, match="choose one of them"):
        await broker.set_access(*words, "--certificate-authority", str(make_pki(tmp_path).path("ca.crt")))
    assert await broker.ways() == [FIRST]


async def test_which_ways_are_not_checked_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = Broker(monkeypatch)
    await broker.install()
    assert (
        await broker.set_access(
            *("--provider", "lax", "--server", "https://lax", "--insecure-skip-tls-verify")
        )
        == 0
    )
    told = capsys.readouterr()
    rows = {line.split()[0]: line for line in told.out.splitlines()}
    assert "by the system's CAs" in rows["first"]
    assert "not checked" in rows["lax"]
