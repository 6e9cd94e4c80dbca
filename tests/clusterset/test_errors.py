"""Texts from outside, as they are told to people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.errors import MAX_TEXT_CHARS, MalformedObject, cut, shortened
from mcs_controller.observe.visible import visible

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain text, äöü 漢字 עברית 👍", "plain text, äöü 漢字 עברית 👍"),
        ("two\nlines\r\tand\x07a bell", "two\\nlines\\r\\tand\\x07a bell"),
        ("\x1b[2Jcleared\x9b", "\\x1b[2Jcleared\\x9b"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("a\u2066b\u2069c\u200fd\u061ce", "a\\u2066b\\u2069c\\u200fd\\u061ce"),
        ("line\u2028paragraph\u2029\x85", "line\\u2028paragraph\\u2029\\x85"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("tag\U000e0041half\ud800", "tag\\U000e0041half\\ud800"),
        ("no\xa0break", "no\\xa0break"),
    ],
)
def test_what_is_not_simply_shown_is_told_by_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANY_TEXT)
def test_whatever_is_told_is_one_line_that_shows_all_that_it_holds(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)
    assert str(MalformedObject(text)).isprintable()


@given(ANY_TEXT, st.integers(1, 40))
def test_a_cut_text_is_visible_and_never_longer_than_its_limit(text: str, limit: int) -> None:
    assert cut(text, limit) == shortened(visible(text), limit)
    assert len(cut(text, limit)) <= limit
    assert cut(text, limit).isprintable()


def test_a_text_is_shortened_only_when_it_has_to_be_and_says_so() -> None:
    assert cut("x" * MAX_TEXT_CHARS) == "x" * MAX_TEXT_CHARS
    assert cut("x" * (MAX_TEXT_CHARS + 1)) == "x" * (MAX_TEXT_CHARS - 1) + "…"
    assert shortened("abcd", 4) == "abcd"
    assert shortened("abcde", 4) == "abc…"
    # An escape that no longer fits is cut, too.
    assert cut("ab\n", 4) == "ab\\n"
    assert cut("abc\n", 4) == "abc…"
