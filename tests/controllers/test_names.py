"""By which names operators know the parts of an agent: in metrics, at /readyz, and in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from mcs_controller.observe.log_context import log_context
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

LOCAL = {
    *("local: serviceexports", "local: serviceimports", "local: namespaces"),
    *("local: services", "local: source-endpointslices", "local: imported-endpointslices"),
}
BROKER = {
    *("broker: exportedservices", "broker: exportedendpointslices"),
    *("broker: own-exportedservices", "broker: own-exportedendpointslices"),
}
NOT_READ = "not read completely yet"


async def test_queues_are_told_apart_by_name() -> None:
    async with Clusterset("west") as world:
        agent = world["west"].agent
        queues = {
            one.labels["queue"]
            for family in agent.registry.collect()
            for one in family.samples
            if one.name == "mcs_queue_depth_keys"
        }
        assert queues >= {"exports", "imports", "export-status", "import-status", "loader"}


async def test_each_task_is_named_for_whose_it_is_and_what_it_does() -> None:
    async with Clusterset("west"):
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert names >= {
            *(name.replace(": ", "/") for name in LOCAL | BROKER),
            *("membership/presence", "membership/members", "membership/former ids"),
            *("services/broker", "services/own limits"),
            *("left-out/ExportedService", "left-out/ExportedEndpointSlice"),
            *("agent-west/exports", "agent-west/imports", "agent-west/loader"),
            *("agent-west/export-status", "agent-west/import-status"),
            *("agent-west/membership", "agent-west/services", "agent-west/local", "agent-west/broker"),
        }


async def test_what_an_agent_has_not_read_is_told_by_side_and_kind() -> None:
    async with Clusterset("west", start=False) as world:
        agent = world["west"].start().agent
        problems = agent.problems()
        assert {name for name, problem in problems.items() if problem == NOT_READ} == LOCAL | BROKER
        assert problems.keys() == {*LOCAL, *BROKER, "membership"}
        await world["west"].ready()
        assert agent.problems() == {}


async def test_a_side_that_does_not_answer_is_named_with_its_own_words() -> None:
    async with Clusterset("west", start=False) as world:
        world.broker.faults.fail(503, verbs=["list"], resources=["exportedservices"])
        agent = world["west"].start().agent
        await asyncio.sleep(10)
        problems = agent.problems()
        assert problems.keys() == {"broker: exportedservices", "broker: own-exportedservices"}
        assert all("503" in problem for problem in problems.values())
        assert not agent.synced()


class Contexts(logging.Handler):
    """The context in which each warning of a queue was logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: set[tuple[tuple[str, str], ...]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.found.add(tuple(sorted(log_context.get().items())))


@pytest.fixture
def contexts() -> Iterator[Contexts]:
    handler = Contexts()
    log = logging.getLogger("mcs_controller.kube")
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


@pytest.mark.parametrize("kind", ["exports", "imports", "export status", "import status", "loader"])
async def test_a_log_line_of_work_that_failed_says_whose_work_it_was(kind: str, contexts: Contexts) -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        east, local = world["east"], world["east"].sim.faults
        if kind == "exports":
            world.broker.faults.fail(500, resources=["exportedservices"], verbs=["create"])
        elif kind == "imports":
            local.fail(500, resources=["serviceimports"], verbs=["create"], users=["agent"])
        elif kind == "export status":
            local.fail(500, resources=["serviceexports"], verbs=["patch"], users=["agent"])
        elif kind == "import status":
            local.fail(500, resources=["serviceimports"], verbs=["patch"], users=["agent"])
        else:
            local.fail(500, resources=["services"], verbs=["list"], users=["agent"])
        await east.deploy("shop", "web")
        await asyncio.sleep(5)
        whose = (("namespace", "shop"),) if kind == "loader" else (("name", "web"), ("namespace", "shop"))
        assert contexts.found == {whose}
