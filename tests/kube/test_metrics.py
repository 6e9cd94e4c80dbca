"""The metrics of this room, as a scrape shows them."""

import asyncio
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import SERVICES
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Conflict, Unreachable
from mcs_controller.kube.metrics import KubeMetrics
from mcs_controller.kube.queue import WorkQueue
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Store
from mcs_controller.kube.watch import END_REASONS
from tests.kube.fakes import WIDGETS, FakeKind, ScriptedTransport, ok

pytestmark = pytest.mark.looptime


async def test_requests_reachability_and_age_of_contact_are_shown_per_client() -> None:
    registry = CollectorRegistry()
    answers: list[Any] = [ok({}), Unreachable("refused")]
    client = Client(ScriptedTransport(lambda request: answers.pop(0)), name="broker")
    metrics = KubeMetrics(registry)
    metrics.watch_client(client)
    where = {"client": "broker"}
    assert registry.get_sample_value("mcs_kube_reachable", where) == 0
    assert registry.get_sample_value("mcs_kube_last_contact_age_seconds", where) is None
    await client.get(SERVICES, "web", "shop")
    await asyncio.sleep(30)
    assert registry.get_sample_value("mcs_kube_reachable", where) == 1
    assert registry.get_sample_value("mcs_kube_last_contact_age_seconds", where) == 30
    with pytest.raises(Unreachable):
        await client.get(SERVICES, "web", "shop")
    assert registry.get_sample_value("mcs_kube_reachable", where) == 0
    for result in ("200", "unreachable"):
        labels = {**where, "verb": "get", "kind": "Service", "result": result}
        assert registry.get_sample_value("mcs_kube_requests_total", labels) == 1
    assert registry.get_sample_value("mcs_kube_request_duration_seconds_count", {**where, "verb": "get"}) == 2


async def test_watches_are_shown_per_reflector_with_every_reason_from_the_start() -> None:
    registry = CollectorRegistry()
    kind = FakeKind()
    kind.put("a", value="1")
    store: Store[str] = Store()
    reflector = Reflector(
        Client(kind), WIDGETS, store, lambda body: str(body["value"]), name="widgets", random=Random(1)
    )
    metrics = KubeMetrics(registry)
    metrics.watch_reflector(reflector, client="local")
    where = {"client": "local", "reflector": "widgets"}
    for reason in END_REASONS:
        assert registry.get_sample_value("mcs_watch_restarts_total", {**where, "reason": reason}) == 0
    assert registry.get_sample_value("mcs_watch_synced", where) == 0
    task = asyncio.create_task(reflector.run())
    await reflector.wait_synced()
    await asyncio.sleep(20)
    kind.cut()
    await asyncio.sleep(20)
    kind.put("b")
    await asyncio.sleep(5)
    assert registry.get_sample_value("mcs_watch_restarts_total", {**where, "reason": "closed"}) == 1
    assert registry.get_sample_value("mcs_watch_lists_total", where) == 1
    assert registry.get_sample_value("mcs_watch_events_total", where) == 1
    assert registry.get_sample_value("mcs_watch_decode_failures_total", where) == 1
    assert registry.get_sample_value("mcs_watch_synced", where) == 1
    assert registry.get_sample_value("mcs_watch_healthy", where) == 1
    assert registry.get_sample_value("mcs_watch_last_contact_age_seconds", where) == 5
    task.cancel()


async def test_queues_show_depth_age_failures_and_how_reconciles_ended() -> None:
    registry = CollectorRegistry()

    async def reconcile(key: str) -> None:
        await asyncio.sleep(1)
        if key == "bad":
            raise Conflict(409, "Conflict", "no")

    queue = WorkQueue("exports", reconcile, random=Random(1), workers=1, first_retry_seconds=1000)
    metrics = KubeMetrics(registry)
    metrics.watch_queue(queue)
    where = {"queue": "exports"}
    assert registry.get_sample_value("mcs_queue_reconciles_total", {**where, "result": "error"}) == 0
    for key in ("good", "bad", "last"):
        queue.add(key)
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(0.5)
    assert registry.get_sample_value("mcs_queue_depth_keys", where) == 2
    assert registry.get_sample_value("mcs_queue_oldest_age_seconds", where) == 0.5
    await queue.idle()
    assert registry.get_sample_value("mcs_queue_depth_keys", where) == 0
    assert registry.get_sample_value("mcs_queue_failing_keys", where) == 1
    assert registry.get_sample_value("mcs_queue_reconciles_total", {**where, "result": "ok"}) == 2
    assert registry.get_sample_value("mcs_queue_reconciles_total", {**where, "result": "error"}) == 1
    assert registry.get_sample_value("mcs_queue_reconcile_duration_seconds_sum", where) == 3
    assert registry.get_sample_value("mcs_queue_wait_duration_seconds_sum", where) == 3
    task.cancel()


async def test_several_agents_live_in_one_process_and_a_new_queue_takes_its_predecessors_place() -> None:
    async def reconcile(key: str) -> None:
        return None

    for _ in range(2):
        registry = CollectorRegistry()
        metrics = KubeMetrics(registry)
        for _ in range(2):
            metrics.watch_queue(WorkQueue("exports", reconcile, random=Random(1)))
        depths = [
            sample
            for family in registry.collect()
            for sample in family.samples
            if sample.name == "mcs_queue_depth_keys"
        ]
        assert len(depths) == 1


async def test_every_metric_has_our_prefix_and_a_help_text() -> None:
    registry = CollectorRegistry()
    KubeMetrics(registry)
    families = list(registry.collect())
    assert len(families) >= 15
    for family in families:
        assert family.name.startswith("mcs_")
        assert family.documentation.endswith(".")
