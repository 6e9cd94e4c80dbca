"""What RBAC and the broker's schema let a member write: whatever it is, the services of others go on.

`mars` is a member without an agent, whose credential somebody took over. It writes each case, and goes on
writing it anew while east's endpoints change. Every change must reach west within a bounded (virtual) time,
and what belongs to others must be the same afterwards: the very objects, addresses, types and clusterset
IPs. Floods by number, size and rate have tests of their own (docs/security.md names them).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import pytest

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    Resource,
)
from mcs_controller.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from tests.controllers.mars import HTTP, record, slice_
from tests.support.clusterset import EAST, Clusterset
from tests.support.objects import IMPORTS, Object

pytestmark = pytest.mark.looptime

PLACE = "mcs-member-mars"
REWRITES_PER_SECOND = 10
ARRIVES_WITHIN_SECONDS = 5.0
"""Of virtual time, in which requests take none: what is waited for here are quiet times and turns."""
WRITES_FOR_EACH, LOOKS_FOR_EACH = 6, 10
"""West's writes and reconciles for one time that mars writes its two objects: an import, its Service, its
slices, two statuses, and as much again where something waits for something."""
WRITES_FOR_OTHERS = 60
END_OF_TIME, BEFORE_TIME = "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"
BYTES_OF_A_NOTE = 16_000

Write = Callable[[Clusterset, int], Awaitable[None]]
"""Write once more, for the n-th time."""


async def put(world: Clusterset, kind: Resource, name: str, spec: Object, **metadata: Any) -> None:
    """Create or replace, as a member could. Raises `Invalid` for what the broker's schema refuses."""
    body = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": PLACE, **metadata},
        "spec": spec,
    }
    try:
        await world.broker_api.create(kind, body)
    except AlreadyExists:
        with contextlib.suppress(NotFound, Conflict):
            held = await world.broker_api.get(kind, name, PLACE)
            body["metadata"] = {**held["metadata"], **metadata}
            await world.broker_api.update(kind, body)


def exporting(
    name: str, *, spec: Object | None = None, slice_spec: Object | None = None, **metadata: Any
) -> Write:
    """An export with a slice, one of whose ports says how often it was written."""

    async def write(world: Clusterset, number: int) -> None:
        ports = [{**HTTP, "port": 1000 + number}]
        await put(
            world, EXPORTED_SERVICES, f"shop.{name}", record(name, ports=ports) | (spec or {}), **metadata
        )
        await put(
            world, EXPORTED_ENDPOINT_SLICES, f"shop.{name}-x", slice_(name) | (slice_spec or {}), **metadata
        )

    return write


def stating(**status: Any) -> Write:
    """A status of its MemberCluster, `number` of which counts."""

    async def write(world: Clusterset, number: int) -> None:
        body = {"status": {**status, "kubernetesVersion": f"v1.{number}"}}
        await world.broker_api.patch(MEMBER_CLUSTERS, "mars", body, namespace=PLACE, subresource="status")

    return write


async def comes_and_goes(world: Clusterset, number: int) -> None:
    """Deletes and creates the same export, slices first, then last."""
    kinds = [(EXPORTED_SERVICES, "shop.flips"), (EXPORTED_ENDPOINT_SLICES, "shop.flips-x")]
    for kind, name in kinds if number % 4 else reversed(kinds):
        with contextlib.suppress(NotFound):
            await world.broker_api.delete(kind, name, namespace=PLACE)
    if number % 2:
        await exporting("flips")(world, number)


async def changes_its_kind(world: Clusterset, number: int) -> None:
    kind = ("ClusterSetIP", "Headless")[number % 2]
    await exporting("web", spec={"exportedAt": END_OF_TIME, "type": kind})(world, number)


async def withdraws_and_returns(world: Clusterset, number: int) -> None:
    await exporting("flips", spec={"withdrawn": bool(number % 2)})(world, number)


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
    "an export of the end of time": exporting("web", spec={"exportedAt": END_OF_TIME}),
    "slices changed at the end of time": exporting(
        "late", slice_spec={"changedAt": "9999-12-31T23:59:59.999999Z"}
    ),
    "slices changed before time": exporting("early", slice_spec={"changedAt": "0001-01-01T00:00:00.000000Z"}),
    "an export that comes and goes": comes_and_goes,
    "an export that is withdrawn and returns": withdraws_and_returns,
    "a younger export that changes its type": changes_its_kind,
    "a heartbeat at the end of time": stating(heartbeat="9999-12-31T23:59:59.999999Z"),
    "a heartbeat before time": stating(heartbeat="0001-01-01T00:00:00.000000Z"),
    "a statement that is a lie": stating(
        heartbeat="2026-01-01T00:00:00.000000Z",
        exported={
            "at": "9999-12-31T23:59:59.999999Z",
            "services": 0,
            "endpointSlices": 0,
            "digest": "0123456789abcdef",
        },
    ),
    "the UID of another cluster": stating(clusterUID="east-uid"),
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


