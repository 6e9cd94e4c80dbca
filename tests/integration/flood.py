"""A member that was taken over: what somebody with its credential for the broker can write, and how much.

It has a MemberCluster and a credential, as every member, and no agent. Everything it writes goes through
that credential. `Probe` measures how long a change takes from one cluster's slice to another's imported one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any
from uuid import uuid4

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    SERVICES,
    Resource,
)
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.errors import Conflict
from tests.integration.sites import StorySite
from tests.realkube import product
from tests.realkube.controlplane import ControlPlane
from tests.realkube.rest import MERGE_PATCH
from tests.support.waiting import eventually

Object = dict[str, Any]

WRITERS = 4
ARRIVAL_TIMEOUT_SECONDS = 60.0


class Mars:
    """What the member writes into its own namespace."""

    def __init__(self, client: Client, own_namespace: str, namespace: str) -> None:
        self._client = client
        self._own_namespace = own_namespace
        self._namespace = namespace

    async def publish(self, kind: Resource, objects: Iterable[tuple[str, Object]]) -> None:
        """Create objects of these names and specs, several at once."""
        todo = iter(objects)

        async def write() -> None:
            for name, spec in todo:
                body = {
                    "apiVersion": kind.api_version,
                    "kind": kind.kind,
                    "metadata": {"name": name, "namespace": self._own_namespace},
                    "spec": spec,
                }
                await self._client.create(kind, body)

        async with asyncio.TaskGroup() as writers:
            for _ in range(WRITERS):
                writers.create_task(write())

    async def keep_rewriting(self, names: list[str], per_second: float) -> None:
        """Change the records' ports again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        held = {one["metadata"]["name"]: one for one in (await self._list(EXPORTED_SERVICES))}
        while True:
            body = held[names[number % len(names)]]
            body["spec"]["ports"] = [{"name": "http", "protocol": "TCP", "port": 1 + number % 60_000}]
            with contextlib.suppress(Conflict):
                held[body["metadata"]["name"]] = await self._client.update(EXPORTED_SERVICES, body)
            number += 1
            await asyncio.sleep(max(0.0, began + number / per_second - loop.time()))

    async def _list(self, kind: Resource) -> list[Object]:
        return (await self._client.list(kind, namespace=self._own_namespace)).items

    def records(self, names: Iterable[str], **spec: Any) -> Iterator[tuple[str, Object]]:
        """Exports of services of these names."""
        for name in names:
            yield (
                f"{self._namespace}.{name}",
                {
                    "serviceNamespace": self._namespace,
                    "serviceName": name,
                    "exportedAt": "2020-01-01T00:00:00Z",
                    "type": "ClusterSetIP",
                    "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
                    "ipFamilies": ["IPv4"],
                    **spec,
                },
            )

    def large_slices(self, names: Iterable[str]) -> Iterator[tuple[str, Object]]:
        """A slice for each of these services, as large as the schema lets it be: some 700 KiB."""
        endpoints = [
            {
                "addresses": [f"2001:db8:1111:2222:3333:4444:{one + 1:x}:{number + 1:x}" for one in range(8)],
                "hostname": f"{number:063}",
                "zone": "z" * 253,
            }
            for number in range(1000)
        ]
        for name in names:
            yield (
                f"{self._namespace}.{name}-x",
                {
                    "serviceNamespace": self._namespace,
                    "serviceName": name,
                    "sliceName": f"{name}-x",
                    "addressType": "IPv6",
                    "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
                    "endpoints": endpoints,
                },
            )


@contextlib.asynccontextmanager
async def taken_over(broker: ControlPlane, namespace: str, limits: dict[str, int]) -> AsyncIterator[Mars]:
    """A new member; in the end its place on the broker goes with all that it wrote, and is not waited for."""
    name = f"mars-{uuid4().hex[:8]}"
    own_namespace, manifest = f"mcs-member-{name}", product.member_manifest(name)
    await broker.kubectl("apply", "-f", "-", stdin=manifest)
    path = MEMBER_CLUSTERS.path(own_namespace, name)
    await broker.call("PATCH", path, {"spec": {"limits": limits}}, content_type=MERGE_PATCH)
    kubeconfig = await broker.service_account_kubeconfig(own_namespace, "member")
    client = Client(load_kubeconfig(kubeconfig), timeout_seconds=30.0)
    try:
        yield Mars(client, own_namespace, namespace)
    finally:
        await client.close()
        await broker.kubectl("delete", "-f", "-", "--wait=false", stdin=manifest)


class Probe:
    """A service of one cluster whose only endpoint changes its address, and another that imports it."""

    def __init__(self, source: StorySite, target: StorySite, namespace: str) -> None:
        self._source, self._target, self._namespace = source, target, namespace
        self._name = f"probe-{source.name}"
        self._number = 0

    async def start(self) -> None:
        """Everything is there afterwards."""
        await self._source.api.create(
            SERVICES,
            {
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
            },
        )
        await self._source.api.create(
            ENDPOINT_SLICES,
            {
                "metadata": {
                    "name": self._name,
                    "namespace": self._namespace,
                    "labels": {"kubernetes.io/service-name": self._name},
                },
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
                "endpoints": [{"addresses": ["10.1.0.1"], "conditions": {"ready": True}}],
            },
        )
        await self._source.export(self._namespace, self._name)
        await self._arrives("10.1.0.1")

    async def seconds(self) -> float:
        """How long the next change takes."""
        loop = asyncio.get_running_loop()
        self._number += 1
        address = f"10.1.{1 + self._number // 250}.{self._number % 250 + 1}"
        began = loop.time()
        await self._source.api.patch(
            ENDPOINT_SLICES,
            self._name,
            {"endpoints": [{"addresses": [address], "conditions": {"ready": True}}]},
            namespace=self._namespace,
        )
        await self._arrives(address)
        return loop.time() - began

    async def _arrives(self, address: str) -> None:
        await eventually(
            lambda: self._target.ready_addresses_of(self._namespace, self._name),
            lambda seen: seen == {address},
            ARRIVAL_TIMEOUT_SECONDS,
        )


async def times(probes: Sequence[Probe], until: Callable[[int], bool]) -> list[list[float]]:
    """By probe, how long changes took, one after the other, until `until(number of rounds)`."""
    found: list[list[float]] = [[] for _ in probes]
    while not until(len(found[0])):
        for probe, seconds in zip(probes, found, strict=True):
            seconds.append(await probe.seconds())
    return found
