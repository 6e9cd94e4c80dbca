"""JSON from elsewhere: what is read, and what is refused before it can cost anything."""

import pytest

from mcs_controller.kube.decoding.json_parser import parse_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, -2.5, true, null, "\xc3\xa9"]}', {"a": [1, -2.5, True, None, "é"]}),
        ('"text"', "text"),
        (b" 18446744073709551616 ", 18446744073709551616),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_what_is_json_is_read(text: bytes | str, value: object) -> None:
    assert parse_json(text) == value


@pytest.mark.parametrize("text", [b"", b"{", b"{} {}", b"NaN", b"'a'", b'"\xff"', b"[" * 100_000, "{]"])
def test_what_is_not_json_is_a_value_error(text: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_what_is_longer_than_expected_is_not_read() -> None:
    assert parse_json(b"[1,2]", max_bytes=5) == [1, 2]
    with pytest.raises(ValueError, match="it has more than 4 bytes"):
        parse_json(b"[1,2]", max_bytes=4)
