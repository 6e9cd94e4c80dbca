"""The same hostile writes as in test_member_writes.py, on a real broker with the member's own credential.

The agents of east and west are processes on real control planes, with the rights of the charts. A member
without an agent, whose credential somebody took over, writes each case again and again while east's endpoints
change. Nothing is timed here: every change must reach west, what belongs to others must be the same, and what
was written must have been read, with no reconcile that goes on failing.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import pytest
import pytest_asyncio

from mcs_controller.api.resources import ENDPOINT_SLICES, EXPORTED_SERVICES, NAMESPACES
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.errors import Invalid
from tests.hostile.member_writes import (
    CASES,
    LOOKS_FOR_EACH,
    REFUSED,
    WRITES_FOR_EACH,
    WRITES_FOR_OTHERS,
    TakenOver,
    but_for_addresses,
    endpoints,
    everything_of_others,
    exporters_of_the_rest,
    exporting,
    imports_of,
    rewriting,
)
from tests.integration.real_site import RealSite
from tests.realkube import product, rest
from tests.realkube.clusterset import RealClusterset
from tests.realkube.plugin import BROKER
from tests.realkube.workloads import namespace_in
from tests.support.objects import endpoint, slice_body
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.asyncio(loop_scope="module")]

ARRIVES_WITHIN_SECONDS = 60.0
"""Long enough for a busy machine: how soon is test_flood.py's to judge."""
CHANGES = 4
REWRITES = 8
BY_HAND = {"endpointslice.kubernetes.io/managed-by": "somebody"}
OF_EAST, OF_WEST = ("10.1.0.1", "10.1.0.2"), ("10.2.0.1", "10.2.0.2")


