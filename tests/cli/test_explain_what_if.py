"""`explain --what-if`: how its file is read, and how the effects are printed."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.cli.explaining.json_form import as_json
from mcs_controller.cli.explaining.manifests import Manifest, changes_of, read_manifests
from mcs_controller.cli.explaining.text import COLUMNS, Style
from mcs_controller.cli.explaining.what_if_text import as_effects
from mcs_controller.clusterset.explain.changes import Change, changed
from mcs_controller.clusterset.explain.picture import InCluster, Picture, Unknown
from mcs_controller.clusterset.explain.what_if import what_if
from tests.clusterset.builders import local_service, source_slice
from tests.clusterset.explain.pictures import bystander, on_broker, picture, settled
from tests.support.objects import (
    Object,
    export_body,
    member_cluster,
    namespace_body,
    service_body,
    slice_body,
)

NORTH = InCluster("north", service=local_service(), slices=(source_slice("north"),))
SEEN = settled(picture(on_broker("east"), bystander("north"), here=NORTH))


def shown(*manifests: Object, deleted: bool = False) -> str:
    changes = changes_of([Manifest(one, deleted) for one in manifests], SEEN)
    return "\n".join(as_effects(what_if(SEEN, changes), Style()))


def test_what_would_change_is_said_for_every_cluster_and_for_this_one() -> None:
    assert (
        shown(export_body("web", "shop"))
        == """\
If ServiceExport web is applied in north (nothing is written):
  now:   shop/web works in north: 1 endpoint of east takes traffic
  then:  shop/web works in north: 2 endpoints of east, north take traffic

In every cluster that has namespace shop
  exported by: east  ->  east, north
  endpoints of north in use: none  ->  10.1.0.1"""
    )


def test_findings_that_begin_are_explained_and_those_that_end_are_named() -> None:
    ports = service_body("web", "shop", ports=[{"name": "http", "port": 81}])
    text = shown(ports, export_body("web", "shop"))
    assert "Findings that begin\n  WARNING MCS-WHY-10: PortConflict" in text
    assert "    do:  give the Services the same ports" in text
    gone = shown(namespace_body("shop"), deleted=True)
    assert "In north\n  namespace: active  ->  missing\n  ServiceImport: ready  ->  none" in gone
    assert "PROBLEM MCS-WHY-40 in north" in gone
    assert max(map(len, (*text.splitlines(), *gone.splitlines()))) <= COLUMNS


def test_a_change_without_effect_says_so() -> None:
    text = shown(member_cluster("east"))
    assert "Nothing would change in any cluster." in text
    assert "  still: shop/web works in north" in text


def test_the_json_has_both_explanations_and_the_effects() -> None:
    found = json.loads(as_json(what_if(SEEN, [Change("Namespace", "shop", deleted=True)])))
    assert found["changes"] == ["Namespace shop is deleted in north"]
    assert {"cluster": "north", "what": "namespace", "before": "active", "after": "missing"} in found[
        "effects"
    ]
    states = [found[when]["verdict"]["state"] for when in ("before", "after")]
    assert states == ["works", "does not work"]
    assert [one["id"] for one in found["begun"]] == ["MCS-WHY-40"]


def test_objects_are_read_from_files_as_kubectl_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "objects.yaml"
    listed = {"kind": "List", "items": [namespace_body("shop"), member_cluster("east")]}
    file.write_text(yaml.safe_dump_all([export_body("web"), None, listed]))
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(service_body("web"))))
    found = read_manifests(str(file), "-")
    assert [(one.body["kind"], one.deleted) for one in found] == [
        ("ServiceExport", False),
        ("Namespace", False),
        ("MemberCluster", False),
        ("Service", True),
    ]
    # Without a namespace they are in the service's.
    assert [one.name for one in changes_of(found, SEEN)] == ["web", "shop", "east", "web"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "holds no object"),
        ("{", "is no YAML or JSON"),
        ("- a", "holds something that is no object"),
    ],
)
def test_a_file_that_holds_nothing_usable_is_an_error(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(content)
    with pytest.raises(CliError, match=says):
        read_manifests(str(file), None)
    with pytest.raises(CliError, match="cannot be read"):
        read_manifests(str(tmp_path / "none"), None)


@pytest.mark.parametrize(
    ("body", "seen", "says"),
    [
        ({"kind": "Pod", "metadata": {"name": "web"}}, SEEN, "Pod web is none of"),
        (service_body("other", "shop"), SEEN, "Service other has no part in shop/web"),
        (service_body("web", "else"), SEEN, "Service web has no part in shop/web"),
        (namespace_body("else"), SEEN, "Namespace else has no part"),
        (slice_body("other", [], "shop"), SEEN, "names another Service"),
        (
            {"kind": "ServiceExport", "metadata": {"name": "web"}, "spec": 1},
            SEEN,
            "cannot be read: spec",
        ),
        (service_body("web", "shop"), replace(SEEN, here=None), "--from looks at the broker only"),
        (
            service_body("web", "shop"),
            replace(SEEN, broker=None, unknown=(Unknown("the broker", "refused"),)),
            "must be known for that: refused",
        ),
        (service_body("web", "shop"), replace(SEEN, here=InCluster("")), "give --cluster-id NAME"),
    ],
)
def test_what_cannot_be_foretold_is_one_line(body: Object, seen: Picture, says: str) -> None:
    with pytest.raises(CliError, match=says):
        changes_of([Manifest(body, False)], seen)


def test_both_files_cannot_be_standard_input() -> None:
    with pytest.raises(UsageError, match="cannot both read standard input"):
        read_manifests("-", "-")


def test_a_change_in_a_cluster_needs_one() -> None:
    with pytest.raises(ValueError, match="no cluster was looked at"):
        changed(replace(SEEN, here=None), [Change("Service", "web", deleted=True)])
