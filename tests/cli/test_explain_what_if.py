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
from mcs_controller.clusterset.explain.bulk_here import BulkHere, LiveServices
from mcs_controller.clusterset.explain.changes import Change, changed
from mcs_controller.clusterset.explain.picture import InCluster, Picture, Unknown
from mcs_controller.clusterset.explain.policies_here import Live, LiveImport, PoliciesHere
from mcs_controller.clusterset.explain.what_if import what_if
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bulk.plan import Known
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    Candidate,
    Present,
    decode_service_policy,
)
from mcs_controller.clusterset.services.policies.policy import Policy
from tests.clusterset.builders import local_export, local_service, source_slice
from tests.clusterset.explain.pictures import bystander, on_broker, picture, settled
from tests.controllers.bulking import bulk
from tests.controllers.policing import import_policy
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


ASKED = PoliciesHere((Policy("all"),), asked=True)


def with_live(seen: Picture, number: int) -> Picture:
    """North's agent asks ImportPolicies, and imports shop/web and more of east's."""
    keys = [seen.service, *(ServiceKey("shop", f"web-{each}") for each in range(number - 1))]
    live = Live((), tuple(LiveImport(key, "east") for key in keys), {"shop": ()})
    assert seen.here is not None
    return replace(seen, here=replace(seen.here, live=live, import_policies=ASKED))


def policy_shown(seen: Picture) -> str:
    changes = changes_of([Manifest(import_policy("no-shop", "Forbid", namespaces=["shop"]), False)], seen)
    return "\n".join(as_effects(what_if(seen, changes), Style()))


def test_of_a_policy_it_is_said_what_it_ends_of_all_services() -> None:
    text = policy_shown(with_live(SEEN, 2))
    assert "Of all services\n  north: its imports: policies refuse 2 of 2, which end" in text
    assert "kept out by its policies: none  ->  east" in text
    assert "ServiceImport: ready  ->  none" in text
    assert "nothing shows that they do" not in text


def test_of_a_policy_that_would_end_too_much_it_is_said_that_it_is_held() -> None:
    text = policy_shown(with_live(SEEN, 10))
    assert "policies refuse 10 of 10; none of them ends for now: policies would end too" in text
    assert "Nothing would change in any cluster." in text
    assert max(map(len, text.splitlines())) <= COLUMNS


def bulk_shown(number: int, selector: Object, *, live: bool = True) -> str:
    """North's policy made so many ServiceExports, one of them of shop/web, and would select others."""
    before = decode_service_policy(bulk())
    present = Present(before.key)
    keys = [SEEN.service, *(ServiceKey("shop", f"web-{each}") for each in range(number - 1))]
    labels = (("public", "yes"),)
    services = LiveServices(dict.fromkeys(keys, Candidate(labels)), dict.fromkeys(keys, present))
    known = BulkHere(Known.of([before]), True, present, live=services if live else None)
    here = replace(NORTH, service=replace(local_service(), labels=labels), export=local_export(), bulk=known)
    seen = settled(picture(on_broker("east"), bystander("north"), here=here))
    changes = changes_of([Manifest(bulk(selector=selector), False)], seen)
    return "\n".join(as_effects(what_if(seen, changes), Style()))


def test_of_a_service_export_policy_it_is_said_what_it_makes_and_removes_of_all_services() -> None:
    text = bulk_shown(2, {"matchLabels": {"public": "no"}})
    said = (
        "ServiceExports that its ServiceExportPolicies make: 0; that they remove: 2 of the 2 that they made"
    )
    assert said in " ".join(text.split())
    assert "exported by: east, north  ->  east" in text
    assert "nothing shows that they do" not in text


def test_of_removals_that_are_held_and_of_what_could_not_be_counted_it_is_said() -> None:
    text = bulk_shown(20, {"matchLabels": {"public": "no"}})
    words = " ".join(text.split())
    assert "for now none of those of shop/public, since that is too much" in words
    assert "why: no ServiceExportPolicy selects it, and too many would be removed at once" in words
    assert "Nothing would change in any cluster." in text
    assert max(map(len, text.splitlines())) <= COLUMNS
    uncounted = bulk_shown(20, {"matchLabels": {"public": "no"}}, live=False)
    assert "if the change is not held" in uncounted
    assert "exported by: east, north  ->  east" in uncounted


def test_what_nothing_shows_is_said_to_be_assumed() -> None:
    text = policy_shown(SEEN)
    assert "if the agents of north run with --import-policies: nothing shows that they do" in text
    assert "if the change is not held: what else the cluster exports and imports could not be read" in text


def test_what_could_not_be_read_is_told_beside_the_effects() -> None:
    refused = Unknown("the ImportPolicy objects, in this cluster", "forbidden")
    text = policy_shown(replace(SEEN, unknown=(refused,)))
    assert text.endswith(
        "Not known, and not taken into account\n  the ImportPolicy objects, in this cluster: forbidden"
    )


def test_an_allowing_policy_ends_nothing_while_the_others_could_not_be_read() -> None:
    here = replace(NORTH, import_policies=PoliciesHere(doubt="the ImportPolicies could not be read"))
    seen = settled(picture(on_broker("east"), bystander("north"), here=here))
    elsewhere = Manifest(import_policy("depot-only", namespaces=["depot"]), False)
    assert what_if(seen, changes_of([elsewhere], seen)).effects == ()


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
        (import_policy("maybe", "Maybe"), SEEN, "ImportPolicy maybe cannot be read: action"),
        ({**bulk(), "spec": {}}, SEEN, "ServiceExportPolicy public cannot be read: serviceSelector"),
        (
            {**bulk(), "metadata": {"name": "public", "namespace": "else"}},
            SEEN,
            "ServiceExportPolicy public has no part in shop/web",
        ),
        (import_policy("all"), replace(SEEN, here=None), "--from looks at the broker only"),
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
        (
            service_body("web", "shop"),
            replace(SEEN, here=replace(NORTH, unread=frozenset({"Service"}))),
            "could not be read: Service",
        ),
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
