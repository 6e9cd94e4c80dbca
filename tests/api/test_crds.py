"""The generated CustomResourceDefinitions say what MCS-API-01..12 ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from mcs_controller.api.about import ClusterProperty
from mcs_controller.api.broker import ExportedEndpointSlice, ExportedService, MemberCluster
from mcs_controller.api.crd import Place, all_crds, crds_of
from mcs_controller.api.inventory import ClusterProfile, ClusterProfileV1Alpha2, MemberReport
from mcs_controller.api.meta import WireModel
from mcs_controller.api.multicluster import ServiceExport, ServiceImport
from mcs_controller.api.policies import ExportPolicy, ImportPolicy, ServiceExportPolicy
from tests.api.documents import ALSO_VALID, CONDITIONS, REFUSED, VALID, JsonObject, Refused, merge, parameters

CRDS: dict[str, JsonObject] = {crd["spec"]["names"]["kind"]: crd for crd in all_crds()}
MODELS = {
    model.__name__: model
    for model in (
        ServiceExport,
        ServiceImport,
        MemberCluster,
        ExportedService,
        ExportedEndpointSlice,
        ExportPolicy,
        ImportPolicy,
        ServiceExportPolicy,
        ClusterProperty,
        MemberReport,
        ClusterProfile,
    )
}
MCS_KINDS = ("ServiceExport", "ServiceImport")
PLACES: tuple[Place, Place] = ("member", "broker")
BY_SCHEMA = [case for case in REFUSED if not case.server_only]


def on_the_wire(model: WireModel) -> JsonObject:
    """The JSON object, without the fields that are absent."""
    return model.model_dump(by_alias=True, exclude_none=True)


def versions(kind: str) -> dict[str, JsonObject]:
    return {version["name"]: version for version in CRDS[kind]["spec"]["versions"]}


def model_of(document: JsonObject) -> type[WireModel]:
    narrower = document["apiVersion"] == "multicluster.x-k8s.io/v1alpha2"
    return ClusterProfileV1Alpha2 if narrower else MODELS[document["kind"]]


def schema(kind: str, *path: str, version: str = "") -> JsonObject:
    """The schema of a field, of the stored version unless told; "[]" steps into a list."""
    name = version or CRDS[kind]["spec"]["versions"][-1]["name"]
    found = versions(kind)[name]["schema"]["openAPIV3Schema"]
    for name in path:
        found = found["items"] if name == "[]" else found["properties"][name]
    assert isinstance(found, dict)
    return found


def without_description(node: JsonObject) -> JsonObject:
    return {word: value for word, value in node.items() if word != "description"}


def nodes(node: JsonObject, path: str) -> Iterator[tuple[str, JsonObject]]:
    """Every schema within one, with a path for messages."""
    yield path, node
    for name, below in node.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if word in node:
            yield from nodes(node[word], f"{path}[]")


ALL_NODES = [
    found
    for kind in CRDS
    for version in versions(kind)
    for found in nodes(schema(kind, version=version), kind)
]


def violations(document: JsonObject) -> list[Any]:
    version = document["apiVersion"].rpartition("/")[2]
    validator = jsonschema.Draft202012Validator(schema(document["kind"], version=version))
    return list(validator.iter_errors(document))


@pytest.mark.requirement("MCS-API-01", "MCS-API-02")
def test_the_mcs_kinds_have_the_names_that_the_mcs_api_gives_them() -> None:
    for kind, short_names in {
        "ServiceExport": ["svcex", "svcexport"],
        "ServiceImport": ["svcim", "svcimport"],
    }.items():
        crd = CRDS[kind]
        plural, singular = kind.lower() + "s", kind.lower()
        assert crd["metadata"]["name"] == f"{plural}.multicluster.x-k8s.io"
        assert crd["spec"]["group"] == "multicluster.x-k8s.io"
        assert crd["spec"]["scope"] == "Namespaced"
        assert crd["spec"]["names"] == {
            "kind": kind,
            "listKind": f"{kind}List",
            "plural": plural,
            "singular": singular,
            "shortNames": short_names,
            "categories": ["multicluster"],
        }


def test_one_category_lists_all_kinds() -> None:
    assert {kind: crd["spec"]["names"]["categories"] for kind, crd in CRDS.items()} == {
        kind: ["multicluster"] for kind in MODELS
    }


def test_no_two_kinds_share_a_name() -> None:
    names = [
        name
        for crd in CRDS.values()
        for name in (*crd["spec"]["names"].get("shortNames", ()), crd["spec"]["names"]["plural"])
    ]
    assert len(names) == len(set(names))


@pytest.mark.requirement("MCS-API-03")
@pytest.mark.parametrize("kind", MCS_KINDS)
def test_both_versions_are_served_with_one_schema_and_v1beta1_is_stored(kind: str) -> None:
    found = versions(kind)
    assert {name: (one["served"], one["storage"]) for name, one in found.items()} == {
        "v1alpha1": (True, False),
        "v1beta1": (True, True),
    }
    assert {**found["v1alpha1"], "name": "", "storage": True} == {**found["v1beta1"], "name": ""}
    assert "conversion" not in CRDS[kind]["spec"]


@pytest.mark.requirement("MCS-API-04")
@pytest.mark.parametrize("kind", [*MCS_KINDS, "MemberCluster"])
def test_status_is_a_subresource_in_every_version(kind: str) -> None:
    assert all(version["subresources"] == {"status": {}} for version in versions(kind).values())


@pytest.mark.requirement("MCS-API-05")
def test_printer_columns_of_the_mcs_kinds() -> None:
    """Those of the MCS API are there as it has them; between them are ours."""

    def columns(kind: str) -> list[tuple[str, str, str]]:
        of_versions = [
            [(one["name"], one["jsonPath"], one["type"]) for one in version["additionalPrinterColumns"]]
            for version in versions(kind).values()
        ]
        assert of_versions == of_versions[:1] * 2
        return of_versions[0]

    def status(type: str) -> str:
        return f'.status.conditions[?(@.type=="{type}")].status'

    age = ("Age", ".metadata.creationTimestamp", "date")
    assert columns("ServiceExport") == [
        ("Valid", status("Valid"), "string"),
        ("Ready", status("Ready"), "string"),
        ("Conflict", status("Conflict"), "string"),
        age,
    ]
    assert columns("ServiceImport") == [
        ("Type", ".spec.type", "string"),
        ("IP", ".spec.ips", "string"),
        ("Ready", status("Ready"), "string"),
        ("Clusters", ".status.clusters", "string"),
        ("Held", status("mcs-controller.io/Held"), "string"),
        ("Slices", ".status.endpointSliceObjects", "string"),
        age,
    ]


@pytest.mark.requirement("MCS-API-06")
def test_definitions_carry_release_and_revision() -> None:
    for kind in MCS_KINDS:
        assert CRDS[kind]["metadata"]["labels"] == {
            "multicluster.x-k8s.io/release-version": "v0.5.0",
            "multicluster.x-k8s.io/crd-schema-revision": "1",
        }
    for kind in CRDS.keys() - MCS_KINDS - {"ClusterProperty", "ClusterProfile"}:
        group = CRDS[kind]["spec"]["group"]
        revision = {"broker.mcs-controller.io": "6", "mcs-controller.io": "2"}[group]
        assert CRDS[kind]["metadata"]["labels"] == {f"{group}/crd-schema-revision": revision}


@pytest.mark.requirement("ABT-13")
def test_of_all_kinds_only_those_of_kubernetes_domain_carry_an_approval() -> None:
    """An API server refuses a definition of that domain without it. The label is under our own domain."""
    annotations = {
        kind: crd["metadata"]["annotations"] for kind, crd in CRDS.items() if "annotations" in crd["metadata"]
    }
    approval = {"api-approved.kubernetes.io": "https://github.com/kubernetes/enhancements/pull/3084"}
    assert annotations == {"ClusterProperty": approval}
    assert CRDS["ClusterProperty"]["metadata"]["labels"] == {"mcs-controller.io/crd-schema-revision": "1"}


@pytest.mark.requirement("ABT-01", "ABT-02")
def test_a_cluster_property_is_what_upstream_says_it_is() -> None:
    """As upstream has it: no bound of the value, which whoever writes has to keep; a spec is not required."""
    crd = CRDS["ClusterProperty"]
    assert crd["metadata"]["name"] == "clusterproperties.about.k8s.io"
    assert crd["spec"]["scope"] == "Cluster"
    assert crd["spec"]["names"] == {
        "kind": "ClusterProperty",
        "listKind": "ClusterPropertyList",
        "plural": "clusterproperties",
        "singular": "clusterproperty",
        "categories": ["multicluster"],
    }
    assert "conversion" not in crd["spec"]
    alpha, beta = versions("ClusterProperty").values()
    assert {**alpha, "name": "v1beta1", "storage": True} == beta
    assert (alpha["name"], alpha["served"], beta["served"]) == ("v1alpha1", True, True)
    columns = [(one["name"], one["jsonPath"], one["type"]) for one in beta["additionalPrinterColumns"]]
    assert columns == [("value", ".spec.value", "string"), ("age", ".metadata.creationTimestamp", "date")]
    assert "required" not in schema("ClusterProperty")
    assert schema("ClusterProperty", "spec")["required"] == ["value"]
    assert without_description(schema("ClusterProperty", "spec", "value")) == {
        "type": "string",
        "minLength": 1,
    }
    assert without_description(schema("ClusterProperty", "status")) == {"type": "object"}
    bare = {"apiVersion": "about.k8s.io/v1alpha1", "kind": "ClusterProperty", "metadata": {"name": "a"}}
    long = {**bare, "spec": {"value": "x" * 200_000}}
    assert [violations(one) for one in (bare, long)] == [[], []]
    assert on_the_wire(ClusterProperty.model_validate(bare)) == bare


@pytest.mark.requirement("CP-03", "CP-06")
def test_a_cluster_profile_is_what_upstream_says_it_is() -> None:
    """Both versions are served and v1alpha1 is stored, so that other programs find what they expect."""
    crd = CRDS["ClusterProfile"]
    assert crd["metadata"]["name"] == "clusterprofiles.multicluster.x-k8s.io"
    # The label is under our own domain: a definition without it is somebody else's, and stays.
    assert crd["metadata"]["labels"] == {"mcs-controller.io/crd-schema-revision": "1"}
    assert crd["spec"]["scope"] == "Namespaced"
    assert "conversion" not in crd["spec"]
    found = versions("ClusterProfile")
    assert {name: (one["served"], one["storage"], one["subresources"]) for name, one in found.items()} == {
        "v1alpha1": (True, True, {"status": {}}),
        "v1alpha2": (True, False, {"status": {}}),
    }
    assert [one["name"] for one in found["v1alpha2"]["additionalPrinterColumns"]] == [
        "Display Name",
        "Manager",
        "Version",
        "Healthy",
        "Joined",
        "Age",
    ]
    for version in found:
        assert schema("ClusterProfile", version=version)["required"] == ["spec"]
        assert schema("ClusterProfile", "spec", version=version)["required"] == ["clusterManager"]
        manager = schema("ClusterProfile", "spec", "clusterManager", version=version)
        assert manager["x-kubernetes-validations"] == [
            {"rule": "self == oldSelf", "message": "ClusterManager is immutable"}
        ]
        for name, key in (("conditions", "type"), ("properties", "name"), ("accessProviders", "name")):
            field = schema("ClusterProfile", "status", name, version=version)
            assert (field["x-kubernetes-list-type"], field["x-kubernetes-list-map-keys"]) == ("map", [key])


def test_v1alpha1_of_a_profile_has_the_bounds_of_upstream_and_no_others() -> None:
    """Profiles of other managers must go on being readable and writable."""
    text = {"type": "string"}
    spec = ("ClusterProfile", "spec")
    assert without_description(schema(*spec, "clusterManager", "name")) == text
    assert without_description(schema(*spec, "displayName")) == text
    provider = schema("ClusterProfile", "status", "accessProviders", "[]")
    assert provider["required"] == ["name"]
    assert without_description(provider["properties"]["name"]) == text
    cluster = provider["properties"]["cluster"]
    assert cluster["required"] == ["server"]
    assert {name: without_description(field) for name, field in cluster["properties"].items()} == {
        "server": text,
        "tls-server-name": text,
        "insecure-skip-tls-verify": {"type": "boolean"},
        "certificate-authority": text,
        "certificate-authority-data": {"type": "string", "format": "byte"},
        "proxy-url": text,
        "disable-compression": {"type": "boolean"},
        "extensions": without_description(cluster["properties"]["extensions"]),
    }
    extension = cluster["properties"]["extensions"]["items"]
    assert "x-kubernetes-list-type" not in cluster["properties"]["extensions"]
    assert extension["required"] == ["extension", "name"]
    assert without_description(extension["properties"]["extension"]) == {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    assert schema("ClusterProfile", "status", "credentialProviders", "[]") == provider
    unnamed = merge(VALID[-1], {"spec": {"clusterManager": {"name": ""}}})
    bare = merge(VALID[-1], {"status": {"accessProviders": [{"name": "a"}]}})
    assert [violations(one) for one in (unnamed, bare)] == [[], []]


def test_v1alpha2_of_a_profile_drops_what_is_deprecated_and_checks_addresses() -> None:
    status = schema("ClusterProfile", "status", version="v1alpha2")
    assert "credentialProviders" not in status["properties"]
    provider = status["properties"]["accessProviders"]["items"]
    assert provider["required"] == ["cluster", "name"]
    cluster = provider["properties"]["cluster"]["properties"]
    assert "certificate-authority" not in cluster
    assert {name for name, field in cluster.items() if "x-kubernetes-validations" in field} == {
        "server",
        "proxy-url",
    }
    assert cluster["extensions"]["x-kubernetes-list-type"] == "map"


def test_each_kind_has_one_place() -> None:
    member, broker = ([crd["spec"]["names"]["kind"] for crd in crds_of(place)] for place in PLACES)
    assert broker == [
        "MemberCluster",
        "ExportedService",
        "ExportedEndpointSlice",
        "MemberReport",
        "ClusterProfile",
    ]
    assert {*member, *broker} == set(MODELS)
    assert not {*member} & {*broker}


@pytest.mark.requirement("MCS-API-07")
def test_an_export_needs_no_spec_and_exports_any_strings() -> None:
    assert "required" not in schema("ServiceExport")
    assert "required" not in schema("ServiceExport", "spec")
    assert set(schema("ServiceExport", "spec")["properties"]) == {"exportedLabels", "exportedAnnotations"}
    for name in ("exportedLabels", "exportedAnnotations"):
        assert without_description(schema("ServiceExport", "spec", name)) == {
            "type": "object",
            "additionalProperties": {"type": "string"},
        }


@pytest.mark.requirement("MCS-API-08", "MCS-API-09")
def test_the_spec_of_an_import_has_the_fields_and_limits_of_the_mcs_api() -> None:
    assert "required" not in schema("ServiceImport")
    spec = schema("ServiceImport", "spec")
    assert spec["required"] == ["ports", "type"]
    text, int32 = {"type": "string"}, {"type": "integer", "format": "int32"}
    two_texts = {"type": "array", "items": text, "maxItems": 2}
    assert {
        name: without_description(field)
        for name, field in spec["properties"].items()
        if name not in ("ports", "sessionAffinityConfig")
    } == {
        "type": {"type": "string", "enum": ["ClusterSetIP", "Headless"]},
        "ips": two_texts,
        "ipFamilies": two_texts,
        "sessionAffinity": text,
        "internalTrafficPolicy": text,
        "trafficDistribution": text,
    }
    assert spec["properties"]["ports"]["x-kubernetes-list-type"] == "atomic"
    port = schema("ServiceImport", "spec", "ports", "[]")
    assert port["required"] == ["port"]
    assert {name: without_description(field) for name, field in port["properties"].items()} == {
        "name": text,
        "protocol": text,
        "port": int32,
        "appProtocol": text,
    }
    timeout = schema("ServiceImport", "spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds")
    assert without_description(timeout) == int32


@pytest.mark.requirement("MCS-API-07", "MCS-API-10", "MCS-API-11")
def test_status_lists_are_merged_by_key() -> None:
    def list_type(kind: str, name: str) -> tuple[str, list[str]]:
        field = schema(kind, "status", name)
        return field["x-kubernetes-list-type"], field["x-kubernetes-list-map-keys"]

    assert list_type("ServiceExport", "conditions") == ("map", ["type"])
    assert list_type("ServiceImport", "conditions") == ("map", ["type"])
    assert list_type("ServiceImport", "clusters") == ("map", ["cluster"])
    cluster = schema("ServiceImport", "status", "clusters", "[]")
    assert cluster["required"] == ["cluster"]
    assert without_description(cluster["properties"]["cluster"]) == {"type": "string"}
    slices = schema("ServiceImport", "status", "endpointSliceObjects")
    assert without_description(slices) == {"type": "string", "enum": ["Present", "Absent"]}
    assert "required" not in schema("ServiceImport", "status")


@pytest.mark.requirement("MCS-API-12")
@pytest.mark.parametrize("kind", [*MCS_KINDS, "MemberCluster"])
def test_conditions_have_the_limits_of_metav1(kind: str) -> None:
    item = schema(kind, "status", "conditions", "[]")
    assert item["required"] == ["lastTransitionTime", "message", "reason", "status", "type"]
    fields = {name: without_description(field) for name, field in item["properties"].items()}
    assert fields["reason"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 1024,
        "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
    }
    assert fields["status"] == {"type": "string", "enum": ["True", "False", "Unknown"]}
    # Whoever reads a MemberCluster reads another cluster's words: on one line of ASCII.
    one_line = {"pattern": "^[ -~…]*$"} if kind == "MemberCluster" else {}
    assert fields["message"] == {"type": "string", "maxLength": 32768, **one_line}
    assert fields["observedGeneration"] == {"type": "integer", "format": "int64", "minimum": 0}
    assert fields["lastTransitionTime"] == {"type": "string", "format": "date-time"}
    assert fields["type"]["maxLength"] == 316


@pytest.mark.parametrize("document", VALID + ALSO_VALID, ids=lambda document: document["kind"])
def test_an_object_with_every_field_is_valid_and_comes_through_its_model_unchanged(
    document: JsonObject,
) -> None:
    assert violations(document) == []
    assert on_the_wire(model_of(document).model_validate(document)) == document


@pytest.mark.parametrize("document", VALID, ids=lambda document: document["kind"])
def test_the_example_of_each_kind_fills_every_field(document: JsonObject) -> None:
    """Or the other tests would prove less than they say."""

    def missing(node: JsonObject, value: Any, path: str) -> Iterator[str]:
        if node.get("type") == "array":
            yield from missing(node["items"], value[0], f"{path}[]")
        for name, below in node.get("properties", {}).items():
            if name not in value:
                yield f"{path}.{name}"
            else:
                yield from missing(below, value[name], f"{path}.{name}")

    kind = document["kind"]
    others = [one for one in ALSO_VALID if one["kind"] == kind]
    left = [set(missing(schema(kind), one, "")) for one in (document, *others)]
    assert set.intersection(*left) == set()


@pytest.mark.requirement("MCS-API-08")
def test_an_import_without_ports_is_written_with_an_empty_list() -> None:
    document = merge(VALID[1], {"spec": {"ports": []}})
    assert violations(document) == []
    assert on_the_wire(ServiceImport.model_validate(document))["spec"]["ports"] == []


def test_absent_fields_stay_absent_and_unknown_ones_are_dropped() -> None:
    bare = {
        "apiVersion": "multicluster.x-k8s.io/v1alpha1",
        "kind": "ServiceExport",
        "metadata": {"name": "a"},
    }
    assert on_the_wire(ServiceExport.model_validate({**bare, "spec": {"odd": 1}})) == {**bare, "spec": {}}
    assert on_the_wire(ServiceExport.model_validate(bare)) == bare


@pytest.mark.parametrize("case", parameters(BY_SCHEMA))
def test_the_schema_refuses(case: Refused) -> None:
    found = violations(case.document)
    assert found
    # A missing field is reported at the object that lacks it.
    where = {re.sub(r"\['(.+?)'\]", r".\1", error.json_path).removeprefix("$.") for error in found}
    assert any(case.field == path or case.field.startswith((f"{path}.", f"{path}[")) for path in where)


@pytest.mark.parametrize("case", parameters(BY_SCHEMA))
def test_the_model_refuses_what_the_schema_refuses(case: Refused) -> None:
    with pytest.raises(ValueError, match="validation error"):
        model_of(case.valid).model_validate(case.document)


@pytest.mark.requirement("MCS-API-12")
@pytest.mark.parametrize("kind", ["ServiceImport", "MemberCluster"])
@pytest.mark.parametrize(
    "case", [case for case in CONDITIONS if not case.server_only], ids=lambda case: case.name
)
def test_conditions_of_other_kinds_are_refused_alike(case: Refused, kind: str) -> None:
    (valid,) = [document for document in VALID if document["kind"] == kind]
    assert violations(merge(valid, case.change))


def test_every_field_explains_itself_in_a_few_words() -> None:
    for path, node in ALL_NODES:
        if path.endswith(("[]", ".metadata")):
            continue
        assert 8 <= len(node.get("description", "")) <= 200, path
        assert node["description"].endswith("."), path


def test_schemas_hold_only_what_a_structural_schema_may() -> None:
    allowed = {"object", "array", "string", "integer", "boolean"}
    for path, node in ALL_NODES:
        assert node["type"] in allowed, path
        assert not {"anyOf", "oneOf", "allOf", "$ref", "title", "default", "nullable"} & node.keys(), path
        assert "x-kubernetes-int-or-string" not in node, path
        assert not ("properties" in node and "additionalProperties" in node), path


def test_nothing_that_a_member_writes_on_the_broker_is_unbounded() -> None:
    for kind in ("MemberCluster", "ExportedService", "ExportedEndpointSlice", "MemberReport"):
        fields = [
            schema(kind)["properties"][part]
            for part in ("spec", "status")
            if part in schema(kind)["properties"]
        ]
        for path, node in (found for field in fields for found in nodes(field, kind)):
            if node["type"] == "string":
                assert {"maxLength", "enum", "format"} & node.keys(), path
            elif node["type"] == "array":
                assert "maxItems" in node, path
            elif "additionalProperties" in node:
                assert "maxProperties" in node, path


def test_every_call_gives_documents_of_its_own() -> None:
    all_crds()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].clear()
    assert all_crds() == list(CRDS.values())
