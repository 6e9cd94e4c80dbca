"""One object that is made to be unreadable, or costly, among others: what it costs them, which is nothing."""

import asyncio
from random import Random
from typing import Any, TypedDict

import pytest

from mcs_controller.kube.client import Client
from mcs_controller.kube.decoding.field_parser import FieldParser
from mcs_controller.kube.decoding.object_reader import Admit
from mcs_controller.kube.errors import DecodeError
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Store
from tests.kube.fakes import WIDGETS, FakeKind, ScriptedTransport, nested, ok, raw, status_body
from tests.kube.reflectors import contents, decode, running, settle

pytestmark = pytest.mark.looptime

UNREADABLE = {
    "201 levels": nested(201),
    "2,000 levels": nested(2000),
    "10,000 levels": nested(10_000),
    "no UTF-8": raw(b'{"f:\xff": {}}'),
    "no number": raw(b'{"f:a": [-]}'),
}
"""What an API server may be brought to hold in managedFields, and more."""

NO_TEXT = raw(b'"\xff"')
"""Which no parser takes for the text that it should be."""


class _Metadata(TypedDict, total=False):
    namespace: str
    name: str
    uid: str
    resourceVersion: str


class _Widget(TypedDict, total=False):
    metadata: _Metadata
    value: str


SKIM = FieldParser(_Widget)
PARSERS = pytest.mark.parametrize("options", [{}, {"parse": SKIM}], ids=["whole", "skim"])


def make(
    kind: FakeKind, store: Store[str], *, admit: Admit | None = None, **options: Any
) -> tuple[Reflector[str], Client]:
    client = Client(kind, name="east")
    return Reflector(
        client, WIDGETS, store, decode, name="widgets", random=Random(3), admit=admit, **options
    ), client


@PARSERS
@pytest.mark.parametrize("managed_fields", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_a_list_and_a_watch_are_read_whatever_one_object_has_in_its_managed_fields(
    managed_fields: str, options: dict[str, Any]
) -> None:
    kind, store = FakeKind(), Store[str]()
    for name in "abc":
        kind.put(name, value=name, managed_fields=managed_fields if name == "b" else None)
    reflector, client = make(kind, store, **options)
    async with running(reflector):
        await settle()
        assert contents(store) == {"a": "a", "b": "b", "c": "c"}
        kind.put("b", value="b2", managed_fields=managed_fields)
        kind.put("d", value="d", managed_fields=managed_fields)
        kind.put("c", value="c2")
        await settle()
        assert contents(store) == {"a": "a", "b": "b2", "c": "c2", "d": "d"}
        kind.remove("d")
        await settle()
        assert contents(store) == {"a": "a", "b": "b2", "c": "c2"}
        assert (reflector.restarts["undecodable"], reflector.lists) == (0, 1)
        assert client.left_out.counts == {}


@PARSERS
async def test_an_object_that_cannot_be_read_at_all_costs_itself_only_and_is_named(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="a")
    kind.put("b", value="b")
    reflector, client = make(kind, store, **options)
    async with running(reflector):
        await settle()
        kind.put("b", value=NO_TEXT)
        kind.put("c", value=NO_TEXT)
        kind.put("d", value="d")
        await settle()
        assert contents(store) == {"a": "a", "b": "b", "d": "d"}
        await asyncio.sleep(60)
        kind.compact()
        kind.version += 1
        kind.oldest = kind.version
        kind.cut()
        await asyncio.sleep(10)

        # The last good version of what was held stays.
        assert contents(store) == {"a": "a", "b": "b", "d": "d"}
        assert reflector.lists == 2
        assert client.left_out.counts == {("Widget", "unreadable"): 4}
        assert reflector.decode_failures == 4
        named = [record.getMessage() for record in caplog.records if "left out" in record.message]
        assert [("shop/b at version 103" in one, "shop/c at version 104" in one) for one in named] == [
            (True, False), (False, True),
        ]  # fmt: skip


async def test_what_cannot_even_be_named_lets_nothing_be_removed() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="a")
    kind.put("b", value="b")
    reflector, _ = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.objects[("shop", "b")] = 5  # type: ignore[assignment]
        kind.compact()
        kind.version += 1
        kind.oldest = kind.version
        kind.cut()
        await asyncio.sleep(5)
        assert contents(store) == {"a": "a", "b": "b"}
        assert reflector.holding


