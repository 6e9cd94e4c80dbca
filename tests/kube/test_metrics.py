"""The metrics of this room, as a scrape shows them."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import SERVICES
from mcs_controller.kube.client import Client
from mcs_controller.kube.decoding.object_reader import LeftOut
from mcs_controller.kube.errors import Conflict, Unreachable
from mcs_controller.kube.metrics import KubeMetrics
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Store
from mcs_controller.kube.watch import END_REASONS
from tests.kube.fakes import WIDGETS, FakeKind, ScriptedTransport, ok, refusal

pytestmark = pytest.mark.looptime

ROOT = Path(__file__).resolve().parents[2]


async def test_requests_reachability_and_age_of_contact_are_shown_per_client() -> None:
    registry = CollectorRegistry()
    answers: list[Any] = [ok({"metadata": {}}), Unreachable("refused")]
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
    await asyncio.sleep(10)
    kind.put("b")
    await asyncio.sleep(5)
    assert registry.get_sample_value("mcs_watch_restarts_total", {**where, "reason": "closed"}) == 1
    assert registry.get_sample_value("mcs_watch_lists_total", where) == 2
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


async def test_every_metric_stands_on_the_metrics_page_as_it_is_served() -> None:
    registry = CollectorRegistry()
    KubeMetrics(registry)
    rows = (ROOT / "docs" / "metrics.md").read_text().splitlines()
    collectors = set(registry._collector_to_names)
    served = [(one, family) for one in collectors for family in one.collect()]
    assert len(served) >= 15
    for collector, family in served:
        owner: Any = collector if hasattr(collector, "_labelnames") else family
        labels = ", ".join(f"`{label}`" for label in owner._labelnames)
        name = f"{family.name}_total" if family.type == "counter" else family.name
        row = f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
        assert any(one.startswith(row) for one in rows), row


async def test_what_is_left_out_is_counted_by_kind_and_reason() -> None:
    registry = CollectorRegistry()
    client = Client(ScriptedTransport(lambda request: ok({})), name="broker")
    KubeMetrics(registry).watch_client(client)
    for reason, number in (("too_large", 2), ("unreadable", 1)):
        for _ in range(number):
            client.left_out.note("Widget", LeftOut(reason, "", "shop", "a", "1", 5), 0.0)
        labels = {"client": "broker", "kind": "Widget", "reason": reason}
        assert registry.get_sample_value("mcs_kube_objects_left_out_total", labels) == number


async def test_what_fails_or_is_not_in_step_is_shown_as_such() -> None:
    registry = CollectorRegistry()
    kind = FakeKind()
    kind.faults = [("list", refusal(403, "Forbidden"))]
    reflector = Reflector(
        Client(kind), WIDGETS, Store[str](), lambda body: "", name="widgets", random=Random(1)
    )
    KubeMetrics(registry).watch_reflector(reflector, client="local")
    where = {"client": "local", "reflector": "widgets"}
    assert registry.get_sample_value("mcs_watch_healthy", where) == 1
    await reflector.step()
    assert registry.get_sample_value("mcs_watch_healthy", where) == 0
    assert registry.get_sample_value("mcs_watch_synced", where) == 0
    assert registry.get_sample_value("mcs_watch_last_contact_age_seconds", where) is None
