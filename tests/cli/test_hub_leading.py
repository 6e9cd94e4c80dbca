"""`mcs-controller hub` works only while it leads, and says why it does not."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import LEASES, NAMESPACES
from mcs_controller.cli import hub
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.settings import HubSettings
from mcs_controller.controllers.config import HubConfig
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.errors import NotLeading
from mcs_controller.observe.health import Health
from mcs_controller.simcluster.cluster import SimCluster
from tests.support import crds
from tests.support.agents import LoopClock, no_time

pytestmark = pytest.mark.looptime


class Controllers:
    """In place of the hub's: they go on after their term, as a request that is under way would."""

    def __init__(self, broker: Client) -> None:
        self._broker = broker
        self.began = asyncio.Event()
        self.refused: NotLeading | None = None

    async def run(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            try:
                await self._broker.create(NAMESPACES, {"metadata": {"name": "too-late"}})
            except NotLeading as error:
                self.refused = error

    def problems(self) -> dict[str, str]:
        return {"inventory": "is not there"}

    def synced(self) -> bool:
        return True


class Replica:
    """One hub as a process beside a broker, with other controllers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cluster = SimCluster("broker", clock=LoopClock(), random=Random(1), work_clock=no_time)
        self.api = self.cluster.client()
        self.health = Health()
        self.terms: list[Controllers] = []

        def make(
            config: HubConfig, broker: Client, *, clock: Clock, random: Random, registry: CollectorRegistry
        ) -> Controllers:
            self.terms.append(Controllers(broker))
            return self.terms[-1]

        monkeypatch.setattr(hub, "make_hub", make)
        monkeypatch.setattr(hub, "SystemClock", LoopClock)

    def problems(self) -> dict[str, str | None]:
        return {one.name: one.problem for one in self.health.readiness()}

    @contextlib.asynccontextmanager
    async def running(self, *words: str) -> AsyncIterator[None]:
        parser = argparse.ArgumentParser()
        add_options(parser, HubSettings)
        settings = read_options(HubSettings, parser.parse_args(["--lease-namespace", "default", *words]), {})
        client = self.cluster.client("hub")
        working = asyncio.create_task(hub._work(settings, client, CollectorRegistry(), self.health))
        try:
            yield
        finally:
            working.cancel()
            await asyncio.wait([working])


async def test_nothing_that_a_hub_still_does_after_its_term_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    replica = Replica(monkeypatch)
    async with replica.running():
        await asyncio.sleep(30)
        (first,) = replica.terms
        assert first.began.is_set()
        assert replica.problems()["hub: inventory"] == "is not there"
        lost = replica.cluster.faults.fail(500, resources=("leases",), users=("hub",))
        await asyncio.sleep(60)
        assert first.refused is not None
        assert replica.problems()["leader election"] is not None
        lost.lift()
        await asyncio.sleep(60)
        assert len(replica.terms) == 2
        assert replica.problems()["leader election"] is None


async def test_an_api_server_that_is_no_broker_is_waited_for_and_gets_no_lease(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = SimCluster("member", clock=LoopClock(), random=Random(1), work_clock=no_time)
    health = Health()

    def problem() -> str | None:
        return next(one.problem for one in health.readiness() if one.name == "broker")

    waiting = asyncio.create_task(hub.until_broker(cluster.client("hub"), health, Random(1)))
    await asyncio.sleep(600)
    assert not waiting.done()
    assert "is no broker, it serves no MemberClusters: name the broker with --kubeconfig" in str(problem())
    assert [one.getMessage() for one in caplog.records] == [problem()]
    await crds.install(cluster.client(), *crds.BROKER_CRDS)
    await asyncio.wait_for(waiting, 30)
    assert problem() is None


async def test_an_api_server_that_does_not_answer_is_not_taken_for_no_broker() -> None:
    cluster = SimCluster("broker", clock=LoopClock(), random=Random(1), work_clock=no_time)
    cluster.faults.fail(500)
    health = Health()
    await asyncio.wait_for(hub.until_broker(cluster.client("hub"), health, Random(1)), 60)
    assert [one.problem for one in health.readiness() if one.name == "broker"] == [None]


async def test_of_two_hubs_one_works_and_the_other_when_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    replica = Replica(monkeypatch)
    async with replica.running():
        await asyncio.sleep(30)
        async with replica.running():
            await asyncio.sleep(60)
            assert len(replica.terms) == 1
    lease = await replica.api.get(LEASES, "mcs-hub", "default")
    assert not lease["spec"].get("holderIdentity")
    async with replica.running():
        await asyncio.sleep(30)
        assert len(replica.terms) == 2


async def test_without_leader_election_it_works_at_once_and_takes_no_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replica = Replica(monkeypatch)
    async with replica.running("--no-leader-elect"):
        await asyncio.sleep(1)
        assert len(replica.terms) == 1
        assert (await replica.api.list(LEASES)).items == []
