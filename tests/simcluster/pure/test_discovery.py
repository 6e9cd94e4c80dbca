from __future__ import annotations

import pytest

from mcs_controller.simcluster.kinds.builtin import BUILTIN_KINDS
from mcs_controller.simcluster.kubectl.discovery import respond, version_order
from tests.simcluster.pure.builders import shipped

KINDS = (*BUILTIN_KINDS, shipped("serviceexports", "v1alpha1"), shipped("serviceexports"))
MCS = "multicluster.x-k8s.io"


def test_a_group_prefers_its_most_mature_version() -> None:
    group = respond(f"/apis/{MCS}", KINDS)
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
    document = respond(f"/apis/{MCS}/v1beta1", KINDS)
    assert document is not None
    assert [one["name"] for one in document["resources"]] == ["serviceexports", "serviceexports/status"]
    assert document["resources"][0]["shortNames"] == ["svcex", "svcexport"]
    core = respond("/api/v1", KINDS)
    assert core is not None
    assert {"services", "services/status", "events"} <= {one["name"] for one in core["resources"]}


def test_the_version_says_that_it_is_a_simulation() -> None:
    document = respond("/version", KINDS)
    assert document is not None
    assert document["gitVersion"].endswith("+simcluster")


@pytest.mark.parametrize("path", ["/", "/api/v2", "/apis/none", f"/apis/{MCS}/v9", "/healthz", "/apis/a/b/c"])
def test_other_paths_are_no_discovery(path: str) -> None:
    assert respond(path, KINDS) is None
