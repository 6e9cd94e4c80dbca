"""Single objects that a reflector is asked to fetch, beside its watch and its lists; in virtual time."""

import asyncio
from typing import Any

import pytest

from mcs_controller.kube.errors import Unreachable
from mcs_controller.kube.store import Store
from tests.kube.fakes import FakeKind
from tests.kube.reflectors import contents, make, running

pytestmark = pytest.mark.looptime


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
