"""An observer that never looks away: imports stay the same ones, with their IPs and the endpoints that live.

It compares every look with the first. What must never be missing is what the test calls steady; everything
else may come and go. It knows no server: a test says how to look, at simulated clusters or at real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

from mcs_controller.api.names import LABEL_SERVICE_NAME, LABEL_SOURCE_CLUSTER
from mcs_controller.api.resources import ENDPOINT_SLICES, service_imports
from mcs_controller.dnscheck.client import query
from mcs_controller.kube.client import Client

Place = tuple[str, str]
"""A cluster, and a service as namespace/name."""


class Import(NamedTuple):
    """One import as a client of the cluster finds it; `answers` are its DNS server's, None if it has none."""

    uid: str
    ips: tuple[str, ...]
    addresses: frozenset[str]
    answers: frozenset[str] | None = None


Looks = Mapping[Place, Import]


async def look_at(clusters: Mapping[str, Client], dns: Mapping[str, tuple[str, int]] | None = None) -> Looks:
    """All imports of these clusters, with the addresses in their slices; `dns` are their DNS servers."""
    found: dict[Place, Import] = {}
    for cluster, client in clusters.items():
        addresses: dict[str, set[str]] = {}
        selector = f"{LABEL_SERVICE_NAME},{LABEL_SOURCE_CLUSTER}"
        for body in (await client.list(ENDPOINT_SLICES, label_selector=selector)).items:
            metadata = body["metadata"]
            service = f"{metadata['namespace']}/{metadata['labels'][LABEL_SERVICE_NAME]}"
            for endpoint in body.get("endpoints") or ():
                addresses.setdefault(service, set()).update(endpoint["addresses"])
        for body in (await client.list(service_imports())).items:
            found[cluster, _name(body)] = Import(
                body["metadata"]["uid"],
                tuple(body["spec"].get("ips") or ()),
                frozenset(addresses.get(_name(body), ())),
            )
    if dns is not None:
        answers = await asyncio.gather(*(_ask(dns[cluster], service) for cluster, service in found))
        found = {
            place: one._replace(answers=said)
            for (place, one), said in zip(found.items(), answers, strict=True)
        }
    return found


async def _ask(server: tuple[str, int], service: str) -> frozenset[str]:
    namespace, name = service.split("/")
    answer = await query(server, f"{name}.{namespace}.svc.clusterset.local.", "A")
    return frozenset(answer.data("A"))


def _name(body: Mapping[str, Any]) -> str:
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"


class Continuity:
    """Looks on and on inside its `async with`; `faults` says what was not as it should be, and when.

    `steady` are the addresses, by service, that live all the time.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Looks]],
        steady: Mapping[str, Collection[str]],
        *,
        every_seconds: float = 0.05,
    ) -> None:
        self.faults: list[str] = []
        self.looks = 0
        self._look = look
        self._steady = steady
        self._every_seconds = every_seconds
        self._first: Looks = {}
        self._known: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        first = await self._look()
        self._first = {place: one for place, one in first.items() if place[1] in self._steady}
        self.judge(first)
        assert self.faults == []
        self._task = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(self._every_seconds)
            self.judge(await self._look())

    def judge(self, now: Looks) -> None:
        """Compare one look with the first."""
        self.looks += 1
        for place, before in self._first.items():
            cluster, service = place
            found = now.get(place)
            if found is None:
                self._fault(f"{cluster}: import {service} is gone")
                continue
            if found.uid != before.uid:
                self._fault(f"{cluster}: import {service} is another one")
            if found.ips != before.ips:
                self._fault(f"{cluster}: {service} has IPs {found.ips}, had {before.ips}")
            missing = set(self._steady[service]) - found.addresses
            if missing:
                self._fault(f"{cluster}: {service} lacks {sorted(missing)}")
            if found.answers is not None:
                self._judge_answers(cluster, service, before.ips, found.answers)

    def _judge_answers(
        self, cluster: str, service: str, ips: Collection[str], answers: frozenset[str]
    ) -> None:
        """The name has the clusterset IP for its only address, or those of the endpoints."""
        if ips and answers != set(ips):
            self._fault(f"{cluster}: DNS says {sorted(answers)} of {service}, which has IPs {ips}")
        elif missing := set(() if ips else self._steady[service]) - answers:
            self._fault(f"{cluster}: DNS lacks {sorted(missing)} of {service}")

    def _fault(self, text: str) -> None:
        """Each is told once."""
        if text not in self._known:
            self._known.add(text)
            self.faults.append(f"{asyncio.get_running_loop().time():.2f} s: {text}")
