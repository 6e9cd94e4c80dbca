"""A small clusterset in this process, with a status page for one of its clusters, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp

from mcs_controller.cli.status_page import serving_status_page
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.page.source import Agent, Replica
from tests.support.clusterset import Clusterset

HEARTBEAT_SECONDS = 0.5
MEMBER_TIMEOUT_SECONDS = 4.0


class Answer(NamedTuple):
    """What a page said."""

    status: int
    headers: dict[str, str]
    text: str


class World:
    """The clusterset, and the page of `at`, which shows what the agent there holds."""

    def __init__(self, clusterset: Clusterset, at: str) -> None:
        self.clusterset = clusterset
        self.at = at
        self.holder = ""
        self.port = 0

    @property
    def agent(self) -> Agent:
        config = AgentConfig(
            cluster_id=self.at,
            heartbeat_interval_seconds=HEARTBEAT_SECONDS,
            member_timeout_seconds=MEMBER_TIMEOUT_SECONDS,
        )
        return Agent(config, lambda: Replica(self.at, "mcs-agent-1", self.holder, "mcs-system"), self.manager)

    def manager(self) -> Manager | None:
        """Of the agent that works; None while none does."""
        process = self.clusterset[self.at].process
        return None if process is None else process.agent

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url(path), headers=headers) as response,
        ):
            return Answer(response.status, dict(response.headers), await response.text())


@asynccontextmanager
async def shown_clusterset(at: str = "north") -> AsyncIterator[World]:
    """East, west and north, whose agents run; nothing is exported yet."""
    clusterset = Clusterset(
        start=False,
        heartbeat_interval_seconds=HEARTBEAT_SECONDS,
        member_timeout_seconds=MEMBER_TIMEOUT_SECONDS,
        confirm_delay_seconds=0.2,
    )
    async with clusterset:
        for cluster in clusterset:
            cluster.start()
        for cluster in clusterset:
            await cluster.ready()
        world = World(clusterset, at)
        clock = clusterset[at].clock
        async with serving_status_page(ListenAddress("127.0.0.1", 0), world.agent, clock) as page:
            assert page is not None
            world.port = page.port
            yield world


async def in_trouble(world: World) -> None:
    """shop/web as it should be, a conflict about shop/cart, and shop/db headless."""
    clusterset = world.clusterset
    await clusterset.exported_by("east", "west")
    east, west = clusterset["east"], clusterset["west"]
    await east.deploy("shop", "cart", "10.1.0.7")
    port = {"name": "http", "port": 8081, "protocol": "TCP"}
    await west.deploy("shop", "cart", "10.2.0.7", ports=[port])
    await east.deploy("shop", "db", clusterIP="None")
