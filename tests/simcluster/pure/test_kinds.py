from __future__ import annotations

from typing import Any

import pytest
import yaml

from mcs_controller.simcluster.kinds.builtin import BUILTIN_KINDS
from mcs_controller.simcluster.kinds.custom import kinds_of_crd, prepare_crd
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.schemas.names import port_name_complaint
from tests.simcluster.pure.builders import CRDS, Object, builtin, complaints, context, crd, named, shipped

OPEN: Object = {"type": "object"}


@pytest.mark.requirement("MCS-API-03")
def test_the_versions_of_a_crd_share_their_objects() -> None:
    old, new = shipped("serviceexports", "v1alpha1"), shipped("serviceexports", "v1beta1")
    assert old.storage == new.storage
    body = named(apiVersion=old.api_version, kind="ServiceExport", spec={})
    stored = old.to_storage(body)
    assert stored["apiVersion"] == new.api_version
    assert new.from_storage(stored) is stored
    assert old.from_storage(stored) == body


def test_a_crd_says_what_its_kind_is_called_and_can() -> None:
    kind = shipped("serviceimports")
    assert (kind.singular, kind.list_kind, kind.short_names) == (
        "serviceimport",
        "ServiceImportList",
        ("svcim", "svcimport"),
    )
    assert kind.namespaced
    assert kind.has_status
    assert kind.is_custom


def test_only_served_versions_become_kinds_and_age_is_their_column_by_default() -> None:
    definition = crd(OPEN)
    served = definition["spec"]["versions"][0]
    definition["spec"]["versions"].append(served | {"name": "v0", "served": False, "storage": False})
    (kind,) = kinds_of_crd(definition)
    assert [column.name for column in kind.columns] == ["Name", "Age"]
    assert not kind.has_status


@pytest.mark.parametrize("path", sorted(CRDS.glob("*.yaml")), ids=lambda path: path.name.partition(".")[0])
def test_the_crds_that_are_shipped_are_accepted(path: Any) -> None:
    definition = yaml.safe_load(path.read_text())
    assert prepare_crd(definition, None, context()) == []
    assert kinds_of_crd(definition)


def spec_change(**fields: Any) -> Object:
    return crd(OPEN) | {"spec": crd(OPEN)["spec"] | fields}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (crd(OPEN) | {"metadata": {"name": "x"}}, [("metadata.name", "Invalid")]),
        (crd(OPEN, storage=False), [("spec.versions", "Invalid")]),
        (crd(OPEN, name="V_1"), [("spec.versions[0].name", "Invalid")]),
        (crd({"type": "string"}), [("spec.versions[0].schema.openAPIV3Schema.type", "Invalid")]),
        (crd(OPEN, schema={}), [("spec.versions[0].schema.openAPIV3Schema", "Required")]),
        (spec_change(scope="Everywhere"), [("spec.scope", "NotSupported")]),
        (spec_change(versions=[]), [("spec.versions", "Required")]),
        (
            crd(OPEN, additionalPrinterColumns=[{"name": "x", "type": "string"}]),
            [("spec.versions[0].additionalPrinterColumns[0].jsonPath", "Required")],
        ),
    ],
)
def test_a_crd_that_cannot_be_is_refused(definition: Object, expected: list[tuple[str, str]]) -> None:
    assert complaints(prepare_crd(definition, None, context())) == expected


def test_the_group_names_and_scope_of_a_crd_stay() -> None:
    old, new = crd(OPEN), crd(OPEN, kind="Gadget")
    new["spec"]["scope"] = "Cluster"
    fields = [one.field for one in prepare_crd(new, old, context())]
    assert fields == ["spec.scope", "spec.names.kind"]


def prepared(kind: Kind, body: Object, old: Object | None = None) -> list[tuple[str, str]]:
    assert kind.prepare is not None
    return complaints(kind.prepare(body, old, context()))


@pytest.mark.parametrize(
    ("kind", "name", "accepted"),
    [
        ("Service", "1-web", True),
        ("Service", "web.shop", False),
        ("Service", "x" * 64, False),
        ("ConfigMap", "web.shop", True),
        ("ConfigMap", "Web", False),
    ],
)
def test_each_kind_has_its_rule_for_names(kind: str, name: str, accepted: bool) -> None:
    body = named(name, spec={"ports": [{"port": 80}]})
    assert prepared(builtin(kind), body) == ([] if accepted else [("metadata.name", "Invalid")])


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"labels": {"a b": "c"}}, [("metadata.labels", "Invalid")]),
        ({"labels": {"a": "c d"}}, [("metadata.labels", "Invalid")]),
        ({"labels": {"a": "x" * 64}}, [("metadata.labels", "Invalid")]),
        ({"labels": {"/a": "x"}}, [("metadata.labels", "Invalid")]),
        ({"annotations": {"A.b/C": "any thing"}}, []),
        ({"annotations": {"a": "x" * 300_000}}, [("metadata.annotations", "TooLong")]),
        ({"finalizers": ["a b"]}, [("metadata.finalizers", "Invalid")]),
        ({"ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "a", "uid": "1"}]}, []),
        (
            {"ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "a"}]},
            [("metadata.ownerReferences.uid", "Invalid")],
        ),
        ({"namespace": ""}, [("metadata.namespace", "Required")]),
    ],
)
def test_metadata_is_checked_for_every_kind(metadata: Object, expected: list[tuple[str, str]]) -> None:
    for kind in (builtin("ConfigMap"), shipped("serviceexports")):
        body = {"metadata": named()["metadata"] | metadata}
        assert prepared(kind, body) == expected


def test_an_object_of_the_whole_cluster_has_no_namespace() -> None:
    assert prepared(builtin("Namespace"), named()) == [("metadata.namespace", "Forbidden")]


def test_a_name_cannot_be_changed() -> None:
    assert prepared(builtin("ConfigMap"), named("b"), named("a")) == [("metadata.name", "Invalid")]


def test_a_lease_cannot_last_no_time() -> None:
    body = named(spec={"leaseDurationSeconds": 0, "leaseTransitions": -1})
    fields = ["spec.leaseDurationSeconds", "spec.leaseTransitions"]
    assert prepared(builtin("Lease", "coordination.k8s.io"), body) == [(field, "Invalid") for field in fields]


def test_built_in_kinds_are_told_apart_by_group_and_plural() -> None:
    addresses = {(kind.group, kind.version, kind.plural) for kind in BUILTIN_KINDS}
    assert len(addresses) == len(BUILTIN_KINDS)


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("http", True),
        ("h2-c", True),
        ("", False),
        ("80", False),
        ("a--b", False),
        ("a" * 16, False),
        ("a_b", False),
    ],
)
def test_target_ports_may_be_named_as_iana_names_services(name: str, fine: bool) -> None:
    assert (port_name_complaint(name) == "") is fine
