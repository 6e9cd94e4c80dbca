"""The reflector against a fake kind, in virtual time: what the store ends up holding."""

import asyncio
from typing import Any

import pytest

from mcs_controller.kube.store import Store
from tests.kube.fakes import FakeKind
from tests.kube.reflectors import contents, make, running, settle

pytestmark = pytest.mark.looptime


async def test_the_first_list_is_consistent_paged_and_then_followed_by_a_watch_from_its_version() -> None:
    kind, store = FakeKind(), Store[str]()
    for number in range(5):
        kind.put(f"w{number}", value=str(number))
    reflector = make(kind, store, page_size=2)
    assert not reflector.synced()
    async with running(reflector):
        await settle()
        assert len(store) == 5
        assert [sort for sort, _ in kind.requests] == ["list", "continue", "continue", "watch"]
        assert "resourceVersion" not in kind.requests[0][1]
        assert kind.requests[-1][1]["resourceVersion"] == str(kind.version)
        assert kind.requests[-1][1]["allowWatchBookmarks"] == "true"


async def test_additions_changes_and_deletions_arrive() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    async with running(make(kind, store)):
        await settle()
        kind.put("a", value="2")
        kind.put("b", value="3")
        await settle()
        assert contents(store) == {"a": "2", "b": "3"}
        kind.remove("a")
        await settle()
        assert contents(store) == {"b": "3"}


async def test_what_becomes_uninteresting_is_dropped() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    kind.put("b", value=None)
    async with running(make(kind, store)):
        await settle()
        assert contents(store) == {"a": "1"}
        kind.put("a", value=None)
        await settle()
        assert contents(store) == {}


async def test_an_object_that_cannot_be_read_keeps_its_last_good_version_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="good")
    kind.put("poison")
    reflector = make(kind, store)
    async with running(reflector):
        await settle()
        assert contents(store) == {"a": "good"}
        kind.put("a")
        kind.put("b", value="2")
        await settle()
        assert contents(store) == {"a": "good", "b": "2"}
        assert reflector.decode_failures == 2
        kind.compact()
        kind.version += 1
        kind.oldest = kind.version
        kind.cut()
        await asyncio.sleep(10)
        assert contents(store) == {"a": "good", "b": "2"}
        assert reflector.decode_failures == 4
        assert len([record for record in caplog.records if "is ignored" in record.message]) == 2
        kind.put("a", value="better")
        await settle()
        assert contents(store)["a"] == "better"
        kind.remove("a")
        await settle()
        assert contents(store) == {"b": "2"}


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), TypeError("x"), AttributeError("x")])
async def test_whatever_a_decoder_trips_over_is_counted(error: Exception) -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")

    def trip(body: dict[str, Any]) -> str:
        raise error

    reflector = make(kind, store, decode=trip)
    async with running(reflector):
        assert reflector.decode_failures == 1


async def test_a_flood_of_events_leaves_room_for_the_rest_of_the_program() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        await settle()
        for number in range(1000):
            kind.put(f"w{number}", value="x")
        seen: list[int] = []
        for _ in range(5):
            await asyncio.sleep(0)
            seen.append(len(store))
        assert seen[-1] < 1000
        await settle()
        assert len(store) == 1000
        assert reflector.events == 1000


async def test_contact_is_remembered_in_the_loops_time() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(30)
        kind.bookmark()
        await asyncio.sleep(10)
        assert reflector.last_contact == 30