@dataclass
class Setting:
    """A clusterset in which east exports `web` and west `own`, and a member that was taken over."""

    namespace: str
    east: RealSite
    west: RealSite
    mars: TakenOver

    @property
    def sites(self) -> tuple[RealSite, RealSite]:
        return self.east, self.west

    async def endpoints(self, site: RealSite, name: str, *addresses: str) -> None:
        found = [endpoint(address) for address in addresses]
        await site.put(ENDPOINT_SLICES, slice_body(name, found, self.namespace, labels=BY_HAND))

    async def exports(self, site: RealSite, name: str, *addresses: str) -> None:
        # Without a selector the cluster's own controllers leave its slices alone.
        await site.service(self.namespace, name, selector=None)
        await self.endpoints(site, name, *addresses)
        await site.export(self.namespace, name)

    async def arrives(self, name: str, source: str, *addresses: str) -> None:
        for site in self.sites:
            await eventually(
                lambda site=site: site.addresses_of(self.namespace, name, source),  # type: ignore[misc]
                lambda found: found == set(addresses),
                ARRIVES_WITHIN_SECONDS,
            )

    async def of_others(self) -> dict[str, dict[str, object]]:
        return await everything_of_others(self.sites, self.namespace)

    async def lasts(self, number: int) -> None:
        """What the member writes now is read by all: so is what it wrote before."""
        address = f"10.9.1.{number}"
        await exporting("last", slice_spec=endpoints(address))(self.mars, number)
        await self.arrives("last", self.mars.name, address)

    async def published(self) -> list[str]:
        """What east and west have on the broker of these services."""
        return [
            one["metadata"]["name"]
            for site in self.sites
            for one in (
                await self.mars.api.list(EXPORTED_SERVICES, namespace=f"mcs-member-{site.name}")
            ).items
            if one["spec"]["serviceNamespace"] == self.namespace
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def setting(
    real_clusterset: RealClusterset, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Setting]:
    broker = real_clusterset[BROKER]
    planes = [real_clusterset[name] for name in ("east", "west")]
    await product.install_clusterset(broker, planes)
    folder, name = tmp_path_factory.mktemp("agents"), f"mars-{uuid4().hex[:8]}"
    manifest = product.member_manifest(name)
    await broker.kubectl("apply", "-f", "-", stdin=manifest)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(broker.kubectl, "delete", "-f", "-", "--wait=false", stdin=manifest)
        namespace = await stack.enter_async_context(namespace_in(*planes, prefix="hostile"))
        sites = [RealSite(plane, broker, folder, "") for plane in planes]
        for site in sites:
            stack.push_async_callback(site.api.close)
            # Nobody writes a heartbeat of mars but the cases that are about it.
            site.agent_options = ("--dead-member-policy=keep",)
            await site.launch_agent()
            stack.push_async_callback(site.stop_agent)
        east, west = sites
        credential = await broker.service_account_kubeconfig(f"mcs-member-{name}", "member")
        api = Client(load_kubeconfig(credential), timeout_seconds=30.0)
        stack.push_async_callback(api.close)
        uid_of_east = (await east.api.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
        found = Setting(namespace, east, west, TakenOver(api, name, namespace, uid_of_east))
        for site, service, addresses in ((east, "web", OF_EAST), (west, "own", OF_WEST)):
            await found.exports(site, service, *addresses)
            await found.arrives(service, site.name, *addresses)
        yield found
        await found.mars.clear()
        for site, service in ((east, "web"), (west, "own")):
            await site.unexport(namespace, service)
        await eventually(found.published, lambda names: not names, ARRIVES_WITHIN_SECONDS)


@dataclass(frozen=True, slots=True)
class Work:
    """What an agent has done so far in its own cluster, and what it fails to do now."""

    writes: float
    looks: float
    failing: float

    @classmethod
    async def of(cls, site: RealSite) -> Work:
        assert site.agent is not None
        told = await site.agent.metrics()
        return cls(
            _sum(
                told,
                r'mcs_kube_requests_total{client="local",kind="(?:Service\w*|EndpointSlice)",'
                r'result="\d+",verb="(?:create|update|patch|delete)"}',
            ),
            _sum(told, r'mcs_queue_reconcile_duration_seconds_count{queue="imports"}'),
            _sum(told, r"mcs_queue_failing_keys{.*}"),
        )


def _sum(metrics: str, series: str) -> float:
    found = re.findall(rf"^{series} (\S+)$", metrics, re.MULTILINE)
    assert found, series
    return sum(map(float, found))


def logs(sites: Iterable[RealSite]) -> str:
    agents = [site.agent for site in sites]
    return "".join(agent.process.log_file.read_text() for agent in agents if agent is not None)


@pytest.mark.requirement("MCS-RBAC-06", "MCS-IMP-17")
@pytest.mark.parametrize("case", CASES)
async def test_whatever_a_member_writes_on_a_real_broker_the_services_of_others_go_on(
    case: str, setting: Setting
) -> None:
    mars = setting.mars
    before, told = await setting.of_others(), len(logs(setting.sites))
    processes = [site.agent.pid() for site in setting.sites if site.agent is not None]
    work = await Work.of(setting.west)
    async with rewriting(mars, CASES[case]) as rewrites:
        for number in range(1, CHANGES + 1):
            await setting.endpoints(setting.east, "web", f"10.1.7.{number}")
            await setting.arrives("web", "east", f"10.1.7.{number}")
            assert but_for_addresses(await setting.of_others()) == but_for_addresses(before)

        async def written() -> int:
            return len(rewrites)

        await eventually(written, lambda number: number >= REWRITES, ARRIVES_WITHIN_SECONDS)
        await setting.lasts(list(CASES).index(case) + 1)

    await setting.endpoints(setting.east, "web", *OF_EAST)
    await setting.arrives("web", "east", *OF_EAST)
    assert await setting.of_others() == before
    for site in setting.sites:
        exporters = await eventually(
            lambda site=site: exporters_of_the_rest(site, setting.namespace)  # type: ignore[misc]
        )
        assert exporters == {mars.name}
    done = await eventually(lambda: Work.of(setting.west), lambda now: not now.failing, 30)
    # Both grow with what mars writes, and no faster.
    assert 0 < done.writes - work.writes < WRITES_FOR_EACH * len(rewrites) + WRITES_FOR_OTHERS
    assert 0 < done.looks - work.looks < LOOKS_FOR_EACH * len(rewrites) + WRITES_FOR_OTHERS

    await mars.clear()
    for site, pid in zip(setting.sites, processes, strict=True):
        assert site.agent is not None
        assert await imports_of(site, setting.namespace) >= {"web", "own"}
        assert site.agent.pid() == pid
        assert not await site.agent.process.has_ended(), "the agent goes on"
        assert await rest.answers_ok(site.agent.http, "/readyz"), "and is ready"
    said = logs(setting.sites)[told:]
    assert "a bug" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("case", REFUSED)
async def test_what_no_member_needs_to_write_a_real_brokers_schema_refuses(
    case: str, setting: Setting
) -> None:
    with pytest.raises(Invalid):
        await REFUSED[case](setting.mars, 1)
