"""The DNS zone of one cluster, fed by the real watching code and asked without sockets."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable
from random import Random

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.answers.zone_answers import ZoneAnswers
from mcs_controller.dns.wire.encoding import CLASS_IN, TYPE_A, labels
from mcs_controller.dns.zone.lookup import Zone
from mcs_controller.dns.zone.packed import PackedService
from mcs_controller.dns.zone.source import ZoneSource
from mcs_controller.kube.client import Client

ZONE = "clusterset.local"

Tell = Callable[[ServiceKey, frozenset[str]], None]
"""A service, and the addresses that its name has."""


class ClusterZone:
    """Tells what each name says whenever it may have changed, from the moment when the zone is complete."""

    def __init__(self, client: Client, random: Random, tell: Tell) -> None:
        self._answers = ZoneAnswers(Zone(ZONE), random=random)
        self._tell = tell
        self._source = ZoneSource(client, self, random=random)
        self._task = asyncio.create_task(self._source.run())

    @property
    def is_open(self) -> bool:
        return self._answers.is_open

    def update(self, service: ServiceKey, packed: PackedService | None) -> None:
        self._answers.update(service, packed)
        if self.is_open:
            self._tell(service, self.addresses(service))

    def open(self) -> None:
        self._answers.open()
        for service in self._source.services():
            self._tell(service, self.addresses(service))

    def set_stale(self, stale: bool) -> None:
        self._answers.set_stale(stale)

    def addresses(self, service: ServiceKey) -> frozenset[str]:
        """All A records of the service's name, which may be none."""
        name = labels(f"{service.name}.{service.namespace}.svc")
        assert name is not None
        question = name + self._answers.zone.origin + TYPE_A.to_bytes(2, "big") + CLASS_IN.to_bytes(2, "big")
        answer = self._answers.find(question)
        if answer is None or not answer.is_positive:
            return frozenset()
        return frozenset(str(ipaddress.IPv4Address(one)) for one in _rdata(answer.tail))

    def end(self) -> str:
        """Why it ended by itself, "" while it runs."""
        return repr(self._task) if self._task.done() else ""

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
            await self._task


def _rdata(tail: bytes) -> list[bytes]:
    """Of A records on the wire, whose owner is a pointer to the question: 12 bytes and the address."""
    return [tail[at + 12 : at + 16] for at in range(0, len(tail), 16)]