async def test_who_floods_with_unreadable_objects_does_not_flood_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kind, store = FakeKind(), Store[str]()
    reflector, client = make(kind, store)
    async with running(reflector):
        for number in range(300):
            kind.put("a", value=NO_TEXT)
            kind.put(f"b{number}")
            await settle()
        assert client.left_out.counts == {("Widget", "unreadable"): 300}
        assert reflector.decode_failures == 600
        assert len(caplog.records) == 20


@PARSERS
async def test_what_is_not_admitted_is_not_decoded_and_not_held(options: dict[str, Any]) -> None:
    kind, store = FakeKind(), Store[str]()
    asked: list[tuple[str, str, bool]] = []

    def admit(namespace: str, name: str, size_bytes: int) -> bool:
        asked.append((namespace, name, size_bytes > 1000))
        return size_bytes < 1000

    for name in "abc":
        kind.put(name, value=name)
    kind.put("big", value="x" * 1000)
    kind.put("poison", value="x", padding=["x" * 1000, nested(300)])
    reflector, client = make(kind, store, admit=admit, **options)
    async with running(reflector):
        await settle()
        assert contents(store) == {"a": "a", "b": "b", "c": "c"}
        assert asked == [
            ("shop", name, big) for name, big in [("a", 0), ("b", 0), ("big", 1), ("c", 0), ("poison", 1)]
        ]
        asked.clear()
        kind.put("a", value="x" * 1000)
        kind.put("big", value="small")
        kind.put("b", value="b2")
        kind.remove("c")
        kind.bookmark()
        await settle()
        assert contents(store) == {"b": "b2", "big": "small"}
        assert asked == [("shop", "a", True), ("shop", "big", False), ("shop", "b", False)]
        assert client.left_out.counts == {("Widget", "not_admitted"): 3}


@PARSERS
async def test_an_object_beyond_the_bound_is_left_out_by_list_and_watch_alike(
    options: dict[str, Any],
) -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="a")
    kind.put("big", value="x" * 2000)
    kind.put("deep", value="x", managed_fields=nested(2000))
    reflector, client = make(kind, store, object_max_bytes=1500, **options)
    async with running(reflector):
        await settle()
        assert contents(store) == {"a": "a"}
        kind.put("a", value="a", managed_fields=nested(2000))
        kind.put("b", value="b", managed_fields=nested(100))
        await settle()
        assert contents(store) == {"b": "b"}
        assert client.left_out.counts == {("Widget", "too_large"): 3}
        kind.open[0].push({"type": "ERROR", "object": status_body(410, "Expired")})
        await asyncio.sleep(5)
        assert reflector.restarts["gone"] == 1


async def test_one_list_call_leaves_out_the_unreadable_object_and_returns_the_rest() -> None:
    items = [{"metadata": {"name": name}, "value": NO_TEXT if name == "b" else 1} for name in "abc"]
    client = Client(ScriptedTransport(lambda _: ok({"metadata": {"resourceVersion": "9"}, "items": items})))

    found = await client.list(WIDGETS)

    assert [one["metadata"]["name"] for one in found.items] == ["a", "c"]


async def test_a_single_object_is_read_whatever_its_managed_fields_hold() -> None:
    body = {"metadata": {"name": "a", "managedFields": [nested(5000)]}, "value": 1}
    client = Client(ScriptedTransport(lambda _: ok(body)))

    assert (await client.get(WIDGETS, "a"))["value"] == 1


async def test_a_single_object_that_is_no_json_is_a_decode_error() -> None:
    client = Client(ScriptedTransport(lambda _: ok({"value": raw(b"nonsense")})))

    with pytest.raises(DecodeError, match="cannot be read"):
        await client.get(WIDGETS, "a")
