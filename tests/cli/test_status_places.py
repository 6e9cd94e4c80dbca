"""What is shown of a cluster or a broker while it answers, half answers, is away, and comes back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mcs_controller.cli.status.places import Broker, Cluster
from mcs_controller.cli.status.settings import MetricsOf, StatusSettings
from mcs_controller.clusterset.overview.model import (
    BrokerSeen,
    ClusterAway,
    ClusterSeen,
    ExportsSeen,
    ImportsSeen,
    NoAnswer,
    Unknown,
)
from mcs_controller.kube.client import Client
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

TIMEOUT_SECONDS = 2.0


def settings(**fields: Any) -> StatusSettings:
    usual = {
        "namespace": "mcs-system",
        "lease_name": "mcs-agent",
        "lease_namespace": "mcs-system",
        "timeout_seconds": TIMEOUT_SECONDS,
        "agent_metrics": (),
        "dns_metrics": (),
    }
    return cast(StatusSettings, SimpleNamespace(**usual, **fields))


def seen(cluster: Cluster) -> ClusterSeen:
    found = cluster.view("west")
    assert isinstance(found, ClusterSeen)
    return found


async def test_a_cluster_is_away_only_when_nothing_of_it_answers_and_its_age_grows() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        west, faults = Cluster("here", world["west"].api, settings(), is_first=True), world["west"].sim.faults
        await west.read()
        exports, imports = seen(west).exports, seen(west).imports
        assert isinstance(exports, ExportsSeen)
        assert isinstance(imports, ImportsSeen)
        assert (exports.count, imports.count) == (1, 1)

        half = faults.hang(resources=("serviceimports",))
        await west.read()
        assert isinstance(seen(west).imports, NoAnswer)
        assert seen(west).exports == exports

        rest = faults.hang(resources=("serviceexports",))
        await west.read()
        begun_seconds = asyncio.get_running_loop().time()
        for _ in range(3):
            away = west.view("west")
            assert isinstance(away, ClusterAway)
            assert away.reason == "no answer within 2 s"
            assert away.away_seconds == pytest.approx(asyncio.get_running_loop().time() - begun_seconds)
            await asyncio.sleep(30.0)
            await west.read()

        half.lift()
        rest.lift()
        await west.read()
        assert (seen(west).exports, seen(west).imports) == (exports, imports)


async def test_what_may_not_be_read_is_unknown_and_the_rest_is_shown() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        west = Cluster("here", world["west"].api, settings(), is_first=True)
        world["west"].sim.faults.fail(403, verbs=("list",), resources=("serviceimports",))
        await west.read()
        assert isinstance(seen(west).exports, ExportsSeen)
        assert isinstance(seen(west).imports, Unknown)


def all_of_it(found: BrokerSeen | Unknown) -> tuple[list[str], int, str]:
    assert isinstance(found, BrokerSeen)
    return [one.name for one in found.members], found.exports, found.away


async def test_of_a_broker_that_is_away_what_it_held_before_is_shown_with_its_age() -> None:
    async with Clusterset("east", "west") as world:
        await world.exported_by("east", "west")
        broker = Broker(_opening(world.broker_api), TIMEOUT_SECONDS)
        first = world.broker.faults.hang()
        await broker.read()
        # Nothing was held before.
        assert isinstance(broker.view(), NoAnswer)
        first.lift()
        await broker.read()
        assert all_of_it(broker.view()) == (["east", "west"], 2, "")

        again = world.broker.faults.hang()
        await broker.read()
        begun_seconds = asyncio.get_running_loop().time()
        await asyncio.sleep(30.0)
        await broker.read()
        found = broker.view()
        assert all_of_it(found) == (["east", "west"], 2, "no answer within 2 s")
        assert isinstance(found, BrokerSeen)
        assert found.away_seconds == pytest.approx(asyncio.get_running_loop().time() - begun_seconds)

        again.lift()
        await broker.read()
        assert all_of_it(broker.view()) == (["east", "west"], 2, "")
        await broker.close()


async def test_a_credential_that_is_refused_is_looked_for_anew_in_the_next_round() -> None:
    async with Clusterset("east", "west") as world:
        opened: list[int] = []

        async def open_() -> Client:
            opened.append(1)
            return world.broker.client()

        broker = Broker(open_, TIMEOUT_SECONDS)
        await broker.read()
        refusal = world.broker.faults.fail(401, verbs=("list",))
        await broker.read()
        assert isinstance(broker.view(), Unknown)
        refusal.lift()
        await broker.read()
        assert all_of_it(broker.view())[0] == ["east", "west"]
        assert len(opened) == 2


@pytest.mark.parametrize(
    ("called", "is_first", "asked"),
    [("here", True, ["http://a", "http://b"]), ("here", False, ["http://b"]), ("other", False, [])],
)
async def test_metrics_are_asked_of_the_cluster_that_they_were_given_for(
    called: str, is_first: bool, asked: list[str]
) -> None:
    """Without a name they are of the first cluster."""
    given = [
        MetricsOf("", "http://a", "/"),
        MetricsOf("here", "http://b", "/"),
        MetricsOf("x", "http://c", "/"),
    ]
    read: list[str] = []

    class Scraper:
        async def read(self, given: list[MetricsOf]) -> None:
            read.extend(one.server for one in given)

    async with Clusterset("east") as world:
        cluster = Cluster(called, world["east"].api, settings(), is_first=is_first)
        await cluster.read_metrics(cast(Any, Scraper()), given)
        assert read == asked


def _opening(client: Client) -> Any:
    async def open_() -> Client:
        return client

    return open_
