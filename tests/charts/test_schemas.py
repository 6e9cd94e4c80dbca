"""The API schemas of every release that the charts are for take what the charts make."""

from __future__ import annotations

import re
from collections.abc import Iterator

import kubernetes_validate
import pytest
import yaml

from tests.charts.rendering import BROKER, CHARTS, MEMBER, JsonObject, pod_templates, render
from tests.charts.values import BROKER_CASES, CASES
from tests.scripts import load_script

pytestmark = pytest.mark.usefixtures("helm_program")

ALL_CASES = [
    *(pytest.param(MEMBER, values, id=f"{MEMBER}-{name}") for name, values in CASES.items()),
    *(pytest.param(BROKER, values, id=f"{BROKER}-{name}") for name, values in BROKER_CASES.items()),
]
OURS = load_script("kube/build").KUBERNETES
OPERATOR_GROUP = "monitoring.coreos.com/"
"""No API of Kubernetes itself: held against the definitions of the operator, on a real API server."""
SINCE = {"ValidatingAdmissionPolicy": (1, 30), "ValidatingAdmissionPolicyBinding": (1, 30)}
"""Kinds of what is off by default, and the first release that has them, as docs/inventory.md says."""


def oldest_release(chart: str) -> str:
    """The one that the chart's kubeVersion allows, such as 1.27."""
    described = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    (found,) = re.findall(r"^>=(\d+\.\d+)\.0-0$", described["kubeVersion"])
    return str(found)


def releases(chart: str) -> list[str]:
    """The oldest one, the one that the tests run, and the newest one that the package knows."""
    return [oldest_release(chart), OURS, kubernetes_validate.latest_version()]


def problems(objects: list[JsonObject], release: str) -> Iterator[str]:
    number = tuple(int(part) for part in release.removeprefix("v").split(".")[:2])
    for one in objects:
        if number < SINCE.get(one["kind"], number):
            continue
        try:
            kubernetes_validate.validate(one, release, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{one['kind']} {one['metadata']['name']} in {release}: {error.message}"


@pytest.mark.parametrize(("chart", "values"), ALL_CASES)
def test_every_manifest_is_of_the_schema_of_old_and_new_releases(chart: str, values: JsonObject) -> None:
    found = [one for one in render(chart, values) if not one["apiVersion"].startswith(OPERATOR_GROUP)]
    assert found or values == {"crds": {"install": False}}
    for release in releases(chart):
        assert list(problems(found, release)) == []


def test_a_field_that_does_not_exist_would_be_found() -> None:
    found = [one for one in render(MEMBER, {}) if one["kind"] == "Deployment"]
    for pod in pod_templates(found):
        pod["spec"]["containers"][0]["readOnlyRootFilesystem"] = True
    for release in releases(MEMBER):
        assert len(list(problems(found, release))) == len(found)
