"""A kubeconfig that is rewritten while a program runs: what is in it then holds from the next request on."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import Unauthorized, Unreachable
from tests.kube.http_servers import serving
from tests.support.kubeconfigs import kubeconfig

GET = Request("GET", "/version")


class Server:
    """Takes the token `good` alone, and says what it was asked with; at /slow once `go_on` is set."""

    def __init__(self) -> None:
        self.good = "first"
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/slow":
            self.asked.set()
            await self.go_on.wait()
        authorization = request.headers.get("Authorization", "")
        if request.path != "/slow" and authorization != f"Bearer {self.good}":
            return web.json_response({"kind": "Status", "message": "who are you?"}, status=401)
        if request.path == "/lines":
            answer = web.StreamResponse()
            await answer.prepare(request)
            await answer.write(b"one\n")
            await asyncio.sleep(60)
        return web.json_response({"was": authorization})


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    async with serving(server) as found:
        yield found


def written(path: Path, url: str, token: str) -> Path:
    staged = path / "staged"
    staged.write_text(json.dumps(kubeconfig(url, user={"token": token})))
    return staged.rename(path / "kubeconfig")


async def test_a_renewed_token_is_used_at_once(tmp_path: Path, server: Server, url: str) -> None:
    client = Client(load_kubeconfig(written(tmp_path, url, "first")))
    assert await client.get_raw("/version") == {"was": "Bearer first"}
    server.good = "second"
    with pytest.raises(Unauthorized):
        await client.get_raw("/version")
    written(tmp_path, url, "second")
    assert await client.get_raw("/version") == {"was": "Bearer second"}
    await client.close()


async def test_what_is_asked_when_the_token_is_revoked_is_asked_again_with_the_new_one(
    tmp_path: Path, server: Server, url: str
) -> None:
    transport = load_kubeconfig(written(tmp_path, url, "first"))
    assert not await transport.renew_credential()
    written(tmp_path, url, "second")
    assert await transport.renew_credential()
    # Another request, refused at the same time, comes a moment later.
    assert await transport.renew_credential()
    await transport.close()


async def test_what_is_under_way_ends_as_it_began(tmp_path: Path, server: Server, url: str) -> None:
    transport = load_kubeconfig(written(tmp_path, url, "first"))
    slow = asyncio.create_task(transport.request(Request("GET", "/slow"), timeout_seconds=10))
    await server.asked.wait()
    server.good = "second"
    written(tmp_path, url, "second")
    assert (await transport.request(GET, timeout_seconds=5)).status == 200
    server.go_on.set()
    assert json.loads((await slow).body) == {"was": "Bearer first"}
    await transport.close()


async def test_open_streams_end_so_that_they_are_opened_as_the_file_says_now(
    tmp_path: Path, server: Server, url: str
) -> None:
    transport = load_kubeconfig(written(tmp_path, url, "first"))
    stream = await transport.stream(Request("GET", "/lines"), timeout_seconds=5, inactivity_seconds=60)
    assert await stream.readline() == b"one\n"
    server.good = "second"
    written(tmp_path, url, "second")
    assert (await transport.request(GET, timeout_seconds=5)).status == 200
    with pytest.raises(Unreachable):
        await stream.readline()
    await transport.close()


async def test_another_servers_address_is_followed(tmp_path: Path, url: str) -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return web.json_response({"was": "elsewhere"})

    client = Client(load_kubeconfig(written(tmp_path, url, "first")))
    assert await client.get_raw("/version") == {"was": "Bearer first"}
    async with serving(elsewhere) as other:
        written(tmp_path, other, "first")
        assert await client.get_raw("/version") == {"was": "elsewhere"}
    await client.close()


@pytest.mark.parametrize("text", ["", "{clusters: [", "clusters: []", None])
async def test_a_file_that_cannot_be_used_changes_nothing(
    tmp_path: Path, url: str, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, url, "first")
    client = Client(load_kubeconfig(path))
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    for _ in range(3):
        assert await client.get_raw("/version") == {"was": "Bearer first"}
    told = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == (0 if text is None else 1)
    written(tmp_path, url, "first")
    assert await client.get_raw("/version") == {"was": "Bearer first"}
    await client.close()
