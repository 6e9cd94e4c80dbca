"""What a tenant of a real API server can write, and what it costs those who read the list."""

import asyncio
from random import Random
from typing import Any

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES, Resource
from mcs_controller.clusterset.services import decode
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.decoding.field_parser import WHOLE, FieldParser
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Store
from tests.realkube.controlplane import ControlPlane

pytestmark = pytest.mark.realkube

DEADLINE_SECONDS = 60


def hostile_patch(resource: Resource, levels: int) -> bytes:
    fields = b'{"f:a":' * levels + b"{}" + b"}" * levels
    version = resource.api_version.encode()
    return (
        b'{"metadata":{"managedFields":[{"manager":"tenant","operation":"Update","apiVersion":"%b",'
        b'"time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":%b}]}}' % (version, fields)
    )


def depth_of_tenants_fields(read: dict[str, Any]) -> int | None:
    """Where the object came with its managedFields; None where they were too deep for our parsers."""
    managed = read["metadata"]["managedFields"]
    if managed is None:
        return None
    (fields,) = (one["fieldsV1"] for one in managed if one["manager"] == "tenant")
    depth = 0
    while fields:
        fields, depth = fields["f:a"], depth + 1
    return depth


def slice_body(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}],
        "ports": [],
    }


def service_body(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}]},
    }


@pytest.mark.parametrize("levels", [300, 3000])
@pytest.mark.parametrize(
    ("resource", "body", "parse"),
    [(SERVICES, service_body, WHOLE), (ENDPOINT_SLICES, slice_body, FieldParser(decode.SliceFields))],
    ids=["Service", "EndpointSlice"],
)
async def test_an_object_that_a_tenant_nests_deeply_keeps_nobody_from_reading_it_or_the_others(
    real_cluster: ControlPlane, real_namespace: str, resource: Resource, body: Any, parse: Any, levels: int
) -> None:
    client = Client(load_kubeconfig(real_cluster.kubeconfig()), name="real")
    store: Store[str] = Store()
    changed = asyncio.Event()
    store.subscribe(lambda *_: changed.set())
    reflector = Reflector(
        client, resource, store, lambda found: str(found["metadata"]["name"]),
        name="hostile", random=Random(1), namespace=real_namespace, parse=parse,
    )  # fmt: skip

    async def until_held(*names: str) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while {entry.name for entry in store} != set(names):
                changed.clear()
                await changed.wait()

    for name in ("a", "b"):
        await client.create(resource, body(name), namespace=real_namespace)
    patched = await client.patch(resource, "a", hostile_patch(resource, levels), namespace=real_namespace)
    watching = asyncio.create_task(reflector.run())
    try:
        await until_held("a", "b")
        assert store.get(real_namespace, "a").resource_version == patched["metadata"]["resourceVersion"]  # type: ignore[union-attr]
        await client.create(resource, body("c"), namespace=real_namespace)
        patched = await client.patch(resource, "c", hostile_patch(resource, levels), namespace=real_namespace)
        await client.create(resource, body("d"), namespace=real_namespace)
        await until_held("a", "b", "c", "d")
        kept = await client.get(resource, "c", real_namespace)
        assert (reflector.lists, reflector.restarts["undecodable"]) == (1, 0)
        assert depth_of_tenants_fields(kept) in (levels, None), (
            "the server did not keep it: a test of nothing"
        )
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        await client.close()
