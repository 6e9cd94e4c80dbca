"""The page over HTTP: what an agent that works holds, and what a client may not do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mcs_controller.observe.listening import ListenAddress, ListenError
from mcs_controller.page import server
from mcs_controller.page.server import HEADERS, StatusPage
from tests.controllers.policing import import_policy, with_import_policies
from tests.page.world import World, in_trouble, shown_clusterset
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with shown_clusterset() as world:
        await in_trouble(world)
        yield world


async def shows(world: World, path: str, *pieces: str) -> str:
    """The page, once it has all these pieces."""
    answer = await eventually(
        lambda: world.get(path), lambda found: all(piece in found.text for piece in pieces)
    )
    return answer.text


async def test_the_first_page_shows_members_and_what_is_not_well(world: World) -> None:
    text = await shows(world, "/", "PortConflict", "alive")
    for name in ("east", "west", "north"):
        assert f'id="member-{name}"' in text
    assert '<a href="./services/shop/cart">' in text


async def test_the_list_has_every_service_and_can_be_searched(world: World) -> None:
    text = await shows(world, "/services", "shop/cart", "shop/db", "shop/web")
    assert "3 of 3 services" in text
    found = await shows(world, "/services?show=conflict&q=shop/", "1 of 3 services")
    assert "shop/web</bdi>" not in found


async def test_a_service_says_where_its_endpoints_are_and_why_some_take_no_traffic(world: World) -> None:
    text = await shows(world, "/services/shop/cart", "conflicting ports", "MCS-WHY-10")
    assert '<th role="rowheader" scope="row"><bdi>10.1.0.7</bdi></th>' in text
    assert "Exported by east, west. north, here: 1 endpoint in." in text


async def test_a_service_with_too_many_endpoints_slices_and_ports_is_not_judged_one_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PARTS_MAX", 16)
    await shows(world, "/services/shop/web", "The clusters that export it, the one that decides first")
    monkeypatch.setattr(server, "PARTS_MAX", 15)
    text = await shows(world, "/services/shop/web", "8 endpoints in 4 slices", "too many to be judged")
    assert "4 of 4" in text


async def test_what_nobody_exports_is_not_found(world: World) -> None:
    for path in ("/services/shop/nothing", "/services/%3Cscript%3E/%22%3E", f"/services/{'x' * 5000}/y"):
        answer = await world.get(path)
        assert answer.status == 404
        assert "<script>" not in answer.text.replace('<script src="../../live.js" defer></script>', "")
    assert (await world.get("/services/a")).status == 404
    assert (await world.get("/../../etc/passwd")).status == 404


@pytest.mark.parametrize("path", ["/", "/services", "/services/shop/web", "/style.css", "/live.js", "/none"])
async def test_every_answer_forbids_what_a_page_does_not_need(world: World, path: str) -> None:
    answer = await world.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_can_be_changed(world: World, method: str) -> None:
    assert (await world.get("/services", method=method)).status == 405
    head = await world.get("/services", method="HEAD")
    assert (head.status, head.text) == (200, "")


async def test_on_a_loopback_address_a_name_of_another_site_is_refused(world: World) -> None:
    assert (await world.get("/", Host="evil.example:8081")).status == 421
    assert (await world.get("/style.css", Host="localhost.evil.example")).status == 421
    for host in ("localhost:8081", "127.0.0.1", "[::1]:8081", "192.0.2.7:1"):
        assert (await world.get("/services", Host=host)).status == 200


async def test_on_another_address_any_name_will_do(world: World) -> None:
    page = StatusPage(world.agent, ListenAddress("", 0), world.clusterset[world.at].clock)
    await page.start()
    try:
        port, world.port = world.port, page.port
        assert (await world.get("/style.css", Host="status.example")).status == 200
    finally:
        world.port = port
        await page.stop()


async def test_a_page_that_takes_too_long_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.0)
    assert (await world.get("/services")).status == 503


async def test_slow_clients_keep_nobody_out(world: World) -> None:
    opened = [
        await asyncio.open_connection("127.0.0.1", world.port) for _ in range(2 * server.CONNECTIONS_MAX)
    ]
    try:
        assert (await world.get("/style.css")).status == 200
    finally:
        for _, writer in opened:
            writer.close()


async def test_a_replica_that_waits_shows_nothing_of_the_clusterset(world: World) -> None:
    agent = world.agent
    waiting = StatusPage(
        type(agent)(agent.config, agent.replica, lambda: None),
        ListenAddress("127.0.0.1", 0),
        world.clusterset[world.at].clock,
    )
    await waiting.start()
    port, world.port = world.port, waiting.port
    try:
        assert "No replica leads" in (await world.get("/")).text
        world.holder = "mcs-agent-2_1"
        for path in ("/", "/services", "/services/shop/web"):
            answer = await world.get(path)
            assert answer.status == 503
            assert "port-forward pod/mcs-agent-2" in answer.text
            assert "shop/web" not in answer.text
    finally:
        world.holder, world.port = "", port
        await waiting.stop()


async def test_what_policies_keep_out_is_shown_as_that() -> None:
    async with shown_clusterset() as world:
        north = world.clusterset["north"]
        await with_import_policies(north, import_policy("west", sourceClusters=["west"]))
        await world.clusterset.everywhere("shop")
        await world.clusterset["east"].deploy("shop", "web")
        await shows(world, "/services", "kept out by policy")
        await shows(world, "/services/shop/web", "policies here refuse it")


async def test_an_address_that_is_taken_is_an_error_with_the_cure(world: World) -> None:
    page = StatusPage(world.agent, ListenAddress("127.0.0.1", world.port), world.clusterset[world.at].clock)
    with pytest.raises(ListenError, match="already in use"):
        await page.start()
