"""Lists and watches of objects that are large: read in pages that fit, and nothing stops them for good."""

import asyncio
import json
import time
from random import Random
from typing import Any

import pytest

from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import HEAD_BYTES
from mcs_controller.kube.errors import LineTooLong, TooLarge
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Store
from tests.kube.fakes import WIDGETS, FakeKind, ScriptedTransport
from tests.kube.reflectors import SOON_UP, contents, decode, running, settle

pytestmark = pytest.mark.looptime

KIB = 1024


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are, a thousand times smaller."""
    monkeypatch.setattr("mcs_controller.kube.client.ANSWER_MAX_BYTES", 16 * KIB)
    monkeypatch.setattr("mcs_controller.kube.client.ONE_PAGE_MAX_BYTES", 32 * KIB)
    monkeypatch.setattr("mcs_controller.kube.decoding.listing.PAGE_AIM_BYTES", 8 * KIB)


def make(kind: FakeKind, store: Store[str], **options: Any) -> tuple[Reflector[str], Client]:
    client = Client(kind, name="east")
    read = options.pop("decode", decode)
    return Reflector(client, WIDGETS, store, read, name="widgets", random=Random(3), **options), client


def limits(kind: FakeKind) -> list[str]:
    return [query.get("limit", "") for sort, query in kind.requests if sort != "watch"]


@pytest.mark.parametrize("page_size", [500, 0], ids=["pages", "one page"])
async def test_a_list_that_is_too_large_is_read_in_smaller_pages(page_size: int) -> None:
    kind, store = FakeKind(), Store[str]()
    for number in range(190):
        kind.put(f"w{number:03}", value="x" * 1400)
    reflector, client = make(kind, store, page_size=page_size)
    async with running(reflector):
        assert len(store) == 190
        assert (reflector.lists, client.reachable) == (1, True)
        assert len(limits(kind)) < 60
        assert client.left_out.counts == {}


async def test_pages_of_what_may_be_large_begin_small_and_grow_where_objects_are_small() -> None:
    kind, store = FakeKind(), Store[str]()
    for number in range(200):
        kind.put(f"w{number:03}", value="")
    reflector, _ = make(kind, store, first_page_size=10)
    async with running(reflector):
        assert limits(kind) == ["10", "20", "40", *["73"] * 2]


async def test_pages_shrink_where_objects_become_large_and_grow_again() -> None:
    kind, store = FakeKind(), Store[str]()
    for number in range(120):
        kind.put(f"w{number:03}", value="x" * 3000 if 40 <= number < 60 else "")
    reflector, _ = make(kind, store, page_size=30)
    async with running(reflector):
        assert len(store) == 120
        asked = [int(limit) for limit in limits(kind)]
        assert asked[:2] == [30, 30]
        assert min(asked) == 2
        assert asked[-1] >= 16


async def test_a_page_that_shrinks_goes_on_from_where_the_list_was() -> None:
    kind, store = FakeKind(), Store[str]()
    for number in range(40):
        kind.put(f"w{number:03}", value="x" * 2000 if number >= 20 else "")
    reflector, _ = make(kind, store, page_size=20)
    async with running(reflector):
        tokens = [query.get("continue", "") for sort, query in kind.requests if sort != "watch"]
        assert tokens[:4] == ["", "140/20", "140/20", "140/20"]
        assert len(store) == 40


async def test_a_large_page_is_not_held_together_with_the_next_one() -> None:
    kind = FakeKind()
    for number in range(30):
        kind.put(f"w{number:03}", value="x" * 1400)
    pages = Client(kind).pages(WIDGETS, page_size=10)

    await anext(pages)
    for _ in range(20):
        await asyncio.sleep(0)

    assert kind.count("continue") == 0
    await pages.aclose()


async def test_one_object_that_no_page_can_hold_is_left_out_and_named() -> None:
    kind, store = FakeKind(), Store[str]()
    for number in range(5):
        kind.put(f"w{number}", value="x" * 20 * KIB if number == 3 else "small")
    reflector, client = make(kind, store)
    async with running(reflector):
        assert sorted(contents(store)) == ["w0", "w1", "w2", "w4"]
        assert client.left_out.counts == {("Widget", "too_large"): 1}
        assert not reflector.holding


async def test_a_list_that_asks_for_the_servers_cache_asks_for_less_without_it() -> None:
    """From its cache the server returns everything, whatever the limit."""
    kind = FakeKind()
    for number in range(20):
        kind.put(f"w{number:03}", value="x" * 1400)

    found = await Client(kind).list(WIDGETS, resource_version="0")

    assert len(found.items) == 20
    assert [query.get("resourceVersion") for _, query in kind.requests[:2]] == ["0", None]


async def test_an_answer_whose_head_says_nothing_is_an_error() -> None:
    client = Client(ScriptedTransport(lambda _: TooLarge("no end", head=b"<html>")))

    with pytest.raises(TooLarge):
        await client.list(WIDGETS)

    assert client.reachable


@pytest.mark.parametrize("wide", [False, True], ids=["kubernetes", "custom resource"])
async def test_a_watch_line_that_is_too_long_costs_its_object_only(wide: bool) -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    kind.put("b", value="2")
    reflector, client = make(kind, store, watch_seconds=SOON_UP)
    async with running(reflector):
        await asyncio.sleep(60)
        body = {"kind": "Widget", **kind.put("a", value="3" * 100 * KIB)}
        if wide:
            body["metadata"] = {"annotations": {"x": "y" * 100 * KIB}, **body["metadata"]}
        line = json.dumps({"type": "MODIFIED", "object": body}).encode()
        stream = kind.open[0]
        while not stream._lines.empty():
            stream._lines.get_nowait()
        stream.fail(LineTooLong("long", head=line[:HEAD_BYTES]))
        # What is known of the version is enough to go on from, also when the line itself names none.
        kind.history.clear()
        kind.cut()
        await asyncio.sleep(1)
        kind.put("c", value="4")
        await settle()

        assert contents(store) == {"b": "2", "c": "4", **({"a": "1"} if wide else {})}
        assert (reflector.lists, kind.count("watch")) == (1, 2)
        assert client.left_out.counts == {("Widget", "too_large"): 1}


def large(number: int) -> dict[str, Any]:
    """Half a megabyte of addresses."""
    return {
        "value": "x",
        "addresses": [[f"10.{number}.{a % 250}.{b}" for b in range(90)] for a in range(400)],
    }


@pytest.mark.looptime(False)
@pytest.mark.parametrize("how", ["list", "watch"])
async def test_the_loop_has_its_turn_between_any_two_objects_that_are_large(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease is renewed while megabytes are read: no step is longer than what one object takes."""
    monkeypatch.setattr("mcs_controller.kube.client.ANSWER_MAX_BYTES", 16 * KIB * KIB)
    monkeypatch.setattr("mcs_controller.kube.decoding.listing.PAGE_AIM_BYTES", 8 * KIB * KIB)
    kind, store = FakeKind(), Store[str]()
    count, decoded = 8, 0
    in_each_round: list[int] = []

    def decode_slowly(body: dict[str, Any]) -> str | None:
        nonlocal decoded
        began = time.perf_counter()
        while time.perf_counter() - began < 0.006:
            pass
        decoded += 1
        return decode(body)

    reflector, _ = make(kind, store, decode=decode_slowly)
    if how == "list":
        for number in range(count):
            kind.put(f"w{number}", **large(number))
    running_it = asyncio.create_task(reflector.run())
    if how == "watch":
        await reflector.wait_synced()
        await settle()
        for number in range(count):
            kind.put(f"w{number}", **large(number))
    while decoded < count:
        before = decoded
        await asyncio.sleep(0)
        in_each_round.append(decoded - before)
    running_it.cancel()
    await asyncio.wait({running_it})
    assert max(in_each_round) == 1