async def everything_of_others(world: Clusterset) -> dict[str, Object]:
    """Per cluster, what belongs to shop/web of east and shop/own of west, with identities."""
    found: dict[str, Object] = {}
    for cluster in world:
        for name in ("web", "own"):
            imported = await cluster.import_of("shop", name)
            assert imported is not None
            assert imported["metadata"].get("deletionTimestamp") is None
            source = "east" if name == "web" else "west"
            found[f"{cluster.name} {name}"] = {
                "uid": imported["metadata"]["uid"],
                "ips": imported["spec"]["ips"],
                "type": imported["spec"]["type"],
                "addresses": sorted(await cluster.addresses_of("shop", name, source)),
            }
    return found


@pytest.mark.requirement("MCS-RBAC-06", "MCS-IMP-17")
@pytest.mark.parametrize("case", CASES)
async def test_whatever_a_member_writes_the_services_of_others_go_on(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Clusterset("east", "west", dead_member_policy="keep") as world:
        east, west = world["east"], world["west"]
        await world.admit("mars")
        await world.exported_by("east")
        await west.deploy("shop", "own")
        await world.imported("shop", "own", set(west.addresses()))
        await world.settle()
        before = await everything_of_others(world)

        written = len(west.agent.wire.writes)
        looks = west.agent.reconciles("imports")
        async with rewriting(world, CASES[case]) as rewrites:
            for number in range(1, 9):
                await asyncio.sleep(0.25)
                address = f"10.1.7.{number}"
                await east.endpoints("shop", "web", address)

                async def arrived(address: str = address) -> bool:
                    return await west.addresses_of("shop", "web", "east") == {address}

                await world.until(arrived, within_seconds=ARRIVES_WITHIN_SECONDS)
                during = await everything_of_others(world)
                assert [without(one, "addresses") for one in during.values()] == [
                    without(one, "addresses") for one in before.values()
                ]

        await east.endpoints("shop", "web", *east.addresses())
        await world.settle()
        assert await everything_of_others(world) == before
        for cluster in world:
            assert not cluster.agent.task.done(), "the agent goes on"
            assert not cluster.agent.agent.problems(), "and is ready"
            own = {one["metadata"]["name"] for one in await cluster.all_of(IMPORTS, "shop")}
            assert own >= {"web", "own"}
        assert len(rewrites) > 15
        assert not [one for one in caplog.messages if one.endswith("a bug")]
        # Both grow with what mars writes, and no faster.
        assert len(west.agent.wire.writes) - written < WRITES_FOR_EACH * len(rewrites) + WRITES_FOR_OTHERS
        assert west.agent.reconciles("imports") - looks < LOOKS_FOR_EACH * len(rewrites) + WRITES_FOR_OTHERS


@pytest.mark.requirement("MCS-RBAC-06", "MCS-IMP-17")
@pytest.mark.parametrize("changed_at", ["9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00.000000Z"])
async def test_a_slice_changed_at_no_possible_time_stops_no_slice_of_others(changed_at: str) -> None:
    """Mars comes before west when the slices of one service are written."""
    async with Clusterset("east", "west", dead_member_policy="keep") as world:
        await world.admit("mars")
        await world.exported_by("west")
        await exporting("web", slice_spec={"changedAt": changed_at})(world, 1)
        await world.settle()
        await world["west"].endpoints("shop", "web", "10.2.7.1")

        async def arrived() -> bool:
            return await world["east"].addresses_of("shop", "web", "west") == {"10.2.7.1"}

        await world.until(arrived, within_seconds=ARRIVES_WITHIN_SECONDS)


def without(body: Object, *names: str) -> Object:
    return {name: value for name, value in body.items() if name not in names}


@contextlib.asynccontextmanager
async def rewriting(world: Clusterset, write: Write) -> AsyncIterator[list[int]]:
    """Mars writes again and again while the block runs, and three times before it; gives each time."""
    done: list[int] = []

    async def go_on(numbers: Iterable[int]) -> None:
        for number in numbers:
            await write(world, number)
            done.append(number)
            await asyncio.sleep(1 / REWRITES_PER_SECOND)

    await go_on(range(3))
    task = asyncio.create_task(go_on(range(3, 60_000)), name="mars")
    try:
        yield done
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("case", REFUSED)
async def test_what_no_member_needs_to_write_the_brokers_schema_refuses(case: str) -> None:
    async with Clusterset("east", start=False) as world:
        await world.admit("mars")
        with pytest.raises(Invalid):
            await REFUSED[case](world, 1)
