import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.kube.client import Client
from mcs_controller.kube.events import recorder as events
from mcs_controller.kube.events.recorder import EventRecorder
from mcs_controller.kube.events.sink import EventSink, ObjectRef
from tests.kube.event_store import EventStoreTransport

pytestmark = pytest.mark.looptime

WEB = ObjectRef("multicluster.x-k8s.io/v1beta1", "ServiceExport", "shop", "web", "uid-1")
DB = ObjectRef("multicluster.x-k8s.io/v1beta1", "ServiceExport", "shop", "db", "uid-2")


def service(number: int) -> ObjectRef:
    return ObjectRef(WEB.api_version, WEB.kind, "shop", f"web-{number}", f"uid-{number}")


class LoopClock:
    """Wall-clock time that moves with the loop's virtual time."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=asyncio.get_running_loop().time())


class Setup:
    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.api = EventStoreTransport()
        self.registry = CollectorRegistry()
        self.recorder = EventRecorder(
            Client(self.api, name="local"),
            component="mcs-controller.io/agent",
            instance="agent-0",
            clock=LoopClock(),
            registry=self.registry,
        )

    async def end(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    def stored(self) -> list[dict[str, object]]:
        return list(self.api.events.values())

    def dropped(self, reason: str) -> float | None:
        return self.registry.get_sample_value("mcs_events_dropped_total", {"reason": reason})


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    setup = Setup()
    setup.task = asyncio.create_task(setup.recorder.run())
    yield setup
    await setup.end()


@pytest.mark.requirement("MCS-EXP-14")
async def test_an_event_told_by_a_controller_is_written_on_the_users_object(setup: Setup) -> None:
    sink: EventSink = setup.recorder
    sink.event(WEB, "Warning", "PortConflict", "port 80 differs from cluster west's")
    await asyncio.sleep(1)
    (event,) = setup.stored()
    assert event["regarding"] == {
        "apiVersion": "multicluster.x-k8s.io/v1beta1",
        "kind": "ServiceExport",
        "namespace": "shop",
        "name": "web",
        "uid": "uid-1",
    }
    assert event["type"] == "Warning"
    assert event["reason"] == "PortConflict"
    assert event["note"] == "port 80 differs from cluster west's"
    assert event["reportingController"] == "mcs-controller.io/agent"
    assert event["reportingInstance"] == "agent-0"
    assert "series" not in event


async def test_an_event_about_an_object_of_the_whole_cluster_and_its_series_are_in_default(
    setup: Setup,
) -> None:
    whole = ObjectRef("about.k8s.io/v1beta1", "ClusterProperty", "", "clusterset.k8s.io", "uid-5")
    for wait_seconds in (1, 600):
        setup.recorder.event(whole, "Warning", "PropertyPutBack", "it was deleted")
        await asyncio.sleep(wait_seconds)
    (stored,) = setup.api.events.values()
    assert stored["metadata"]["namespace"] == "default"
    assert stored["series"]["count"] == 2


async def test_the_same_event_again_becomes_a_series_of_the_first(setup: Setup) -> None:
    setup.recorder.event(WEB, "Warning", "PortConflict", "port 80")
    await asyncio.sleep(100)
    setup.recorder.event(WEB, "Warning", "PortConflict", "port 80")
    await asyncio.sleep(1)
    (event,) = setup.stored()
    assert event["series"] == {"count": 2, "lastObservedTime": "2026-01-01T00:01:40.000000Z"}


async def test_a_burst_of_the_same_event_costs_two_writes(setup: Setup) -> None:
    for _ in range(1000):
        setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
        await asyncio.sleep(0.001)
    await asyncio.sleep(60)
    (event,) = setup.stored()
    assert setup.api.requests == ["POST", "PATCH"]
    assert event["series"]["count"] == 1000  # type: ignore[index]


async def test_a_burst_before_the_first_write_is_written_as_a_series_at_once(setup: Setup) -> None:
    for _ in range(5):
        setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(1)
    (event,) = setup.stored()
    assert event["series"]["count"] == 5  # type: ignore[index]
    assert setup.api.requests == ["POST"]


async def test_the_same_event_long_after_is_a_new_event(setup: Setup) -> None:
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(events.SERIES_SECONDS + 1)
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(1)
    assert len(setup.stored()) == 2
    assert all("series" not in event for event in setup.stored())


async def test_what_differs_in_anything_is_another_event(setup: Setup) -> None:
    recreated = ObjectRef(WEB.api_version, WEB.kind, WEB.namespace, WEB.name, "uid-9")
    setup.recorder.event(WEB, "Normal", "Exported", "one")
    setup.recorder.event(WEB, "Normal", "Exported", "two")
    setup.recorder.event(WEB, "Normal", "Withdrawn", "one")
    setup.recorder.event(WEB, "Warning", "Exported", "one")
    setup.recorder.event(DB, "Normal", "Exported", "one")
    setup.recorder.event(recreated, "Normal", "Exported", "one")
    await asyncio.sleep(1)
    assert len(setup.stored()) == 6


async def test_a_series_whose_event_expired_starts_anew(setup: Setup) -> None:
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(60)
    setup.api.events.clear()
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(1)
    (event,) = setup.stored()
    assert event["series"]["count"] == 2  # type: ignore[index]


async def test_an_event_whose_answer_was_lost_is_written_once(setup: Setup) -> None:
    setup.api.lose_answers = 1
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(30)
    assert len(setup.stored()) == 1
    assert setup.dropped("unreachable") == 0


@pytest.mark.parametrize("failure", [None, 429, 500, 503])
async def test_an_api_server_that_is_away_for_a_moment_loses_no_event(
    setup: Setup, failure: int | None
) -> None:
    setup.api.failures = [failure, failure]
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(30)
    assert len(setup.stored()) == 1


@pytest.mark.parametrize(
    ("failures", "reason"),
    [([None] * 3, "unreachable"), ([503] * 3, "unreachable"), ([403], "refused"), ([404], "refused")],
)
async def test_an_event_that_cannot_be_written_is_counted_and_the_next_one_is_written(
    setup: Setup, failures: list[int | None], reason: str
) -> None:
    setup.api.failures = failures
    setup.recorder.event(WEB, "Normal", "Exported", "lost")
    setup.recorder.event(WEB, "Normal", "Exported", "kept")
    await asyncio.sleep(60)
    assert [event["note"] for event in setup.stored()] == ["kept"]
    assert setup.dropped(reason) == 1


async def test_an_event_that_was_given_up_is_tried_afresh_when_told_again(setup: Setup) -> None:
    setup.api.failures = [403]
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(1)
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(1)
    (event,) = setup.stored()
    assert "series" not in event


async def test_what_finds_no_room_in_the_queue_is_counted_and_dropped(setup: Setup) -> None:
    surplus = 10
    for number in range(events.QUEUE_MAX_EVENTS + surplus):
        setup.recorder.event(service(number), "Normal", "Exported", "to the broker")
    await asyncio.sleep(5)
    assert len(setup.stored()) == events.QUEUE_MAX_EVENTS
    assert setup.dropped("queue_full") == surplus


async def test_what_is_remembered_for_series_stays_bounded(setup: Setup) -> None:
    for number in range(3 * events.SERIES_MAX_EVENTS):
        setup.recorder.event(service(number), "Normal", "Exported", "to the broker")
        await asyncio.sleep(0.01)
    assert len(setup.recorder._series) == events.SERIES_MAX_EVENTS
    assert len(setup.recorder._budgets) == events.OBJECTS_MAX


async def test_what_has_to_wait_is_bounded_too(setup: Setup) -> None:
    for number in range(2 * events.SERIES_MAX_EVENTS // 12):
        for note in range(12):
            setup.recorder.event(service(number), "Normal", "Exported", f"note {note}")
            setup.recorder.event(service(number), "Warning", f"Reason{note}", "no")
        await asyncio.sleep(0.1)
    assert len(setup.recorder._series) <= events.SERIES_MAX_EVENTS
    waiting = setup.recorder._waiting.values()
    assert 0 < sum(map(len, waiting)) <= events.SERIES_MAX_EVENTS
    assert setup.dropped("queue_full")


async def test_one_object_has_so_many_events_and_then_one_a_minute_with_the_last_that_was_said(
    setup: Setup,
) -> None:
    """A hundred different conflicts a second, as another member can make them."""
    for number in range(6000):
        setup.recorder.event(WEB, "Warning", "PortConflict", f"port {number}")
        await asyncio.sleep(0.1)
    assert events.WRITES_AT_ONCE + 9 <= len(setup.api.requests) <= events.WRITES_AT_ONCE + 11
    notes = [event["note"] for event in setup.stored()]
    assert notes[: events.WRITES_AT_ONCE] == [f"port {number}" for number in range(events.WRITES_AT_ONCE)]
    await asyncio.sleep(120)
    last = setup.stored()[-1]
    assert last["note"] == "port 5999"
    total = sum(event.get("series", {}).get("count", 1) for event in setup.stored())  # type: ignore[attr-defined]
    assert total == 6000


async def test_an_object_that_is_spoken_of_too_much_keeps_no_other_nor_another_reason_from_being_told(
    setup: Setup,
) -> None:
    for number in range(100):
        setup.recorder.event(WEB, "Warning", "PortConflict", f"port {number}")
    setup.recorder.event(DB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(1)
    assert setup.stored()[-1]["note"] == "to the broker"
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    for number in range(100):
        setup.recorder.event(WEB, "Warning", "PortConflict", f"port {number}")
    await asyncio.sleep(130)
    assert sorted(str(event["note"]) for event in setup.stored()[-2:]) == ["port 99", "to the broker"]


async def test_that_a_namespace_ends_while_it_is_told_about_is_no_warning(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    setup.api.ending.add("shop")
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(1)
    assert setup.api.requests == ["POST"]
    assert setup.dropped("refused") == 1
    assert [record for record in caplog.records if record.levelname != "DEBUG"] == []


async def test_a_note_beyond_the_limit_is_cut_between_characters(setup: Setup) -> None:
    setup.recorder.event(WEB, "Normal", "Exported", "ü" * 2000)
    await asyncio.sleep(1)
    (event,) = setup.stored()
    note = str(event["note"])
    assert note.endswith("ü…")
    assert 1020 <= len(note.encode()) <= 1024


async def test_an_object_with_the_longest_name_still_gets_an_event_with_a_valid_name(setup: Setup) -> None:
    longest = ObjectRef(WEB.api_version, WEB.kind, "shop", "a" * 236 + "." * 3 + "b" * 14, "uid-3")
    setup.recorder.event(longest, "Normal", "Exported", "to the broker")
    await asyncio.sleep(1)
    assert len(setup.stored()) == 1


async def test_ending_the_recorder_leaves_no_timer_behind(setup: Setup) -> None:
    setup.recorder.event(WEB, "Normal", "Exported", "to the broker")
    await asyncio.sleep(1)
    assert [series.later is None for series in setup.recorder._series.values()] == [False]
    await setup.end()
    assert [series.later is None for series in setup.recorder._series.values()] == [True]
