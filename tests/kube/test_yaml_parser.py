"""YAML that somebody else wrote: read as kubectl reads it, without its traps."""

from __future__ import annotations

import pytest
import yaml

from mcs_controller.kube.decoding.yaml_parser import UNREADABLE, Loader


@pytest.mark.parametrize("text", ["1:30", "-1:59:59", "1:30.5", "2026-01-01", "2026-01-01T00:00:00Z"])
def test_times_and_numbers_in_base_60_are_texts(text: str) -> None:
    assert yaml.load(text, Loader) == text


@pytest.mark.parametrize("text", ["1" + ":1" * 200_000, "1" + ":1" * 200_000 + ".5"])
def test_a_long_number_in_base_60_is_no_number_at_all(text: str) -> None:
    # The library would take minutes for it, and fail for the second.
    assert yaml.load(text, Loader) == text


def test_other_numbers_are_numbers() -> None:
    assert yaml.load("[12, 0x1f, -3, 1.5, 1.0e+3, .inf]", Loader) == [12, 31, -3, 1.5, 1000.0, float("inf")]


@pytest.mark.parametrize(
    "text", ["!!bool x", "!!timestamp x", "!!int x", "!!float x", "[" * 5000, "{", "!x y"]
)
def test_what_is_no_value_of_its_tag_is_unreadable(text: str) -> None:
    with pytest.raises(UNREADABLE):
        yaml.load(text, Loader)
