"""Both DNS servers beside each other: ours and CoreDNS read one cluster, and are asked the same questions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcs_controller.dnscheck.client import Answer, QueryFailed, query
from tests.coredns.services import offer_services, withdraw_services
from tests.realkube import rest
from tests.realkube.binaries import locate_binaries
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane
from tests.realkube.plugin import BROKER
from tests.realkube.process import ServerProcess
from tests.realkube.product import free_port, install_clusterset, start_agent, start_dns
from tests.realkube.workloads import namespace_in

START_TIMEOUT_S = 60
ZONE = "clusterset.local"


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int

    async def ask(self, name: str, kind: str) -> Answer:
        """Over TCP: how much fits into a datagram is no part of the comparison."""
        return await query(("127.0.0.1", self.port), name, kind, tcp=True)


@dataclass(frozen=True, slots=True)
class Pair:
    namespace: str
    ours: Server
    coredns: Server


@pytest.fixture(scope="package")
def pair(real_clusterset: RealClusterset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two agents, and both servers on east, which has all services of `services.py`."""
    program = locate_binaries().folder / "coredns"
    if not program.exists():
        pytest.skip(f"{program} is not there")
    work_dir = tmp_path_factory.mktemp("coredns")
    east, west = real_clusterset["east"], real_clusterset["west"]
    started: list[ServerProcess] = []
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        made = namespace_in(east, west, prefix="dns")
        namespace = runner.run(made.__aenter__())
        try:
            runner.run(_start_agents(real_clusterset, work_dir, started))
            runner.run(offer_services(east, west, namespace))
            ours = runner.run(_start_ours(east, work_dir, started))
            theirs = runner.run(_start_coredns(east, program, work_dir, started))
            yield Pair(namespace, ours, theirs)
            runner.run(withdraw_services(east, west, namespace))
        finally:
            for process in reversed(started):
                process.kill()
            runner.run(made.__aexit__(None, None, None))


async def _start_agents(real: RealClusterset, work_dir: Path, started: list[ServerProcess]) -> None:
    broker, members = real[BROKER], [real["east"], real["west"]]
    await install_clusterset(broker, members)
    agents = []
    for member in members:
        # Without a lease, that whoever runs an agent next would have to wait for.
        agents.append(await start_agent(member, broker, work_dir, "--no-leader-elect"))
        started.append(agents[-1].process)
    for agent in agents:
        await agent.wait_ready()


async def _start_ours(east: ControlPlane, work_dir: Path, started: list[ServerProcess]) -> Server:
    server = Server("ours", free_port())
    component = await start_dns(east, work_dir, server.port)
    started.append(component.process)
    await component.wait_ready()
    return server


async def _start_coredns(
    east: ControlPlane, program: Path, work_dir: Path, started: list[ServerProcess]
) -> Server:
    server, ready_port = Server("coredns", free_port()), free_port()
    corefile = work_dir / "Corefile"
    corefile.write_text(
        f"""\
cluster.local:{server.port} {ZONE}:{server.port} {{
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{ready_port}
    kubernetes cluster.local {ZONE} {{
        kubeconfig {east.kubeconfig()}
        multicluster {ZONE}
    }}
}}
"""
    )
    process = ServerProcess("coredns", [program, "-conf", corefile], work_dir)
    process.start()
    started.append(process)
    url = f"http://127.0.0.1:{ready_port}"

    async def is_ready() -> bool:
        # It says so before it listens for questions.
        if not await rest.answers_ok(url, "/ready"):
            return False
        try:
            return (await server.ask(ZONE, "SOA")).rcode == "NOERROR"
        except QueryFailed:
            return False

    await process.wait_ready(is_ready, START_TIMEOUT_S)
    return server
