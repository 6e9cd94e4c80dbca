"""Holes that are planted in API servers, and what DNS says of them, found over real connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, cast

import pytest

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, ENDPOINT_SLICES, NAMESPACES, SERVICES
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.simcluster.cluster import SimCluster
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ADMIN, ControlPlaneSpec
from tests.support import crds
from tests.support.dns import dns_server
from tests.support.objects import IMPORTS, Object, body, endpoint, namespace_body
from tests.support.observer.dns_feed import asking
from tests.support.observer.expected import Expected
from tests.support.observer.observer import Observer
from tests.support.observer.watch_feed import ApiServer, watching
from tests.support.users import put
from tests.support.waiting import eventually, until

ONE, TWO = "10.1.0.1", "10.1.0.2"
DB, WEB = "shop/db", "shop/web"


class Site(NamedTuple):
    """West, written by hand: no agent mends anything."""

    api: Client
    server: ApiServer


@contextlib.asynccontextmanager
async def simulated(sim: SimCluster, port: int = 0) -> AsyncIterator[ApiServer]:
    async with sim.serve(port) as url:
        yield ApiServer(url, ADMIN)


@pytest.fixture
async def west() -> AsyncIterator[Site]:
    sim = SimCluster("west")
    async with simulated(sim) as server:
        await deploy(sim.client())
        yield Site(sim.client(), server)
    sim.close()


async def deploy(api: Client) -> None:
    """What an agent would have written of two services, one of them headless."""
    await crds.install(api, *crds.MCS_CRDS)
    await api.create(NAMESPACES, namespace_body("shop"))
    spec = {"type": "ClusterIP", "ports": [{"port": 80}]}
    derived = body(SERVICES, "derived-web", "shop", spec=spec)
    derived["metadata"]["labels"] = {"multicluster.kubernetes.io/service-name": "web"}
    [ip] = (await api.create(SERVICES, derived))["spec"]["clusterIPs"]
    ports = [{"port": 80, "protocol": "TCP"}]
    web = body(IMPORTS, "web", "shop", spec={"type": "ClusterSetIP", "ips": [ip], "ports": ports})
    await crds.create_once_served(api, IMPORTS, web)
    await api.create(IMPORTS, body(IMPORTS, "db", "shop", spec={"type": "Headless", "ports": ports}))
    for name in ("db", "web"):
        await name_exporter(api, name)
        await show(api, name, ONE, TWO)


async def name_exporter(api: Client, name: str) -> None:
    status = {"status": {"clusters": [{"cluster": "east"}]}}
    await api.patch(IMPORTS, name, status, namespace="shop", subresource="status")


async def show(api: Client, name: str, *addresses: str) -> None:
    """The imported slice has these endpoints from now on."""
    made: Object = body(ENDPOINT_SLICES, f"{name}-east", "shop", addressType="IPv4")
    made["ports"] = [{"name": "", "port": 80, "protocol": "TCP"}]
    made["endpoints"] = [endpoint(address) for address in addresses]
    made["metadata"]["labels"] = {
        "multicluster.kubernetes.io/service-name": name,
        "multicluster.kubernetes.io/source-cluster": "east",
    }
    if name == "web":
        made["metadata"]["labels"]["kubernetes.io/service-name"] = "derived-web"
    await put(api, ENDPOINT_SLICES, made)


def observer_of_both() -> Observer:
    expected = Expected()
    expected.namespace("west", "shop")
    expected.exported("east", DB, [ONE, TWO], headless=True)
    expected.exported("east", WEB, [ONE, TWO])
    return Observer(expected, asyncio.get_running_loop().time)


async def right(observer: Observer) -> None:
    async def wrong() -> list[str]:
        return observer.wrong()

    await eventually(wrong, lambda found: not found)


async def finds_a_hole_of_a_tenth_of_a_second(west: Site) -> None:
    observer = observer_of_both()
    async with (
        dns_server(west.api) as dns,
        watching(observer, {"west": west.server}),
        asking(observer, {"west": dns}),
    ):
        await right(observer)
        for name in ("db", "web"):
            await show(west.api, name, ONE)
        await asyncio.sleep(0.1)
        for name in ("db", "web"):
            await show(west.api, name, ONE, TWO)
        await right(observer)
        await until(lambda: all(one.ended_seconds is not None for one in observer.findings))
    found = sorted((one.kind, one.service) for one in observer.findings)
    assert found == [("dns", DB), ("hole", DB), ("hole", WEB)]
    assert all(0.05 < one.seconds(0) < 2 for one in observer.findings)


async def test_a_hole_of_a_tenth_of_a_second_is_found_on_the_server_and_in_dns(west: Site) -> None:
    await finds_a_hole_of_a_tenth_of_a_second(west)


async def test_two_writes_that_follow_each_other_are_a_hole(west: Site) -> None:
    observer = observer_of_both()
    async with watching(observer, {"west": west.server}):
        await right(observer)
        await show(west.api, "web", ONE)
        await show(west.api, "web", ONE, TWO)
        await until(lambda: observer.totals()["holes"] == 1)


async def finds_an_import_that_is_remade(west: Site) -> None:
    observer = observer_of_both()
    async with watching(observer, {"west": west.server}):
        await right(observer)
        made = await west.api.get(IMPORTS, "web", "shop")
        await west.api.delete(IMPORTS, "web", namespace="shop")
        del made["metadata"]["resourceVersion"], made["metadata"]["uid"]
        await west.api.create(IMPORTS, made)
        await name_exporter(west.api, "web")
        await until(lambda: observer.totals()["imports_gone"] == 1)
        await right(observer)


async def test_an_import_that_is_remade_is_found(west: Site) -> None:
    await finds_an_import_that_is_remade(west)


@pytest.mark.realkube
@pytest.mark.slow
async def test_a_real_api_server_hides_neither(tmp_path: Path) -> None:
    spec = ControlPlaneSpec("west", controller_manager=False)
    async with RealClusterset(tmp_path, [spec]) as real:
        plane = real["west"]
        server = ApiServer(plane.url, plane.token(), plane.ca_file)
        west = Site(Client(load_kubeconfig(plane.kubeconfig())), server)
        try:
            await deploy(west.api)
            await finds_a_hole_of_a_tenth_of_a_second(west)
            await finds_an_import_that_is_remade(west)
        finally:
            await west.api.close()


async def test_a_crd_that_is_deleted_takes_its_imports_with_it(west: Site) -> None:
    observer = observer_of_both()
    async with watching(observer, {"west": west.server}):
        await right(observer)
        crd = crds.MCS_CRDS[1]
        await west.api.delete(CUSTOM_RESOURCE_DEFINITIONS, crd)
        await until(lambda: observer.totals()["imports_gone"] == 2)
        assert observer.totals()["ips_changed"] == 0


async def test_while_the_server_is_away_the_cluster_is_blind_and_then_its_state_is_judged() -> None:
    observer = observer_of_both()
    sim = SimCluster("west")
    api = sim.client()
    await deploy(api)
    async with contextlib.AsyncExitStack() as stack:
        async with simulated(sim) as server:
            await stack.enter_async_context(watching(observer, {"west": server}))
            await right(observer)
        await until(lambda: "west: cannot be seen" in observer.wrong())
        await show(api, "db", ONE)
        await asyncio.sleep(0.2)
        assert observer.findings == ()
        async with simulated(sim, int(server.url.rpartition(":")[2])):
            await until(lambda: observer.totals()["holes"] == 1)
            await until(lambda: "west: cannot be seen" not in observer.wrong())
        assert 0.2 < observer.totals()["blind_seconds"] < 20
    sim.close()


async def test_a_watch_that_ended_goes_on_from_its_version() -> None:
    observer = observer_of_both()
    sim = SimCluster("west")
    api = sim.client()
    await deploy(api)
    async with simulated(sim) as server, watching(observer, {"west": server}):
        await right(observer)
        await show(api, "db", ONE)
        await show(api, "db", ONE, TWO)
        await until(lambda: observer.totals()["holes"] == 1)
        blind_seconds = observer.totals()["blind_seconds"]
        sim.faults.delay(0.3, verbs=("watch",))
        sim.faults.cut_watches(in_order=True)
        await show(api, "db", ONE)
        await show(api, "db", ONE, TWO)
        await until(lambda: observer.totals()["holes"] >= 2)
        await right(observer)
        assert observer.totals()["holes"] == 2, "what was seen is not seen again"
        assert observer.totals()["blind_seconds"] == blind_seconds
    sim.close()


class Failing(asyncio.DatagramProtocol):
    """A DNS server that answers every question with one rcode."""

    def __init__(self, rcode: int) -> None:
        self._rcode = rcode

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data[:2] + bytes((0x81, 0x80 | self._rcode)) + data[4:], addr)


@pytest.mark.parametrize(("number", "rcode"), [(2, "SERVFAIL"), (5, "REFUSED")])
async def test_an_error_of_a_dns_server_is_no_answer(west: Site, number: int, rcode: str) -> None:
    loop = asyncio.get_running_loop()
    observer = observer_of_both()
    transport, _ = await loop.create_datagram_endpoint(lambda: Failing(number), local_addr=("127.0.0.1", 0))
    with contextlib.closing(transport):
        async with dns_server(west.api) as dns, watching(observer, {"west": west.server}):
            servers = {"west": dns}
            async with asking(observer, servers):
                await right(observer)
                servers["west"] = transport.get_extra_info("sockname")
                no_answer = [f"west: {service} has no answer in DNS" for service in (DB, WEB)]
                await until(lambda: observer.wrong() == no_answer)
                assert {one.what for one in observer.findings} == {f"has no answer: {rcode}"}
                servers["west"] = dns
                await right(observer)


async def test_a_dns_server_that_is_dead_is_found_unless_that_is_on_purpose() -> None:
    observer = observer_of_both()
    sim = SimCluster("west")
    await deploy(sim.client())
    async with simulated(sim) as server, watching(observer, {"west": server}):
        async with contextlib.AsyncExitStack() as stack:
            dns = await stack.enter_async_context(dns_server(sim.client("dns")))
            await stack.enter_async_context(asking(observer, {"west": dns}))
            await right(observer)
            observer.dns_down("west")
        async with asking(observer, {"west": dns}):
            await until(lambda: len(observer.wrong()) == 2)
            assert observer.findings == ()
            observer.dns_up("west")
            await until(lambda: observer.totals()["dns"] == 2)
    sim.close()
