"""Nothing of a leader leaves its process after its lease may have run out, however long it was stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response, Transport
from mcs_controller.kube.errors import NotLeading
from mcs_controller.kube.fence import CLOCKS_APART_SECONDS, LeaseFence
from tests.kube.fakes import WIDGETS, Answer, ScriptedTransport, ok
from tests.kube.leases import LeaseServer, Replica
from tests.kube.queues import now
from tests.support.agents import LoopClock
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime

WIDGET = {"metadata": {"name": "a", "namespace": "shop", "resourceVersion": "1"}}

WRITES: dict[str, Callable[[Client], Awaitable[Any]]] = {
    "create": lambda client: client.create(WIDGETS, WIDGET),
    "update": lambda client: client.update(WIDGETS, WIDGET),
    "patch": lambda client: client.patch(WIDGETS, "a", {}, namespace="shop"),
    "patch of a status": lambda client: client.patch(
        WIDGETS, "a", {}, namespace="shop", subresource="status"
    ),
    "delete": lambda client: client.delete(WIDGETS, "a", namespace="shop"),
}


class StopsBeforeSending(PassingTransport):
    """The process is stopped when a connection is at hand and nothing has been sent yet."""

    def __init__(self, transport: Transport, seconds: float) -> None:
        super().__init__(transport)
        self.seconds = seconds

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        await asyncio.sleep(self.seconds)
        return await super().request(request, timeout_seconds=timeout_seconds)


def answer(request: Request) -> Answer:
    return ok(WIDGET)


def led_for(seconds: float, clock: LoopClock | None = None) -> LeaseFence:
    fence = LeaseFence(clock or LoopClock())
    fence.prove(now() + seconds, fence.offset_seconds())
    return fence


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_that_was_decided_in_time_is_not_sent_too_late(
    write: Callable[[Client], Awaitable[Any]],
) -> None:
    server = ScriptedTransport(answer)
    fence = led_for(10)
    leader = Client(StopsBeforeSending(server, 12), name="broker").fenced(fence)
    with pytest.raises(NotLeading, match="does not lead any more"):
        await write(leader)
    assert server.requests == []
    with pytest.raises(NotLeading):
        await write(leader)
    assert now() == 12
    fence.prove(now() + 30, fence.offset_seconds())
    await write(leader)
    assert len(server.requests) == 1


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_others_of_the_process_write_over_the_same_connections_without_a_fence(
    write: Callable[[Client], Awaitable[Any]],
) -> None:
    server = ScriptedTransport(answer)
    client = Client(server, name="broker")
    with pytest.raises(NotLeading):
        await write(client.fenced(LeaseFence(LoopClock())))
    await write(client)
    assert len(server.requests) == 1


async def test_at_the_very_end_of_the_lease_nothing_is_written_any_more() -> None:
    fence = led_for(10)
    await asyncio.sleep(10)
    with pytest.raises(NotLeading):
        fence.check()
    with pytest.raises(NotLeading):
        await fence.opened()


async def test_a_replica_that_does_not_lead_reads() -> None:
    client = Client(ScriptedTransport(answer)).fenced(LeaseFence(LoopClock()))
    assert await client.get(WIDGETS, "a", "shop") == WIDGET


async def test_what_is_not_sent_says_nothing_about_the_server() -> None:
    client = Client(ScriptedTransport(answer), name="broker")
    results: list[str] = []
    client.contact.observer = lambda verb, kind, result, seconds: results.append(result)
    await client.get(WIDGETS, "a", "shop")
    leader = Client(StopsBeforeSending(client._transport, 12), contact=client.contact).fenced(led_for(10))
    with pytest.raises(NotLeading):
        await leader.delete(WIDGETS, "a", namespace="shop")
    assert client.reachable
    assert client.last_contact == 0
    assert results == ["200", "not_leading"]


@pytest.mark.parametrize("seconds", [-3600, -5, 5, 3600])
async def test_after_a_jump_of_the_clock_the_lease_is_renewed_before_anything_is_written(
    seconds: float,
) -> None:
    """The loop's clock stands still while a machine is suspended; somebody else may lead by now."""
    server, clock = LeaseServer(), LoopClock()
    replica = Replica(server, "a", clock=clock)
    sent: list[int] = []

    def note(request: Request) -> Answer:
        sent.append(len(server.writers))
        return ok(WIDGET)

    leader = Client(ScriptedTransport(note)).fenced(replica.elector.fence)
    async with replica.running():
        await asyncio.sleep(1.1)
        renewals = len(server.writers)
        await leader.update(WIDGETS, WIDGET)
        clock.skew_seconds += seconds
        began = now()
        await asyncio.gather(*(leader.update(WIDGETS, WIDGET) for _ in range(5)))
        assert sent == [renewals] + 5 * [renewals + 1]
        assert now() - began < 0.1
        assert replica.leads()


async def test_a_clock_that_is_adjusted_slowly_stops_nothing() -> None:
    clock = LoopClock()
    fence = led_for(10, clock)
    clock.skew_seconds += 0.9 * CLOCKS_APART_SECONDS
    fence.check()
    clock.skew_seconds += 0.2 * CLOCKS_APART_SECONDS
    with pytest.raises(NotLeading, match="must be renewed first"):
        fence.check()


