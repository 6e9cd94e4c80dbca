"""A story's member cluster that is a real control plane; its agent and DNS server are processes."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from tests.integration.dig import Lookup, dig
from tests.integration.sites import HEARTBEAT_SECONDS, MEMBER_TIMEOUT_SECONDS, Backend, StorySite
from tests.realkube import product, rest, workloads
from tests.realkube.controlplane import ControlPlane
from tests.realkube.product import Component
from tests.support.waiting import eventually


class RealSite(StorySite):
    """A real control plane."""

    def __init__(self, plane: ControlPlane, broker: ControlPlane, work_dir: Path, dns: str) -> None:
        super().__init__(plane.name, Client(load_kubeconfig(plane.kubeconfig())))
        self.plane = plane
        self.agent: Component | None = None
        self._broker = broker
        self._work_dir = work_dir
        self._dns = dns
        self.credential: Path | None = None
        """For the broker, of the agents that are started from now on; with None each gets its own."""
        self.agent_options: tuple[str, ...] = ()
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

    async def start_agent_as_before(self) -> None:
        """If a test has stopped it, or has had one started with options or a credential of the test's own."""
        if self.agent is not None and self.credential is None and not self.agent_options:
            return
        self.credential, self.agent_options = None, ()
        if self.agent is not None:
            await self.stop_agent()
        await self.start_agent()

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
            product.FUSE_OUT_OF_REACH,
            *self.agent_options,
            credential=self.credential,
        )

    async def take_api_server_away(self) -> None:
        self.was_away = True
        await self.plane.stop_api_server()

    async def bring_api_server_back(self) -> None:
        await self.plane.start_api_server()
