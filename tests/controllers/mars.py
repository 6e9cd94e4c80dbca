"""What some member writes on the broker, and `mars`, a member that no agent runs in."""

from typing import Any

from tests.support.clusterset import Clusterset
from tests.support.objects import Object

HTTP = {"name": "http", "port": 80, "protocol": "TCP"}


def record(name: str = "web", **spec: Any) -> Object:
    return {
        "serviceNamespace": "shop",
        "serviceName": name,
        "exportedAt": "2025-01-01T00:00:00Z",
        "type": "ClusterSetIP",
        "ports": [HTTP],
        "ipFamilies": ["IPv4"],
        **spec,
    }


def slice_(name: str = "web", **spec: Any) -> Object:
    return {
        "serviceNamespace": "shop",
        "serviceName": name,
        "sliceName": f"{name}-x",
        "addressType": "IPv4",
        "ports": [{**HTTP, "port": 8080}],
        "endpoints": [{"addresses": ["10.9.0.1"]}],
        **spec,
    }


async def east_exports(world: Clusterset) -> None:
    """And `mars`, which no agent runs in, is a member as well."""
    await world.admit("mars")
    await world.exported_by("east")
