"""What a cluster that has a new id takes back; and what may be believed gone after a start."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES
from mcs_controller.controllers.membership.cluster_id import ClusterId
from mcs_controller.controllers.membership.former_ids import FormerIds
from mcs_controller.controllers.runtime.proof import Confirmation, Evidence
from mcs_controller.kube.errors import Forbidden, KubeError, Unreachable
from mcs_controller.simcluster.cluster import SimCluster
from tests.controllers.mars import record
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime


class Members:
    """As much of the membership as former ids need."""

    def __init__(self, *former: str) -> None:
        self.former = frozenset(former)
        self.observed = asyncio.Event()

    def former_ids(self) -> frozenset[str]:
        return self.former

    async def wait_observed(self) -> None:
        await self.observed.wait()

    async def confirm(self) -> None:
        pass


def former_ids(world: Clusterset, members: Any) -> FormerIds:
    return FormerIds(members, world.broker.client("member-west"), interval_seconds=10.0)


async def test_under_a_former_id_all_is_withdrawn_once_the_members_are_known_and_looked_for_again() -> None:
    async with Clusterset("east", "west", start=False) as world:
        members = Members("east")
        former = former_ids(world, members)
        await world.publish("east", EXPORTED_SERVICES, "shop.web", **record("web"))
        await world.publish("west", EXPORTED_SERVICES, "shop.web", **record("web"))
        assert former.left_behind == frozenset()
        running = asyncio.create_task(former.run())
        await asyncio.sleep(30)
        assert len(await world.records()) == 2
        members.observed.set()
        await asyncio.sleep(0.1)
        assert set(await world.records()) == {"ExportedService mcs-member-west/shop.web"}
        assert former.left_behind == frozenset()
        await world.publish("east", EXPORTED_SERVICES, "shop.late", **record("late"))
        await asyncio.sleep(9.8)
        assert len(await world.records()) == 2
        await asyncio.sleep(0.2)
        assert len(await world.records()) == 1
        running.cancel()


async def test_what_may_not_be_withdrawn_is_left_to_the_administrator_who_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Clusterset("east", "west", "south", start=False) as world:
        former = former_ids(world, Members("south", "east"))
        for member in ("east", "south"):
            await world.publish(member, EXPORTED_SERVICES, "shop.web", **record("web"))
        fault = world.broker.faults.fail(403, verbs=("delete",), users=("member-west",))
        for _ in range(3):
            await former.step()
        assert former.left_behind == {"east", "south"}
        said = [one.getMessage() for one in caplog.records]
        assert len(said) == 2
        for member, line in zip(("east", "south"), said, strict=True):
            assert line.startswith(
                f"this cluster was member {member} before: the broker's administrator should delete "
                f"namespace mcs-member-{member}; its exports stay until then: 403 Forbidden"
            )
        fault.lift()
        await former.step()
        assert former.left_behind == frozenset()
        assert await world.records() == {}


async def test_a_broker_that_is_away_is_asked_again_and_that_is_no_reason_to_call_anybody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Clusterset("east", "west", start=False) as world:
        former = former_ids(world, Members("east"))
        fault = world.broker.faults.fail(503, users=("member-west",))
        await former.step()
        assert former.left_behind == {"east"}
        fault.lift()
        await former.step()
        assert former.left_behind == frozenset()
        first, second = (one.getMessage() for one in caplog.records)
        assert first.startswith("cannot withdraw the exports of former member east yet: 503")
        assert second == (
            "this cluster was member east before: the broker's administrator should delete namespace "
            "mcs-member-east; all its exports are withdrawn"
        )


def test_what_was_seen_may_be_believed_gone_and_after_a_second_list_everything() -> None:
    evidence = Evidence()
    before = evidence.confirmed
    assert evidence.proves_gone([])
    evidence.saw(["a", "b"])
    evidence.saw(["c"])
    assert evidence.proves_gone(["a", "c"])
    assert not evidence.proves_gone(["a", "d"])
    evidence.confirm()
    assert (before, evidence.confirmed) == (False, True)
    assert evidence.proves_gone(["d"])


class Longest(Random):
    """Always the longest wait that is allowed."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Steps:
    """What a confirmation reads, in order; `failures` come first."""

    def __init__(self, *failures: KubeError) -> None:
        self.done: list[tuple[str, float]] = []
        self.failures = list(failures)

    def of(self, name: str) -> Any:
        steps = self

        class Part:
            async def wait_synced(self) -> None:
                steps.did(f"{name} synced")

            wait_observed = wait_synced

            async def confirm(self) -> None:
                steps.did(f"{name} read")
                if name == "local" and steps.failures:
                    raise steps.failures.pop(0)

        return Part()

    def did(self, what: str) -> None:
        self.done.append((what, asyncio.get_running_loop().time()))


async def test_absence_is_proven_by_a_second_read_a_while_after_the_first_however_often_it_takes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    steps, evidence = Steps(Unreachable("refused"), Unreachable("refused")), Evidence()

    local, broker, members = (steps.of(name) for name in ("local", "broker", "members"))
    await Confirmation(
        evidence,
        first_read=[local.wait_synced, broker.wait_synced, members.wait_observed],
        read_again=[local.confirm, members.confirm],
        delay_seconds=5.0,
        random=Longest(),
    ).run()
    steps.did(f"looked, {evidence.confirmed}")
    assert steps.done == [
        ("local synced", 0),
        ("broker synced", 0),
        ("members synced", 0),
        ("local read", 5),
        ("local read", 6),
        ("local read", 8),
        ("members read", 8),
        ("looked, True", 8),
    ]
    assert [one.getMessage() for one in caplog.records] == [
        "cannot confirm what is gone; retrying: refused"
    ] * 2


async def test_why_the_id_is_not_known_yet_is_told_and_logged_once_for_each_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sim = SimCluster("east")
    reader = ClusterId(sim.client(), random=Random(1))
    assert reader.problem == "not read yet"
    fault = sim.faults.fail(503)
    finding = asyncio.create_task(reader.find("east"))
    await asyncio.sleep(60)
    what = "cannot read ClusterProperty cluster.clusterset.k8s.io: 503"
    assert (reader.problem or "").startswith(what)
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage() == f"{reader.problem}; retrying"
    fault.lift()
    assert await asyncio.wait_for(finding, 15) == "east"


async def test_one_look_at_the_id_says_why_it_is_not_known(caplog: pytest.LogCaptureFixture) -> None:
    sim = SimCluster("east")
    fault = sim.faults.fail(403)
    reader = ClusterId(sim.client(), random=Random(1))
    assert await reader.ask("east") == "east"
    assert reader.problem is None
    assert (
        caplog.records[0]
        .getMessage()
        .startswith("cannot compare --cluster-id with the ClusterProperty; using --cluster-id: 403 Forbidden")
    )
    with pytest.raises(Forbidden):
        await reader.ask(None)
    fault.lift()
    sim.faults.fail(503)
    with pytest.raises(KubeError):
        await reader.ask("east")


async def test_the_id_is_asked_for_soon_at_first_and_then_every_ten_seconds() -> None:
    sim = SimCluster("east")
    sim.faults.fail(503)
    client = sim.client()
    asked: list[float] = []
    client.contact.observer = lambda verb, kind, result, seconds: asked.append(
        asyncio.get_running_loop().time()
    )
    finding = asyncio.create_task(ClusterId(client, random=Longest()).find("east"))
    await asyncio.sleep(40)
    finding.cancel()
    assert asked == pytest.approx([0, 0.5, 1.5, 3.5, 7.5, 15.5, 25.5, 35.5])
