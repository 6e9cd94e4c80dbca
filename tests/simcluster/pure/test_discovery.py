from __future__ import annotations

import pytest

from mcs_controller.simcluster.kinds.kinds import BUILTIN_KINDS
from mcs_controller.simcluster.kubectl.discovery import content_type, respond, version_order
from tests.simcluster.pure.builders import shipped

KINDS = (*BUILTIN_KINDS, shipped("serviceexports", "v1alpha1"), shipped("serviceexports"))
AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)
MCS = "multicluster.x-k8s.io"


def test_a_group_prefers_its_most_mature_version() -> None:
    group = respond(f"/apis/{MCS}", "", KINDS)
    assert group is not None
    assert group["preferredVersion"] == {"groupVersion": f"{MCS}/v1beta1", "version": "v1beta1"}
    assert [one["version"] for one in group["versions"]] == ["v1beta1", "v1alpha1"]


def test_versions_are_ordered_by_maturity_and_then_by_number() -> None:
    versions = ["v1alpha1", "foo", "v1beta1", "v10", "v1", "v1beta2", "v2"]
    assert sorted(versions, key=version_order) == [
        "v10",
        "v2",
        "v1",
        "v1beta2",
        "v1beta1",
        "v1alpha1",
        "foo",
    ]


def test_a_version_lists_its_resources_and_their_status() -> None:
    document = respond(f"/apis/{MCS}/v1beta1", "application/json", KINDS)
    assert document is not None
    assert [one["name"] for one in document["resources"]] == ["serviceexports", "serviceexports/status"]
    assert document["resources"][0]["shortNames"] == ["svcex", "svcexport"]
    core = respond("/api/v1", "", KINDS)
    assert core is not None
    assert {"services", "services/status", "events"} <= {one["name"] for one in core["resources"]}


def test_the_aggregated_form_holds_everything_in_two_documents() -> None:
    core, groups = respond("/api", AGGREGATED, KINDS), respond("/apis", AGGREGATED, KINDS)
    assert core is not None
    assert groups is not None
    assert [one["metadata"]["name"] for one in core["items"]] == [""]
    by_name = {one["metadata"]["name"]: one for one in groups["items"]}
    assert set(by_name) == {kind.group for kind in KINDS if kind.group}
    (version, _) = by_name[MCS]["versions"]
    (resource,) = version["resources"]
    assert resource["responseKind"] == {"group": MCS, "version": "v1beta1", "kind": "ServiceExport"}
    assert [one["subresource"] for one in resource["subresources"]] == ["status"]
    assert content_type(groups) == AGGREGATED.split(",")[0]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (AGGREGATED, "APIGroupDiscoveryList"),
        ("application/json", "APIGroupList"),
        ("", "APIGroupList"),
        (f"application/json,{AGGREGATED}", "APIGroupList"),
        (
            "application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList,application/json",
            "APIGroupList",
        ),
    ],
)
def test_who_does_not_ask_for_the_aggregated_form_gets_the_old_one(accept: str, kind: str) -> None:
    document = respond("/apis", accept, KINDS)
    assert document is not None
    assert document["kind"] == kind
    assert (content_type(document) == "application/json") is (kind == "APIGroupList")


def test_the_version_says_that_it_is_a_simulation() -> None:
    document = respond("/version", "", KINDS)
    assert document is not None
    assert document["gitVersion"].endswith("+simcluster")


@pytest.mark.parametrize("path", ["/", "/api/v2", "/apis/none", f"/apis/{MCS}/v9", "/healthz", "/apis/a/b/c"])
def test_other_paths_are_no_discovery(path: str) -> None:
    assert respond(path, "", KINDS) is None
