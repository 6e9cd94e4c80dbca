"""Replies that leave as one long datagram arrive as the kernel cut them, over cables and a router's NAT."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.realnode.burst import CLIENTS, QUERIES
from tests.realnode.sandbox import Sandbox

pytestmark = [pytest.mark.realnode, pytest.mark.realkube]
REPOSITORY = Path(__file__).resolve().parents[2]

SERVICE, SERVER, PORT = "10.96.0.53", "10.250.1.2", 1053
# As kube-proxy does for a cluster IP: another address on the way there, the router's own on the way back.
NAT = f"""
table ip nat {{
  chain prerouting {{ type nat hook prerouting priority -100
    ip daddr {SERVICE} udp dport 53 dnat to {SERVER}:{PORT}
  }}
  chain postrouting {{ type nat hook postrouting priority 100
    oifname "server" masquerade
  }}
}}
"""


class Network:
    """A client and a server with a router between."""

    def __init__(self, work_dir: Path) -> None:
        self.client, self.router, self.server = (
            Sandbox(name, work_dir) for name in ("client", "router", "server")
        )

    async def start(self) -> None:
        for number, end in enumerate((self.server, self.client), 1):
            await self.router.ip(
                f"link add {end.name} type veth peer name eth0 netns {end.pid}",
                f"address add 10.250.{number}.1/24 dev {end.name}",
                f"link set {end.name} up",
            )
            await end.ip(
                f"address add 10.250.{number}.2/24 dev eth0",
                "link set eth0 up",
                f"route add default via 10.250.{number}.1",
            )
        await self.router.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        await self.router.run(["nft", "-f", "-"], stdin=NAT)


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    made = Network(tmp_path)
    async with AsyncExitStack() as stack:
        for sandbox in (made.client, made.router, made.server):
            await sandbox.start()
            stack.callback(sandbox.stop)
        await made.start()
        yield made


async def start(sandbox: Sandbox, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *sandbox.command([sys.executable, "-m", "tests.realnode.burst", *arguments]),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode().strip()


@pytest.mark.parametrize("bound", [SERVER, "0.0.0.0"])
async def test_each_client_has_its_replies_from_the_address_that_it_asked(
    network: Network, bound: str
) -> None:
    server = await start(network.server, "server", bound, str(PORT))
    assert await line(server) == "bound"
    client = await start(network.client, "client", SERVICE, "53")
    assert await line(client) == "sent"

    assert server.stdin is not None
    server.stdin.write(b"go\n")
    did: dict[str, Any] = json.loads(await line(server))
    has_all = json.loads(await line(client))

    assert did == {"queries": CLIENTS * QUERIES, "messages": [CLIENTS], "lost": 0}
    assert has_all is True
    assert await server.wait() == await client.wait() == 0
