"""What upstream's conformance suite looks at in an inventory, point by point: it only reads one namespace.

KEP-4322, cluster-inventory-api v0.2.0: its required points, then its optional ones. All in the newer version,
which the suite asks for. The hub works on a real API server, with two members.
"""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.api.resources import cluster_profiles
from tests.api.test_inventory_on_kube_apiserver import apply_report, member, running_hub
from tests.realkube.controlplane import ControlPlane
from tests.support.waiting import eventually

pytestmark = pytest.mark.realkube

PROFILES = cluster_profiles("v1alpha2")
MEMBER_ID = "multicluster.x-k8s.io/inventory-member-id"


async def observed(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    """The profiles of two members that report, once their status is written."""

    names = ("observed-1", "observed-2")

    async def profiles() -> list[dict[str, Any]]:
        return list((await plane.call("GET", PROFILES.path(namespace)))["items"])

    def reported(found: list[dict[str, Any]]) -> bool:
        return [bool(one.get("status", {}).get("version")) for one in found] == [True] * len(names)

    async with member(plane, names[0]), member(plane, names[1]):
        for name in names:
            await apply_report(plane, "a.example.com", member=name)
        async with running_hub(plane, namespace):
            return await eventually(profiles, reported)


@pytest.mark.requirement("CP-01", "CP-06")
async def test_required_the_kind_is_namespaced_and_served_in_the_newer_version(crds: ControlPlane) -> None:
    served = await crds.call("GET", f"/apis/{PROFILES.api_version}")
    (found,) = [one for one in served["resources"] if one["name"] == PROFILES.plural]
    assert (found["kind"], found["namespaced"]) == ("ClusterProfile", True)


@pytest.mark.requirement("CP-01", "CP-02", "CP-08", "CP-12", "CP-13", "CP-16")
async def test_each_point_that_is_looked_at_in_a_namespace_holds(crds: ControlPlane, namespace: str) -> None:
    found = await observed(crds, namespace)
    # Required: one profile at least, whose label says which manager; a member's id, if any, is not empty.
    assert len(found) == 2
    assert {one["apiVersion"] for one in found} == {PROFILES.api_version}
    for one in found:
        assert one["metadata"]["labels"]["x-k8s.io/cluster-manager"] == one["spec"]["clusterManager"]["name"]
    # Optional: the id is there, and no two profiles of the namespace have the same.
    ids = [one["metadata"]["labels"][MEMBER_ID] for one in found]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    # Optional: both conditions, and the version.
    for one in found:
        said = {condition["type"]: condition["status"] for condition in one["status"]["conditions"]}
        assert (said["ControlPlaneHealthy"], said["Joined"]) == ("True", "True")
        assert one["status"]["version"]["kubernetes"] == "v1.36.4"
