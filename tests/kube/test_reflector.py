"""The reflector against a fake kind with faults, in virtual time: what the store ends up holding."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from mcs_controller.api.resources import Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import DecodeError, NotFound, Timeout, Unreachable
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Store
from tests.kube.fakes import WIDGETS, FakeKind, refusal, status_body

pytestmark = pytest.mark.looptime


def decode(body: dict[str, Any]) -> str | None:
    if "value" not in body:
        raise DecodeError("no value")
    value: str | None = body["value"]
    return value


def contents(store: Store[str]) -> dict[str, str]:
    return {entry.name: entry.value for entry in store}


def make(kind: FakeKind, store: Store[str], **options: Any) -> Reflector[str]:
    options.setdefault("decode", decode)
    resource = options.pop("resource", WIDGETS)
    read = options.pop("decode")
    return Reflector(Client(kind), resource, store, read, name="widgets", random=Random(3), **options)


def problem_of(reflector: Reflector[Any]) -> str | None:
    return reflector.problem


@asynccontextmanager
async def running(reflector: Reflector[Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(reflector.run())
    try:
        await reflector.wait_synced()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def settle() -> None:
    """Let what has been pushed be read: no time passes."""
    for _ in range(20):
        await asyncio.sleep(0)


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


async def test_a_watch_that_the_server_closes_is_resumed_without_a_new_list() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.put("a", value="1")
        await settle()
        kind.cut()
        kind.put("b", value="2")
        await settle()
        assert contents(store) == {"a": "1", "b": "2"}
        assert kind.count("list") == 1
        assert kind.count("watch") == 2
        assert kind.requests[-1][1]["resourceVersion"] == "101"
        assert reflector.restarts["closed"] == 1
        assert reflector.problem is None


async def test_a_watch_is_resumed_from_the_last_bookmark() -> None:
    kind, store = FakeKind(), Store[str]()
    async with running(make(kind, store)):
        await asyncio.sleep(60)
        kind.bookmark()
        kind.bookmark()
        await settle()
        kind.compact()
        kind.cut()
        await settle()
        assert kind.requests[-1][1]["resourceVersion"] == str(kind.version)
        assert kind.count("list") == 1


async def test_a_version_that_the_server_has_forgotten_leads_to_a_new_list_which_finds_deletions() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    kind.put("b", value="2")
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        for stream in kind.open:
            stream.end()
        kind.open.clear()
        kind.remove("a")
        kind.put("c", value="3")
        kind.compact()
        await asyncio.sleep(5)
        assert contents(store) == {"b": "2", "c": "3"}
        assert reflector.restarts["gone"] == 1
        assert reflector.lists == 2
        assert reflector.problem is None


async def test_a_watch_refused_with_410_leads_to_a_new_list() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.faults.append(("watch", refusal(410, "Expired")))
    async with running(make(kind, store)):
        await asyncio.sleep(5)
        assert kind.count("list") == 2


async def test_a_watch_that_is_silent_past_its_bookmarks_is_followed_by_a_list() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store, inactivity_seconds=90)
    async with running(reflector):
        await asyncio.sleep(89)
        assert kind.count("watch") == 1
        await asyncio.sleep(2)
        assert kind.count("watch") == 2
        assert kind.count("list") == 2
        assert reflector.restarts["inactive"] == 1
        assert reflector.problem is None


async def test_a_watch_closed_at_once_again_and_again_is_backed_off_from() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.closes_watches_at_once = True
    async with running(make(kind, store)):
        await asyncio.sleep(60)
        assert 5 < kind.count("watch") < 60


async def test_watches_closed_at_once_again_and_again_lead_to_a_new_list_now_and_then() -> None:
    """The server may have its reason, which a list tells; but not one list for each watch."""
    kind, store = FakeKind(), Store[str]()
    kind.closes_watches_at_once = True
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(600)
        watches = kind.count("watch")
        assert reflector.restarts["closed"] == watches
        assert reflector.lists == 1 + watches // 5
        assert 60 < watches < 600
        kind.closes_watches_at_once = False
        kind.put("a", value="1")
        await asyncio.sleep(20)
        assert contents(store) == {"a": "1"}


async def test_a_watch_that_is_closed_after_a_while_or_after_an_event_is_resumed_at_once() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        for number in range(20):
            await asyncio.sleep(0.9 if number % 2 else 1.1)
            if number % 2:
                kind.put("a", value=str(number))
                await settle()
            before = asyncio.get_running_loop().time()
            kind.cut()
            await settle()
            assert kind.count("watch") == number + 2
            assert asyncio.get_running_loop().time() == before
        assert kind.count("list") == 1


async def test_a_watch_that_is_refused_for_a_flood_waits_as_asked_and_goes_on_from_its_version() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    flood = refusal(429, "TooManyRequests", headers={"retry-after": "20"})
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.faults += [("watch", flood)] * 3
        kind.cut()
        await settle()
        kind.put("a", value="2")
        cut_at = asyncio.get_running_loop().time()
        changed = asyncio.Event()
        store.subscribe(lambda *_: changed.set())
        await changed.wait()
        assert contents(store) == {"a": "2"}
        assert 60 <= asyncio.get_running_loop().time() - cut_at <= 68
        watched_from = [query["resourceVersion"] for sort, query in kind.requests if sort == "watch"]
        assert watched_from == ["101"] * 5
        assert kind.count("list") == 1
        assert reflector.restarts["refused"] == 3


async def test_a_watch_that_goes_on_being_refused_is_followed_by_a_list() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.faults += [("watch", refusal(429, "TooManyRequests"))] * 5
        kind.cut()
        await asyncio.sleep(60)
        assert (kind.count("list"), kind.count("watch")) == (2, 7)


async def test_while_the_server_is_away_what_is_known_stays_and_the_problem_is_told() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.faults += [("watch", Unreachable("https://east: refused")) for _ in range(20)]
        kind.faults += [("list", Unreachable("https://east: refused")) for _ in range(20)]
        kind.cut(Unreachable("reset"))
        await asyncio.sleep(10)
        assert problem_of(reflector) == "cannot list widgets: https://east: refused"
        assert contents(store) == {"a": "1"}
        kind.faults.clear()
        kind.put("b", value="2")
        await asyncio.sleep(30)
        assert reflector.problem is None
        assert contents(store) == {"a": "1", "b": "2"}


async def test_a_short_absence_of_the_server_needs_no_new_list() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.faults += [("watch", Unreachable("refused")), ("watch", Timeout("slow"))]
        kind.cut(Unreachable("reset"))
        kind.put("a", value="1")
        await asyncio.sleep(30)
        assert contents(store) == {"a": "1"}
        assert reflector.lists == 1
        assert reflector.restarts["unreachable"] == 2
        assert reflector.restarts["inactive"] == 1


async def test_a_list_that_fails_half_way_removes_nothing_and_is_taken_again() -> None:
    kind, store = FakeKind(), Store[str]()
    for number in range(4):
        kind.put(f"w{number}", value=str(number))
    reflector = make(kind, store, page_size=2)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.remove("w0")
        await settle()
        kind.faults += [("continue", refusal(500, "InternalError")), ("continue", Unreachable("reset"))]
        kind.put("w9", value="9")
        kind.cut()
        kind.compact()
        kind.version += 1
        kind.oldest = kind.version
        removed: list[str] = []
        store.subscribe(
            lambda old, new: removed.append(old.name) if old is not None and new is None else None
        )
        await asyncio.sleep(30)
        assert removed == []
        assert contents(store) == {"w1": "1", "w2": "2", "w3": "3", "w9": "9"}
        assert kind.count("list") == 4


async def test_a_list_that_expires_between_two_pages_starts_over() -> None:
    kind, store = FakeKind(), Store[str]()
    for number in range(4):
        kind.put(f"w{number}", value=str(number))
    kind.faults.append(("continue", refusal(410, "Expired", "the continue parameter is too old")))
    async with running(make(kind, store, page_size=2)):
        assert len(store) == 4
        assert kind.count("list") == 2


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


async def test_lines_that_are_no_events_lead_to_a_new_list() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        for _ in range(6):
            await asyncio.sleep(15)
            for stream in kind.open:
                stream.push(b"garbage\n")
        assert reflector.restarts["undecodable"] >= 5
        assert reflector.lists == 2


async def test_a_watch_that_breaks_after_each_event_is_resumed_soon_and_needs_no_new_list() -> None:
    kind, store = FakeKind(), Store[str]()
    async with running(make(kind, store)):
        await settle()
        for number in range(20):
            kind.put("a", value=str(number))
            await settle()
            kind.cut(Unreachable("broken"))
            await asyncio.sleep(0.3)
            assert kind.count("watch") == number + 2
        assert kind.count("list") == 1


async def test_after_a_restore_from_backup_the_store_follows_the_server_back() -> None:
    kind, store = FakeKind(), Store[str]()
    rebuilt = kind.put("c", value="of one history")
    kind.version = 500
    kind.put("a", value="after")
    kind.put("b", value="only after")
    async with running(make(kind, store)):
        await asyncio.sleep(60)
        kind.cut()
        kind.version, kind.oldest = 200, 200
        kind.history.clear()
        kind.objects.clear()
        kind.objects["shop", "c"] = {**rebuilt, "value": "of another"}
        kind.put("a", value="before")
        # The watch from a version in the server's future is accepted, and silent.
        await asyncio.sleep(60)
        assert contents(store) == {"a": "after", "b": "only after", "c": "of one history"}
        await asyncio.sleep(60)
        # What has the same version as before may be another object all the same.
        assert contents(store) == {"a": "before", "c": "of another"}


async def test_a_list_that_is_asked_for_is_taken_at_once_and_decodes_what_has_a_known_version() -> None:
    kind, store = FakeKind(first_version=500), Store[str]()
    kind.put("a", value="of one history")
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(1)
        kind.objects["shop", "a"]["value"] = "of another"
        reflector.relist()
        assert not reflector.current()
        await asyncio.sleep(0.1)
        assert reflector.current()
        assert kind.count("list") == 2
        assert contents(store) == {"a": "of another"}
        kind.put("a", value="followed")
        await asyncio.sleep(0.1)
        assert contents(store) == {"a": "followed"}


async def test_a_list_that_was_begun_before_it_was_asked_for_does_not_count() -> None:
    kind, store = FakeKind(), Store[str]()
    for number in range(3):
        kind.put(f"n{number}", value="1")
    reflector = make(kind, store, page_size=1)
    kind.page_delay_seconds = 1.0
    async with running(reflector):
        reflector.relist()
        await asyncio.sleep(1.5)
        reflector.relist()
        await asyncio.sleep(2)
        assert reflector.lists == 2
        assert not reflector.current()
        await asyncio.sleep(3)
        assert reflector.lists == 3
        assert reflector.current()


async def test_a_kind_that_is_not_installed_is_waited_for() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.faults += [("list", refusal(404, "NotFound", "404 page not found")) for _ in range(5)]
    kind.put("a", value="1")
    reflector = make(kind, store)
    task = asyncio.create_task(reflector.run())
    await asyncio.sleep(0.01)
    problem = reflector.problem
    assert problem == "CRD not installed: the API server does not serve widgets.example.com; waiting for it"
    async with asyncio.timeout(60):
        await reflector.wait_synced()
    assert reflector.problem is None
    assert contents(store) == {"a": "1"}
    task.cancel()


async def test_the_version_to_speak_is_asked_for_at_every_list() -> None:
    kind, store = FakeKind(), Store[str]()
    served = ["", "v1alpha1", "v1beta1"]

    async def resolve() -> Resource:
        version = served.pop(0) if len(served) > 1 else served[0]
        if not version:
            raise NotFound(404, "NotFound", "example.com serves no version")
        return Resource("example.com", version, "widgets", "Widget")

    reflector = make(kind, store, resource=resolve)
    async with running(reflector):
        await asyncio.sleep(30)
        assert served == ["v1beta1"]
        kind.compact()
        kind.version += 1
        kind.oldest = kind.version
        kind.cut()
        await asyncio.sleep(30)
        assert reflector.lists == 2


async def test_retry_after_of_a_refused_list_is_honoured() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.faults.append(("list", refusal(429, "TooManyRequests", headers={"retry-after": "20"})))
    async with running(make(kind, store)):
        assert 20 <= asyncio.get_running_loop().time() <= 22


async def test_a_missing_right_is_told_as_the_server_puts_it() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.faults += [("list", refusal(403, "Forbidden", "widgets is forbidden")) for _ in range(50)]
    reflector = make(kind, store)
    task = asyncio.create_task(reflector.run())
    await asyncio.sleep(5)
    assert reflector.problem == "cannot list widgets: 403 Forbidden: widgets is forbidden"
    assert not reflector.synced()
    task.cancel()


async def test_an_error_event_in_a_watch_does_not_stop_it() -> None:
    kind, store = FakeKind(), Store[str]()
    async with running(make(kind, store)):
        await asyncio.sleep(60)
        kind.open[0].push({"type": "ERROR", "object": status_body(500, "InternalError")})
        kind.open.clear()
        kind.put("a", value="1")
        await asyncio.sleep(30)
        assert contents(store) == {"a": "1"}


async def test_a_fetch_brings_what_became_of_interest_and_nothing_else() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    kind.put("b", value="2")
    wanted: set[str] = set()

    def decode_wanted(body: dict[str, Any]) -> str | None:
        return str(body["value"]) if body["metadata"]["name"] in wanted else None

    reflector = make(kind, store, decode=decode_wanted)
    async with running(reflector):
        assert contents(store) == {}
        wanted.add("a")
        await reflector.fetch(name="a", namespace="shop")
        assert contents(store) == {"a": "1"}


async def test_a_fetch_does_not_bring_back_what_the_watch_removed_meanwhile() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(1)
        kind.page_delay_seconds = 5
        taken: list[str] = []
        store.subscribe(lambda old, new: taken.append("in" if new is not None else "out"))

        async def slow_fetch() -> None:
            await reflector.fetch(name="a", namespace="shop")

        # The answer holds the object as it was when the request came in, and arrives after its deletion.
        original = kind._snapshot
        early = original({"fieldSelector": "metadata.name=a"}, kind.version)
        kind._snapshot = lambda query, version: early  # type: ignore[method-assign]
        fetching = asyncio.create_task(slow_fetch())
        await asyncio.sleep(1)
        kind.remove("a")
        await fetching
        assert taken == ["out"]
        assert contents(store) == {}


async def test_what_was_removed_during_one_fetch_may_be_brought_by_a_later_one_in_another_history() -> None:
    kind, store = FakeKind(first_version=500), Store[str]()
    kind.put("a", value="1")
    wanted = {"a"}

    def decode_wanted(body: dict[str, Any]) -> str | None:
        return str(body["value"]) if body["metadata"]["name"] in wanted else None

    reflector = make(kind, store, decode=decode_wanted)
    async with running(reflector):
        await asyncio.sleep(1)
        kind.page_delay_seconds = 5
        fetching = asyncio.create_task(reflector.fetch(name="a", namespace="shop"))
        await asyncio.sleep(1)
        kind.remove("a")
        await fetching
        kind.page_delay_seconds = 0
        wanted.clear()
        kind.version, kind.oldest = 200, 200
        kind.history.clear()
        kind.put("a", value="2")
        reflector.relist()
        await asyncio.sleep(1)
        assert contents(store) == {}

        wanted.add("a")
        await reflector.fetch(name="a", namespace="shop")

        assert contents(store) == {"a": "2"}


async def test_a_fetch_does_not_bring_back_what_a_new_list_removed_meanwhile() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(1)
        kind.page_delay_seconds = 30
        original = kind._snapshot
        early = original({"fieldSelector": "metadata.name=a"}, kind.version)
        kind._snapshot = (  # type: ignore[method-assign]
            lambda query, version: early if "fieldSelector" in query else original(query, version)
        )
        fetching = asyncio.create_task(reflector.fetch(name="a", namespace="shop"))
        await asyncio.sleep(1)
        kind.page_delay_seconds = 0
        kind.cut()
        kind.remove("a")
        kind.compact()
        await asyncio.sleep(10)
        assert (reflector.lists, contents(store)) == (2, {})

        await fetching

        assert contents(store) == {}


async def test_a_fetch_during_a_list_waits_so_that_the_list_cannot_undo_it() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    wanted: set[str] = set()

    def decode_wanted(body: dict[str, Any]) -> str | None:
        return str(body["value"]) if body["metadata"]["name"] in wanted else None

    for number in range(3):
        kind.put(f"w{number}", value="x")
    kind.page_delay_seconds = 5
    reflector = make(kind, store, decode=decode_wanted, page_size=1)
    task = asyncio.create_task(reflector.run())
    await asyncio.sleep(7)
    wanted.add("a")
    await reflector.fetch(name="a", namespace="shop")
    assert reflector.synced()
    assert contents(store) == {"a": "1"}
    task.cancel()


async def test_a_fetch_that_fails_raises() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        kind.faults.append(("list", Unreachable("refused")))
        with pytest.raises(Unreachable):
            await reflector.fetch(name="a")


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


async def test_a_watch_that_broke_and_was_resumed_is_no_problem_to_tell(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.cut(Unreachable("reset"))
        await asyncio.sleep(60)
        assert reflector.restarts["unreachable"] == 1
        assert caplog.records == []
