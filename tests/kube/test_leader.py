"""Leader election: who leads when, in virtual time, against a Lease with a real conflict rule."""

import asyncio
import contextlib
import re

import pytest

from tests.kube.leases import LeaseServer, Replica
from tests.kube.queues import now

pytestmark = pytest.mark.looptime


async def test_the_first_leads_at_once_and_writes_what_people_expect_in_a_lease() -> None:
    server = LeaseServer()
    replica = Replica(server, "a")
    async with replica.running():
        await asyncio.sleep(0.5)
        assert replica.leads()
        assert server.lease is not None
        assert server.lease["apiVersion"] == "coordination.k8s.io/v1"
        assert server.lease["metadata"]["name"] == "agent"
        assert server.spec["holderIdentity"] == "a"
        assert server.spec["leaseDurationSeconds"] == 15
        assert server.spec["leaseTransitions"] == 0
        for moment in (server.spec["acquireTime"], server.spec["renewTime"]):
            assert re.fullmatch(r"2026-01-01T00:00:00\.\d{6}Z", moment)


async def test_it_renews_while_it_leads_and_the_other_waits() -> None:
    server = LeaseServer()
    first, second = Replica(server, "a"), Replica(server, "b")
    async with first.running():
        await asyncio.sleep(1)
        async with second.running():
            await asyncio.sleep(600)
            assert first.leads()
            assert not second.leads()
            assert second.elector.holder == "a"
            assert set(server.writers) == {"a"}
            assert len(server.writers) > 200
            assert server.spec["acquireTime"] < server.spec["renewTime"]


async def test_a_leader_that_leaves_gives_the_lease_back_and_the_next_takes_it_at_once() -> None:
    server = LeaseServer()
    first, second = Replica(server, "a"), Replica(server, "b")
    async with first.running():
        await asyncio.sleep(1)
        leaving = asyncio.create_task(second.elector.run(second.lead))
        await asyncio.sleep(30)
    assert server.spec["holderIdentity"] == ""
    await asyncio.sleep(3)
    assert second.leads()
    assert server.spec["holderIdentity"] == "b"
    assert server.spec["leaseTransitions"] == 1
    leaving.cancel()
    await asyncio.wait({leaving})


async def test_a_leader_that_was_killed_and_is_started_again_as_who_it_was_leads_at_once() -> None:
    server = LeaseServer()
    async with Replica(server, "a").running():
        await asyncio.sleep(100)
        server.cut.add("a")
    assert server.spec["holderIdentity"] == "a", "it could not give the lease back"
    server.cut.clear()
    again, another = Replica(server, "a"), Replica(server, "b")
    async with another.running(), again.running():
        await asyncio.sleep(1)
        assert again.leads()
        assert not another.leads()
        assert server.spec["leaseTransitions"] == 0


async def test_a_leader_that_is_cut_off_stops_before_another_starts() -> None:
    server = LeaseServer()
    first, second = Replica(server, "a"), Replica(server, "b")
    async with first.running():
        await asyncio.sleep(1)
        async with second.running():
            await asyncio.sleep(100)
            server.cut.add("a")
            cut_at = now()
            await asyncio.sleep(60)
            assert second.leads()
            assert not first.leads()
    [(_, stopped)] = first.led
    [(started, _)] = second.led
    assert stopped < started
    assert stopped <= cut_at + 10
    assert started <= cut_at + 15 + 2 * 2.4 + 0.1


async def test_a_request_that_hangs_does_not_keep_a_leader_beyond_its_deadline() -> None:
    server = LeaseServer()
    first, second = Replica(server, "a"), Replica(server, "b")
    async with first.running():
        await asyncio.sleep(1)
        async with second.running():
            await asyncio.sleep(100)
            server.hang.add("a")
            await asyncio.sleep(60)
            assert second.leads()
    assert first.led[0][1] < second.led[0][0]


async def test_a_short_outage_costs_nobody_the_lead() -> None:
    server = LeaseServer()
    first = Replica(server, "a")
    async with first.running():
        await asyncio.sleep(100)
        server.cut.add("a")
        await asyncio.sleep(6)
        server.cut.clear()
        await asyncio.sleep(100)
        assert first.leads()
        assert first.led == []


