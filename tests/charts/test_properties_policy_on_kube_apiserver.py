"""The chart's admission policy protects both well-known ClusterProperties while the cluster is a member."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import yaml

from mcs_controller.api.crd import crds_of
from mcs_controller.api.resources import cluster_properties
from mcs_controller.clusterset.properties.keeping import property_body
from tests.charts.conftest import ON_EMPTY_CLUSTER
from tests.charts.rendering import MEMBER, NAMESPACE, JsonObject, of_kind, render
from tests.charts.test_hooks_on_kube_apiserver import applied
from tests.cli.program import run
from tests.realkube.controlplane import ControlPlane
from tests.realkube.rest import MERGE_PATCH
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, ON_EMPTY_CLUSTER, pytest.mark.usefixtures("helm_program")]

PROPERTIES = cluster_properties("v1beta1")
ID, SET, OTHER = "cluster.clusterset.k8s.io", "clusterset.k8s.io", "colour.example.com"
KINDS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
AGENT = ("--as", f"system:serviceaccount:{NAMESPACE}:mcs-agent", "--as-group", "system:masters")


@pytest.fixture
async def protected(empty_cluster: ControlPlane) -> AsyncIterator[ControlPlane]:
    """A member with both properties and one of its own, and the policy in force."""
    (kind,) = (one for one in crds_of("member") if one["spec"]["group"] == "about.k8s.io")
    found = render(MEMBER, {"propertiesPolicy": {"enabled": True}})
    policy = [one for name in KINDS for one in of_kind(found, name)]
    async with applied(empty_cluster, [kind]):
        await empty_cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        bodies = [
            property_body(PROPERTIES.api_version, name, value)
            for name, value in ((ID, "east"), (SET, "prod"), (OTHER, "green"))
        ]
        await empty_cluster.kubectl("create", "--filename=-", stdin=yaml.safe_dump_all(bodies))
        async with applied(empty_cluster, policy):
            # An API server takes a moment until a policy counts; what is only tried changes nothing.
            await eventually(
                lambda: patched(empty_cluster, ID, {"spec": {"value": "x"}}, dry_run=True), is_refused, 60
            )
            yield empty_cluster


Answer = tuple[int, str]


def is_refused(answer: Answer) -> bool:
    return answer[0] == 403 and "run `mcs-controller leave` first" in answer[1]


async def patched(plane: ControlPlane, name: str, change: JsonObject, *, dry_run: bool = False) -> Answer:
    path = PROPERTIES.path("", name) + ("?dryRun=All" if dry_run else "")
    answer = await plane.request("PATCH", path, change, content_type=MERGE_PATCH)
    return answer.status, str(answer.body.get("message", ""))


async def deleted(plane: ControlPlane, name: str) -> Answer:
    answer = await plane.request("DELETE", PROPERTIES.path("", name))
    return answer.status, str(answer.body.get("message", ""))


async def held(plane: ControlPlane) -> dict[str, str]:
    found = (await plane.call("GET", PROPERTIES.path()))["items"]
    return {one["metadata"]["name"]: one["spec"]["value"] for one in found}


@pytest.mark.requirement("ABT-05", "ABT-08")
async def test_while_a_cluster_is_a_member_neither_is_changed_or_deleted_until_it_leaves(
    protected: ControlPlane,
) -> None:
    plane = protected
    both = {ID: "east", SET: "prod"}
    for name in both:
        for change in ({"spec": {"value": "other"}}, {"spec": None}):
            assert is_refused(await patched(plane, name, change))
        assert is_refused(await deleted(plane, name))
        assert (await patched(plane, name, {"metadata": {"labels": {"team": "network"}}}))[0] == 200
    # Nor at one go, which names none of them.
    assert (await deleted(plane, ""))[0] == 403
    # The id does not go either by what lets the clusterset go.
    leaving = {"metadata": {"annotations": {"mcs-controller.io/leaving": "true"}}}
    assert (await patched(plane, ID, leaving))[0] == 200
    assert is_refused(await deleted(plane, ID))
    # What is not well known is its owner's.
    if OTHER in await held(plane):
        assert (await patched(plane, OTHER, {"spec": {"value": "blue"}}))[0] == 200
        assert (await deleted(plane, OTHER))[0] == 200
    assert await held(plane) == both

    # What went past the policy is put back by the agent.
    back = '{"spec": {"value": "west"}}'
    await plane.kubectl("patch", "clusterproperty", ID, "--type=merge", "--patch", back, *AGENT)
    assert await held(plane) == {**both, ID: "west"}

    left = await run("leave", "--local-only", "--kubeconfig", plane.kubeconfig())
    assert left.exit_code == 0, left.stderr
    assert await held(plane) == {ID: "west"}

    async def freed() -> int:
        return (await patched(plane, ID, {"spec": {"value": "south"}}))[0]

    # The clusterset is gone: the id may change, and go, once the API server has seen that.
    await eventually(freed, lambda status: status == 200, 60)
    assert (await deleted(plane, ID))[0] == 200
