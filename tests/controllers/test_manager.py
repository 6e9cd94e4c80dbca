"""What a manager does with its controllers: shared informers, queues that outlive no term, names."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import NAMESPACES, SERVICES
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.controllers.runtime.informers import Informers, Kind
from mcs_controller.controllers.runtime.kinds import ACTIVE_NAMESPACES
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.errors import Unreachable
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.simcluster.cluster import SimCluster
from tests.support.agents import Told

pytestmark = pytest.mark.looptime


class Counter(Controller):
    """Counts active namespaces, and looks at whatever it is told to."""

    def __init__(self, name: str, context: Context) -> None:
        self.name = name
        self.namespaces = context.local.get(ACTIVE_NAMESPACES)
        self.looks: list[str] = []
        self.away = False
        self.queue: WorkQueue[str] = WorkQueue(name, self._look, random=Random(1))
        self.queues = ((self.queue, context.local.client),)

    async def run(self) -> None:
        await self.namespaces.wait_synced()

    async def _look(self, key: str) -> None:
        self.looks.append(key)
        if self.away:
            raise Unreachable("refused")


def context_of(sim: SimCluster) -> Context:
    client = sim.client()
    return Context.of(
        AgentConfig(cluster_id="east"),
        local=client,
        broker=client,
        clock=SystemClock(),
        random=Random(1),
        registry=CollectorRegistry(),
        events=Told(),
    )


async def test_two_controllers_that_ask_for_one_kind_share_one_watch() -> None:
    sim = SimCluster("east")
    context = context_of(sim)
    one, other = Counter("one", context), Counter("other", context)
    assert one.namespaces is other.namespaces
    running = asyncio.create_task(Manager(context, [one, other]).run())
    await one.namespaces.wait_synced()
    assert one.namespaces.get("", "kube-system") is not None
    assert len(context.local.required) == 1
    running.cancel()
    await asyncio.wait({running})


async def test_nothing_of_a_manager_lives_on_in_the_clients_when_it_has_ended() -> None:
    sim = SimCluster("east")
    context = context_of(sim)
    counter = Counter("one", context)
    manager = Manager(context, [counter])
    client = context.local.client
    for _ in range(3):
        running = asyncio.create_task(manager.run())
        await asyncio.sleep(1)
        # The queue, and the reflector while its watch is open.
        assert len(client.contact._reached_again) == 2
        running.cancel()
        await asyncio.wait({running})
        assert client.contact._reached_again == []
        context.local._running = False


async def test_keys_that_failed_for_want_of_an_answer_are_retried_when_the_server_answers() -> None:
    sim = SimCluster("east")
    context = context_of(sim)
    counter = Counter("one", context)
    counter.away = True
    running = asyncio.create_task(Manager(context, [counter]).run())
    counter.queue.add("key")
    await asyncio.sleep(300)
    looks = len(counter.looks)
    counter.away = False
    fault = sim.faults.refuse_connections()
    with pytest.raises(Unreachable):
        await context.local.client.get(SERVICES, "web", "shop")
    fault.lift()
    await context.local.client.get(NAMESPACES, "kube-system")
    await asyncio.sleep(2)
    assert len(counter.looks) == looks + 1
    running.cancel()
    await asyncio.wait({running})


async def test_two_controllers_or_informers_of_one_name_are_a_mistake() -> None:
    context = context_of(SimCluster("east"))
    one, twin = Counter("one", context), Counter("one", context)
    with pytest.raises(ValueError, match="same name"):
        Manager(context, [one, twin])
    written_twice = Kind("namespaces", lambda client: NAMESPACES, lambda raw: True)
    with pytest.raises(ValueError, match="'namespaces'"):
        context.local.get(written_twice)


async def test_an_informer_that_is_asked_for_after_the_start_is_a_mistake() -> None:
    informers = Informers("local", SimCluster("east").client(), Random(1))
    running = asyncio.create_task(informers.run())
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="too late"):
        informers.get(ACTIVE_NAMESPACES)
    running.cancel()
    await asyncio.wait({running})


async def test_a_controller_that_raises_ends_the_manager_with_its_error() -> None:
    class Broken(Counter):
        async def run(self) -> None:
            raise RuntimeError("broken")

    context = context_of(SimCluster("east"))
    with pytest.raises(ExceptionGroup) as caught:
        await Manager(context, [Counter("one", context), Broken("two", context)]).run()
    assert caught.value.subgroup(RuntimeError) is not None
