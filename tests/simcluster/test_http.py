"""The front end over real sockets: what the transport in the process does, this does too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.connection.transport import Request, Transport
from mcs_controller.kube.errors import Unreachable
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.serving.bodies import BODY_MAX_BYTES
from tests.contract.api import Api, config_map

PATH = "/api/v1/namespaces/default/configmaps"
WATCH = Request("GET", PATH, (("watch", "1"), ("resourceVersion", "1")))


@contextlib.asynccontextmanager
async def reached(cluster: SimCluster, folder: Path, user: str = "admin") -> AsyncIterator[Transport]:
    file = folder / f"{user}.kubeconfig"
    file.write_text(cluster.kubeconfig(user))
    transport = load_kubeconfig(file)
    try:
        yield transport
    finally:
        await transport.close()


@pytest.fixture
async def transport(cluster: SimCluster, tmp_path: Path) -> AsyncIterator[Transport]:
    async with cluster.serve(), reached(cluster, tmp_path) as opened:
        yield opened


@pytest.fixture
async def over_http(transport: Transport, cluster: SimCluster) -> Api:
    return Api(transport, cluster.faults.compact)


async def test_objects_are_written_and_read_over_a_socket(over_http: Api, api: Api) -> None:
    made = await over_http.ok("POST", PATH, config_map("a", key="grün"))
    assert await api.ok("GET", f"{PATH}/a") == made
    found = await over_http.ok("GET", PATH, query={"labelSelector": "!k", "limit": "5"})
    assert [one["data"] for one in found["items"]] == [{"key": "grün"}]
    assert (await over_http.send("GET", "/healthz")).body == "ok"


async def test_a_watch_streams_each_event_at_once_and_ends_with_its_time(over_http: Api) -> None:
    async with await over_http.watch(PATH, resourceVersion="1", timeoutSeconds="1") as watch:
        for name in ("a", "b"):
            await over_http.ok("POST", PATH, config_map(name))
            assert await watch.names(1) == [("ADDED", name)]
        assert await watch.rest() == []


async def test_a_refused_watch_is_an_answer(transport: Transport, cluster: SimCluster) -> None:
    cluster.faults.fail(503, verbs=("watch",))
    stream = await transport.stream(WATCH, timeout_seconds=5, inactivity_seconds=5)
    assert stream.status == 503
    assert b"ServiceUnavailable" in await stream.read_error()
    await stream.close()


async def test_the_token_is_the_users_name(cluster: SimCluster, tmp_path: Path) -> None:
    cluster.faults.fail(401, users=("stranger",))
    async with cluster.serve():
        for user, expected in (("stranger", 401), ("member", 200)):
            async with reached(cluster, tmp_path, user) as transport:
                response = await transport.request(Request("GET", PATH), timeout_seconds=5)
                assert response.status == expected


async def test_a_client_that_goes_away_is_noticed_at_once(transport: Transport, cluster: SimCluster) -> None:
    stream = await transport.stream(WATCH, timeout_seconds=5, inactivity_seconds=5)
    ((_, fed),) = cluster.faults.watches()
    gone = asyncio.Event()
    fed.on_close(gone.set)
    await stream.close()
    async with asyncio.timeout(5):
        await gone.wait()
    assert cluster.faults.watches() == ()


async def test_stopping_ends_open_watches_promptly(cluster: SimCluster, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with cluster.serve():
            transport = await stack.enter_async_context(reached(cluster, tmp_path))
            stream = await transport.stream(WATCH, timeout_seconds=5, inactivity_seconds=30)
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 1
        with contextlib.suppress(Unreachable):
            assert await stream.readline() == b""
        with pytest.raises(Unreachable):
            await transport.request(Request("GET", PATH), timeout_seconds=5)


async def test_refused_connections_close_the_port_and_open_it_again(
    transport: Transport, cluster: SimCluster
) -> None:
    stream = await transport.stream(WATCH, timeout_seconds=5, inactivity_seconds=5)
    fault = cluster.faults.refuse_connections()
    with pytest.raises(Unreachable):
        await stream.readline()
    with pytest.raises(Unreachable):
        await transport.request(Request("GET", PATH), timeout_seconds=5)
    fault.lift()
    api = Api(transport, cluster.faults.compact)
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(Unreachable):
                await api.ok("GET", PATH)
                break
            await asyncio.sleep(0.01)


async def test_an_answer_lost_breaks_the_connection(over_http: Api, cluster: SimCluster) -> None:
    cluster.faults.lose_answers(count=1)
    with pytest.raises(Unreachable):
        await over_http.send("POST", PATH, config_map("a"))
    assert (await over_http.send("POST", PATH, config_map("a"))).reason == "AlreadyExists"


async def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    answer = await api.send("POST", PATH, b"x" * (BODY_MAX_BYTES + 1))
    assert (answer.status, answer.reason) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize("type_", ["application/json", "application/yaml"])
async def test_a_body_that_is_nested_too_deeply_is_refused(api: Api, type_: str) -> None:
    body = b'{"metadata": {"name": "a"}, "data": ' + b'{"a":' * 250 + b"1" + b"}" * 251
    answer = await api.send("POST", PATH, body, content_type=type_)
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert "could not be read" in answer.body["message"]


async def test_a_path_with_escapes_is_understood(over_http: Api) -> None:
    answer = await over_http.send("GET", f"{PATH}/a b")
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.body["details"]["name"] == "a b"


async def test_a_port_that_is_taken_is_an_os_error(cluster: SimCluster) -> None:
    async with cluster.serve() as url:
        other = SimCluster("west")
        with pytest.raises(OSError, match="address already in use"):
            async with other.serve(int(url.rpartition(":")[2])):
                pass
