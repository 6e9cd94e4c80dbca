"""The product's own client cannot tell a simulated cluster from a real one."""

from __future__ import annotations

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES
from mcs_controller.kube.errors import AlreadyExists, Conflict, Gone, Invalid, NotFound
from mcs_controller.simcluster.cluster import SimCluster
from tests.contract.api import service


async def test_objects_are_written_read_and_deleted(cluster: SimCluster) -> None:
    client = cluster.client()
    made = await client.create(SERVICES, service("web"), namespace="default")
    with pytest.raises(AlreadyExists):
        await client.create(SERVICES, service("web"), namespace="default")
    made["metadata"]["labels"] = {"k": "v"}
    changed = await client.update(SERVICES, made)
    with pytest.raises(Conflict):
        await client.update(SERVICES, made)
    found = await client.list(SERVICES, label_selector="k=v", page_size=1)
    assert [one["metadata"] for one in found.items] == [changed["metadata"]]
    with pytest.raises(Conflict):
        await client.delete(SERVICES, "web", namespace="default", uid="00000000-0000-4000-8000-000000000000")
    await client.delete(SERVICES, "web", namespace="default", uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await client.get(SERVICES, "web", "default")
    await client.close()


async def test_a_list_of_many_pages_is_whole(cluster: SimCluster) -> None:
    client = cluster.client()
    for number in range(7):
        await client.create(SERVICES, service(f"web-{number}"), namespace="default")
    found = await client.list(SERVICES, namespace="default", page_size=3)
    assert len(found.items) == 8
    await client.close()


async def test_a_watch_shows_what_happens_and_a_forgotten_version_is_gone(cluster: SimCluster) -> None:
    client = cluster.client()
    found = await client.list(SERVICES)
    async with await client.watch(SERVICES, resource_version=found.resource_version) as events:
        made = await client.create(SERVICES, service("web"), namespace="default")
        event = await anext(events)
        assert (event.type, event.object) == ("ADDED", made)
    cluster.faults.compact()
    async with await client.watch(SERVICES, resource_version=found.resource_version) as events:
        with pytest.raises(Gone):
            await anext(events)
    await client.close()


async def test_a_refusal_carries_its_causes(cluster: SimCluster) -> None:
    client = cluster.client()
    body = {"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": [{"addresses": []}]}
    with pytest.raises(Invalid) as refused:
        await client.create(ENDPOINT_SLICES, body, namespace="default")
    assert [field for field, _, _ in refused.value.causes] == ["endpoints[0].addresses"]
    await client.close()
