"""One member of the world: its servers, and our agent and DNS server as processes beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.faults.servers import Servers
from tests.realkube import product
from tests.realkube.product import Component

AGENT_OPTIONS: Final = ("--member-timeout-seconds=30",)
"""Shorter than the default, so that a fault in which a member dies takes no minutes."""


class Member:
    """`dns_address` is where its DNS server answers, also after a restart."""

    def __init__(self, servers: Servers, broker: Servers, work_dir: Path) -> None:
        self.name = servers.name
        self.servers = servers
        self.agents: list[Component] = []
        self.dns: Component | None = None
        self.dns_address = ("127.0.0.1", product.free_port())
        self._broker = broker
        self._work_dir = work_dir
        self._started = 0

    @property
    def snapshot(self) -> Path:
        """The file in which the DNS server keeps its zone."""
        return self._work_dir / f"zone-{self.name}"

    async def start(self) -> None:
        """Both; neither need be ready yet."""
        await self.new_agent()
        self.dns = await product.start_dns(
            self.servers.plane, self._work_dir, self.dns_address[1], f"--snapshot={self.snapshot}"
        )

    async def new_agent(self, *options: str, around: Sequence[str] = ()) -> Component:
        """One more replica; `around` are words before its command."""
        self._started += 1
        folder = self._work_dir / f"{self.name}-agent-{self._started}"
        folder.mkdir()
        agent = await product.start_agent(
            self.servers.plane,
            self._broker.plane,
            folder,
            *AGENT_OPTIONS,
            # As in a pod: a container that is started again is who it was, and another pod is not.
            f"--lease-identity={self.name}-{self._started}",
            *options,
            around=around,
        )
        self.agents.append(agent)
        return agent

    async def drop_agent(self, agent: Component) -> None:
        """Kill a replica; it does not come back."""
        await asyncio.to_thread(agent.kill)
        self.agents.remove(agent)

    async def kill_agents(self) -> None:
        for agent in self.agents:
            await asyncio.to_thread(agent.kill)

    def start_agents(self) -> None:
        """Those that were killed, with the credentials and options that they had."""
        for agent in self.agents:
            agent.process.start()

    async def kill_dns(self) -> None:
        assert self.dns is not None
        await asyncio.to_thread(self.dns.kill)

    def start_dns(self) -> None:
        assert self.dns is not None
        self.dns.process.start()

    async def renew_broker_credential(self) -> None:
        """Into the file that the agents were started with, as who provisions the credential does."""
        await self._broker.plane.service_account_kubeconfig(f"mcs-member-{self.name}", "member")

    async def wait_ready(self) -> None:
        for component in (*self.agents, *([self.dns] if self.dns is not None else [])):
            await component.wait_ready()

    def stop(self) -> None:
        for component in (*self.agents, *([self.dns] if self.dns is not None else [])):
            component.kill()
