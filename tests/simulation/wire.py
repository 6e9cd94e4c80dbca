"""The network between one agent and its two API servers: cut, held back, late, repeated, not all of a list.

What is on its way when the caller gives up, or dies, is still carried out: only the answer is lost. The tasks
that carry such requests belong to the `Network` and not to the caller.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from mcs_controller.kube.connection.transport import LineStream, Request, Response, Transport
from mcs_controller.kube.errors import Timeout, TransportError, Unreachable
from tests.support.virtual_loop import PROCESS, virtual_loop

NOT_WORK = ("/leases", "/memberclusters", "/events")
"""What replicas write that do not lead, too."""

IN_TRANSIT_SECONDS = 60.0
"""What is late is carried out with this deadline, whatever the caller's was."""


class Sent(NamedTuple):
    """A request by whom it came: `agent` is the replica's name; `late` if the caller may be gone."""

    agent: str
    cluster: str
    request: Request
    late: bool


class Network:
    """What is on its way in the whole clusterset; `sent` are the requests that tasks carry out right now."""

    def __init__(self) -> None:
        self.sent: dict[asyncio.Task[Any] | None, Sent] = {}
        self._in_transit: set[asyncio.Task[Any]] = set()

    def carry(self, errand: Coroutine[Any, Any, Response]) -> asyncio.Task[Response]:
        """Goes on when the caller does not."""
        nobodys = contextvars.copy_context()
        nobodys.run(PROCESS.set, "")
        task = asyncio.create_task(errand, context=nobodys)
        self._in_transit.add(task)
        task.add_done_callback(self._arrived)
        return task

    def _arrived(self, task: asyncio.Task[Any]) -> None:
        self._in_transit.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            assert isinstance(error, TransportError), error

    async def all_arrived(self) -> None:
        """Nothing is on its way any more."""
        while self._in_transit:
            await asyncio.wait(set(self._in_transit))

    def lose_all(self) -> None:
        for task in self._in_transit:
            task.cancel()


@dataclass
class Wire:
    """How one replica's requests fare. `late_share` of its writes arrive up to `late_seconds` after they
    were sent, `repeated_share` of them arrive twice; nothing comes in or goes out unless it is `moving`.
    `left_out` are names, by kind, that the next list with them lacks. `stopped` says that the process was
    stopped before a write.
    """

    agent: str
    cluster: str
    network: Network
    random: Random
    dead: bool = False
    late_share: float = 0.0
    late_seconds: float = 0.0
    repeated_share: float = 0.0
    moving: asyncio.Event = field(default_factory=asyncio.Event)
    left_out: dict[str, set[str]] = field(default_factory=dict)
    writes_to_go: int | None = None
    """Of its work, until the process is stopped before one; None: it is not."""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.moving.set()

    def wrap(self, connect: Callable[[], Transport]) -> Transport:
        """A way to the server that `connect` opens connections to."""
        return _WiredTransport(self, connect(), connect())

    def check(self) -> None:
        if self.dead:
            raise Unreachable("this process is dead")

    async def perhaps_stop(self, request: Request) -> None:
        """Stop the process here if it is to be: it goes on when somebody resumes it."""
        if self.writes_to_go is None or request.method == "GET":
            return
        if any(kind in request.path for kind in NOT_WORK):
            return
        self.writes_to_go -= 1
        if self.writes_to_go < 0:
            self.writes_to_go = None
            virtual_loop().stop_process(self.agent)
            self.stopped.set()
            await asyncio.sleep(0)

    def without_left_out(self, request: Request, response: Response) -> Response:
        """What a list says that lacks what it is to leave out."""
        names = self.left_out.get(request.path.rpartition("/")[2])
        if not names or request.method != "GET" or response.status != 200:
            return response
        listed = from_json(response.body)
        lacks = {one["metadata"]["name"] for one in listed["items"]} & names
        names -= lacks
        listed["items"] = [one for one in listed["items"] if one["metadata"]["name"] not in lacks]
        return replace(response, body=to_json(listed))

    def late_by_seconds(self, request: Request) -> float | None:
        """None for a request that arrives at once."""
        if request.method != "GET" and self.random.random() < self.late_share:
            return self.random.uniform(0.0, self.late_seconds)
        return None

    def is_repeated(self, request: Request) -> bool:
        return request.method != "GET" and self.random.random() < self.repeated_share


class _WiredTransport:
    def __init__(self, wire: Wire, transport: Transport, network: Transport) -> None:
        self._wire = wire
        self._transport = transport
        self._network = network

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        wire = self._wire
        wire.check()
        try:
            async with asyncio.timeout(timeout_seconds):
                await wire.moving.wait()
                await wire.perhaps_stop(request)
                response = await self._send(request, timeout_seconds)
        except TimeoutError as error:
            raise Timeout(f"no answer within {timeout_seconds} s") from error
        if wire.is_repeated(request):
            self._carry(request, wire.random.uniform(0.0, 5.0))
        # The write has been done, but the dead do not hear of it.
        wire.check()
        return wire.without_left_out(request, response) if wire.left_out else response

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        await self._wire.moving.wait()
        self._wire.check()
        opened = await self._transport.stream(
            request, timeout_seconds=timeout_seconds, inactivity_seconds=inactivity_seconds
        )
        return _WiredStream(self._wire, opened)

    async def renew_credential(self) -> bool:
        return False

    async def close(self) -> None:
        await self._transport.close()

    async def _send(self, request: Request, timeout_seconds: float) -> Response:
        seconds = self._wire.late_by_seconds(request)
        if seconds is None:
            return await self._deliver(self._transport, request, timeout_seconds, late=False)
        if request.before_sending is not None:
            request.before_sending()
        return await asyncio.shield(self._carry(request, seconds))

    def _carry(self, request: Request, seconds: float) -> asyncio.Task[Response]:
        """It has left the process, which has no say in it any more."""
        return self._wire.network.carry(self._deliver_late(replace(request, before_sending=None), seconds))

    async def _deliver(
        self, transport: Transport, request: Request, timeout_seconds: float, *, late: bool
    ) -> Response:
        sent, task = self._wire.network.sent, asyncio.current_task()
        sent[task] = Sent(self._wire.agent, self._wire.cluster, request, late)
        try:
            return await transport.request(request, timeout_seconds=timeout_seconds)
        finally:
            del sent[task]

    async def _deliver_late(self, request: Request, seconds: float) -> Response:
        await asyncio.sleep(seconds)
        return await self._deliver(self._network, request, IN_TRANSIT_SECONDS, late=True)


class _WiredStream:
    """A watch of a process: it reads nothing while it stands still."""

    def __init__(self, wire: Wire, stream: LineStream) -> None:
        self.status = stream.status
        self.headers = stream.headers
        self._wire = wire
        self._stream = stream

    async def readline(self) -> bytes:
        line = await self._stream.readline()
        if not self._wire.moving.is_set():
            await self._wire.moving.wait()
        return line

    async def read_error(self) -> bytes:
        return await self._stream.read_error()

    async def close(self) -> None:
        await self._stream.close()
