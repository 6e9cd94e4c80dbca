import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.observe.health import Health
from mcs_controller.observe.http import HttpServer
from mcs_controller.observe.listening import ListenAddress, ListenError
from mcs_controller.observe.serving import CONNECTIONS_MAX

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


class Slow(Collector):
    """Takes its time, and counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def collect(self) -> Iterator[Metric]:
        self.made += 1
        time.sleep(0.1)
        yield GaugeMetricFamily("made", "How often.", value=self.made)


async def test_metrics_that_take_long_are_not_made_for_everybody_who_asks(setup: Setup) -> None:
    setup.registry.register(slow := Slow())
    slow.made = 0
    answers = await asyncio.gather(*(setup.get("/metrics") for _ in range(20)))
    assert {status for status, _, _ in answers} == {200}
    assert all("made " in text for _, _, text in answers)
    assert slow.made < 10
    before = slow.made
    other = "application/openmetrics-text;version=1.0.0"
    assert (await setup.get("/metrics", Accept=other))[1].startswith("application/openmetrics-text")
    assert slow.made == before + 1


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


async def test_no_credential_is_told_to_whoever_asks(setup: Setup) -> None:
    setup.health.add(
        "broker", lambda: "cannot log in: db_password=hunter2\n[+] all ok\nto http://u:hunt@er2@broker"
    )
    status, _, text = await setup.get("/readyz")
    assert status == 503
    assert text == (
        "[-] broker: cannot log in: db_password=*** [+] all ok to http://***@broker\nreadyz check failed\n"
    )


STRANGE = {
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no request": b"hello\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown version": b"GET / HTTP/9.9\r\n\r\n",
    "long path": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: a\r\n" % n for n in range(3000)) + b"\r\n",
    "negative length": b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "bad chunk": b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
    "not gzip": (
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "no body": b"POST /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "upgrade": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nxxxx",
    "bad URL": b"GET http://u:p@x:abc/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad address": b"GET //[/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad header": b"GET /healthz HTTP/1.1\r\nHo st: x\r\n\r\n",
    "no text": b"GET /h\xff HTTP/1.1\r\nHost: \xff\x00\r\n\r\n",
    "garbage behind": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n",
    "cut off": b"GET /healthz HTTP/1.1\r\nHost: ",
}


@pytest.mark.parametrize("leaving", ["waits", "half closes", "goes"])
async def test_a_strange_request_is_no_error_in_the_log(
    setup: Setup, caplog: pytest.LogCaptureFixture, leaving: str
) -> None:
    caplog.set_level("INFO")
    for request in STRANGE.values():
        reader, writer = await asyncio.open_connection("127.0.0.1", setup.server.port)
        writer.write(request)
        if leaving == "goes":
            writer.transport.abort()
            continue
        if leaving == "half closes":
            writer.write_eof()
        with suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(reader.read(100), 0.2)
        writer.close()
    assert (await setup.get("/healthz"))[0] == 200
    assert caplog.text == ""


async def test_a_fault_of_ours_is_still_an_error_in_the_log(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str | None:
        raise RuntimeError("a check that fails")

    setup.health.add("broken", broken)
    assert (await setup.get("/readyz"))[0] == 500
    assert "RuntimeError: a check that fails" in caplog.text


async def test_verbose_lists_the_checks_that_are_well(setup: Setup) -> None:
    setup.health.add("zone", lambda: None)
    setup.health.add_liveness("event loop", lambda: None)
    assert (await setup.get("/readyz?verbose"))[2] == "[+] zone ok\nreadyz check passed\n"
    assert (await setup.get("/healthz?verbose"))[2] == "[+] event loop ok\nhealthz check passed\n"


async def test_what_is_not_there_is_404(setup: Setup) -> None:
    assert (await setup.get("/debug"))[0] == 404


async def test_idle_connections_cannot_keep_a_probe_out(setup: Setup) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", setup.server.port) for _ in range(2 * CONNECTIONS_MAX)]
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
