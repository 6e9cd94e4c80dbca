"""The ways by which the processes of a member reach API servers: their kubeconfigs, and what stands in them.

A running process follows its kubeconfig, so that a fault can put a proxy into its way, or take its
credential, without a restart. What is changed stays so until the fault has been judged (`World.afterwards`),
because the process that suffered is the one that must recover.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final, Literal

from tests.faults.member import Member
from tests.faults.world import World
from tests.realkube.controlplane import ControlPlane
from tests.support.waiting import eventually

Server = Literal["broker", "local"]
SERVERS: Final[tuple[Server, ...]] = ("broker", "local")
IN_USE_WITHIN_SECONDS: Final = 60.0


class Way:
    """From a process of a member to an API server; `file` is the kubeconfig that it follows."""

    def __init__(self, plane: ControlPlane, namespace: str, account: str) -> None:
        self.plane = plane
        self.namespace = namespace
        self.account = account
        self.file = Path()

    async def renew(self) -> None:
        """As an administrator does it: a new token, the CA and the address of today."""
        self.file = await self.plane.service_account_kubeconfig(self.namespace, self.account)

    def change(self, *, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> None:
        """Replace what the file says of the cluster (None: leave it out), or all that it says of the user."""
        config = json.loads(self.file.read_text())
        said = {**config["clusters"][0]["cluster"], **(cluster or {})}
        config["clusters"][0]["cluster"] = {name: one for name, one in said.items() if one is not None}
        if user is not None:
            config["users"][0]["user"] = user
        write_whole(self.file, json.dumps(config))

    @property
    def token(self) -> str:
        """The one in the file."""
        token: str = json.loads(self.file.read_text())["users"][0]["user"]["token"]
        return token


async def way_of_agent(world: World, member: Member, server: Server) -> Way:
    """Of the member's agents, to the broker or to their own API server; when all is over it is renewed."""
    if server == "broker":
        way = Way(world.broker.plane, f"mcs-member-{member.name}", "member")
    else:
        way = Way(member.servers.plane, "mcs-system", "mcs-agent")
    return await _until_judged(world, way)


async def way_of_dns(world: World, member: Member) -> Way:
    """Of the member's DNS server, to its API server; when all is over it is renewed."""
    return await _until_judged(world, Way(member.servers.plane, "mcs-system", "mcs-dns"))


async def _until_judged(world: World, way: Way) -> Way:
    await way.renew()
    world.afterwards.push_async_callback(way.renew)
    return way


async def leads_again(member: Member) -> None:
    """Wait until an agent of the member leads and says that it is ready."""

    async def leads() -> bool:
        return any(["mcs_agent_leading 1.0" in await agent.metrics() for agent in member.agents])

    await eventually(leads, within_seconds=IN_USE_WITHIN_SECONDS)


def write_whole(path: Path, text: str, *, mode: int = 0o600) -> None:
    """A reader finds the old text or the new one."""
    staged = path.with_name(f".{path.name}.staged")
    staged.write_text(text)
    staged.chmod(mode)
    os.replace(staged, path)
