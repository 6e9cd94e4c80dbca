"""What `helm template` makes of our charts, as documents."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.realkube.binaries import locate_helm

JsonObject = dict[str, Any]

CHARTS = Path(__file__).resolve().parents[2] / "charts"
MEMBER, BROKER = "mcs-controller", "mcs-broker"
RELEASE, NAMESPACE = "mcs", "mcs-system"
VALUES_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Ended:
    exit_code: int
    stdout: str
    stderr: str


def helm(*arguments: str | Path, stdin: str = "") -> Ended:
    """Run it with nothing of this machine's Helm or kubectl configuration."""
    ended = subprocess.run(
        [locate_helm(), *arguments],
        input=stdin,
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=VALUES_TIMEOUT_S,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def template(
    chart: str, values: JsonObject, *, release: str = RELEASE, namespace: str = NAMESPACE, notes: bool = False
) -> Ended:
    """`helm template` (or what the user is told after an install) with values as a file of the user's."""
    command = ("install", "--dry-run=client", "--hide-secret") if notes else ("template",)
    where = (release, str(CHARTS / chart), "--namespace", namespace)
    return helm(*command, *where, "--values", "-", stdin=json.dumps(values))


@functools.cache
def _rendered(chart: str, values: str, release: str, namespace: str) -> str:
    ended = template(chart, json.loads(values), release=release, namespace=namespace)
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout


def render(
    chart: str, values: JsonObject, *, release: str = RELEASE, namespace: str = NAMESPACE
) -> list[JsonObject]:
    """All manifests with these values, hooks included."""
    text = _rendered(chart, json.dumps(values, sort_keys=True), release, namespace)
    return [one for one in yaml.safe_load_all(text) if one is not None]


def of_kind(found: list[JsonObject], *kinds: str) -> list[JsonObject]:
    return [one for one in found if one["kind"] in kinds]


def one_of_kind(found: list[JsonObject], kind: str, name: str) -> JsonObject:
    (one,) = (one for one in of_kind(found, kind) if one["metadata"]["name"] == name)
    return one


def pod_templates(found: list[JsonObject]) -> Iterator[JsonObject]:
    """Of everything that runs pods, and pods themselves: with metadata and spec."""
    for one in found:
        if "template" in one.get("spec", {}):
            yield one["spec"]["template"]
        elif one["kind"] == "Pod":
            labels = one["metadata"]["labels"]
            yield {"metadata": {"labels": labels}, "spec": one["spec"]}


def is_hook(one: JsonObject) -> bool:
    return "helm.sh/hook" in one["metadata"].get("annotations", {})


def default_values(chart: str) -> JsonObject:
    values: JsonObject = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    return values


def schema(chart: str) -> JsonObject:
    found: JsonObject = json.loads((CHARTS / chart / "values.schema.json").read_text())
    return found
