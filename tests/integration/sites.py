"""A clusterset to tell a story on, whatever kind of API servers it runs on.

A `Site` is one member cluster: an administrator's client, a way to run backends of a Service, and the
cluster's DNS server. `SimSite` is a simulated cluster with agent and DNS server in this process; `RealSite`
is a control plane with both as processes of their own, which backends reach through kube-controller-manager.
"""

from __future__ import annotations

import asyncio
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    NAMESPACES,
    SERVICES,
    Resource,
    service_exports,
    service_imports,
)
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.dnscheck.client import query
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.errors import NotFound
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.faults import Fault
from tests.controllers.processes import AgentProcess
from tests.integration.dig import Lookup, dig
from tests.realkube import product, rest, workloads
from tests.realkube.controlplane import ControlPlane
from tests.realkube.product import Component

Object = dict[str, Any]

HEARTBEAT_SECONDS = 1.0
MEMBER_TIMEOUT_SECONDS = 6.0
EXPORTS, IMPORTS = service_exports(), service_imports()


@dataclass(frozen=True, slots=True)
class Backend:
    """A ready pod of a Service; the port is the one that it listens on."""

    name: str
    ip: str
    hostname: str = ""


eventually = workloads.eventually


class Site(ABC):
    """One member cluster."""

    def __init__(self, name: str, api: Client) -> None:
        self.name = name
        self.api = api

    # What users do

    async def service(self, namespace: str, name: str, *backends: Backend, **spec: Any) -> Object:
        """A Service, `http` 80 to 8080/TCP unless said otherwise, with its backends."""
        spec.setdefault("ports", [{"name": "http", "port": 80, "targetPort": 8080}])
        body = {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"app": name}, **spec},
        }
        created = await self.api.create(SERVICES, body)
        for backend in backends:
            await self.start_backend(namespace, name, backend)
        return created

    async def export(self, namespace: str, name: str, **spec: Any) -> Object:
        metadata = {"name": name, "namespace": namespace}
        body = {"apiVersion": EXPORTS.api_version, "kind": EXPORTS.kind, "metadata": metadata, "spec": spec}
        return await self.api.create(EXPORTS, body)

    async def unexport(self, namespace: str, name: str) -> None:
        await self.api.delete(EXPORTS, name, namespace=namespace)

    @abstractmethod
    async def start_backend(self, namespace: str, service: str, backend: Backend) -> None:
        """A pod of the Service is ready afterwards."""

    @abstractmethod
    async def stop_backend(self, namespace: str, service: str, name: str) -> None:
        """A pod of the Service is gone afterwards."""

    # What users see

    async def held(self, resource: Resource, namespace: str, name: str) -> Object | None:
        try:
            return await self.api.get(resource, name, namespace)
        except NotFound:
            return None

    async def import_of(self, namespace: str, name: str) -> Object | None:
        return await self.held(IMPORTS, namespace, name)

    async def ready_import(self, namespace: str, name: str, exporters: Sequence[str]) -> Object:
        """The import, once it is ready and names these exporting clusters."""

        def is_ready(found: Object | None) -> bool:
            status = (found or {}).get("status") or {}
            ready = [one["status"] for one in status.get("conditions", ()) if one["type"] == "Ready"]
            return ready == ["True"] and [one["cluster"] for one in status["clusters"]] == list(exporters)

        found = await eventually(lambda: self.import_of(namespace, name), is_ready)
        assert found is not None
        return found

    async def no_import(self, namespace: str, name: str) -> None:
        await eventually(lambda: self.import_of(namespace, name), lambda found: found is None)

    async def condition(self, namespace: str, name: str, kind: str) -> tuple[str, str] | None:
        """(status, reason) of one condition of a ServiceExport."""
        found = await self.held(EXPORTS, namespace, name)
        conditions = ((found or {}).get("status") or {}).get("conditions", ())
        return next(((one["status"], one["reason"]) for one in conditions if one["type"] == kind), None)

    async def imported_addresses(self, namespace: str, name: str) -> set[str]:
        selector = f"multicluster.kubernetes.io/service-name={name},multicluster.kubernetes.io/source-cluster"
        found = await self.api.list(ENDPOINT_SLICES, namespace=namespace, label_selector=selector)
        return workloads.ready_addresses(found.items)

    @abstractmethod
    async def lookup(self, name: str, kind: str = "A", *, tcp: bool = False) -> Lookup:
        """What this cluster's DNS server answers; `name` is below `svc.clusterset.local`."""

    async def answers(self, name: str, kind: str, *wanted: str, tcp: bool = False) -> None:
        """DNS answers exactly this."""
        expected = Lookup("NOERROR", tuple(sorted(wanted)))
        await eventually(lambda: self.lookup(name, kind, tcp=tcp), lambda seen: seen == expected)

    async def knows_nothing_of(self, name: str) -> None:
        await eventually(lambda: self.lookup(name), lambda seen: seen == Lookup("NXDOMAIN", ()))

    # What happens to clusters

    @abstractmethod
    async def restart_agent(self) -> None:
        """In order, as an upgrade does; the new one is ready afterwards."""

    @abstractmethod
    async def stop_agent(self) -> None: ...

    @abstractmethod
    async def start_agent(self) -> None:
        """It is ready afterwards."""

    @abstractmethod
    async def take_api_server_away(self) -> None: ...

    @abstractmethod
    async def bring_api_server_back(self) -> None: ...


