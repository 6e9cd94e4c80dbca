"""A story's member cluster that is simulated; its agent and DNS server run in this process."""

from __future__ import annotations

from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.dnscheck.client import query
from mcs_controller.kube.clock import SystemClock
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.faults import Fault
from tests.integration.dig import Lookup
from tests.integration.sites import HEARTBEAT_SECONDS, MEMBER_TIMEOUT_SECONDS, Backend, StorySite
from tests.support.agents import AgentProcess
from tests.support.objects import endpoint, slice_body
from tests.support.waiting import eventually


class SimSite(StorySite):
    """A simulated cluster."""

    def __init__(self, sim: SimCluster, broker: SimCluster, dns: tuple[str, int]) -> None:
        super().__init__(sim.name, sim.client())
        self._sim = sim
        self._broker = broker
        self._dns = dns
        self._agent: AgentProcess | None = None
        self._away: Fault | None = None
        self._backends: dict[tuple[str, str], dict[str, Backend]] = {}

    async def start_backend(self, namespace: str, service: str, backend: Backend) -> None:
        self._backends.setdefault((namespace, service), {})[backend.name] = backend
        await self._write_slice(namespace, service)

    async def stop_backend(self, namespace: str, service: str, name: str) -> None:
        del self._backends[namespace, service][name]
        await self._write_slice(namespace, service)

    async def _write_slice(self, namespace: str, service: str) -> None:
        """As kube-controller-manager would."""
        ports = (await self.api.get(SERVICES, service, namespace))["spec"]["ports"]
        found = [
            endpoint(backend.ip, **({"hostname": backend.hostname} if backend.hostname else {}))
            for backend in self._backends[namespace, service].values()
        ]
        offered = [
            {"name": one["name"], "port": one["targetPort"], "protocol": one["protocol"]} for one in ports
        ]
        made = slice_body(service, found, namespace, name=f"{service}-slice", ports=offered)
        await self.put(ENDPOINT_SLICES, made)

    async def lookup(self, name: str, kind: str = "A", *, tcp: bool = False) -> Lookup:
        answer = await query(self._dns, f"{name}.svc.clusterset.local.", kind, tcp=tcp)
        return Lookup(answer.rcode, answer.data(kind))

    async def restart_agent(self) -> None:
        await self.stop_agent()
        await self.start_agent()

    async def stop_agent(self) -> None:
        assert self._agent is not None
        await self._agent.kill()
        self._agent = None

    async def start_agent(self) -> None:
        config = AgentConfig(
            cluster_id=self.name,
            heartbeat_interval_seconds=HEARTBEAT_SECONDS / 2,
            member_timeout_seconds=MEMBER_TIMEOUT_SECONDS / 2,
        )
        agent = AgentProcess(
            config,
            local=self._sim.transport("agent"),
            broker=self._broker.transport(f"member-{self.name}"),
            clock=SystemClock(),
            seed=1,
        )
        self._agent = agent

        async def problems() -> dict[str, str]:
            return agent.agent.problems()

        await eventually(problems, lambda found: not found)

    async def take_api_server_away(self) -> None:
        self._away = self._sim.faults.refuse_connections(users=["agent", "dns"])

    async def bring_api_server_back(self) -> None:
        assert self._away is not None
        self._away.lift()
