"""kube/ as a whole against simcluster and against a real kube-apiserver: the same, line by line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from mcs_controller.api.resources import LEASES, NAMESPACES, SERVICES, Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.kube.discovery import served_versions
from mcs_controller.kube.errors import AlreadyExists, ApiError, Conflict, Gone, Invalid, NotFound
from mcs_controller.kube.leader import LeaderElector
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Store
from mcs_controller.simcluster.cluster import SimCluster
from tests.realkube.controlplane import ControlPlane
from tests.worlds import ON_CLUSTERSET

DEADLINE_SECONDS = 30


@pytest.fixture(params=["simcluster", pytest.param("realkube", marks=[pytest.mark.realkube, ON_CLUSTERSET])])
def plane(request: pytest.FixtureRequest) -> ControlPlane | None:
    """The real server to run against; None for the simulated one."""
    if request.param == "simcluster":
        return None
    found: ControlPlane = request.getfixturevalue("real_cluster")
    return found


@pytest.fixture
async def client(plane: ControlPlane | None) -> AsyncIterator[Client]:
    if plane is not None:
        real = Client(load_kubeconfig(plane.kubeconfig()), name="real")
        yield real
        await real.close()
        return
    async with SimCluster("sim", service_cidrs=("10.96.0.0/16",), random=Random(1)) as cluster:
        simulated = Client(cluster.transport(), name="sim")
        yield simulated
        await simulated.close()


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    made = await client.create(NAMESPACES, {"metadata": {"generateName": "kube-"}})
    name = str(made["metadata"]["name"])
    yield name
    await client.delete(NAMESPACES, name)


def service(name: str, namespace: str, port: int = 80) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"ports": [{"name": "http", "port": port}]},
    }


def port_of(body: dict[str, Any]) -> int:
    port: int = body["spec"]["ports"][0]["port"]
    return port


async def until_holds(store: Store[int], wanted: dict[str, int]) -> None:
    """Wait until the store holds these ports by name."""
    reached = asyncio.Event()

    def check(*_: Any) -> None:
        if contents(store) == wanted:
            reached.set()

    store.subscribe(check)
    check()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await reached.wait()


async def read_to_the_end(client: Client, namespace: str, version: str) -> list[str]:
    async with await client.watch(
        SERVICES, namespace=namespace, resource_version=version, timeout_seconds=1
    ) as events:
        return [event.type async for event in events]


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def contents(store: Store[int]) -> dict[str, int]:
    return {entry.name: entry.value for entry in store}


async def test_a_store_follows_what_is_created_changed_and_deleted(client: Client, namespace: str) -> None:
    for name in ("a", "b", "c"):
        await client.create(SERVICES, service(name, namespace))
    store: Store[int] = Store()
    reflector = Reflector(
        client, SERVICES, store, port_of, name="services", namespace=namespace, random=Random(1), page_size=2
    )
    async with running(reflector.run()):
        async with asyncio.timeout(DEADLINE_SECONDS):
            await reflector.wait_synced()
        assert contents(store) == {"a": 80, "b": 80, "c": 80}
        body = await client.get(SERVICES, "a", namespace)
        body["spec"]["ports"][0]["port"] = 81
        await client.update(SERVICES, body)
        await client.delete(SERVICES, "b", namespace=namespace)
        await client.create(SERVICES, service("d", namespace))
        await until_holds(store, {"a": 81, "c": 80, "d": 80})
        assert reflector.lists == 1


async def test_a_fetch_reads_one_object_by_its_name(client: Client, namespace: str) -> None:
    for name in ("a", "b"):
        await client.create(SERVICES, service(name, namespace))
    store: Store[int] = Store()
    reflector = Reflector(client, SERVICES, store, port_of, name="services", random=Random(1))
    await reflector.fetch(name="b", namespace=namespace)
    assert contents(store) == {"b": 80}


async def test_a_watch_from_a_version_that_makes_no_sense_is_refused(client: Client, namespace: str) -> None:
    with pytest.raises(ApiError):
        await read_to_the_end(client, namespace, "junk")


async def test_a_watch_ends_when_its_time_is_over(client: Client, namespace: str) -> None:
    version = (await client.list(SERVICES, namespace=namespace)).resource_version
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert set(await read_to_the_end(client, namespace, version)) <= {"BOOKMARK"}


async def test_a_list_in_pages_is_the_whole_list(client: Client, namespace: str) -> None:
    for name in "abcde":
        await client.create(SERVICES, service(name, namespace))
    paged = await client.list(SERVICES, namespace=namespace, page_size=2)
    assert [item["metadata"]["name"] for item in paged.items] == list("abcde")
    one = await client.list(SERVICES, namespace=namespace, label_selector="app=c")
    assert [item["metadata"]["name"] for item in one.items] == ["c"]


async def test_a_list_whose_pages_are_too_large_goes_on_from_its_token_with_smaller_ones(
    client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        body = service(f"s{number:02}", namespace)
        body["metadata"]["annotations"] = {"text": "x" * (3000 if number >= 6 else 10)}
        await client.create(SERVICES, body)
    monkeypatch.setattr("mcs_controller.kube.client.ANSWER_MAX_BYTES", 10_000)
    results: list[str] = []
    client.contact.observer = lambda verb, kind, result, seconds: results.append(result)

    found = await client.list(SERVICES, namespace=namespace, page_size=6)

    assert [one["metadata"]["name"] for one in found.items] == [f"s{number:02}" for number in range(12)]
    assert results[0] == "200"
    assert "too_large" in results


async def test_a_continue_token_that_makes_no_sense_is_refused(client: Client, namespace: str) -> None:
    with pytest.raises(ApiError):
        await client.get_raw(SERVICES.path(namespace), (("limit", "1"), ("continue", "junk")))


async def test_refusals_arrive_as_the_errors_of_our_tree(client: Client, namespace: str) -> None:
    made = await client.create(SERVICES, service("a", namespace))
    with pytest.raises(AlreadyExists):
        await client.create(SERVICES, service("a", namespace))
    with pytest.raises(Conflict) as conflict:
        await client.update(
            SERVICES, {**made, "metadata": {**made["metadata"], "resourceVersion": "1", "labels": {"x": "y"}}}
        )
    assert not isinstance(conflict.value, AlreadyExists)
    with pytest.raises(Conflict):
        await client.delete(SERVICES, "a", namespace=namespace, uid="another")
    with pytest.raises(NotFound):
        await client.get(SERVICES, "missing", namespace)
    with pytest.raises(Invalid):
        await client.create(SERVICES, service("b", namespace, port=70000))
    with pytest.raises(NotFound):
        await client.list(Resource("nowhere.example.com", "v1", "things", "Thing"))
    assert await served_versions(client, "nowhere.example.com") == ()
    assert await served_versions(client, "discovery.k8s.io") == ("v1",)


async def test_of_two_candidates_one_leads_and_the_other_after_it(client: Client, namespace: str) -> None:
    led: asyncio.Queue[str] = asyncio.Queue()

    def candidate(name: str) -> Coroutine[Any, Any, None]:
        elector = LeaderElector(
            client,
            namespace,
            "agent",
            name,
            clock=SystemClock(),
            random=Random(name),
            lease_seconds=3,
            renew_deadline_seconds=2,
            retry_seconds=0.1,
        )

        async def lead() -> None:
            led.put_nowait(name)
            await asyncio.Event().wait()

        return elector.run(lead)

    async with asyncio.timeout(DEADLINE_SECONDS), running(candidate("a")):
        assert await led.get() == "a"
        second = running(candidate("b"))
        await second.__aenter__()
        # The first renews its lease a few times while the second waits.
        await asyncio.sleep(0.5)
        assert led.empty()
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await led.get() == "b"
    lease = await client.get(LEASES, "agent", namespace)
    assert lease["spec"]["holderIdentity"] == "b"
    assert lease["spec"]["leaseTransitions"] == 1
    await second.__aexit__(None, None, None)
    lease = await client.get(LEASES, "agent", namespace)
    assert not lease["spec"].get("holderIdentity")


async def test_a_compacted_version_is_gone_and_a_reflector_lists_again() -> None:
    async with SimCluster("sim", service_cidrs=("10.96.0.0/16",), random=Random(1)) as cluster:
        client = Client(cluster.transport(), name="sim")
        await client.create(NAMESPACES, {"metadata": {"name": "shop"}})
        version = (await client.list(SERVICES)).resource_version
        for name in "ab":
            await client.create(SERVICES, service(name, "shop"))
        cluster.faults.compact()
        with pytest.raises(Gone):
            await read_to_the_end(client, "shop", version)
        store: Store[int] = Store()
        reflector = Reflector(
            client, SERVICES, store, port_of, name="services", namespace="shop", random=Random(1)
        )
        async with running(reflector.run()):
            await until_holds(store, {"a": 80, "b": 80})
        await client.close()
