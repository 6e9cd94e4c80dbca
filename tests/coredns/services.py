"""Services of every kind that the DNS specification tells apart, exported from two real control planes.

web    ClusterSetIP, dual-stack, east and west; a TCP and a UDP port
plain  ClusterSetIP, IPv4 only, one port without a name
db     headless, dual-stack: east's pods have host names, west's have none, and one is not ready
v4     headless, IPv4 only
away   headless, with no ready pod
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tests.realkube.controlplane import ControlPlane
from tests.realkube.workloads import ready_pod, service, set_pod_ready
from tests.support.objects import export_body
from tests.support.waiting import eventually

MCS = "/apis/multicluster.x-k8s.io/v1beta1/namespaces"
DUAL = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"]}
HEADLESS = {"clusterIP": "None"}
EVERYWHERE = ("web", "db")
ONLY_EAST = ("plain", "v4", "away")
READY_ADDRESSES = {"web": 4, "plain": 1, "db": 5, "v4": 1, "away": 0}
"""In the imported slices of each, over all families."""


async def offer_services(east: ControlPlane, west: ControlPlane, namespace: str) -> None:
    """Create and export them all, and wait until east has imported everything."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_offer_east(east, namespace))
        group.create_task(_offer_west(west, namespace))

    async def imported() -> dict[str, int]:
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        slices = (await east.call("GET", path))["items"]
        names = {one["metadata"]["name"] for one in (await east.call("GET", _imports(namespace)))["items"]}
        return {name: _ready_addresses(slices, name) for name in sorted(names)}

    await eventually(imported, lambda found: found == READY_ADDRESSES)


async def withdraw_services(east: ControlPlane, west: ControlPlane, namespace: str) -> None:
    """Nothing of them is left on the broker, or in the clusters, afterwards."""
    for name in (*EVERYWHERE, *ONLY_EAST):
        for plane in (east, west):
            await plane.request("DELETE", f"{MCS}/{namespace}/serviceexports/{name}")

    async def imports() -> list[Any]:
        found = [await plane.call("GET", _imports(namespace)) for plane in (east, west)]
        return [one["metadata"]["name"] for listed in found for one in listed["items"]]

    await eventually(imports, lambda names: not names)


async def _offer_east(east: ControlPlane, namespace: str) -> None:
    await _offer(east, namespace, "web", {"ports": _web_ports(), **DUAL})
    await _pod(east, namespace, "web", 1)
    await _offer(east, namespace, "plain", {"ports": [{"port": 9000}]})
    await _pod(east, namespace, "plain", 2, families=1)
    db = {"ports": [_port("pg", 5432), _port("metrics", 9187)], **HEADLESS, **DUAL}
    await _offer(east, namespace, "db", db)
    for number in (3, 4):
        await _pod(east, namespace, "db", number, hostname=f"db-{number}")
    await set_pod_ready(east, namespace, "db-4", False)
    await _offer(east, namespace, "v4", {"ports": [_port("http", 8080)], **HEADLESS})
    await _pod(east, namespace, "v4", 5, families=1)
    await _offer(east, namespace, "away", {"ports": [_port("http", 8080)], **HEADLESS})
    await _pod(east, namespace, "away", 6, families=1)
    await set_pod_ready(east, namespace, "away-6", False)


async def _offer_west(west: ControlPlane, namespace: str) -> None:
    await _offer(west, namespace, "web", {"ports": _web_ports(), **DUAL})
    await _pod(west, namespace, "web", 11)
    await _offer(west, namespace, "db", {"ports": [_port("pg", 5432)], **HEADLESS, **DUAL})
    await _pod(west, namespace, "db", 12)
    await _pod(west, namespace, "db", 13, families=1)


async def _offer(plane: ControlPlane, namespace: str, name: str, spec: dict[str, Any]) -> None:
    await service(plane, namespace, name, {"selector": {"app": name}, **spec})
    await plane.call("POST", f"{MCS}/{namespace}/serviceexports", export_body(name))


async def _pod(
    plane: ControlPlane, namespace: str, app: str, number: int, *, hostname: str = "", families: int = 2
) -> None:
    ips = [f"10.7.0.{number}", f"fd07::{number:x}"][:families]
    await ready_pod(
        plane,
        namespace,
        f"{app}-{number}",
        ips=ips,
        labels={"app": app},
        hostname=hostname or None,
        subdomain=app if hostname else None,
    )


def _web_ports() -> list[dict[str, Any]]:
    return [_port("http", 80), {"name": "talk", "port": 53, "protocol": "UDP"}]


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "port": number}


def _imports(namespace: str) -> str:
    return f"{MCS}/{namespace}/serviceimports"


def _ready_addresses(slices: Sequence[dict[str, Any]], name: str) -> int:
    label = "multicluster.kubernetes.io/service-name"
    return sum(
        endpoint["conditions"]["ready"]
        for one in slices
        if one["metadata"]["labels"].get(label) == name
        for endpoint in one["endpoints"] or ()
    )
