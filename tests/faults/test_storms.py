"""The storms of the fault tests strike what they should, and pass on all else as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mcs_controller.api.resources import NAMESPACES
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.http_transport import HttpTransport
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.errors import ApiError, Conflict, NotFound, ServerError, TooManyRequests, Unreachable
from mcs_controller.simcluster.cluster import SimCluster
from tests.support.objects import namespace_body
from tests.support.storms import ALL, WRITES, Certificate, Front, Storm, Storms


@pytest.fixture(scope="module")
def storms() -> Iterator[Storms]:
    with Storms() as started:
        yield started


@pytest.fixture
async def front(storms: Storms) -> AsyncIterator[Front]:
    async with SimCluster("east") as cluster, cluster.serve() as url:
        yield storms.before(url)


@pytest.fixture
async def client(front: Front) -> AsyncIterator[Client]:
    opened = Client(HttpTransport(front.url, credential=StaticCredential("Bearer admin")))
    yield opened
    await opened.close()


async def test_what_no_storm_strikes_is_answered_by_the_server(front: Front, client: Client) -> None:
    made = await client.create(NAMESPACES, namespace_body("shop"))
    assert await client.get(NAMESPACES, "shop") == made
    listed = {one["metadata"]["name"]: one for one in (await client.list(NAMESPACES)).items}
    assert listed["shop"]["metadata"] == made["metadata"]
    with pytest.raises(NotFound):
        await client.get(NAMESPACES, "nothing")
    assert not front.struck()


@pytest.mark.parametrize(
    ("status", "error"),
    [(409, Conflict), (429, TooManyRequests), (500, ServerError), (503, ServerError)],
)
async def test_a_refusal_is_the_programs_alone(
    front: Front, client: Client, status: int, error: type[ApiError]
) -> None:
    front.set(Storm(share=1.0, verbs=("create",), status=status, retry_after_seconds=7))
    with pytest.raises(error) as caught:
        await client.create(NAMESPACES, namespace_body("shop"))
    assert caught.value.retry_after_seconds == 7
    with pytest.raises(NotFound):
        await client.get(NAMESPACES, "shop")
    assert front.struck() == {"create": 1}


async def test_an_answer_that_is_lost_was_done_all_the_same(front: Front, client: Client) -> None:
    front.set(Storm(share=1.0, verbs=WRITES, lost=True))
    with pytest.raises(Unreachable):
        await client.create(NAMESPACES, namespace_body("shop"))
    assert (await client.get(NAMESPACES, "shop"))["metadata"]["name"] == "shop"


async def test_answers_come_late_in_a_slow_storm_and_a_share_of_them_only(
    front: Front, client: Client
) -> None:
    loop = asyncio.get_running_loop()
    front.set(Storm(share=0.5, verbs=ALL, delay_seconds=0.3))
    late = 0
    for _ in range(20):
        began = loop.time()
        await client.get(NAMESPACES, "default")
        late += loop.time() - began >= 0.3
    assert 0 < late < 20
    assert front.struck()["get"] == late


async def test_a_watch_passes_event_by_event_whatever_befalls_the_rest(front: Front, client: Client) -> None:
    version = (await client.list(NAMESPACES)).resource_version
    front.set(Storm(share=1.0, verbs=("get", "list"), status=503))
    async with await client.watch(NAMESPACES, resource_version=version) as watch:
        await client.create(NAMESPACES, namespace_body("shop"))
        async with asyncio.timeout(5):
            async for kind, body in watch:
                assert isinstance(body, dict)
                assert (kind, body["metadata"]["name"]) == ("ADDED", "shop")
                return


async def test_a_certificate_is_shown_after_all_connections_have_ended(
    front: Front, client: Client, tmp_path: Path
) -> None:
    version = (await client.list(NAMESPACES)).resource_version
    async with await client.watch(NAMESPACES, resource_version=version) as watch:
        first = Certificate(tmp_path, "first")
        front.show(first)
        with pytest.raises(Unreachable):
            await anext(watch)
    for shown in (first, Certificate(tmp_path, "second")):
        front.show(shown)
        tls = TlsSettings(ca=first.ca.encode())
        by_tls = Client(HttpTransport(front.url, credential=StaticCredential("Bearer admin"), tls=tls))
        if shown is first:
            assert (await by_tls.list(NAMESPACES)).items
        else:
            with pytest.raises(Unreachable, match="is not trusted"):
                await by_tls.list(NAMESPACES)
        await by_tls.close()


async def test_a_server_that_is_away_does_not_answer(storms: Storms) -> None:
    client = Client(HttpTransport(storms.before("http://127.0.0.1:9").url, credential=StaticCredential()))
    with pytest.raises(Unreachable):
        await client.list(NAMESPACES)
    await client.close()
