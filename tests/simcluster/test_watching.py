"""Watches in virtual time: bookmarks, ends, slow readers."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from pydantic_core import from_json

from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import Timeout
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.serving import watches
from tests.contract.api import WIDGETS, Api, config_map, widget_crd
from tests.contract.conftest import CRDS

PATH = "/api/v1/namespaces/default/configmaps"


@pytest.mark.looptime
async def test_bookmarks_come_at_their_interval_and_follow_other_resources(
    cluster: SimCluster, api: Api
) -> None:
    request = Request(
        "GET", PATH, (("watch", "1"), ("allowWatchBookmarks", "true"), ("resourceVersion", "1"))
    )
    stream = await cluster.transport().stream(request, timeout_seconds=1, inactivity_seconds=70)
    started = asyncio.get_running_loop().time()
    await api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
    first, second = from_json(await stream.readline()), from_json(await stream.readline())
    assert asyncio.get_running_loop().time() - started == pytest.approx(120, abs=1)
    assert first["type"] == second["type"] == "BOOKMARK"
    namespace = await api.ok("GET", "/api/v1/namespaces/other")
    reached = int(first["object"]["metadata"]["resourceVersion"])
    assert reached >= int(namespace["metadata"]["resourceVersion"])
    await stream.close()


@pytest.mark.looptime
async def test_a_reader_gives_up_when_nothing_comes(cluster: SimCluster) -> None:
    request = Request("GET", PATH, (("watch", "1"), ("resourceVersion", "1")))
    stream = await cluster.transport().stream(request, timeout_seconds=1, inactivity_seconds=30)
    started = asyncio.get_running_loop().time()
    with pytest.raises(Timeout):
        await stream.readline()
    assert asyncio.get_running_loop().time() - started == pytest.approx(30, abs=1)
    await stream.close()


@pytest.mark.looptime
async def test_a_watch_without_a_time_ends_within_an_hour(cluster: SimCluster) -> None:
    request = Request("GET", PATH, (("watch", "1"), ("resourceVersion", "1")))
    stream = await cluster.transport().stream(request, timeout_seconds=1, inactivity_seconds=7200)
    started = asyncio.get_running_loop().time()
    assert await stream.readline() == b""
    assert 1800 <= asyncio.get_running_loop().time() - started <= 3600


async def test_a_reader_that_falls_behind_is_left_without_a_word(
    cluster: SimCluster, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "BUFFER_MAX_LINES", 3)
    for number in range(5):
        await api.ok("POST", PATH, config_map(f"before-{number}"))
    async with await api.watch(PATH) as watch:
        for number in range(10):
            await api.ok("POST", PATH, config_map(f"after-{number}"))
        events = await watch.rest()
    names = [shown["metadata"]["name"] for _, shown in events]
    assert names[:5] == [f"before-{number}" for number in range(5)]
    assert len(names) < 15


async def test_a_watch_that_is_closed_is_not_fed_any_more(cluster: SimCluster, api: Api) -> None:
    async with await api.watch(PATH, resourceVersion="1"):
        assert len(cluster.faults.watches()) == 1
    assert cluster.faults.watches() == ()


async def test_closing_a_transport_ends_its_watches(cluster: SimCluster) -> None:
    transport = cluster.transport()
    request = Request("GET", PATH, (("watch", "1"), ("resourceVersion", "1")))
    stream = await transport.stream(request, timeout_seconds=1, inactivity_seconds=10)
    reading = asyncio.create_task(stream.readline())
    await asyncio.sleep(0)
    await transport.close()
    assert await reading == b""


async def test_watches_of_a_resource_end_when_its_definition_changes(api: Api) -> None:
    crd = await api.ok("POST", CRDS, widget_crd())
    async with await api.watch(f"{WIDGETS}/widgets", resourceVersion="1") as watch:
        crd["spec"]["versions"][1]["served"] = False
        await api.ok("PUT", f"{CRDS}/{crd['metadata']['name']}", crd)
        assert await watch.rest() == []
    assert (await api.send("GET", f"{WIDGETS.replace('v1', 'v1alpha1')}/widgets")).status == 404


async def test_all_watchers_are_given_the_same_bytes_of_an_object() -> None:
    async with SimCluster("many", random=Random(1)) as cluster:
        api = Api(cluster.transport(), cluster.faults.compact)
        watching = [await api.watch(PATH, resourceVersion="1") for _ in range(3)]
        made = await api.ok("POST", PATH, config_map("a", key="value"))
        for watch in watching:
            assert await watch.next() == ("ADDED", made)
