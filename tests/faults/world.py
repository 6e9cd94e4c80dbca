"""The world that faults happen to: a broker and three members on real control planes, our processes, users.

A broker and each member have an API server and an etcd of their own; the broker and the members that faults
strike also a kube-controller-manager, whose garbage collector and namespace controller run beside everything.
The agents and DNS servers are processes with the rights that we ship. Starting it costs more than most
faults: it is used for many.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from tests.faults.member import Member
from tests.faults.servers import Servers
from tests.faults.users import MEMBERS, Users, first_offers
from tests.realkube import product
from tests.support.observer.dns_feed import asking
from tests.support.observer.expected import Expected
from tests.support.observer.observer import Observer
from tests.support.observer.watch_feed import ApiServer, watching

WITH_CONTROLLER_MANAGER: Final = ("broker", "east", "west")


class World:
    """`async with World(folder) as world`: inside, everything runs and all is as its users want it."""

    def __init__(self, work_dir: Path) -> None:
        self.work_dir = work_dir
        self.expected = Expected()
        self.users = Users(self.expected)
        servers = {
            name: Servers(name, work_dir, controller_manager=name in WITH_CONTROLLER_MANAGER)
            for name in ("broker", *MEMBERS)
        }
        self.broker = servers.pop("broker")
        self.members = {name: Member(one, self.broker, work_dir) for name, one in servers.items()}
        self.observer = Observer(self.expected, time.monotonic)
        """Of the fault that happens at present."""
        self.afterwards = AsyncExitStack()
        """What a fault leaves to be undone once it has been judged."""
        self.whole = True
        """False once a fault left it broken: then another is needed for the next."""
        self._stack = AsyncExitStack()
        self.apis: dict[str, Client] = {}
        """An administrator's way to every cluster, the broker's too."""

    def __getitem__(self, member: str) -> Member:
        return self.members[member]

    async def start(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for servers in self.all_servers:
                    group.create_task(servers.start(), name=f"start {servers.name}")
            await product.install_clusterset(
                self.broker.plane, [one.servers.plane for one in self.members.values()]
            )
            for servers in self.all_servers:
                self.apis[servers.name] = Client(load_kubeconfig(servers.plane.kubeconfig()))
                self._stack.push_async_callback(self.apis[servers.name].close)
            self.users.reach({name: self.apis[name] for name in self.members})
            await self.users.set_up(first_offers())
            for member in self.members.values():
                await member.start()
            for member in self.members.values():
                await member.wait_ready()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self._stack.aclose()
        for member in self.members.values():
            member.stop()
        for servers in self.all_servers:
            servers.stop()

    @asynccontextmanager
    async def observed(self, bound_seconds: float) -> AsyncIterator[Observer]:
        """Inside, a new observer sees every cluster and asks every DNS server."""
        self.observer = Observer(self.expected, time.monotonic, bound_seconds=bound_seconds)
        planes = {name: member.servers.plane for name, member in self.members.items()}
        servers = {name: ApiServer(one.url, one.token(), one.ca_file) for name, one in planes.items()}
        dns = {name: member.dns_address for name, member in self.members.items()}
        async with (
            AsyncExitStack() as self.afterwards,
            watching(self.observer, servers),
            asking(self.observer, dns),
        ):
            yield self.observer

    @property
    def all_servers(self) -> list[Servers]:
        return [self.broker, *(one.servers for one in self.members.values())]

    @property
    def broker_api(self) -> Client:
        return self.apis["broker"]
