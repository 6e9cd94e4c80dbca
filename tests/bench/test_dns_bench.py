"""What the DNS benchmark's figures rest on: which load counts, and that changes are seen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from dnslib import DNSRecord

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.zone.packed import PackedService
from mcs_controller.dns.zone.source import ZoneSource
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.http_transport import HttpTransport
from tests.bench import dns_servers
from tests.bench.dns_churn import Changer, Content, handler_of
from tests.bench.dns_crowd import BURST, bursts
from tests.bench.dns_load import Load, Throughput, lost_of
from tests.bench.dns_objects import CLASSES, CODES, NAMESPACE, Shape, questions
from tests.bench.dns_report import table
from tests.bench.dns_setting import Setting
from tests.bench.dns_throughput import SYSTEMS, Comparison, comparison, which_counts
from tests.support.waiting import until

SHAPE = Shape(1_200, slices_per_headless=2, endpoints_per_slice=3)


class Zone:
    """Takes what the source hands over."""

    def __init__(self) -> None:
        self.services: dict[ServiceKey, PackedService | None] = {}

    def update(self, service: ServiceKey, packed: PackedService | None) -> None:
        self.services[service] = packed

    def open(self) -> None:
        pass

    def set_stale(self, stale: bool) -> None:
        pass


@asynccontextmanager
async def following(content: Content) -> AsyncIterator[tuple[ZoneSource, Zone]]:
    """The product's own source on the canned API server, once it has read everything."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(content))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    zone = Zone()
    client = Client(
        HttpTransport(f"http://127.0.0.1:{server.server_port}", credential=StaticCredential()), name="bench"
    )
    source = ZoneSource(client, zone, random=Random(1))
    task = asyncio.create_task(source.run())
    try:
        await until(lambda: source.synced() and len(content.watches) == 2)
        yield source, zone
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()
        await asyncio.to_thread(server.shutdown)
        await asyncio.to_thread(server.server_close)
        thread.join()


async def test_the_dns_server_sees_every_change_of_the_canned_api_server() -> None:
    content = Content(SHAPE, changes=50)
    async with following(content) as (source, zone):
        slices = source.reflectors[1]
        assert len(zone.services) == SHAPE.services
        assert None not in zone.services.values()
        before = dict(zone.services)
        changer = Changer(content, rate=1000)
        changer.start()
        await until(lambda: content.made >= 60)
        await asyncio.to_thread(changer.stop)
        await until(lambda: slices.events >= content.made)
        assert slices.events == content.made
        changed = {service for service, packed in zone.services.items() if packed != before[service]}
        assert changed == {ServiceKey(NAMESPACE, f"db-{number:05d}") for number in range(50)}
        assert (slices.lists, slices.decode_failures, sum(slices.restarts.values())) == (1, 0, 0)


def test_no_change_counts_that_nobody_could_see() -> None:
    content = Content(Shape(4, 2, 0, 3), changes=4)
    content.change()
    assert content.made == 0


@pytest.mark.parametrize(
    ("dnsperf_busy", "ours_busy", "counts"),
    [
        (0.98, 0.6, "crowd"),
        (0.9, 0.89, "crowd"),
        # Both at their limit: then the server's limit was reached.
        (0.98, 0.93, "dnsperf"),
        (0.9, 0.9, "dnsperf"),
        (0.89, 0.5, "dnsperf"),
        (0.4, 0.99, "dnsperf"),
    ],
)
def test_the_crowd_counts_where_dnsperf_alone_was_the_limit(
    dnsperf_busy: float, ours_busy: float, counts: str
) -> None:
    by_load = {
        "dnsperf": {"busy": dnsperf_busy, "ours_busy": ours_busy},
        "crowd": {"busy": 0.99, "ours_busy": 0.99},
    }
    assert which_counts(by_load) == counts


def test_dnsperf_counts_where_there_is_no_other_load() -> None:
    assert which_counts({"dnsperf": {"busy": 0.99, "ours_busy": 0.5}}) == "dnsperf"


async def test_coredns_does_not_hold_what_it_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    async def not_started(name: str, *_: object) -> None:
        started.append(name)

    monkeypatch.setattr(dns_servers, "_start", not_started)
    monkeypatch.setattr(dns_servers, "locate_binaries", lambda: SimpleNamespace(folder=tmp_path))
    for cache in (False, True):
        await dns_servers.start_coredns(tmp_path / "kubeconfig", tmp_path, cache=cache)
    for name in started:
        told = (tmp_path / f"{name}.corefile").read_text()
        assert "    multicluster clusterset.local\n    noendpoints\n" in told
    assert started == ["coredns", "coredns-cache"]


def test_coredns_with_its_cache_is_asked_over_both_transports() -> None:
    assert set(SYSTEMS) == {"ours", "coredns", "coredns-cache"}
    shape = Shape(4)
    rows = Comparison(Setting(Path(), 1, 1, Load(1)), shape, ["mix"]).rows()
    assert rows == [
        ("mix", proto, system) for proto in ("udp", "tcp") for system in ("coredns", "coredns-cache")
    ]


def test_a_reply_with_another_response_code_counts_as_lost() -> None:
    found = {"NOERROR": 90, "NXDOMAIN": 5, "SERVFAIL": 3}
    assert lost_of(2, found, CODES["mix"]) == 5
    assert lost_of(2, found, CODES["SRV"]) == 10
    assert lost_of(2, found, None) == 2


def test_each_burst_of_the_crowd_is_of_queries_of_one_size(tmp_path: Path) -> None:
    file = tmp_path / "questions"
    file.write_text(questions("mix", Shape(100), Random(1)))
    found = bursts(file, Random(1))
    asked: set[str] = set()
    for size, burst in found:
        assert len(burst) == BURST * size
        for at in range(0, len(burst), size):
            query = DNSRecord.parse(burst[at : at + size])
            assert query.pack() == burst[at : at + size]
            asked.add(f"{query.q.qname}".rstrip("."))
    names = {line.split()[0] for line in file.read_text().splitlines()}
    assert len(asked) > 0.99 * len(names)
    assert asked <= names


def test_every_class_says_which_response_codes_it_has() -> None:
    assert set(CODES) == set(CLASSES)


def test_the_table_has_both_loads_and_the_ratio_that_counts_in_bold() -> None:
    dnsperf = comparison(_runs(100_000, load_busy=0.95), _runs(40_000))
    crowd = comparison(_runs(200_000), _runs(40_000, lost=7))
    row: dict[str, Any] = {"name": "mix", "proto": "udp", "cache": False, "load": "crowd"}
    row["ratio_to_best"] = 4.5
    for kind, figures in (("dnsperf", dnsperf), ("crowd", crowd)):
        row |= {f"{kind}_{key}": value for key, value in figures.items()}
    text = table({"versions": {}, "classes": [row]})
    assert "| 100,000, 40,000 | 2.5 | 100%, 100%, 95% | 200,000, 40,000 | **5.0** | 100%, 100%, 50% |" in text
    assert "crowd, mix over UDP, CoreDNS 7." in text
    assert "cache off: 4.5 or more." in text


def _runs(qps: float, load_busy: float = 0.5, lost: int = 0) -> list[Throughput]:
    return [Throughput(qps, 1.0, load_busy, lost, {})]
