"""Leader election on a Lease: at most one of several replicas leads.

The rules are client-go's, so that the Lease says what people and tools expect. Others' clocks are
never trusted: a lease counts as expired when *we* have not seen it change for its duration, by our own
loop's clock. Whoever leads stops leading `renew_deadline_seconds` after its last renewal at the latest,
which is before anybody else can take over; every request is bounded by what is left of that time. A process
that is stopped cannot stop leading: what it writes when it goes on is held back by the `fence`.

What leading means is the caller's coroutine: it is cancelled when the lease is lost. When it ends by itself,
with an error or without, the lease is released and the election ends with it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final

from mcs_controller.api.resources import LEASES
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.clock import Clock, rfc3339_micro
from mcs_controller.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from mcs_controller.kube.fence import LeaseFence
from mcs_controller.kube.tasks import SLOW_STOP_SECONDS, stopping_tasks

_log = logging.getLogger(__name__)

JITTER: Final = 0.2
RELEASE_SECONDS: Final = 2.0
"""At exit the lease is released, so that another replica takes it at once; that may take no longer."""


class LeaderElector:
    """One candidate, `identity`, for one Lease.

    `leading` is True while its coroutine runs; `problem` says what keeps the lease from being read or
    written, None when nothing does (also while another replica holds it). Whoever leads writes through
    clients with this `fence`.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        clock: Clock,
        random: Random,
        lease_seconds: float = 15.0,
        renew_deadline_seconds: float = 10.0,
        retry_seconds: float = 2.0,
    ) -> None:
        if not retry_seconds < renew_deadline_seconds < lease_seconds:
            raise ValueError("retry_seconds < renew_deadline_seconds < lease_seconds must hold")
        self.leading = False
        self.holder = ""
        self.problem: str | None = "the lease has not been read yet"
        self.fence = LeaseFence(clock)
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._random = random
        self._lease_seconds = lease_seconds
        self._renew_deadline_seconds = renew_deadline_seconds
        self._retry_seconds = retry_seconds
        self._lease: JsonObject | None = None
        self._seen_spec: Any = None
        self._seen_at = 0.0
        # When our last write that succeeded was sent: no other replica can have seen it earlier.
        self._written_at = 0.0

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Lead whenever the lease is ours; returns when `lead` returns, raises what it raises."""
        while True:
            await self._acquire()
            if await self._lead(lead):
                return

    async def _acquire(self) -> None:
        told = ""
        while True:
            try:
                async with asyncio.timeout(self._renew_deadline_seconds):
                    taken = await self._try_to_take()
                if told:
                    _log.info("lease %s: recovered", self._name)
                self.problem, told = None, ""
                if taken:
                    return
            except (KubeError, TimeoutError) as error:
                self.problem = f"lease {self._name} cannot be taken: {_text(error)}"
                # Tried every two seconds, it may fail for days in the same words.
                if self.problem != told:
                    _log.warning("%s", self.problem)
                told = self.problem
            await asyncio.sleep(self._retry_seconds * (1.0 + self._random.uniform(0.0, JITTER)))

    async def _lead(self, lead: Callable[[], Awaitable[None]]) -> bool:
        """True when the work ended by itself, False when the lease was lost."""
        _log.info("leading, as %s", self._identity)
        self.leading = True
        work = asyncio.ensure_future(lead())
        renewal = asyncio.create_task(self._renew_until_lost(), name=f"lease {self._name}")
        try:
            await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
                return True
            renewal.result()
            _log.warning("the lease is lost, no longer leading")
            return False
        finally:
            # The work ends first: until it has, no other replica may lead.
            await _end(work)
            self.leading = False
            self.fence.close()
            await _end(renewal)
            await self._release()

    async def _renew_until_lost(self) -> None:
        """Renew again and again; return when another replica leads, or the lease was not renewed in time."""
        loop = asyncio.get_running_loop()
        deadline = self._written_at + self._renew_deadline_seconds
        while True:
            await self._sleep(min(self._retry_seconds, max(0.0, deadline - loop.time())))
            if loop.time() >= deadline:
                return
            read_before = self._lease is not None
            try:
                async with asyncio.timeout_at(deadline):
                    if not await self._renew():
                        return
                deadline = self._written_at + self._renew_deadline_seconds
                self.problem = None
            except (KubeError, TimeoutError) as error:
                # What we hold of the lease may be outdated: read it again, at once if somebody wrote it.
                self._lease = None
                if read_before and isinstance(error, Conflict):
                    self.fence.doubt()
                self.problem = f"lease {self._name} could not be renewed: {_text(error)}"
                _log.warning("%s", self.problem)

    async def _sleep(self, seconds: float) -> None:
        """Sleep until the next renewal; not when something waits for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.fence.in_doubt.wait()
            # Once, however often it fails. What we hold of the lease may be hours old, with its machine.
            self.fence.in_doubt.clear()
            self._lease = None

    async def _renew(self) -> bool:
        """Whether the lease is still ours, and renewed."""
        if self._lease is None:
            self._lease = await self._client.get(LEASES, self._name, self._namespace)
        spec = self._spec(self._lease)
        if spec.get("holderIdentity") != self._identity:
            self.holder = str(spec.get("holderIdentity") or "")
            self.fence.close()
            return False
        await self._put({**spec, "renewTime": rfc3339_micro(self._clock.now())})
        return True

    async def _try_to_take(self) -> bool:
        loop = asyncio.get_running_loop()
        try:
            self._lease = await self._client.get(LEASES, self._name, self._namespace)
        except NotFound:
            return await self._create()
        now = loop.time()
        spec = self._spec(self._lease)
        if self._seen_spec is None or spec != self._seen_spec:
            self._seen_spec, self._seen_at = spec, now
        self.holder = str(spec.get("holderIdentity") or "")
        duration = spec.get("leaseDurationSeconds")
        held_seconds = float(duration) if isinstance(duration, int) else self._lease_seconds
        if self.holder not in ("", self._identity) and now < self._seen_at + held_seconds:
            return False
        moment = rfc3339_micro(self._clock.now())
        transitions = spec.get("leaseTransitions")
        before = transitions if isinstance(transitions, int) else 0
        changed = self.holder != self._identity
        try:
            await self._put(
                {
                    **spec,
                    "holderIdentity": self._identity,
                    "leaseDurationSeconds": round(self._lease_seconds),
                    "acquireTime": moment if changed else spec.get("acquireTime", moment),
                    "renewTime": moment,
                    "leaseTransitions": before + 1 if changed else before,
                }
            )
        except Conflict:
            return False
        return True

    async def _create(self) -> bool:
        moment = rfc3339_micro(self._clock.now())
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": round(self._lease_seconds),
                "acquireTime": moment,
                "renewTime": moment,
                "leaseTransitions": 0,
            },
        }
        sent_at, offset_seconds = asyncio.get_running_loop().time(), self.fence.offset_seconds()
        try:
            self._lease = await self._client.create(LEASES, body, namespace=self._namespace)
        except AlreadyExists:
            return False
        self._wrote(self._identity, sent_at, offset_seconds)
        return True

    async def _put(self, spec: JsonObject) -> None:
        sent_at, offset_seconds = asyncio.get_running_loop().time(), self.fence.offset_seconds()
        self._lease = await self._client.update(LEASES, {**(self._lease or {}), "spec": spec})
        self._wrote(str(spec["holderIdentity"]), sent_at, offset_seconds)

    def _wrote(self, holder: str, sent_at: float, offset_seconds: float) -> None:
        self.holder, self._written_at = holder, sent_at
        if holder == self._identity:
            self.fence.prove(sent_at + self._renew_deadline_seconds, offset_seconds)

    async def _release(self) -> None:
        if self._lease is None or self.holder != self._identity:
            return
        spec = {**self._spec(self._lease), "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            released = self._put({**spec, "renewTime": rfc3339_micro(self._clock.now())})
            # In a task that is being cancelled, as this one, `asyncio.timeout` says in Python 3.11.2 that it
            # was cancelled.
            await asyncio.wait_for(released, RELEASE_SECONDS)
        except (KubeError, TimeoutError) as error:
            _log.warning("lease %s could not be released: %s", self._name, _text(error))

    @staticmethod
    def _spec(lease: JsonObject) -> JsonObject:
        spec = lease.get("spec")
        return dict(spec) if isinstance(spec, dict) else {}


async def _end(task: "asyncio.Future[None]") -> None:
    if task.done():
        return
    task.cancel()
    while not (await asyncio.wait({task}, timeout=SLOW_STOP_SECONDS))[0]:
        _log.error("still stopping after the lease was lost: %s", ", ".join(stopping_tasks()))
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("the work failed while stopping after the lease was lost", exc_info=error)


def _text(error: BaseException) -> str:
    return str(error) or "no answer in time"
