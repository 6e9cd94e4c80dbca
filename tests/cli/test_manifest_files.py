"""Files of objects that somebody else may have written: each is read soon, or refused in a line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mcs_controller.cli.errors import CliError
from mcs_controller.cli.explaining.manifests import changes_of, read_manifests
from mcs_controller.cli.manifest_files import FILE_MAX_CHARS, objects_in
from mcs_controller.clusterset.explain.picture import InCluster, Picture
from mcs_controller.clusterset.model import ServiceKey

WEB = "kind: ServiceExport\nmetadata: {name: web, namespace: shop}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, one in zip("abcdefg", "bcdefgh", strict=True)
)
MERGE_BOMB = "a: &a {x: 1}\n" + "".join(
    f"{one}: &{one} {{<<: [{', '.join([f'*{before}'] * 20)}]}}\n"
    for before, one in zip("abcdefghijk", "bcdefghijkl", strict=True)
)
SEEN = Picture(ServiceKey("shop", "web"), 0.0, InCluster("east"), ())
TOO_MUCH, NO_YAML = "holds more than 500000 values", "is no YAML or JSON, or nested too deeply"
REFUSED = {
    "aliases": (BOMB + "kind: *h", TOO_MUCH),
    "aliases in a name": (BOMB + WEB.replace("name: web", "name: *h"), TOO_MUCH),
    "merge keys": (MERGE_BOMB + WEB, NO_YAML),
    "holds itself": ("&a {kind: ServiceExport, metadata: *a}", TOO_MUCH),
    "deep": ("{a: " * 20_000, NO_YAML),
    "a program": ("kind: !!python/object/apply:os.getcwd []", NO_YAML),
    "not what the tag says": ("kind: !!bool maybe", NO_YAML),
    "no time": ("kind: !!timestamp soon", NO_YAML),
    "a number of many digits": (f"kind: {'1' * 5000}", NO_YAML),
    "no text": ("kind: \x00", NO_YAML),
    "a list of numbers": ("kind: List\nitems: [1, null]", "holds something that is no object"),
    "a kind that is no text": ("kind: [x]", "kind is a list, not a text"),
    "a name that is no text": ("kind: ServiceExport\nmetadata: {name: 1.5}", "name is 1.5, not a text"),
    "metadata that is none": ("kind: ServiceExport\nmetadata: [web]", "metadata is a list, not an object"),
    "a long kind": (f"kind: {'k' * 100_000}", "k… "),
    "a kind with control characters": ('kind: "\\e[2J"', "\\x1b[2J"),
    "not a number": (WEB + "spec: {exportedLabels: {a: .nan}}", "exportedLabels['a'] is nan, not a text"),
}


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_in_a_short_line(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "change.yaml"
    file.write_text(content)
    with pytest.raises(CliError) as refused:
        changes_of(read_manifests(str(file), None), SEEN)
    assert why in str(refused.value)
    assert len(str(refused.value)) < 1000
    assert str(refused.value).isprintable()


def test_of_a_file_no_more_is_read_than_it_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"#" * (FILE_MAX_CHARS + 1))
    for endless in ("/dev/zero", str(large)):
        with pytest.raises(CliError, match="has more than 4000000 characters"):
            list(objects_in(endless))
    with open("/dev/zero", encoding="utf-8") as zeros:
        monkeypatch.setattr(sys, "stdin", zeros)
        with pytest.raises(CliError, match="has more than 4000000 characters"):
            list(objects_in("-"))


def test_what_kubectl_reads_is_read(tmp_path: Path) -> None:
    file = tmp_path / "change.yaml"
    file.write_text(
        """
x-ports: &ports [{name: http, port: 80}]
kind: Service
metadata: {name: web, creationTimestamp: 2026-01-02T03:04:05Z}
spec: {ports: *ports}
---
---
{"kind": "List", "items": [{"kind": "Namespace"}]}
"""
    )
    service, namespace = objects_in(str(file))
    assert service["metadata"]["creationTimestamp"] == "2026-01-02T03:04:05Z"
    assert service["spec"] == {"ports": [{"name": "http", "port": 80}]}
    assert namespace == {"kind": "Namespace"}
