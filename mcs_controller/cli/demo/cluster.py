"""One member cluster of the demo: its API server, agent, DNS server, and one HTTP face for both.

They are wired as `mcs-controller agent` and `mcs-controller dns` are, over HTTP and by kubeconfig files; only
that they share a process and a /metrics is the demo's own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from prometheus_client import CollectorRegistry

from mcs_controller import __version__
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.demo.agent_process import SERVICE_METRICS, AgentProcess
from mcs_controller.cli.demo.servers import ApiServer
from mcs_controller.cli.demo.sites import HOST, ZONE, Site
from mcs_controller.cli.status_page import serving_status_page
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.http_transport import HttpTransport
from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.kube.tasks import Tasks
from mcs_controller.observe.health import Health
from mcs_controller.observe.http import HttpServer
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.log_context import log_context
from mcs_controller.observe.metrics import ProcessMetrics, ReadinessCollector
from mcs_controller.observe.process import LoopMonitor


class DemoCluster:
    """A running member; see `demo_cluster`."""

    def __init__(
        self,
        site: Site,
        api: ApiServer,
        agent: AgentProcess,
        tasks: Tasks,
        *,
        dns_port: int,
        http_port: int,
        page_port: int,
    ) -> None:
        self.site = site
        self.api = api
        self.dns_address = (HOST, dns_port)
        self.http_port = http_port
        self.page_port = page_port
        self._agent = agent
        self._tasks = tasks
        self._agent_task: asyncio.Task[None] | None = None

        self._http = HttpTransport(f"http://{HOST}:{http_port}", credential=StaticCredential())

    @property
    def name(self) -> str:
        """The cluster id."""
        return self.site.name

    async def get(self, path: str, *, timeout_seconds: float) -> Response:
        """A page of its HTTP face. Raises `KubeError`."""
        return await self._http.request(Request("GET", path), timeout_seconds=timeout_seconds)

    def start_agent(self) -> None:
        """Begin a life of the agent."""
        assert self._agent_task is None, "it is running already"
        self._agent_task = self._tasks.start(self._agent.run(), name=f"agent of {self.name}")

    async def kill_agent(self) -> None:
        """End it as a crash would: nothing is withdrawn, nobody is told."""
        task, self._agent_task = self._agent_task, None
        if task is not None:
            await end(task)

    async def stop(self) -> None:
        """End what it has of its own."""
        await self.kill_agent()
        await self._http.close()


@asynccontextmanager
async def demo_cluster(
    site: Site, api: ApiServer, broker_kubeconfig: Path, tasks: Tasks
) -> AsyncIterator[DemoCluster]:
    """Agent, DNS and HTTP until the block ends. Raises `ListenError` of observe/ or dns/."""
    registry, health = CollectorRegistry(), Health()
    monitor = LoopMonitor(ProcessMetrics(registry, version=__version__).loop_lag)
    health.add_liveness("event loop", monitor.problem)
    agent = AgentProcess(site.name, api.kubeconfig, broker_kubeconfig)
    registry.register(agent)
    health.add_problems("agent", agent.problems)
    registry.register(ReadinessCollector(health))
    async with AsyncExitStack() as stack:
        http = HttpServer(registry, health, ListenAddress(HOST, site.http_port))
        await http.start()
        stack.push_async_callback(http.stop)
        stack.push_async_callback(end, tasks.start(monitor.run(), name=f"loop monitor of {site.name}"))
        page = await stack.enter_async_context(
            serving_status_page(ListenAddress(HOST, site.page_port), agent.shown, SystemClock())
        )
        assert page is not None, "it has an address"
        client = connect(api.kubeconfig, None, name="dns")
        stack.push_async_callback(client.close)
        dns = DnsServer(
            DnsConfig(zone=ZONE, listen=((HOST, site.dns_port),), service_metrics=SERVICE_METRICS),
            client,
            registry=registry,
            random=Random(),
        )
        await dns.start()
        stack.push_async_callback(dns.stop)
        health.add("zone", lambda: None if dns.synced() else "not read completely yet")
        cluster = DemoCluster(
            site,
            api,
            agent,
            tasks,
            dns_port=dns.addresses()[0][1],
            http_port=http.port,
            page_port=page.port,
        )
        stack.push_async_callback(end, tasks.start(_serve(site.name, dns), name=f"DNS of {site.name}"))
        cluster.start_agent()
        stack.push_async_callback(cluster.stop)
        yield cluster


async def _serve(cluster: str, dns: DnsServer) -> None:
    log_context.set({"cluster": cluster})
    await dns.run()


async def end(task: asyncio.Task[None]) -> None:
    """Cancel it, and wait until it has ended."""
    task.cancel()
    await asyncio.wait([task])
