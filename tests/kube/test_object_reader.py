"""Objects as they are read one by one, and exactly what is said of one that is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mcs_controller.kube.decoding.field_parser import WHOLE
from mcs_controller.kube.decoding.object_reader import (
    UNBOUNDED,
    Bounds,
    LeftOut,
    ObjectReader,
    Page,
    object_of_head,
    page_of_head,
)
from mcs_controller.kube.errors import DecodeError, Unreachable
from mcs_controller.kube.pacing.turns import Turn

BODY = {"metadata": {"name": "a", "namespace": "shop", "resourceVersion": "7"}, "value": 1}
TEXT = msgspec.json.encode(BODY)
BEYOND = "more than is ever read of an answer"
ANY = Bounds(object_max_bytes=10_000)


def reader(bounds: Bounds = UNBOUNDED) -> ObjectReader:
    return ObjectReader(WHOLE, bounds, Turn())


def event(kind: str, text: bytes = TEXT) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + text + b"}\n"


@pytest.mark.parametrize("bounds", [UNBOUNDED, ANY])
@pytest.mark.parametrize(
    ("text", "read"),
    [
        (TEXT, BODY),
        (b"5", LeftOut("unreadable", "it is no object", "", "", "", 1)),
        (b'["metadata"]', LeftOut("unreadable", "it is no object", "", "", "", 12)),
        (b"{}", {}),
    ],
)
async def test_an_object_is_read_or_what_can_be_said_of_it(bounds: Bounds, text: bytes, read: Any) -> None:
    assert await reader(bounds).object(msgspec.Raw(text)) == read


async def test_an_object_that_cannot_be_read_is_named_if_it_can_be() -> None:
    text = TEXT[:-1] + b',"bad":1e999999}'
    for bounds in (UNBOUNDED, ANY):
        left = await reader(bounds).object(msgspec.Raw(text))
        if isinstance(left, LeftOut):
            assert (left.namespace, left.name, left.resource_version) == ("shop", "a", "7")
            assert left.reason == "unreadable"
            assert left.size_bytes == len(text)
            assert left.detail


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (TEXT, ("shop", "a", "7")),
        (b'{"metadata":{"name":"a"}}', ("", "a", "")),
        (b'{"metadata":5}', ("", "", "")),
        (b"[]", ("", "", "")),
    ],
)
async def test_an_object_beyond_a_bound_is_named_with_its_size(
    text: bytes, names: tuple[str, str, str]
) -> None:
    size = len(text)
    short = Bounds(object_max_bytes=size - 1)
    assert await reader(short).object(msgspec.Raw(text)) == LeftOut(
        "too_large", f"{size} bytes, {size - 1} may be", *names, size
    )
    asked: list[tuple[str, str, int]] = []

    def refuses(namespace: str, name: str, size_bytes: int) -> bool:
        asked.append((namespace, name, size_bytes))
        return False

    assert await reader(Bounds(size, refuses)).object(msgspec.Raw(text)) == LeftOut(
        "not_admitted", f"{size} bytes", *names, size
    )
    assert asked == [(names[0], names[1], size)]


async def test_what_goes_and_what_went_wrong_is_read_whatever_the_bounds() -> None:
    bounded = reader(Bounds(1, lambda namespace, name, size_bytes: False))
    for kind in ("DELETED", "BOOKMARK", "ERROR"):
        assert await bounded.event(event(kind)) == (kind, BODY)
    for kind in ("ADDED", "MODIFIED"):
        told, left = await bounded.event(event(kind))
        assert told == kind
        assert isinstance(left, LeftOut)
        assert left.reason == "too_large"


@pytest.mark.parametrize("bounds", [UNBOUNDED, ANY])
async def test_an_event_is_its_type_and_its_object(bounds: Bounds) -> None:
    for kind in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "STRANGE"):
        assert await reader(bounds).event(event(kind)) == (kind, BODY)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"garbage\n", "a watch line is not an event"),
        (b"[]\n", "a watch line is not an event"),
        (b'{"type":"ADDED"}\n', "a watch line is not an event"),
        (b'{"type":"ADDED","object":5}\n', "a watch event has no object"),
    ],
)
async def test_of_a_line_that_is_no_event_it_is_told_so(line: bytes, told: str) -> None:
    with pytest.raises(DecodeError) as caught:
        await reader().event(line)
    assert str(caught.value) == told


async def test_half_a_line_is_a_connection_that_broke() -> None:
    for bounds in (UNBOUNDED, ANY):
        with pytest.raises(Unreachable) as caught:
            await reader(bounds).event(event("ADDED")[:20])
        assert str(caught.value) == "the watch broke off in the middle of a line"


@pytest.mark.parametrize(
    ("metadata", "token"),
    [('{"resourceVersion":"9"}', ""), ('{"resourceVersion":"9","continue":"t"}', "t")],
)
async def test_a_page_holds_its_objects_unread_and_where_to_go_on(metadata: str, token: str) -> None:
    for items, objects in (("null", []), ("[]", []), ("[1,{}]", [b"1", b"{}"])):
        body = f'{{"metadata":{metadata},"items":{items}}}'.encode()
        page = await reader().page(body)
        assert [bytes(one) for one in page.objects] == objects
        assert page[1:] == ("9", token, len(body), None)


async def test_a_list_without_a_version_is_none() -> None:
    with pytest.raises(ValueError, match="the list has no resourceVersion"):
        await reader().page(b'{"metadata":{"resourceVersion":""},"items":[]}')


HEAD = b'{"kind":"List","metadata":%s,"items":[{"metadata":{"name":"a","namespace":"shop","x":"'


@pytest.mark.parametrize(
    ("metadata", "version", "token"),
    [
        (b'{"resourceVersion":"9","continue":"t","remainingItemCount":5}', "9", "t"),
        (b'{"resourceVersion":"9"}', "9", ""),
    ],
)
def test_of_a_page_that_one_object_makes_too_large_the_head_says_where_to_go_on(
    metadata: bytes, version: str, token: str
) -> None:
    head = HEAD % metadata
    left = LeftOut("too_large", BEYOND, "shop", "a", "", len(head))
    assert page_of_head(head) == Page([], version, token, len(head), left)


def test_a_head_that_says_too_little_is_no_page() -> None:
    for head in (b"", b"<html>", HEAD % b"{}", b'{"items":[{"metadata":{"name":"a","x":"'):
        assert page_of_head(head) is None


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (b'"name":"a","namespace":"shop","resourceVersion":"7","managed":[', ("shop", "a", "7")),
        (b'"name":"a","namespace":"sh', ("", "a", "")),
        (b'"name":"a', ("", "", "")),
        (b'"managed":[{"x":1}],"name":"a",', ("", "", "")),
    ],
)
def test_of_a_line_that_is_too_long_the_names_are_those_that_are_whole(
    fields: bytes, names: tuple[str, str, str]
) -> None:
    head = b'{"type":"ADDED","object":{"kind":"Service","metadata":{' + fields
    assert object_of_head(head) == LeftOut("too_large", BEYOND, *names, len(head))
