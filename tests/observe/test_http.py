import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from mcs_controller.observe import http
from mcs_controller.observe.health import Health
from mcs_controller.observe.http import HttpServer
from mcs_controller.observe.listening import ListenAddress, ListenError

LOOPBACK = ListenAddress("127.0.0.1", 0)


class Setup:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.health = Health()
        self.server = HttpServer(self.registry, self.health, LOOPBACK)

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        url = f"http://127.0.0.1:{self.server.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            return response.status, response.headers["Content-Type"], await response.text()


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    setup = Setup()
    await setup.server.start()
    yield setup
    await setup.server.stop()


async def test_metrics_are_prometheus_text(setup: Setup) -> None:
    Counter("mcs_things_total", "Things.", registry=setup.registry).inc(3)
    status, content_type, text = await setup.get("/metrics")
    assert status == 200
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert "mcs_things_total 3.0\n" in text


async def test_metrics_are_open_metrics_for_a_client_that_asks(setup: Setup) -> None:
    status, content_type, text = await setup.get(
        "/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    )
    assert status == 200
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


async def test_an_accept_header_that_makes_no_sense_gets_plain_text(setup: Setup) -> None:
    status, content_type, _ = await setup.get(
        "/metrics", Accept="application/openmetrics-text;version=banana"
    )
    assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")


async def test_a_process_with_nothing_wrong_is_alive_and_ready(setup: Setup) -> None:
    assert await setup.get("/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
    assert await setup.get("/readyz") == (200, "text/plain; charset=utf-8", "ok\n")


async def test_an_unready_process_answers_503_with_every_check_and_the_reason(setup: Setup) -> None:
    setup.health.add("zone", lambda: None)
    setup.health.add("broker", lambda: "connection refused (10.0.0.1:6443)")
    status, _, text = await setup.get("/readyz")
    assert status == 503
    assert text == ("[+] zone ok\n[-] broker: connection refused (10.0.0.1:6443)\nreadyz check failed\n")
    assert (await setup.get("/healthz"))[0] == 200


async def test_verbose_lists_the_checks_that_are_well(setup: Setup) -> None:
    setup.health.add("zone", lambda: None)
    setup.health.add_liveness("event loop", lambda: None)
    assert (await setup.get("/readyz?verbose"))[2] == "[+] zone ok\nreadyz check passed\n"
    assert (await setup.get("/healthz?verbose"))[2] == "[+] event loop ok\nhealthz check passed\n"


async def test_what_is_not_there_is_404(setup: Setup) -> None:
    assert (await setup.get("/debug"))[0] == 404


async def test_idle_connections_cannot_keep_a_probe_out(setup: Setup) -> None:
    idle = [
        await asyncio.open_connection("127.0.0.1", setup.server.port) for _ in range(2 * http.CONNECTIONS_MAX)
    ]
    assert (await setup.get("/healthz"))[0] == 200
    oldest_reader = idle[0][0]
    assert await asyncio.wait_for(oldest_reader.read(), 10) == b""
    for _, writer in idle:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in idle), return_exceptions=True)


async def test_a_port_in_use_is_one_clear_error(setup: Setup) -> None:
    second = HttpServer(CollectorRegistry(), Health(), ListenAddress("127.0.0.1", setup.server.port))
    with pytest.raises(ListenError, match="already in use"):
        await second.start()
    await second.stop()


async def test_the_port_is_free_again_after_a_stop_with_a_connection_open() -> None:
    first = Setup()
    await first.server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", first.server.port)
    await first.server.stop()
    again = HttpServer(CollectorRegistry(), Health(), ListenAddress("127.0.0.1", first.server.port))
    await again.start()
    assert again.port == first.server.port
    await again.stop()
    writer.close()
