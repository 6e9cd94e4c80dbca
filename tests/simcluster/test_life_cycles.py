"""The server's own controllers: they act a moment later, on the loop's clock, and only on what is theirs."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from mcs_controller.simcluster.cluster import SimCluster
from tests.contract.api import WIDGETS, Api, config_map, widget, widget_crd
from tests.contract.conftest import CRDS

PATH = "/api/v1/namespaces/default/configmaps"


@pytest.mark.looptime
async def test_controllers_take_the_time_that_they_are_given() -> None:
    async with SimCluster("slow", random=Random(1), controller_delay_seconds=5.0) as cluster:
        api = Api(cluster.transport(), cluster.faults.compact)
        await api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
        await api.ok("POST", "/api/v1/namespaces/shop/configmaps", config_map("a"))
        await api.ok("DELETE", "/api/v1/namespaces/shop")
        await asyncio.sleep(4.9)
        assert (await api.send("GET", "/api/v1/namespaces/shop/configmaps/a")).status == 200
        await asyncio.sleep(0.2)
        assert (await api.send("GET", "/api/v1/namespaces/shop")).status == 404


@pytest.mark.looptime
async def test_an_object_loses_the_owner_that_has_gone_and_stays_with_the_other(
    cluster: SimCluster, api: Api
) -> None:
    owners = [await api.ok("POST", PATH, config_map(name)) for name in ("left", "right")]
    body = config_map("dependent")
    body["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap"} | {key: one["metadata"][key] for key in ("name", "uid")}
        for one in owners
    ]
    await api.ok("POST", PATH, body)
    await api.ok("DELETE", f"{PATH}/left")
    await asyncio.sleep(1)
    kept = await api.ok("GET", f"{PATH}/dependent")
    assert [one["name"] for one in kept["metadata"]["ownerReferences"]] == ["right"]
    await api.ok("DELETE", f"{PATH}/right")
    await asyncio.sleep(1)
    assert (await api.send("GET", f"{PATH}/dependent")).status == 404


@pytest.mark.looptime
async def test_deletion_goes_down_a_chain_of_owners(api: Api) -> None:
    owner = await api.ok("POST", PATH, config_map("link-0"))
    for number in range(1, 5):
        body = config_map(f"link-{number}")
        reference = {"apiVersion": "v1", "kind": "ConfigMap"}
        reference |= {key: owner["metadata"][key] for key in ("name", "uid")}
        body["metadata"]["ownerReferences"] = [reference]
        owner = await api.ok("POST", PATH, body)
    await api.ok("DELETE", f"{PATH}/link-0", {"propagationPolicy": "Foreground"})
    await asyncio.sleep(1)
    assert (await api.ok("GET", PATH))["items"] == []


@pytest.mark.looptime
async def test_a_definition_waits_for_the_finalizers_of_its_objects(api: Api) -> None:
    crd = await api.ok("POST", CRDS, widget_crd())
    path = f"{CRDS}/{crd['metadata']['name']}"
    held = widget("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    collection = f"{WIDGETS}/namespaces/default/widgets"
    held = await api.ok("POST", collection, held)
    await api.ok("DELETE", path)
    await asyncio.sleep(1)
    conditions = {one["type"] for one in (await api.ok("GET", path))["status"]["conditions"]}
    assert "Terminating" in conditions
    held = await api.ok("GET", f"{collection}/held")
    del held["metadata"]["finalizers"]
    await api.ok("PUT", f"{collection}/held", held)
    await asyncio.sleep(1)
    assert (await api.send("GET", path)).status == 404
    assert (await api.send("GET", collection)).status == 404


async def test_the_same_seed_gives_the_same_identities() -> None:
    shown = []
    for _ in range(2):
        async with SimCluster("seeded", random=Random(7)) as cluster:
            api = Api(cluster.transport(), cluster.faults.compact)
            made = await api.ok("POST", PATH, {"metadata": {"generateName": "made-"}})
            shown.append((made["metadata"]["name"], made["metadata"]["uid"]))
    assert shown[0] == shown[1]


@pytest.mark.looptime
async def test_a_closed_cluster_does_nothing_any_more(api: Api, cluster: SimCluster) -> None:
    await api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    await api.ok("DELETE", "/api/v1/namespaces/shop")
    cluster.close()
    await asyncio.sleep(10)
    assert (await api.ok("GET", "/api/v1/namespaces/shop"))["status"]["phase"] == "Terminating"


@pytest.mark.looptime
async def test_after_a_restore_the_controllers_know_what_is_there_now(cluster: SimCluster, api: Api) -> None:
    services = "/api/v1/namespaces/default/services"
    service = {"metadata": {"name": "web"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
    made = await api.ok("POST", services, service)
    owner = await api.ok("POST", PATH, config_map("owner"))
    await api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    backup = cluster.snapshot()
    for path in (f"{services}/web", f"{PATH}/owner", "/api/v1/namespaces/shop"):
        await api.ok("DELETE", path)
    await asyncio.sleep(1)
    cluster.restore(backup)

    body = config_map("dependent")
    reference = {"apiVersion": "v1", "kind": "ConfigMap"} | {
        key: owner["metadata"][key] for key in ("name", "uid")
    }
    body["metadata"]["ownerReferences"] = [reference]
    await api.ok("POST", PATH, body)
    another = service | {"metadata": {"name": "other"}}
    other = await api.ok("POST", services, another)
    await asyncio.sleep(1)

    await api.ok("GET", f"{PATH}/dependent")
    await api.ok("POST", "/api/v1/namespaces/shop/configmaps", config_map("a"))
    assert other["spec"]["clusterIP"] != made["spec"]["clusterIP"]
    taken = {"clusterIP": made["spec"]["clusterIP"], "ports": [{"port": 80}]}
    refused = await api.send("POST", services, {"metadata": {"name": "third"}, "spec": taken})
    assert refused.status == 422
