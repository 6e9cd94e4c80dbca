"""Steady endpoint changes in one cluster, and an observer that sees when each arrives in another.

A change gives the first endpoint of a slice an address that was never used before; whoever sees that address
in the importing cluster has seen that change. The clock is this process's own, at both ends.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from pydantic_core import from_json, to_json

from mcs_controller.api.resources import ENDPOINT_SLICES
from tests.bench.floor import Json, Server

ENDPOINTS_PER_SLICE = 10
FIRST_ADDRESS = int(ipaddress.IPv4Address("10.128.0.1"))
LOST_AFTER_SECONDS = 30


class Changes:
    """When each change was begun and seen, by number; seconds of the loop's clock.

    A change that was overtaken by the next one of its service counts as seen when that one is.
    """

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.seen: dict[int, float] = {}
        self._pending: dict[str, deque[int]] = {}

    def begin(self, service: str) -> str:
        """A change of `service` begins now; the address that marks it."""
        number = len(self.begun)
        self._pending.setdefault(service, deque()).append(number)
        self.begun.append(asyncio.get_running_loop().time())
        return str(ipaddress.IPv4Address(FIRST_ADDRESS + number))

    def see(self, service: str, address: str, now: float) -> None:
        """The change that `address` marks has arrived, and with it every earlier one of `service`."""
        number = int(ipaddress.IPv4Address(address)) - FIRST_ADDRESS
        pending = self._pending.get(service, ())
        while pending and pending[0] <= number:
            self.seen[pending.popleft()] = now

    def missing(self, numbers: range) -> list[int]:
        """Which of these changes have not arrived."""
        return [number for number in numbers if number not in self.seen]

    def latency_seconds(self, number: int) -> float:
        """How long a change took that has been seen."""
        return self.seen[number] - self.begun[number]


class Slices:
    """The slices of `count` headless services in the exporting cluster; this process alone writes them."""

    def __init__(self, session: aiohttp.ClientSession, namespace: str, count: int, changes: Changes) -> None:
        self.names = [f"svc-{number:03d}" for number in range(count)]
        self._session = session
        self._path = ENDPOINT_SLICES.path(namespace)
        self._changes = changes
        self._versions: dict[str, str] = {}
        self._busy: dict[str, asyncio.Lock] = {name: asyncio.Lock() for name in self.names}

    async def create_all(self) -> None:
        """Create every slice, several at a time."""
        limit = asyncio.Semaphore(8)

        async def create(name: str) -> None:
            async with limit:
                await self.change(name)

        async with asyncio.TaskGroup() as group:
            for name in self.names:
                group.create_task(create(name))

    async def change(self, name: str) -> None:
        """Write one slice anew; the clock starts just before."""
        async with self._busy[name]:
            version = self._versions.get(name)
            body = _slice(name, self._changes.begin(name))
            if version is None:
                call = self._session.post(self._path, data=to_json(body), headers=_JSON)
            else:
                body["metadata"]["resourceVersion"] = version
                call = self._session.put(f"{self._path}/{name}", data=to_json(body), headers=_JSON)
            async with call as answer:
                written = from_json(await answer.read())
                answer.raise_for_status()
            self._versions[name] = written["metadata"]["resourceVersion"]

    async def steadily(self, rate: float, seconds: float) -> int:
        """Change one slice after the other at `rate` a second, whatever becomes of it; how many."""
        loop = asyncio.get_running_loop()
        started, count = loop.time(), int(rate * seconds)
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await asyncio.sleep(started + number / rate - loop.time())
                group.create_task(self.change(self.names[number % len(self.names)]))
        return count


class Observer:
    """Watches the imported slices of one namespace."""

    def __init__(self, session: aiohttp.ClientSession, namespace: str, changes: Changes) -> None:
        self._session = session
        self._path = ENDPOINT_SLICES.path(namespace)
        self._changes = changes
        self._news = asyncio.Event()

    async def run(self) -> None:
        while True:
            # A server closes the watch of a reader that fell behind; a new one begins with all there is.
            await self._watch()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        params = {"watch": "true", "labelSelector": "multicluster.kubernetes.io/service-name"}
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.get(self._path, params=params, timeout=timeout) as answer:
            answer.raise_for_status()
            while line := await answer.content.readline():
                now = loop.time()
                body = from_json(line)["object"]
                if body.get("endpoints"):
                    service = body["metadata"]["labels"]["multicluster.kubernetes.io/service-name"]
                    self._changes.see(service, body["endpoints"][0]["addresses"][0], now)
                    self._news.set()

    async def all_seen(self, numbers: range) -> None:
        """Wait until all these changes have arrived. Raises `TimeoutError` that names those which did not."""
        try:
            async with asyncio.timeout(LOST_AFTER_SECONDS):
                while self._changes.missing(numbers):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            lost = self._changes.missing(numbers)
            raise TimeoutError(f"{len(lost)} of {len(numbers)} changes never arrived: {lost[:10]}") from None


@asynccontextmanager
async def observing(server: Server, namespace: str, changes: Changes) -> AsyncIterator[Observer]:
    """An observer that watches for as long as the block runs."""
    async with server.session() as session:
        observer = Observer(session, namespace, changes)
        watching = asyncio.create_task(observer.run(), name="observer")
        try:
            yield observer
        finally:
            watching.cancel()
            await asyncio.wait([watching])


_JSON = {"Content-Type": "application/json"}


def _slice(name: str, first_address: str) -> Json:
    addresses = [first_address, *(f"10.1.0.{number}" for number in range(2, ENDPOINTS_PER_SLICE + 1))]
    endpoints: list[dict[str, Any]] = [
        {
            "addresses": [address],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "node-1",
            "zone": "zone-a",
            "targetRef": {"kind": "Pod", "name": f"{name}-{number}", "namespace": "bench"},
        }
        for number, address in enumerate(addresses)
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
        "endpoints": endpoints,
    }
