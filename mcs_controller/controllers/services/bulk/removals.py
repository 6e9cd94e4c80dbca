"""Which ServiceExports are to be removed, since when, and which of them have to wait for a confirmation."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable

from mcs_controller.clusterset.membership.release import left_seconds
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bulk.bound import RECENT_SECONDS, held_policies
from mcs_controller.clusterset.services.policies.bulk.plan import Decision, maker_of
from mcs_controller.clusterset.services.policies.bulk.service_policy import PolicyKey, Present
from mcs_controller.controllers.runtime.context import Context


class Removals:
    """Counts what policies made (`put`), and says what may be removed now (`wait_seconds`)."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._share, self._minimum = context.config.fuse_share, context.config.fuse_minimum
        self._makers: dict[ServiceKey, PolicyKey] = {}
        self._lost: dict[ServiceKey, PolicyKey] = {}
        # Since when it is to be removed, and how many policies had gone by then.
        self._since: dict[ServiceKey, tuple[float, int]] = {}
        self._recent: deque[tuple[float, PolicyKey]] = deque()

    def put(self, key: ServiceKey, export: Present | None, decision: Decision) -> None:
        """What is there of a service now, and what is to be done about it."""
        maker = maker_of(export)
        if maker is None:
            self._makers.pop(key, None)
        else:
            self._makers[key] = maker
        if maker is not None and decision.action == "remove":
            self._lost[key] = maker
        else:
            self._lost.pop(key, None)
            self._since.pop(key, None)

    def made(self) -> Iterable[ServiceKey]:
        """The services of which it is held that a policy made their ServiceExport."""
        return tuple(self._makers)

    def wait_seconds(self, key: ServiceKey, decision: Decision, policies_gone: int) -> float:
        """How long the removal has to wait yet; 0.0 if it has been so, and no policy went, for long enough.

        `policies_gone` counts the policies that went.
        """
        now_seconds = asyncio.get_running_loop().time()
        since_seconds, then = self._since.get(key, (now_seconds, policies_gone))
        if then != policies_gone:
            since_seconds = now_seconds
        self._since[key] = since_seconds, policies_gone
        return max(0.0, since_seconds + decision.after_seconds - now_seconds)

    def removed(self, key: ServiceKey) -> None:
        """The ServiceExport has been removed."""
        maker = self._makers.pop(key, None)
        self._lost.pop(key, None)
        self._since.pop(key, None)
        if maker is not None:
            self._recent.append((asyncio.get_running_loop().time(), maker))

    def counts(self) -> tuple[Counter[PolicyKey], Counter[PolicyKey]]:
        """How many ServiceExports each policy made, and how many of them are to be removed."""
        return Counter(self._makers.values()), Counter(self._lost.values())

    def held(self, releases: Iterable[tuple[PolicyKey, str]]) -> frozenset[PolicyKey]:
        """Of whose ServiceExports none may be removed; `releases` are the annotations of the policies."""
        live, lost = self.counts()
        if not lost:
            return frozenset()
        oldest_seconds = asyncio.get_running_loop().time() - RECENT_SECONDS
        while self._recent and self._recent[0][0] <= oldest_seconds:
            self._recent.popleft()
        recent = Counter(maker for _, maker in self._recent)
        now_seconds = self._clock.now().timestamp()
        released = {key for key, release in releases if left_seconds(release, now_seconds)}
        found = held_policies(
            live + recent, lost + recent, released, share=self._share, minimum=self._minimum
        )
        return found & lost.keys()
