"""An API server with one Lease, and candidates for it that note when they lead."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import Unreachable
from mcs_controller.kube.leader import LeaderElector
from tests.kube.fakes import Answer, FakeClock, ScriptedTransport, ok, refusal
from tests.kube.queues import now


class LeaseServer:
    """One Lease, with resourceVersion conflicts; each replica has its own way to it that can be cut."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.cut: set[str] = set()
        self.hang: set[str] = set()
        self.answers_after_seconds: dict[str, float] = {}
        self.writers: list[str] = []

    def transport(self, who: str) -> ScriptedTransport:
        async def answer(request: Request) -> Answer:
            if who in self.hang:
                await asyncio.Event().wait()
            if who in self.cut:
                return Unreachable("refused")
            await asyncio.sleep(0.01)
            answer = self._serve(request, who)
            await asyncio.sleep(self.answers_after_seconds.get(who, 0.0))
            return answer

        return ScriptedTransport(answer)

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        spec: dict[str, Any] = self.lease["spec"]
        return spec

    def write_over(self, **spec: Any) -> None:
        """What anybody may do who has the right: write the Lease, with other fields or as it is."""
        assert self.lease is not None
        self.version += 1
        metadata = {**self.lease["metadata"], "resourceVersion": str(self.version)}
        self.lease = {**self.lease, "metadata": metadata, "spec": {**self.spec, **spec}}

    def _serve(self, request: Request, who: str) -> Answer:
        if request.method == "GET":
            return ok(self.lease) if self.lease is not None else refusal(404, "NotFound")
        assert request.body is not None
        body = json.loads(request.body)
        if request.method == "POST":
            if self.lease is not None:
                return refusal(409, "AlreadyExists")
        elif self.lease is None or body["metadata"]["resourceVersion"] != str(self.version):
            return refusal(409, "Conflict")
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.lease = body
        self.writers.append(who)
        return ok(body)


class Replica:
    """One candidate and what it did while it led."""

    def __init__(self, server: LeaseServer, name: str, **options: Any) -> None:
        self.led: list[tuple[float, float]] = []
        self.ends_after_seconds = 0.0
        self.transport = server.transport(name)
        self.elector = LeaderElector(
            Client(self.transport),
            "mcs",
            "agent",
            name,
            random=Random(name),
            **{"clock": FakeClock(), **options},
        )

    def leads(self) -> bool:
        return self.elector.leading

    async def lead(self) -> None:
        started = now()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(self.ends_after_seconds)
            self.led.append((started, now()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Fails where the election ends by itself, or of anything but the end of the block."""
        task = asyncio.create_task(self.elector.run(self.lead))
        try:
            yield task
        finally:
            still_running = not task.done()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert still_running, "the election ended by itself"
