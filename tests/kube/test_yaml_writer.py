"""YAML that we write: what is a text for us is one for kubectl's reader, too."""

from __future__ import annotations

import pytest
import yaml

from mcs_controller.kube.yaml_writer import to_yaml


@pytest.mark.parametrize(
    "text",
    [
        "1e3",
        "12e4",
        "1E5",
        ".5e3",
        "+1e2",
        "1.e3",
        "1e400",
        "0o17",
        "-0O7",
        "0X1F",
        "0B1",
        "08",
        "12_3e4",
        "y",
        "N",
    ],
)
def test_what_kubectl_reads_as_no_text_is_quoted(text: str) -> None:
    assert to_yaml([{"name": text}], explicit_start=False) == f"name: '{text}'\n"


@pytest.mark.parametrize("text", ["a1e3", "1e3a", "v1.20", "1.2.3", "east", "0xg", "10.0.0.0/8"])
def test_other_texts_are_written_as_they_are(text: str) -> None:
    assert to_yaml([{"name": text}], explicit_start=False) == f"name: {text}\n"


def test_values_come_back_as_they_were() -> None:
    value = {"a": [1, -2, 1.5, 1e20, True, None, "1e3", "~", "", "\x1b[2J", "a\nb"], "b": {}}
    assert list(yaml.safe_load_all(to_yaml([value, value]))) == [value, value]
