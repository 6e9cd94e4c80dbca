"""One replica of an agent as a process: wired as `mcs-controller agent` is, without sockets and clocks."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable
from random import Random

from prometheus_client import CollectorRegistry

from mcs_controller.cli.controllers import make_manager
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.connection.transport import Transport
from mcs_controller.kube.leader import LeaderElector
from mcs_controller.kube.tasks import Tasks
from tests.simulation.wire import Wire
from tests.support.agents import Told, no_time
from tests.support.virtual_loop import PROCESS, virtual_loop

LEASE_NAMESPACE, LEASE_NAME = "kube-system", "mcs-controller-agent"


class Agent:
    """Runs from `start` to `kill`. With `elects` it works only while it has the lease.

    `registry` has the metrics of the present term; none while another replica leads.
    """

    def __init__(
        self,
        config: AgentConfig,
        wire: Wire,
        *,
        local: Callable[[], Transport],
        broker: Callable[[], Transport],
        clock: Clock,
        random: Random,
        elects: bool,
    ) -> None:
        self.name = wire.agent
        self.wire = wire
        self.registry = _registry()
        self.elector: LeaderElector | None = None
        self._config = config
        self._clock = clock
        self._random = random
        self._local = Client(wire.wrap(local), name="local", work_clock=no_time)
        self._broker = Client(wire.wrap(broker), name="broker", work_clock=no_time)
        self._leaders_local, self._leaders_broker = self._local, self._broker
        if elects:
            self.elector = LeaderElector(
                self._local, LEASE_NAMESPACE, LEASE_NAME, wire.agent, clock=clock, random=random
            )
            self._leaders_local = self._local.fenced(self.elector.fence)
            self._leaders_broker = self._broker.fenced(self.elector.fence)
        self._presence = Presence(
            config,
            self._local,
            self._broker,
            clock=clock,
            random=random,
            leaders_broker=self._leaders_broker,
        )
        self._manager: Manager | None = None
        own = contextvars.copy_context()
        own.run(PROCESS.set, self.name)
        self._task = asyncio.create_task(self._run(), name=wire.agent, context=own)

    @property
    def works(self) -> bool:
        """Whether it has a manager of controllers at present."""
        return self._manager is not None

    def problems(self) -> dict[str, str]:
        return {"agent": "waits for the lease"} if self._manager is None else self._manager.problems()

    def end(self) -> str:
        """Why it ended by itself, "" while it runs."""
        if not self._task.done():
            return ""
        return "cancelled" if self._task.cancelled() else repr(self._task.exception() or "returned")

    def resume(self) -> None:
        """It goes on if it was stopped."""
        virtual_loop().resume_process(self.name)

    async def kill(self) -> None:
        """End it as kill -9 does."""
        self.wire.dead = True
        self.wire.moving.set()
        self.resume()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
            await self._task
        for client in (self._local, self._broker):
            await client.close()

    async def _run(self) -> None:
        async with Tasks(self.name) as tasks:
            tasks.start(self._presence.run(), name="presence")
            if self.elector is not None:
                await self.elector.run(self._term)
            else:
                await self._term()
            tasks.stop()

    async def _term(self) -> None:
        self.registry = _registry()
        context = Context.of(
            self._config,
            local=self._leaders_local,
            broker=self._leaders_broker,
            clock=self._clock,
            random=self._random,
            registry=self.registry,
            events=Told(),
            work_clock=no_time,
        )
        self._manager = make_manager(context, presence=self._presence)
        try:
            await self._manager.run()
        finally:
            self._manager, self.registry = None, _registry()


def _registry() -> CollectorRegistry:
    """One of which a single metric can be asked for, though most collectors name theirs when scraped only."""
    return CollectorRegistry(support_collectors_without_names=True)
