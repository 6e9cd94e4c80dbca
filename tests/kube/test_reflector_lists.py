"""When a reflector lists anew, and what the store holds while lists fail; in virtual time."""

import asyncio

import pytest

from mcs_controller.api.resources import Resource
from mcs_controller.kube.errors import NotFound, Unreachable
from mcs_controller.kube.store import Store
from tests.kube.fakes import FakeKind, refusal
from tests.kube.reflectors import SOON_UP, contents, make, problem_of, running, settle

pytestmark = pytest.mark.looptime


async def test_a_version_that_the_server_has_forgotten_leads_to_a_new_list_which_finds_deletions() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    kind.put("b", value="2")
    reflector = make(kind, store, watch_seconds=SOON_UP)
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
        await asyncio.sleep(15)
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


async def test_after_a_restore_from_backup_the_store_follows_the_server_back() -> None:
    kind, store = FakeKind(), Store[str]()
    rebuilt = kind.put("c", value="of one history")
    kind.version = 500
    kind.put("a", value="after")
    kind.put("b", value="only after")
    async with running(make(kind, store)):
        await asyncio.sleep(60)
        kind.restore({("shop", "c"): {**rebuilt, "value": "of another"}}, version=200)
        kind.put("a", value="before")
        await asyncio.sleep(1)
        # What has the same version as before may be another object all the same.
        assert contents(store) == {"a": "before", "c": "of another"}


async def test_what_a_restored_server_writes_under_versions_seen_before_is_found() -> None:
    """From the last version seen, a watch would be told only what is later in the new history, too."""
    kind, store = FakeKind(), Store[str]()
    kind.version = 500
    kind.put("a", value="of one history")
    async with running(make(kind, store)):
        await asyncio.sleep(60)
        kind.restore({}, version=499)
        for name in "bcd":
            kind.put(name, value="of another")
        await asyncio.sleep(1)
        assert contents(store) == {"b": "of another", "c": "of another", "d": "of another"}


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
        await asyncio.sleep(15)
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
