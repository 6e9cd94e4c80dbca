"""What a Lease says of who leads, since when and for the how many-th time, as kubectl shows it."""

import asyncio
from typing import Any

import pytest

from tests.kube.leases import LeaseServer, Replica

pytestmark = pytest.mark.looptime


def at(seconds: int) -> str:
    """The moment, to the second."""
    return f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}"


def said(server: LeaseServer) -> dict[str, Any]:
    """The spec, its times to the second."""
    return {key: value.split(".")[0] if key.endswith("Time") else value for key, value in server.spec.items()}


async def test_a_new_lease_says_all_and_a_renewal_changes_its_time_only() -> None:
    server = LeaseServer()
    async with Replica(server, "a").running():
        await asyncio.sleep(1)
        spec = {
            "holderIdentity": "a",
            "leaseDurationSeconds": 15,
            "acquireTime": at(0),
            "renewTime": at(0),
            "leaseTransitions": 0,
        }
        assert said(server) == spec
        assert server.lease is not None
        assert server.lease == {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "agent", "namespace": "mcs", "resourceVersion": "1"},
            "spec": server.spec,
        }
        await asyncio.sleep(10)
        assert said(server) == {**spec, "renewTime": said(server)["renewTime"]}
        assert at(8) <= said(server)["renewTime"] <= at(11)
    assert said(server) == {
        **spec,
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "renewTime": at(11),
    }


async def test_who_takes_a_lease_over_is_one_more_and_leads_since_then() -> None:
    server = LeaseServer()
    async with Replica(server, "a").running():
        await asyncio.sleep(30)
    server.spec["strategy"] = "kept as it is"
    async with Replica(server, "b", lease_seconds=20.0).running():
        await asyncio.sleep(0.5)
        assert said(server) == {
            "holderIdentity": "b",
            "leaseDurationSeconds": 20,
            "acquireTime": at(30),
            "renewTime": at(30),
            "leaseTransitions": 1,
            "strategy": "kept as it is",
        }


async def test_who_finds_its_own_lease_goes_on_with_it_as_no_change_of_leader() -> None:
    """As after a restart under the same name."""
    server = LeaseServer()
    first = Replica(server, "a")
    async with first.running():
        await asyncio.sleep(5)
        server.cut.add("a")
    server.cut.clear()
    await asyncio.sleep(1)
    async with Replica(server, "a").running():
        await asyncio.sleep(0.5)
        assert said(server)["acquireTime"] == at(0)
        assert said(server)["renewTime"] == at(6)
        assert said(server)["leaseTransitions"] == 0


@pytest.mark.parametrize("spec", [{}, None, {"holderIdentity": None, "leaseTransitions": "x"}])
async def test_a_lease_that_says_nothing_useful_is_taken(spec: Any) -> None:
    server = LeaseServer()
    server.version = 3
    server.lease = {"metadata": {"name": "agent", "namespace": "mcs", "resourceVersion": "3"}, "spec": spec}
    async with Replica(server, "b").running():
        await asyncio.sleep(0.5)
        assert said(server) == {
            "holderIdentity": "b",
            "leaseDurationSeconds": 15,
            "acquireTime": at(0),
            "renewTime": at(0),
            "leaseTransitions": 1,
        }


@pytest.mark.parametrize(("said_seconds", "taken_after_seconds"), [(40, 40), (5, 5), ("x", 15), (None, 15)])
async def test_a_lease_that_nobody_renews_is_taken_after_the_time_that_it_says_itself(
    said_seconds: Any, taken_after_seconds: float
) -> None:
    server = LeaseServer()
    server.version = 3
    server.lease = {
        "metadata": {"name": "agent", "namespace": "mcs", "resourceVersion": "3"},
        "spec": {"holderIdentity": "gone", "leaseDurationSeconds": said_seconds},
    }
    replica = Replica(server, "b")
    async with replica.running():
        await asyncio.sleep(taken_after_seconds - 0.1)
        assert replica.elector.holder == "gone"
        assert not replica.leads()
        assert replica.elector.problem is None
        await asyncio.sleep(2.7)
        assert replica.leads()
        assert replica.elector.holder == "b"
