"""Parsing only what is asked for: the same values, fewer of them, and errors left to who can name them."""

import json
from typing import Any, TypedDict

import pytest

from mcs_controller.kube.decoding.field_parser import WHOLE, FieldParser


class _Metadata(TypedDict, total=False):
    name: str
    resourceVersion: str


class Widget(TypedDict, total=False):
    metadata: _Metadata
    size: int


SKIM = FieldParser(Widget)


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def widget(**more: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "resourceVersion": "7", "managedFields": [{}]}, **more}


def test_an_object_has_the_wanted_fields() -> None:
    body = widget(size=3, colour="red")

    assert SKIM.object(encoded(body)) == {"metadata": {"name": "a", "resourceVersion": "7"}, "size": 3}


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"])
def test_an_event_has_the_wanted_fields(kind: str) -> None:
    event = SKIM.event(encoded({"type": kind, "object": widget(size=3, colour="red")}))

    assert event == {
        "type": kind,
        "object": {"metadata": {"name": "a", "resourceVersion": "7"}, "size": 3},
    }


def test_an_error_event_is_read_whole() -> None:
    error = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "metadata": {}}}

    assert SKIM.event(encoded(error)) == error


@pytest.mark.parametrize("size", ["3", None, 3.5, [3]])
def test_a_field_of_another_type_leaves_the_object_as_it_came(size: Any) -> None:
    """What is wrong with it is for its decoder to say."""
    body = widget(size=size)
    event = {"type": "ADDED", "object": body}

    assert SKIM.object(encoded(body)) == WHOLE.object(encoded(body))
    assert SKIM.event(encoded(event)) == WHOLE.event(encoded(event))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"items": [', b"\xff", b"[" * 100_000, b'{"size": ' + b"[" * 100_000]
)
def test_what_is_no_json_is_a_value_error_either_way(body: bytes) -> None:
    for parse in (SKIM.object, SKIM.event, WHOLE.object, WHOLE.event):
        with pytest.raises(ValueError, match=r"."):
            parse(body)


@pytest.mark.parametrize("body", [[], "text", 1, None])
def test_json_of_another_shape_is_returned_as_it_is(body: Any) -> None:
    assert SKIM.object(encoded(body)) == SKIM.event(encoded(body)) == body
