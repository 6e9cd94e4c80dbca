"""Which DNS servers cannot follow their API servers, and when each may therefore say what was true before.

A server that hears nothing of a change goes on with what it heard last: its zone is never emptied
(docs/decisions/0012-dns-never-forgets.md). It has followed again after the longest wait before a try.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

from mcs_controller.kube.reflector import LONGEST_RETRY_SECONDS
from mcs_controller.simcluster.faults import Call, Fault

_READS = [
    Call("dns", verb, kind) for verb in ("list", "watch") for kind in ("serviceimports", "endpointslices")
]


def keeps_dns_behind(fault: Fault) -> bool:
    """Whether it strikes what the cluster's DNS server reads."""
    return any(fault.matches(call) for call in _READS)


@dataclass
class _Time:
    cluster: str
    began_seconds: float
    ended_seconds: float = math.inf


class Behind:
    """Of all clusters of one story."""

    def __init__(self) -> None:
        self._times: list[_Time] = []
        """In the order in which they began."""

    @contextlib.contextmanager
    def cannot_follow(self, cluster: str) -> Iterator[None]:
        """Inside, the cluster's DNS server cannot, and a moment later it can."""
        loop = asyncio.get_running_loop()
        time = _Time(cluster, loop.time())
        self._times.append(time)
        try:
            yield
        finally:
            time.ended_seconds = loop.time() + LONGEST_RETRY_SECONDS

    def may_be(self, cluster: str, began_seconds: float, ended_seconds: float) -> bool:
        """Whether something may have been out of date there from beginning to end, without a gap."""
        until_seconds = -math.inf
        for time in self._times:
            if time.cluster == cluster and time.began_seconds <= max(began_seconds, until_seconds):
                until_seconds = max(until_seconds, time.ended_seconds)
        return ended_seconds <= until_seconds
