"""How one process leads, loses the lease, and leads again."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, Counter

from mcs_controller.cli.terms import Terms
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.controllers.runtime.manager import Manager

pytestmark = pytest.mark.looptime


class StubManager:
    """What `Terms` needs of a manager, with a metric of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.work = Counter("mcs_work_total", "Work.", registry=registry)
        self.found = {"local: serviceexports": "CRD not installed"}
        self.failure: Exception | None = None

    async def run(self) -> None:
        while self.failure is None:
            self.work.inc()
            await asyncio.sleep(1)
        raise self.failure

    def problems(self) -> dict[str, str]:
        return self.found

    def synced(self) -> bool:
        return not self.found


class Setup:
    def __init__(self) -> None:
        self.agents: list[StubManager] = []
        self.terms = Terms(cast(Any, self.make))
        self.registry = CollectorRegistry()
        self.registry.register(self.terms)

    def make(self, registry: CollectorRegistry) -> Manager:
        self.agents.append(StubManager(registry))
        return cast(Manager, self.agents[-1])

    def sample(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)


@pytest.fixture
def setup() -> Iterator[Setup]:
    yield Setup()
    gc.unfreeze()


async def lead(setup: Setup, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(setup.terms.serve(), seconds)


async def test_a_replica_that_does_not_lead_is_ready_and_says_that_it_does_not_lead(setup: Setup) -> None:
    assert setup.terms.problems() == {}
    assert setup.sample("mcs_agent_leading") == 0
    assert setup.sample("mcs_work_total") is None


async def test_a_leader_shows_its_agent_s_problems_and_metrics(setup: Setup) -> None:
    leading = asyncio.create_task(lead(setup, 10))
    await asyncio.sleep(2.5)
    assert setup.terms.problems() == {"local: serviceexports": "CRD not installed"}
    assert setup.sample("mcs_agent_leading") == 1
    assert setup.sample("mcs_work_total") == 3
    await leading


async def test_each_term_has_an_agent_of_its_own_that_starts_from_nothing(setup: Setup) -> None:
    await lead(setup, 10)
    assert setup.sample("mcs_agent_leading") == 0
    assert setup.sample("mcs_work_total") is None
    second = asyncio.create_task(lead(setup, 10))
    await asyncio.sleep(0.5)
    assert setup.sample("mcs_work_total") == 1
    assert len(setup.agents) == 2
    await second


async def test_what_ends_the_agent_ends_the_term_with_its_error(setup: Setup) -> None:
    async def fail_later() -> None:
        await asyncio.sleep(3)
        setup.agents[0].failure = ClusterIdTaken("taken")

    failing = asyncio.create_task(fail_later())
    with pytest.raises(ExceptionGroup) as ended:
        await setup.terms.serve()
    assert ended.group_contains(ClusterIdTaken)
    await failing


async def test_what_was_read_is_out_of_the_collector_s_sight_until_the_term_ends(setup: Setup) -> None:
    leading = asyncio.create_task(lead(setup, 10))
    await asyncio.sleep(3)
    assert gc.get_freeze_count() == 0
    setup.agents[0].found.clear()
    await asyncio.sleep(1)
    assert gc.get_freeze_count() > 0
    await leading
    assert gc.get_freeze_count() == 0
