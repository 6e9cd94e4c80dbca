"""A real kube-apiserver takes the CRDs, and then stores, prunes and refuses as MCS-API-01..12 say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import CRDS_FOLDER
from tests.api.documents import (
    ALSO_VALID,
    EXPORTED_ENDPOINT_SLICE,
    MEMBER_CLUSTER,
    MICRO_NOW,
    REFUSED,
    RESOURCES,
    SERVICE_EXPORT,
    SERVICE_IMPORT,
    VALID,
    JsonObject,
    Refused,
    condition,
    merge,
    parameters,
    resource_of,
)
from tests.realkube.controlplane import ControlPlane
from tests.realkube.rest import MERGE_PATCH, Response

pytestmark = pytest.mark.realkube

CRD_NAMES = sorted(path.name.removesuffix(".yaml") for path in CRDS_FOLDER.glob("*.yaml"))


def path_of(document: JsonObject, namespace: str, subresource: str = "", named: bool = True) -> str:
    name = document["metadata"]["name"] if named else ""
    return resource_of(document).path(namespace, name, subresource)


async def create(plane: ControlPlane, namespace: str, document: JsonObject) -> Response:
    if not RESOURCES[document["kind"]].namespaced:
        # No namespace of the test's own keeps it from what another left.
        await plane.request("DELETE", path_of(document, namespace))
    return await plane.request("POST", path_of(document, namespace, named=False), document)


async def merge_status(plane: ControlPlane, namespace: str, document: JsonObject, status: Any) -> Response:
    path = path_of(document, namespace, "status")
    return await plane.request("PATCH", path, {"status": status}, content_type=MERGE_PATCH)


async def stored(plane: ControlPlane, namespace: str, document: JsonObject) -> JsonObject:
    """The object as it is kept, without what the server adds to its metadata."""
    found = await plane.call("GET", path_of(document, namespace))
    return {**found, "metadata": {"name": found["metadata"]["name"]}}


@pytest.mark.requirement("MCS-API-01", "MCS-API-02", "MCS-API-03")
@pytest.mark.parametrize("name", CRD_NAMES)
async def test_each_definition_is_established_structural_and_kept_as_written(
    crds: ControlPlane, name: str
) -> None:
    found = await crds.call("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    if name == "clusterproperties.about.k8s.io":
        assert conditions.pop("KubernetesAPIApprovalPolicyConformant") == "True"
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert found["spec"]["conversion"] == {"strategy": "None"}


async def test_applying_the_same_definitions_again_changes_nothing(crds: ControlPlane) -> None:
    applied = await crds.kubectl("apply", "-f", str(CRDS_FOLDER))
    assert sorted(applied.stdout.splitlines()) == [
        f"customresourcedefinition.apiextensions.k8s.io/{name} unchanged" for name in CRD_NAMES
    ]


@pytest.mark.parametrize("document", VALID + ALSO_VALID, ids=lambda document: document["kind"])
async def test_an_object_with_every_field_is_stored_whole(
    crds: ControlPlane, namespace: str, document: JsonObject
) -> None:
    assert (await create(crds, namespace, document)).status == 201
    if "status" in document:
        assert (await merge_status(crds, namespace, document, document["status"])).status == 200
    assert await stored(crds, namespace, document) == document


@pytest.mark.parametrize("case", parameters(REFUSED))
async def test_the_api_server_refuses(crds: ControlPlane, namespace: str, case: Refused) -> None:
    if case.in_status:
        assert (await create(crds, namespace, case.valid)).status == 201
        answer = await merge_status(crds, namespace, case.valid, case.document["status"])
    else:
        answer = await create(crds, namespace, case.document)
    assert answer.status == 422
    causes = answer.body["details"]["causes"]
    # A number out of its format's range is reported without a field, but named in the message.
    assert any(one["field"] == case.field or f" in {case.field}" in one["message"] for one in causes), causes


@pytest.mark.parametrize("document", VALID, ids=lambda document: document["kind"])
async def test_unknown_fields_are_pruned_at_every_level(
    crds: ControlPlane, namespace: str, document: JsonObject
) -> None:
    def with_odd_fields(value: Any, within_map: bool = False) -> Any:
        if isinstance(value, list):
            return [with_odd_fields(one) for one in value]
        if not isinstance(value, dict):
            return value
        fields = {
            name: one
            if name == "extension"
            else with_odd_fields(one, name in ("exportedLabels", "exportedAnnotations", "matchLabels"))
            for name, one in value.items()
            if name != "metadata"
        }
        return fields if within_map else {**fields, "odd": 1}

    odd = {**with_odd_fields(document), "metadata": document["metadata"]}
    assert odd["spec"]["odd"] == 1
    assert (await create(crds, namespace, odd)).status == 201
    if "status" in document:
        await merge_status(crds, namespace, odd, odd["status"])
    assert await stored(crds, namespace, document) == document


@pytest.mark.requirement("MCS-API-04")
@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
@pytest.mark.parametrize("document", [SERVICE_EXPORT, SERVICE_IMPORT], ids=lambda document: document["kind"])
async def test_spec_and_status_are_written_through_their_own_doors(
    crds: ControlPlane, namespace: str, document: JsonObject, version: str
) -> None:
    document = {**document, "apiVersion": f"multicluster.x-k8s.io/{version}"}
    path = path_of(document, namespace).replace("v1beta1", version)
    created = await crds.call("POST", path.rsplit("/", 1)[0], document)
    assert "status" not in created

    changed = merge(
        created, {"spec": {"exportedLabels": {"a": "b"}, "ips": []}, "status": document["status"]}
    )
    after_status_write = await crds.call("PUT", f"{path}/status", changed)
    assert after_status_write["status"] == document["status"]
    assert after_status_write["spec"] == document["spec"]
    assert after_status_write["metadata"]["generation"] == 1

    changed = merge(after_status_write, {"spec": changed["spec"], "status": None})
    after_spec_write = await crds.call("PUT", path, changed)
    assert after_spec_write["status"] == document["status"]
    assert after_spec_write["spec"] != document["spec"]
    assert after_spec_write["metadata"]["generation"] == 2


@pytest.mark.requirement("MCS-API-03")
@pytest.mark.parametrize("document", [SERVICE_EXPORT, SERVICE_IMPORT], ids=lambda document: document["kind"])
async def test_what_is_written_in_one_version_is_read_in_the_other(
    crds: ControlPlane, namespace: str, document: JsonObject
) -> None:
    old, new = "multicluster.x-k8s.io/v1alpha1", "multicluster.x-k8s.io/v1beta1"
    new_path = path_of(document, namespace)
    old_path = new_path.replace("v1beta1", "v1alpha1")
    await crds.call("POST", old_path.rsplit("/", 1)[0], {**document, "apiVersion": old})
    await merge_status(crds, namespace, document, document["status"])
    read_old, read_new = await crds.call("GET", old_path), await crds.call("GET", new_path)
    assert (read_old.pop("apiVersion"), read_new.pop("apiVersion")) == (old, new)
    for one in (read_old, read_new):
        # Each field remembers in which version it was written; that alone may differ.
        one["metadata"].pop("managedFields")
    assert read_old == read_new
    assert (read_old["spec"], read_old["status"]) == (document["spec"], document["status"])


@pytest.mark.requirement("ABT-01", "ABT-02")
@pytest.mark.parametrize("versions", [("v1alpha1", "v1beta1"), ("v1beta1", "v1alpha1")])
async def test_a_property_of_either_version_is_read_in_the_other_and_has_no_bound_of_its_own(
    crds: ControlPlane, namespace: str, versions: tuple[str, str]
) -> None:
    written, read = (f"/apis/about.k8s.io/{version}/clusterproperties" for version in versions)
    name = f"{namespace}.example.com"
    value = "x" * 128_001
    body = {
        "apiVersion": f"about.k8s.io/{versions[0]}",
        "kind": "ClusterProperty",
        "metadata": {"name": name},
        "spec": {"value": value},
    }
    await crds.call("POST", written, body)
    found = await crds.call("GET", f"{read}/{name}")
    assert (found["apiVersion"], found["spec"]) == (f"about.k8s.io/{versions[1]}", {"value": value})
    changed = await crds.call(
        "PATCH", f"{read}/{name}", {"spec": {"value": "green"}}, content_type=MERGE_PATCH
    )
    assert changed["apiVersion"] == f"about.k8s.io/{versions[1]}"
    assert (await crds.call("GET", f"{written}/{name}"))["spec"] == {"value": "green"}
    table = (await crds.kubectl("get", "clusterproperties", name)).stdout
    assert table.split()[:3] == ["NAME", "VALUE", "AGE"]
    await crds.call("DELETE", f"{written}/{name}")
    assert (await crds.request("GET", f"{read}/{name}")).status == 404


@pytest.mark.requirement("MCS-API-07", "MCS-API-08")
async def test_an_export_needs_no_spec_and_an_import_may_have_no_ports(
    crds: ControlPlane, namespace: str
) -> None:
    bare = merge(SERVICE_EXPORT, {"spec": None, "status": None})
    assert (await create(crds, namespace, bare)).status == 201
    portless = {**SERVICE_IMPORT, "spec": {"type": "Headless", "ports": []}}
    assert (await create(crds, namespace, portless)).status == 201
    assert (await stored(crds, namespace, portless))["spec"] == {"type": "Headless", "ports": []}


@pytest.mark.requirement("MCS-API-10", "MCS-API-12")
async def test_two_controllers_that_apply_conditions_keep_each_others(
    crds: ControlPlane, namespace: str
) -> None:
    await create(crds, namespace, SERVICE_EXPORT)
    path = path_of(SERVICE_EXPORT, namespace, "status")
    head = {key: SERVICE_EXPORT[key] for key in ("apiVersion", "kind", "metadata")}
    for manager, kind in (("one", "Valid"), ("two", "Ready")):
        body = {**head, "status": {"conditions": [condition(type=kind)]}}
        await crds.call(
            "PATCH", f"{path}?fieldManager={manager}", body, content_type="application/apply-patch+yaml"
        )
    found = await stored(crds, namespace, SERVICE_EXPORT)
    assert {one["type"] for one in found["status"]["conditions"]} == {"Valid", "Ready"}


async def shown(plane: ControlPlane, kind: str, namespace: str, *options: str) -> dict[str, str]:
    """The one row of what kubectl prints, by column."""
    table = (await plane.kubectl("get", kind, "--namespace", namespace, *options)).stdout
    header, row = (line.split() for line in table.splitlines())
    return dict(zip(header, row, strict=True))


@pytest.mark.requirement("MCS-API-05")
async def test_kubectl_get_shows_the_columns_of_the_mcs_kinds(crds: ControlPlane, namespace: str) -> None:
    conditions = [
        condition(type="Conflict", status="True"),
        condition(type="Valid", status="True"),
        condition(type="Ready", status="False"),
    ]
    for document in (SERVICE_EXPORT, SERVICE_IMPORT):
        await create(crds, namespace, document)
    await merge_status(crds, namespace, SERVICE_EXPORT, {"conditions": conditions})
    held = condition(type="mcs-controller.io/Held", status="True", reason="MassWithdrawal")
    status = merge(SERVICE_IMPORT["status"], {"conditions": [*conditions, held]})
    await merge_status(crds, namespace, SERVICE_IMPORT, status)

    export = await shown(crds, "serviceexports", namespace)
    assert list(export) == ["NAME", "VALID", "READY", "CONFLICT", "AGE"]
    assert list(export.values())[:4] == ["web", "True", "False", "True"]
    imported = await shown(crds, "serviceimports", namespace)
    assert list(imported) == ["NAME", "TYPE", "IP", "READY", "CLUSTERS", "AGE"]
    clusters = '[{"cluster":"east"},{"cluster":"west"}]'
    assert list(imported.values())[:5] == [
        "web",
        "ClusterSetIP",
        '["10.96.0.9","fd00::9"]',
        "False",
        clusters,
    ]
    wide = await shown(crds, "serviceimports", namespace, "--output=wide")
    assert (wide["HELD"], wide["SLICES"]) == ("True", "Present")


async def test_kubectl_get_shows_who_is_alive_and_what_is_exported_on_the_broker(
    crds: ControlPlane, namespace: str
) -> None:
    for document in VALID:
        await create(crds, namespace, document)
    await merge_status(crds, namespace, MEMBER_CLUSTER, MEMBER_CLUSTER["status"])

    member = await shown(crds, "memberclusters", namespace)
    assert list(member) == ["NAME", "HEARTBEAT", "EXPORTS", "VERSION", "AGE"]
    assert member["EXPORTS"] == str(MEMBER_CLUSTER["status"]["exported"]["services"])
    # An age made from a MicroTime, not the text of it nor a complaint that it is no time.
    assert member["HEARTBEAT"][-1] in "smhdy"
    member = await shown(crds, "memberclusters", namespace, "--output=wide")
    assert list(member) == ["NAME", "HEARTBEAT", "EXPORTS", "VERSION", "UID", "AGE"]
    assert member["UID"] == MEMBER_CLUSTER["status"]["clusterUID"]
    service = await shown(crds, "exportedservices", namespace)
    assert list(service) == ["NAME", "SERVICE-NAMESPACE", "SERVICE", "TYPE", "EXPORTED", "AGE"]
    assert (service["SERVICE-NAMESPACE"], service["SERVICE"]) == ("shop", "web")
    found = await shown(crds, "exportedendpointslices", namespace, "--output=wide")
    assert list(found) == ["NAME", "SERVICE-NAMESPACE", "SERVICE", "ADDRESSTYPE", "SLICE", "AGE"]


async def test_one_category_lists_everything_of_the_clusterset(crds: ControlPlane, namespace: str) -> None:
    for document in VALID:
        await create(crds, namespace, document)
    # Else kubectl may remember what was served before the definitions were applied.
    await crds.kubectl("api-resources", "--categories=multicluster")
    listed = await crds.kubectl("get", "multicluster", "--namespace", namespace, "--output=name")
    assert sorted(listed.stdout.split()) == sorted(
        f"{document['kind'].lower()}.{document['apiVersion'].partition('/')[0]}/{document['metadata']['name']}"
        for document in VALID
    )


@pytest.mark.requirement("MCS-API-02")
@pytest.mark.parametrize(
    ("short", "kind"),
    [
        ("svcex", "ServiceExport"),
        ("svcexport", "ServiceExport"),
        ("svcim", "ServiceImport"),
        ("svcimport", "ServiceImport"),
        ("mcluster", "MemberCluster"),
        ("expsvc", "ExportedService"),
        ("expeps", "ExportedEndpointSlice"),
    ],
)
async def test_kubectl_knows_the_short_names(
    crds: ControlPlane, namespace: str, short: str, kind: str
) -> None:
    (document,) = [one for one in VALID if one["kind"] == kind]
    await create(crds, namespace, document)
    found = await crds.kubectl("get", short, "--namespace", namespace, "--output=jsonpath={.items[*].kind}")
    assert found.stdout == kind


async def test_kubectl_explain_tells_each_field_in_our_words(crds: ControlPlane) -> None:
    told = await crds.kubectl("explain", "serviceimport.status.endpointSliceObjects")
    assert "Whether the imported endpoints are in EndpointSlices of this cluster." in told.stdout
    assert told.stdout.index("ENUM:") < told.stdout.index("Present") < told.stdout.index("Absent")
    told = await crds.kubectl("explain", "serviceexport", "--recursive")
    assert "exportedAnnotations\t<map[string]string>" in told.stdout


async def test_microseconds_of_a_heartbeat_are_kept(crds: ControlPlane, namespace: str) -> None:
    await create(crds, namespace, MEMBER_CLUSTER)
    answer = await merge_status(crds, namespace, MEMBER_CLUSTER, {"heartbeat": MICRO_NOW})
    assert answer.body["status"] == {"heartbeat": MICRO_NOW}


async def test_the_largest_slice_that_kubernetes_makes_fits(crds: ControlPlane, namespace: str) -> None:
    endpoint = EXPORTED_ENDPOINT_SLICE["spec"]["endpoints"][0]
    endpoints = [
        {**endpoint, "addresses": [f"10.1.{number // 250}.{number % 250}"], "hostname": f"web-{number}"}
        for number in range(1000)
    ]
    large = merge(EXPORTED_ENDPOINT_SLICE, {"spec": {"endpoints": endpoints}})
    assert (await create(crds, namespace, large)).status == 201
    assert await stored(crds, namespace, large) == large
