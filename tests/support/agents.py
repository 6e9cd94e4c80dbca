"""One agent as a process: started, killed between any two writes, and gone without a goodbye.

Every request of the agent passes through a `Wire`. Once it is cut nothing reaches a server any more, not
even what a `finally` would like to send: that is what kill -9 means. It also counts what was written.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import cast

from prometheus_client import CollectorRegistry

from mcs_controller.cli.controllers import make_manager
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.controller import ServicesController
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.connection.transport import LineStream, Request, Response, Transport
from mcs_controller.kube.errors import Unreachable
from mcs_controller.kube.events.sink import EventType, ObjectRef
from mcs_controller.kube.fence import Fence

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def no_time() -> float:
    """A `WorkClock` for virtual time: turns end by steps, never by how fast this machine is."""
    return 0.0


class LoopClock:
    """A wall clock that goes with the event loop, and may be wrong; it can be set."""

    def __init__(self, skew_seconds: float = 0.0) -> None:
        self.skew_seconds = skew_seconds

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time() + self.skew_seconds)


@dataclass
class Wire:
    """What one process sends: `writes` are those that were done, heartbeats left out, and `bodies` theirs.

    The answers to writes come `answer_delay_seconds` after they were done.
    """

    writes: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    cut_after_writes: int | None = None
    answer_delay_seconds: float = 0.0
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    def wrap(self, transport: Transport) -> Transport:
        return _WiredTransport(self, transport)

    def note(self, request: Request) -> None:
        if request.method == "GET" or "/memberclusters/" in request.path:
            return
        self.writes.append(f"{request.method} {request.path}")
        self.bodies.append(request.body or b"")
        if self.cut_after_writes is not None and len(self.writes) >= self.cut_after_writes:
            self.cut.set()


class _WiredTransport:
    def __init__(self, wire: Wire, transport: Transport) -> None:
        self._wire = wire
        self._transport = transport

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        self._check()
        response = await self._transport.request(request, timeout_seconds=timeout_seconds)
        self._wire.note(request)
        if request.method != "GET" and self._wire.answer_delay_seconds:
            await asyncio.sleep(self._wire.answer_delay_seconds)
        # The write has been done, but the dead do not hear of it.
        self._check()
        return response

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        self._check()
        return await self._transport.stream(
            request, timeout_seconds=timeout_seconds, inactivity_seconds=inactivity_seconds
        )

    async def renew_credential(self) -> bool:
        return False

    async def close(self) -> None:
        await self._transport.close()

    def _check(self) -> None:
        if self._wire.cut.is_set():
            raise Unreachable("this process is dead")


class Told:
    """An `EventSink` that keeps what it is told: (kind, name, type, reason), and the note of each."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, EventType, str]] = []
        self.notes: list[str] = []

    def event(self, regarding: ObjectRef, type: EventType, reason: str, note: str) -> None:
        self.events.append((regarding.kind, regarding.name, type, reason))
        self.notes.append(note)


class AgentProcess:
    """A running agent."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        local: Transport,
        broker: Transport,
        clock: Clock,
        seed: int,
        fence: Fence | None = None,
    ) -> None:
        self.wire = Wire()
        self.told = Told()
        self.registry = CollectorRegistry()
        self._clients = (
            Client(self.wire.wrap(local), name="local", work_clock=no_time),
            Client(self.wire.wrap(broker), name="broker", work_clock=no_time),
        )
        leaders_local, leaders_broker = (
            client if fence is None else client.fenced(fence) for client in self._clients
        )
        self.agent = make_manager(
            Context.of(
                config,
                local=leaders_local,
                broker=leaders_broker,
                clock=clock,
                random=Random(seed),
                registry=self.registry,
                events=self.told,
                work_clock=no_time,
            )
        )
        self.task = asyncio.create_task(self.agent.run(), name=f"agent-{config.cluster_id}")

    @property
    def services(self) -> ServicesController:
        """The controller of exports and imports."""
        return cast(ServicesController, self.agent.controllers["services"])

    @property
    def membership(self) -> MembershipController:
        """The controller of the membership."""
        return cast(MembershipController, self.agent.controllers["membership"])

    def reconciles(self, queue: str) -> int:
        """How often a key of the queue has been looked at."""
        number = self.registry.get_sample_value(
            "mcs_queue_reconcile_duration_seconds_count", {"queue": queue}
        )
        return int(number or 0)

    async def kill(self) -> None:
        """End it as kill -9 does."""
        self.wire.cut.set()
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        for client in self._clients:
            await client.close()