async def test_a_leader_whose_lease_someone_else_took_stops_and_applies_again() -> None:
    server = LeaseServer()
    first = Replica(server, "a")
    async with first.running():
        await asyncio.sleep(10)
        server.write_over(holderIdentity="admin")
        await asyncio.sleep(5)
        assert not first.leads()
        assert len(first.led) == 1
        assert server.spec["holderIdentity"] == "admin"
        await asyncio.sleep(60)
        assert first.leads()
        assert server.spec["leaseTransitions"] == 1


async def test_a_harmless_foreign_change_to_the_lease_costs_nobody_the_lead() -> None:
    server = LeaseServer()
    first = Replica(server, "a")
    async with first.running():
        for _ in range(5):
            await asyncio.sleep(7)
            server.write_over()
        assert first.leads()
        assert first.led == []


async def test_the_clocks_of_others_do_not_matter() -> None:
    server = LeaseServer()
    first, second = Replica(server, "a"), Replica(server, "b")
    first.elector._clock.start = first.elector._clock.start.replace(year=1999)  # type: ignore[attr-defined]
    async with first.running():
        await asyncio.sleep(1)
        async with second.running():
            await asyncio.sleep(300)
            assert first.leads()
            assert not second.leads()


async def test_work_that_crashes_is_noticed_and_the_lease_given_back() -> None:
    server = LeaseServer()
    replica = Replica(server, "a")

    async def crash() -> None:
        await asyncio.sleep(5)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await replica.elector.run(crash)
    assert now() < 6
    assert not replica.leads()
    assert server.spec["holderIdentity"] == ""


async def test_work_that_ends_ends_the_election() -> None:
    server = LeaseServer()
    replica = Replica(server, "a")

    async def work() -> None:
        await asyncio.sleep(5)

    await replica.elector.run(work)
    assert server.spec["holderIdentity"] == ""


async def test_two_that_start_together_do_not_both_lead() -> None:
    server = LeaseServer()
    replicas = [Replica(server, name) for name in "abcde"]
    tasks = [asyncio.create_task(replica.elector.run(replica.lead)) for replica in replicas]
    for _ in range(100):
        await asyncio.sleep(0.5)
        assert sum(replica.leads() for replica in replicas) <= 1
    assert sum(replica.leads() for replica in replicas) == 1
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_request_that_hangs_does_not_keep_a_candidate_from_trying_again() -> None:
    server = LeaseServer()
    server.hang.add("a")
    replica = Replica(server, "a")
    async with replica.running():
        await asyncio.sleep(5)
        server.hang.clear()
        await asyncio.sleep(10)
        assert replica.leads()


async def test_it_waits_for_an_api_server_that_is_away() -> None:
    server = LeaseServer()
    server.cut.add("a")
    replica = Replica(server, "a")
    async with replica.running():
        await asyncio.sleep(60)
        assert not replica.leads()
        server.cut.clear()
        await asyncio.sleep(5)
        assert replica.leads()


def test_times_that_would_let_two_lead_are_refused() -> None:
    with pytest.raises(ValueError, match="must hold"):
        Replica(LeaseServer(), "a", lease_seconds=10, renew_deadline_seconds=15)


async def test_a_renewal_counts_from_when_it_was_sent_however_late_the_answer_comes() -> None:
    server = LeaseServer()
    first, others = Replica(server, "a"), [Replica(server, name) for name in "bcdef"]
    async with first.running(), contextlib.AsyncExitStack() as stack:
        await asyncio.sleep(1)
        for other in others:
            await stack.enter_async_context(other.running())
        await asyncio.sleep(100)
        server.answers_after_seconds["a"] = 7.7
        await asyncio.sleep(2.2)
        # One renewal has been written, and is not answered yet; there will be no other.
        server.cut.add("a")
        await asyncio.sleep(60)
        assert any(other.leads() for other in others)
    assert first.led[0][1] < min(started for other in others for started, _ in other.led)


async def test_the_lease_is_given_back_only_after_the_work_has_ended() -> None:
    server = LeaseServer()
    first, second = Replica(server, "a"), Replica(server, "b")
    first.ends_after_seconds = 5.0
    leaving = asyncio.create_task(first.elector.run(first.lead))
    await asyncio.sleep(1)
    async with second.running():
        await asyncio.sleep(10)
        leaving.cancel()
        await asyncio.sleep(30)
        assert second.leads()
    assert leaving.cancelled()
    assert first.led[0][1] < second.led[0][0]
