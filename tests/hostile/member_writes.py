"""What RBAC and the broker's schema let a member write, and what its schema refuses, as tables of cases.

The member is one that somebody took over. It writes each case with its own credential, and goes on writing
it anew. test_member_writes.py has it do so in virtual time, test_member_writes_real.py on real API servers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    Resource,
)
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import AlreadyExists, Conflict, NotFound
from tests.controllers.mars import HTTP, record, slice_
from tests.support.clusterset import EAST
from tests.support.objects import IMPORTS, Object
from tests.support.site import Site

REWRITES_PER_SECOND = 10
WRITES_FOR_EACH, LOOKS_FOR_EACH = 6, 10
"""An importer's writes and reconciles for one time that the member writes its two objects: an import, its
Service, its slices, two statuses, and as much again where something waits for something."""
WRITES_FOR_OTHERS = 60
END_OF_TIME, BEFORE_TIME = "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00.000000Z"
SECOND_BEFORE_THE_END = "9999-12-31T23:59:59Z"
BYTES_OF_A_NOTE = 16_000


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The member `name`, and the namespace whose services it is about."""

    api: Client
    name: str
    namespace: str = "shop"
    uid_of_east: str = "east-uid"

    @property
    def place(self) -> str:
        """Its own namespace on the broker."""
        return f"mcs-member-{self.name}"

    async def put(self, kind: Resource, name: str, spec: Object, **metadata: Any) -> None:
        """Create or replace. Raises `Invalid` for what the broker's schema refuses."""
        name = f"{self.namespace}.{name}"
        body = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": self.place, **metadata},
            "spec": spec | {"serviceNamespace": self.namespace},
        }
        try:
            await self.api.create(kind, body)
        except AlreadyExists:
            with contextlib.suppress(NotFound, Conflict):
                held = await self.api.get(kind, name, self.place)
                body["metadata"] = {**held["metadata"], **metadata}
                await self.api.update(kind, body)

    async def delete(self, kind: Resource, name: str) -> None:
        with contextlib.suppress(NotFound):
            await self.api.delete(kind, f"{self.namespace}.{name}", namespace=self.place)

    async def state(self, **status: Any) -> None:
        """Write the status of its MemberCluster."""
        await self.api.patch(
            MEMBER_CLUSTERS, self.name, {"status": status}, namespace=self.place, subresource="status"
        )

    async def clear(self) -> None:
        """Take back all exports and slices as an agent does, whatever finalizers they have."""
        for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
            for held in (await self.api.list(kind, namespace=self.place)).items:
                held["metadata"].pop("finalizers", None)
                if kind is EXPORTED_SERVICES:
                    held["spec"]["withdrawn"] = True
                # The broker's garbage collector may be quicker.
                with contextlib.suppress(NotFound, Conflict):
                    await self.api.update(kind, held)
                    await self.api.delete(kind, held["metadata"]["name"], namespace=self.place)


Write = Callable[[TakenOver, int], Awaitable[None]]
"""Write once more, for the n-th time."""


def exporting(
    name: str, *, spec: Object | None = None, slice_spec: Object | None = None, **metadata: Any
) -> Write:
    """An export with a slice, one of whose ports says how often it was written."""

    async def write(mars: TakenOver, number: int) -> None:
        ports = [{**HTTP, "port": 1000 + number}]
        await mars.put(EXPORTED_SERVICES, name, record(name, ports=ports) | (spec or {}), **metadata)
        await mars.put(EXPORTED_ENDPOINT_SLICES, f"{name}-x", slice_(name) | (slice_spec or {}), **metadata)

    return write


def stating(**status: Any) -> Write:
    """A status of its MemberCluster, `number` of which counts."""

    async def write(mars: TakenOver, number: int) -> None:
        await mars.state(**status, kubernetesVersion=f"v1.{number}")

    return write


async def says_that_it_is_east(mars: TakenOver, number: int) -> None:
    await stating(clusterUID=mars.uid_of_east)(mars, number)


async def comes_and_goes(mars: TakenOver, number: int) -> None:
    """Deletes and creates the same export, slices first, then last."""
    kinds = [(EXPORTED_SERVICES, "flips"), (EXPORTED_ENDPOINT_SLICES, "flips-x")]
    for kind, name in kinds if number % 4 else reversed(kinds):
        await mars.delete(kind, name)
    if number % 2:
        await exporting("flips")(mars, number)


async def changes_its_kind(mars: TakenOver, number: int) -> None:
    kind = ("ClusterSetIP", "Headless")[number % 2]
    await exporting("web", spec={"exportedAt": SECOND_BEFORE_THE_END, "type": kind})(mars, number)


async def withdraws_and_returns(mars: TakenOver, number: int) -> None:
    await exporting("flips", spec={"withdrawn": bool(number % 2)})(mars, number)


def endpoints(*addresses: str, **fields: Any) -> Object:
    return {"endpoints": [{"addresses": [address], **fields} for address in addresses]}