class SimSite(Site):
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
        name = f"{service}-slice"
        ports = (await self.api.get(SERVICES, service, namespace))["spec"]["ports"]
        body: Object = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {
                    "kubernetes.io/service-name": service,
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                },
            },
            "addressType": "IPv4",
            "ports": [
                {"name": one["name"], "port": one["targetPort"], "protocol": one["protocol"]} for one in ports
            ],
            "endpoints": [
                {
                    "addresses": [backend.ip],
                    "conditions": {"ready": True, "serving": True, "terminating": False},
                    **({"hostname": backend.hostname} if backend.hostname else {}),
                }
                for backend in self._backends[namespace, service].values()
            ],
        }
        held = await self.held(ENDPOINT_SLICES, namespace, name)
        if held is None:
            await self.api.create(ENDPOINT_SLICES, body)
            return
        body["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
        await self.api.update(ENDPOINT_SLICES, body)

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


class RealSite(Site):
    """A real control plane."""

    def __init__(self, plane: ControlPlane, broker: ControlPlane, work_dir: Path, dns: str) -> None:
        super().__init__(plane.name, Client(load_kubeconfig(plane.kubeconfig())))
        self.plane = plane
        self.agent: Component | None = None
        self._broker = broker
        self._work_dir = work_dir
        self._dns = dns
        self.was_away = False
        """After an API server started, it refuses what it has not read the rights for yet."""

    async def start_backend(self, namespace: str, service: str, backend: Backend) -> None:
        await workloads.ready_pod(
            self.plane,
            namespace,
            backend.name,
            ips=[backend.ip],
            labels={"app": service},
            hostname=backend.hostname or None,
            subdomain=service if backend.hostname else None,
        )

    async def stop_backend(self, namespace: str, service: str, name: str) -> None:
        await workloads.delete_pod(self.plane, namespace, name)

    async def lookup(self, name: str, kind: str = "A", *, tcp: bool = False) -> Lookup:
        return await dig(self._dns, f"{name}.svc.clusterset.local.", kind, tcp=tcp)

    async def restart_agent(self) -> None:
        await self.stop_agent()
        await self.start_agent()

    async def stop_agent(self) -> None:
        """With SIGTERM it gives its Lease back, and the next one need not wait for it."""
        agent = self.agent
        assert agent is not None
        agent.process.signal(signal.SIGTERM)

        async def still_serves() -> bool:
            return await rest.answers_ok(agent.http, "/healthz")

        await eventually(still_serves, lambda serves: not serves)
        await asyncio.to_thread(agent.kill)
        self.agent = None

    async def start_agent(self) -> None:
        await self.launch_agent()
        assert self.agent is not None
        await self.agent.wait_ready()

    async def launch_agent(self) -> None:
        """It is on its way afterwards."""
        self.agent = await product.start_agent(
            self.plane,
            self._broker,
            self._work_dir,
            f"--heartbeat-interval-seconds={HEARTBEAT_SECONDS:g}",
            f"--member-timeout-seconds={MEMBER_TIMEOUT_SECONDS:g}",
        )

    async def take_api_server_away(self) -> None:
        self.was_away = True
        await self.plane.stop_api_server()

    async def bring_api_server_back(self) -> None:
        await self.plane.start_api_server()


async def new_namespace(sites: Sequence[Site], name: str) -> None:
    for site in sites:
        await site.api.create(NAMESPACES, {"metadata": {"name": name}})
