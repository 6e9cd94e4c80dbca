"""Faults that can be switched on in a simulated server while it runs.

A fault applies to the calls that it matches, until it is lifted or has struck `count` times. Chance comes
from the given `Random` and time from the event loop, so that a run can be repeated exactly.

    fault = cluster.faults.fail(429, share=0.2, retry_after_seconds=1, verbs=("create", "update"))
    ...
    fault.lift()

Invariant: without faults nothing here delays a call or changes an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple, TypedDict, Unpack

from mcs_controller.kube.errors import Unreachable
from mcs_controller.simcluster import status
from mcs_controller.simcluster.serving.watches import Stream
from mcs_controller.simcluster.status import StatusError

What = Literal["delay", "delay answer", "fail", "hang", "lose answer", "refuse", "stall watch"]


class Call(NamedTuple):
    """A request as faults see it; `resource` is the plural."""

    user: str
    verb: str
    resource: str


class Calls(TypedDict, total=False):
    """Which calls a fault applies to; what is not given matches all."""

    verbs: Collection[str]
    resources: Collection[str]
    users: Collection[str]


@dataclass(eq=False, slots=True)
class Fault:
    """One thing that goes wrong. `remaining` is how often it strikes before it is lifted, None for always."""

    what: What
    calls: Calls
    _lift: Callable[[Fault], None]
    share: float = 1.0
    remaining: int | None = None
    code: int = 0
    retry_after_seconds: int | None = None
    low_seconds: float = 0.0
    high_seconds: float = 0.0
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    def lift(self) -> None:
        """End the fault; what it held back continues."""
        self._lift(self)

    def matches(self, call: Call) -> bool:
        return _matches(self.calls, call)


def _matches(calls: Calls, call: Call) -> bool:
    wanted = (calls.get("verbs"), calls.get("resources"), calls.get("users"))
    asked = (call.verb, call.resource, call.user)
    return all(not some or one in some for some, one in zip(wanted, asked, strict=True))


class Faults:
    """The faults of one server, and the watches that they can hit."""

    def __init__(self, random: Random, compact: Callable[[], None]) -> None:
        self._random = random
        self._compact = compact
        self._active: list[Fault] = []
        self._watches: dict[Stream, Call] = {}
        self._on_refusal: list[Callable[[bool], None]] = []

    def fail(
        self,
        code: int,
        *,
        share: float = 1.0,
        count: int | None = None,
        retry_after_seconds: int | None = None,
        **calls: Unpack[Calls],
    ) -> Fault:
        """Answer with an error before anything is done."""
        return self._add(Fault("fail", calls, self._lift, share, count, code, retry_after_seconds))

    def delay(self, low_seconds: float, high_seconds: float | None = None, **calls: Unpack[Calls]) -> Fault:
        """Let requests, and each line of a watch, arrive later; in order, for a watch."""
        high_seconds = low_seconds if high_seconds is None else high_seconds
        return self._add(
            Fault("delay", calls, self._lift, low_seconds=low_seconds, high_seconds=high_seconds)
        )

    def delay_answers(self, low_seconds: float, high_seconds: float, **calls: Unpack[Calls]) -> Fault:
        """Carry out the request, and answer later; watches are not concerned."""
        return self._add(
            Fault("delay answer", calls, self._lift, low_seconds=low_seconds, high_seconds=high_seconds)
        )

    def lose_answers(self, *, share: float = 1.0, count: int | None = None, **calls: Unpack[Calls]) -> Fault:
        """Carry out the request, and break the connection instead of answering."""
        return self._add(Fault("lose answer", calls, self._lift, share, count))

    def hang(self, **calls: Unpack[Calls]) -> Fault:
        """Accept requests and do nothing until the fault is lifted."""
        return self._add(Fault("hang", calls, self._lift))

    def refuse_connections(self, *, users: Collection[str] = ()) -> Fault:
        """Break every connection and refuse new ones, for some users or for all."""
        fault = self._add(Fault("refuse", {"users": users}, self._lift))
        self.cut_watches(users=users)
        self._tell_refusal()
        return fault

    def stall_watches(self, **calls: Unpack[Calls]) -> Fault:
        """Keep watches open and send nothing on them until the fault is lifted."""
        fault = self._add(Fault("stall watch", calls, self._lift))
        self._update_stalls()
        return fault

    def cut_watches(self, *, in_order: bool = False, **calls: Unpack[Calls]) -> int:
        """End the open watches: break their connections, or with `in_order` end the streams properly."""
        cut = [stream for stream, call in self._watches.items() if _matches(calls, call)]
        for stream in cut:
            if in_order:
                stream.finish()
            else:
                stream.cut(Unreachable("connection reset by peer"))
        return len(cut)

    def compact(self) -> None:
        """Forget the history: older versions get 410."""
        self._compact()

    def clear(self) -> None:
        """Lift everything."""
        for fault in tuple(self._active):
            fault.lift()

    @property
    def present(self) -> bool:
        """Whether there is any fault at all."""
        return bool(self._active)

    @property
    def refuses_all(self) -> bool:
        """Whether connections of all users are refused."""
        return any(fault.what == "refuse" and not fault.calls.get("users") for fault in self._active)

    def on_refusal(self, tell: Callable[[bool], None]) -> None:
        """Have `tell` called with `refuses_all` whenever it may have changed."""
        self._on_refusal.append(tell)

    async def before(self, call: Call) -> None:
        """Apply faults before a request is carried out. Raises `Unreachable` or `StatusError`."""
        for fault in self._striking(call, "refuse", "hang", "delay"):
            match fault.what:
                case "hang":
                    await fault.lifted.wait()
                case "delay":
                    await asyncio.sleep(self._random.uniform(fault.low_seconds, fault.high_seconds))
                case _:
                    raise Unreachable("connection refused")
        for _ in self._striking(call, "refuse"):
            raise Unreachable("connection reset by peer")
        for fault in self._striking(call, "fail"):
            raise _failure(fault)

    async def after(self, call: Call) -> None:
        """Apply faults after a request was carried out. Raises `Unreachable`."""
        for fault in self._striking(call, "delay answer"):
            await asyncio.sleep(self._random.uniform(fault.low_seconds, fault.high_seconds))
        for _ in self._striking(call, "lose answer"):
            raise Unreachable("connection reset by peer")

    def watch_delay_seconds(self, call: Call) -> float:
        """The delay of the next line of this watch."""
        return sum(
            self._random.uniform(fault.low_seconds, fault.high_seconds)
            for fault in self._active
            if fault.what == "delay" and fault.matches(call)
        )

    def watch_opened(self, call: Call, stream: Stream) -> None:
        """Let faults apply to this watch."""
        self._watches[stream] = call
        stream.on_close(lambda: self._watch_closed(stream))
        self._update_stalls()

    def watches(self) -> tuple[tuple[Call, Stream], ...]:
        """Those that are open."""
        return tuple((call, stream) for stream, call in self._watches.items())

    def _striking(self, call: Call, *kinds: What) -> Iterator[Fault]:
        for fault in tuple(self._active):
            if fault.what not in kinds or fault.lifted.is_set() or not fault.matches(call):
                continue
            if fault.share < 1.0 and self._random.random() >= fault.share:
                continue
            if fault.remaining is not None:
                fault.remaining -= 1
                if fault.remaining <= 0:
                    fault.lift()
            yield fault

    def _add(self, fault: Fault) -> Fault:
        self._active.append(fault)
        return fault

    def _lift(self, fault: Fault) -> None:
        if fault in self._active:
            self._active.remove(fault)
            fault.lifted.set()
            self._update_stalls()
            self._tell_refusal()

    def _update_stalls(self) -> None:
        stalls = [fault for fault in self._active if fault.what == "stall watch"]
        for stream, call in tuple(self._watches.items()):
            stream.stall(any(fault.matches(call) for fault in stalls))
            if not stream.is_open:
                self._watch_closed(stream)

    def _watch_closed(self, stream: Stream) -> None:
        """A stalled watch is kept until the fault is lifted, so that its reader is woken."""
        if not stream.is_stalled:
            self._watches.pop(stream, None)

    def _tell_refusal(self) -> None:
        for tell in self._on_refusal:
            tell(self.refuses_all)


def _failure(fault: Fault) -> StatusError:
    text = "the server was told to fail"
    match fault.code:
        case 429:
            return status.too_many_requests(text, fault.retry_after_seconds or 1)
        case 500:
            return status.internal(text)
        case 503:
            return status.service_unavailable(text, fault.retry_after_seconds)
        case code:
            reason = {401: "Unauthorized", 403: "Forbidden", 410: "Expired", 504: "Timeout"}.get(code, "")
            return StatusError(code, reason, text, None, fault.retry_after_seconds)
