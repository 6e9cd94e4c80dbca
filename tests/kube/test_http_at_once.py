"""How many requests may be under way to one API server."""

import asyncio

import pytest
from aiohttp import web

from mcs_controller.kube.connection.transport import Request
from tests.kube.http_servers import serving, transport_to


@pytest.mark.parametrize("encoding", ["identity", "gzip"], ids=["direct", "session"])
async def test_more_than_a_hundred_requests_are_under_way_at_once(encoding: str) -> None:
    """As many as there are watches and workers: none waits for another's connection."""
    get = Request("GET", "/api/v1/namespaces", headers={"accept-encoding": encoding})
    number, arrived, all_there = 110, 0, asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        nonlocal arrived
        arrived += 1
        if arrived == number:
            all_there.set()
        await all_there.wait()
        return web.Response(text="{}")

    async with serving(handler) as server, transport_to(server) as transport:
        await asyncio.gather(*(transport.request(get, timeout_seconds=30) for _ in range(number)))
    assert arrived == number