async def test_a_leader_that_was_suspended_with_its_clock_writes_nothing_once_another_leads() -> None:
    server, clock = LeaseServer(), LoopClock()
    replica = Replica(server, "a", clock=clock)
    things = ScriptedTransport(answer)
    leader = Client(things).fenced(replica.elector.fence)
    async with replica.running():
        await asyncio.sleep(1.1)
        clock.skew_seconds += 60
        server.write_over(holderIdentity="b")
        with pytest.raises(NotLeading):
            await leader.update(WIDGETS, WIDGET)
        assert things.requests == []
        await asyncio.sleep(0.1)
        assert not replica.leads()


async def test_a_write_in_doubt_does_not_wait_longer_than_the_lease_may_last() -> None:
    server, clock = LeaseServer(), LoopClock()
    replica = Replica(server, "a", clock=clock)
    leader = Client(ScriptedTransport(answer)).fenced(replica.elector.fence)
    async with replica.running():
        await asyncio.sleep(1.1)
        server.cut.add("a")
        clock.skew_seconds += 60
        with pytest.raises(NotLeading):
            await leader.update(WIDGETS, WIDGET)
        assert now() < 11
        assert len(replica.transport.requests) < 12, "it asked again and again"
        server.cut.clear()
        await asyncio.sleep(30)
        await leader.update(WIDGETS, WIDGET)


async def test_who_sees_another_holder_in_the_lease_writes_nothing_from_then_on() -> None:
    """Though by its own last renewal the lease would last for some seconds."""
    server = LeaseServer()
    replica = Replica(server, "a", clock=LoopClock())
    replica.ends_after_seconds = 5
    async with replica.running():
        await asyncio.sleep(1.1)
        replica.elector.fence.check()
        server.write_over(holderIdentity="b")
        await asyncio.sleep(5)
        with pytest.raises(NotLeading):
            replica.elector.fence.check()
        assert replica.leads()


async def test_after_a_refused_renewal_the_lease_is_read_before_anything_is_written() -> None:
    """Both clocks may have stood still, with a virtual machine."""
    server = LeaseServer()
    replica = Replica(server, "a", clock=LoopClock())
    leader = Client(ScriptedTransport(answer)).fenced(replica.elector.fence)
    async with replica.running():
        await asyncio.sleep(1.1)
        server.write_over(holderIdentity="b")

        async def write_all_the_time() -> None:
            while now() < 30:
                await leader.update(WIDGETS, WIDGET)
                await asyncio.sleep(0.005)

        with pytest.raises(NotLeading):
            await write_all_the_time()
        assert now() < 2.1, "it wrote for longer than until the renewal that was refused"


async def test_while_the_lease_is_read_again_after_a_refused_renewal_nothing_is_written() -> None:
    server = LeaseServer()
    replica = Replica(server, "a", clock=LoopClock())
    sent_in_doubt: list[float] = []

    def note(request: Request) -> Answer:
        if replica.elector.problem is not None:
            sent_in_doubt.append(now())
        return ok(WIDGET)

    leader = Client(ScriptedTransport(note)).fenced(replica.elector.fence)
    async with replica.running():
        await asyncio.sleep(1.1)
        server.write_over(holderIdentity="b")
        server.answers_after_seconds["a"] = 0.3

        async def write_all_the_time() -> None:
            while now() < 5:
                await leader.update(WIDGETS, WIDGET)
                await asyncio.sleep(0.005)

        with pytest.raises(NotLeading):
            await write_all_the_time()
        assert sent_in_doubt == []


async def test_after_a_refused_renewal_it_is_found_at_once_who_leads_also_if_nothing_is_written() -> None:
    server = LeaseServer()
    replica = Replica(server, "a", clock=LoopClock())
    async with replica.running():
        await asyncio.sleep(1.1)
        server.write_over(holderIdentity="b")
        await asyncio.sleep(2.2 - now())
        assert not replica.leads()


async def test_a_harmless_foreign_change_to_the_lease_stops_no_write() -> None:
    server = LeaseServer()
    replica = Replica(server, "a", clock=LoopClock())
    leader = Client(ScriptedTransport(answer)).fenced(replica.elector.fence)
    async with replica.running():
        await asyncio.sleep(1.1)
        server.write_over()
        for _ in range(40):
            began = now()
            await leader.update(WIDGETS, WIDGET)
            assert now() - began < 0.1
            await asyncio.sleep(0.05)
        assert replica.led == []


async def test_a_write_is_let_through_for_as_long_as_the_lease_is_renewed() -> None:
    server = LeaseServer()
    replica = Replica(server, "a", clock=LoopClock())
    async with replica.running():
        for _ in range(60):
            await asyncio.sleep(1)
            replica.elector.fence.check()
        server.cut.add("a")
        cut_at = now()
        await asyncio.sleep(7.5)
        replica.elector.fence.check()
        await asyncio.sleep(cut_at + 10 - now())
        with pytest.raises(NotLeading):
            replica.elector.fence.check()