TOOLS = {
    "app.kubernetes.io/managed-by": "Helm",
    "argocd.argoproj.io/instance": "bank",
    "kubectl.kubernetes.io/last-applied-configuration": "x",
    "multicluster.kubernetes.io/source-cluster": "east",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    "kubernetes.io/service-name": "web",
    "mcs-controller.io/withdraw": "allowed",
}
CASES: dict[str, Write] = {
    "labels and annotations of tools, of Kubernetes and of ours": exporting(
        "tools", spec={"exportedLabels": TOOLS, "exportedAnnotations": TOOLS}, labels=TOOLS, annotations=TOOLS
    ),
    "says that it is east": exporting(
        "lies",
        labels={"multicluster.kubernetes.io/source-cluster": "east", "mcs-controller.io/cluster": "east"},
    ),
    "a slice under the name of east's": exporting("lies", slice_spec={"sliceName": "web-abc"}),
    "addresses of east's pods": exporting("steals", slice_spec=endpoints(*sorted(EAST))),
    "one host two hundred times": exporting(
        "hosts",
        slice_spec=endpoints(*[f"10.9.{number >> 8}.{number & 255}" for number in range(200)], hostname="h"),
    ),
    "addresses that are none": exporting(
        "rubbish", slice_spec=endpoints("10.9.0.1", "999.1.1.1", "10.9.0.1/8")
    ),
    "addresses of two families": exporting("rubbish", slice_spec=endpoints("10.9.0.1", "fd00::1")),
    "the same port under all names": exporting(
        "rubbish", slice_spec={"ports": [{**HTTP, "name": f"p{number}"} for number in range(100)]}
    ),
    "an annotation of 16,000 bytes": exporting("large", annotations={"example.com/x": "x" * BYTES_OF_A_NOTE}),
    "annotations and labels that are rubbish": exporting(
        "rubbish",
        spec={"exportedLabels": {"": "", "a b": "c d"}, "exportedAnnotations": {"\0": "\ud7ff\x00"}},
    ),
    "deep JSON in managedFields": exporting(
        "deep", managedFields=[{"manager": "m", "fieldsV1": {"f:a": {"f:b": {}}}, "operation": "Update"}]
    ),
    "a finalizer that nobody removes": exporting("stays", finalizers=["example.com/never"]),
    "owner references to nothing": exporting(
        "owned", ownerReferences=[{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]
    ),
    "an export of the end of time": exporting("web", spec={"exportedAt": SECOND_BEFORE_THE_END}),
    "slices changed at the end of time": exporting("late", slice_spec={"changedAt": END_OF_TIME}),
    "slices changed before time": exporting("early", slice_spec={"changedAt": BEFORE_TIME}),
    "an export that comes and goes": comes_and_goes,
    "an export that is withdrawn and returns": withdraws_and_returns,
    "a younger export that changes its type": changes_its_kind,
    "a heartbeat at the end of time": stating(heartbeat=END_OF_TIME),
    "a heartbeat before time": stating(heartbeat=BEFORE_TIME),
    "a statement that is a lie": stating(
        heartbeat="2026-01-01T00:00:00.000000Z",
        exported={"at": END_OF_TIME, "services": 0, "endpointSlices": 0, "digest": "0123456789abcdef"},
    ),
    "the UID of another cluster": says_that_it_is_east,
}

REFUSED: dict[str, Write] = {
    "hosts that are no names": exporting(
        "hosts", slice_spec=endpoints("10.9.0.1", hostname="-a.b", zone="\x1b[2J", nodeName="east-node")
    ),
    "ports that are none": exporting(
        "rubbish", slice_spec={"ports": [{"port": 0}, {"port": 70_000, "name": "x" * 70, "protocol": "QUIC"}]}
    ),
    "too many addresses of one endpoint": exporting(
        "rubbish", slice_spec={"endpoints": [{"addresses": [f"10.9.0.{number}" for number in range(1, 20)]}]}
    ),
    "a time that is none": exporting("rubbish", spec={"exportedAt": "tomorrow"}),
    "a version with a newline": stating(version="1\n2"),
    "a digest that is none": stating(
        exported={
            "at": "2026-01-01T00:00:00.000000Z",
            "services": 0,
            "endpointSlices": 0,
            "digest": "\x1b[2J",
        }
    ),
}


@contextlib.asynccontextmanager
async def rewriting(mars: TakenOver, write: Write) -> AsyncIterator[list[int]]:
    """It writes again and again while the block runs, and three times before it; gives each time."""
    done: list[int] = []

    async def go_on(numbers: Iterable[int]) -> None:
        for number in numbers:
            await write(mars, number)
            done.append(number)
            await asyncio.sleep(1 / REWRITES_PER_SECOND)

    await go_on(range(3))
    task = asyncio.create_task(go_on(range(3, 60_000)), name=mars.name)
    try:
        yield done
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def everything_of_others(sites: Iterable[Site], namespace: str = "shop") -> dict[str, Object]:
    """Per cluster, what belongs to `web` of east and `own` of west, with identities."""
    found: dict[str, Object] = {}
    for cluster in sites:
        for name in ("web", "own"):
            imported = await cluster.import_of(namespace, name)
            assert imported is not None
            assert imported["metadata"].get("deletionTimestamp") is None
            source = "east" if name == "web" else "west"
            found[f"{cluster.name} {name}"] = {
                "uid": imported["metadata"]["uid"],
                "ips": imported["spec"].get("ips"),
                "type": imported["spec"]["type"],
                "addresses": sorted(await cluster.addresses_of(namespace, name, source)),
            }
    return found


async def imports_of(cluster: Site, namespace: str = "shop") -> set[str]:
    return {one["metadata"]["name"] for one in await cluster.all_of(IMPORTS, namespace)}


async def exporters_of_the_rest(cluster: Site, namespace: str = "shop") -> set[str]:
    """Who exports the imports beside `web` and `own`: the one that wrote them, and nobody else."""
    found = await cluster.all_of(IMPORTS, namespace)
    return {
        one["cluster"]
        for imported in found
        if imported["metadata"]["name"] not in ("web", "own")
        for one in (imported.get("status") or {}).get("clusters") or ()
    }


def but_for_addresses(found: dict[str, Object]) -> dict[str, Object]:
    """What never changes of `everything_of_others`, whatever endpoints come and go."""
    return {
        place: {name: value for name, value in one.items() if name != "addresses"}
        for place, one in found.items()
    }
