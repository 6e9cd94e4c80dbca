"""Taking the depths out of JSON: the same otherwise, as long as before, and in turns."""

import asyncio
import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.kube.decoding.shallow import LEVELS_MAX, shallow
from mcs_controller.kube.pacing.turns import Turn

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\{}[]:, é'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('k"\\{}[]'), inner, max_size=4),
    max_leaves=30,
)


def of(text: bytes) -> bytes:
    return asyncio.run(shallow(text, Turn()))


def deep(levels: int) -> bytes:
    return b"[" * levels + b'{"a": [1]}' + b"]" * levels


@given(values)
def test_what_is_not_deep_stays_as_it_is(value: Any) -> None:
    text = json.dumps([[value], {"x": [value, {}]}]).encode()

    assert of(text) == text


@given(values, values)
def test_what_is_deep_is_null_and_the_rest_stays_where_it_was(before: Any, after: Any) -> None:
    text = b'{"a": [%b], "b": %b, "c": [[%b]]}' % (
        json.dumps(before).encode(), deep(5000), json.dumps(after).encode()
    )  # fmt: skip

    found = of(text)

    assert len(found) == len(text)
    parsed = json.loads(found)
    assert (parsed["a"], parsed["c"]) == ([before], [[after]])
    assert parsed["b"] != []


@pytest.mark.parametrize("blanks", ["", " ", "\n  "])
@pytest.mark.parametrize("wrapped", ["%s", '{"type": "ADDED", "object": %s}', '{"items": [%s, {"a": [[]]}]}'])
def test_managed_fields_are_null_however_shallow(wrapped: str, blanks: str) -> None:
    """Their text may be no JSON that a parser takes, for other reasons than its depth."""
    item = f'{{"metadata": {{"managedFields"{blanks}:{blanks}[{{"fieldsV1": {{"x": 1}}}}], "name": "a"}}}}'
    text = (wrapped % item).encode()

    parsed = json.loads(of(text))

    for key in ("object", "items"):
        parsed = parsed.get(key, parsed)
    item_read = parsed[0] if isinstance(parsed, list) else parsed
    assert item_read == {"metadata": {"managedFields": None, "name": "a"}}


def test_a_text_that_looks_like_managed_fields_is_not_taken_for_them() -> None:
    text = json.dumps({"metadata": {"x": '"managedFields":', "y": [[1]]}}).encode()

    assert of(text) == text


@pytest.mark.parametrize(
    "text", [b"", b"5", b'"a"', b"[[1]", b'[["a]]', b'{"a": ["\\"]}', b"[" * 100_000, b'["' + b"\\" * 100_001]
)
def test_what_does_not_match_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="match"):
        of(text)


def test_no_text_costs_more_than_its_length_is_worth() -> None:
    """Each is a megabyte that a careless expression would go over again and again."""
    megabyte = 1_000_000
    turn = Turn()

    def seconds(text: bytes) -> float:
        began = turn.now()
        with contextlib.suppress(ValueError):
            of(text)
        return turn.now() - began

    plain = seconds(b"[" + b"[[1]]," * (megabyte // 6) + b"1]")
    for text in (
        b'{"' + b'\\"' * (megabyte // 2),
        b'{"a":"' + b"x" * megabyte,
        b"[" * megabyte,
        b"[" * (megabyte // 2) + b"]" * (megabyte // 2),
        b'["' + b'{[\\"' * (megabyte // 4) + b'"]',
        b"[" + b'{"a":{"b":{}}},' * (megabyte // 15) + b"1]",
    ):
        assert seconds(text) < 20 * plain


async def test_the_rest_of_the_program_has_its_turns() -> None:
    text = b"[" + b"[[1]]," * 100_000 + b"1]"
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    milliseconds = itertools.count()
    await shallow(text, Turn(0.005, now=lambda: next(milliseconds) / 1000))
    counting.cancel()

    assert turns > 100


def test_a_parser_takes_what_is_left() -> None:
    text = b"[" * (LEVELS_MAX - 1) + deep(5000) + b"]" * (LEVELS_MAX - 1)

    assert json.loads(of(text))
