"""What has to be written so that an object is as it is wanted, and what belongs to somebody else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mcs_controller.api.names import CHART_OF_BROKER, INSTALLED_BY, LABEL_CHART, LABEL_INSTALLED_BY
from mcs_controller.install.errors import BeingDeleted, NotOurs
from mcs_controller.install.objects import broker_objects, join_objects, member_objects
from mcs_controller.install.planning import Wanted, is_ours, replacing, step_for

NAMESPACE, ACCOUNT, BINDING, CLUSTER_BINDING, MEMBER = member_objects("east", ["10.1.0.0/16"])
EVERYTHING = [*broker_objects(), *member_objects("east"), *join_objects("mcs-system", "the kubeconfig")]


def stored(wanted: Wanted, *, ours: bool = True, **content: Any) -> dict[str, Any]:
    """As the API server has it, with what it and others add."""
    body = {**copy.deepcopy(wanted.body), **content}
    labels = {**body["metadata"]["labels"], "team": "net"}
    if not ours:
        del labels[LABEL_INSTALLED_BY]
    body["metadata"] |= {"uid": "u", "resourceVersion": "7", "labels": labels, "annotations": {"a": "b"}}
    return body


@pytest.mark.parametrize("wanted", EVERYTHING, ids=str)
def test_what_is_missing_is_created_with_our_label_and_is_left_alone_afterwards(wanted: Wanted) -> None:
    step = step_for(wanted, None)
    assert (step.result, step.body) == ("created", wanted.body)
    assert is_ours(wanted.body)
    assert step_for(wanted, stored(wanted)).result == "unchanged"


def test_an_update_keeps_what_others_added_and_names_the_version_that_was_read() -> None:
    found = stored(MEMBER, spec={"podCIDRs": ["10.9.0.0/16"], "owns": ["shop"]})
    step = step_for(MEMBER, found)
    assert step.result == "updated"
    assert step.body["spec"] == {"podCIDRs": ["10.1.0.0/16"], "owns": ["shop"]}
    assert step.body["metadata"] == found["metadata"]


def test_limits_that_are_not_given_stay_as_they_are() -> None:
    *_, without = member_objects("east")
    assert step_for(without, stored(MEMBER)).result == "unchanged"


def test_rules_of_an_older_release_are_replaced() -> None:
    role = broker_objects()[0]
    step = step_for(role, stored(role, rules=[]))
    assert (step.result, step.body["rules"]) == ("updated", role.body["rules"])


@pytest.mark.parametrize("wanted", EVERYTHING, ids=str)
def test_what_others_made_is_used_only_if_it_says_what_is_wanted_and_never_changed(wanted: Wanted) -> None:
    theirs = stored(wanted, ours=False)
    if wanted.exclusive:
        with pytest.raises(NotOurs):
            step_for(wanted, theirs)
    else:
        assert step_for(wanted, theirs).result == "unchanged"


def test_what_others_made_and_is_different_is_refused_with_what_to_do() -> None:
    theirs = stored(BINDING, ours=False, subjects=[])
    theirs["metadata"]["labels"][LABEL_INSTALLED_BY] = "Helm"
    with pytest.raises(NotOurs) as refused:
        step_for(BINDING, theirs)
    assert str(refused.value) == (
        "RoleBinding mcs-member-east/member was not made by this command (managed by Helm): nothing was "
        "written. Change it with what made it, or delete it; to let this command take it over, run: "
        f"kubectl label --namespace mcs-member-east rolebindings member --overwrite "
        f"{LABEL_INSTALLED_BY}={INSTALLED_BY}"
    )


def test_a_members_namespace_that_others_made_is_refused_whatever_it_says() -> None:
    with pytest.raises(NotOurs, match="kubectl label namespaces mcs-member-east --overwrite"):
        step_for(NAMESPACE, stored(NAMESPACE, ours=False))


def test_a_members_namespace_that_our_chart_made_is_used_and_left_to_the_chart() -> None:
    theirs = stored(NAMESPACE, ours=False)
    theirs["metadata"]["labels"] |= {LABEL_INSTALLED_BY: "Helm", LABEL_CHART: CHART_OF_BROKER}
    assert step_for(NAMESPACE, theirs).result == "unchanged"
    theirs["metadata"]["labels"][LABEL_CHART] = "another-chart"
    with pytest.raises(NotOurs, match="managed by Helm"):
        step_for(NAMESPACE, theirs)


def test_what_our_chart_made_and_is_different_is_left_to_the_chart() -> None:
    theirs = stored(BINDING, ours=False, subjects=[])
    theirs["metadata"]["labels"] |= {LABEL_INSTALLED_BY: "Helm", LABEL_CHART: CHART_OF_BROKER}
    with pytest.raises(NotOurs, match="managed by Helm"):
        step_for(BINDING, theirs)


def test_what_is_being_deleted_is_not_taken_for_what_is_wanted() -> None:
    found = stored(ACCOUNT)
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    with pytest.raises(BeingDeleted, match="ServiceAccount mcs-member-east/member is being deleted"):
        step_for(ACCOUNT, found)


def test_a_member_is_bound_to_both_roles_and_to_nothing_else() -> None:
    (subject,) = BINDING.body["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "member", "namespace": "mcs-member-east"}
    assert CLUSTER_BINDING.body["subjects"] == [subject]
    roles = [one.body["roleRef"]["name"] for one in (BINDING, CLUSTER_BINDING)]
    assert roles == ["mcs-broker-member", "mcs-broker-reader"]
    assert {one.name for one in broker_objects()} == set(roles)


def test_what_is_replaced_stays_with_whoever_manages_it_and_gets_another_uid() -> None:
    chart = {LABEL_INSTALLED_BY: "Helm", LABEL_CHART: CHART_OF_BROKER}
    for labels in ({}, chart):
        found = stored(ACCOUNT, secrets=[{"name": "old"}])
        found["metadata"]["labels"] |= labels
        step = replacing(step_for(ACCOUNT, found))
        assert (step.result, step.body["automountServiceAccountToken"]) == ("replaced", False)
        assert step.body["metadata"] == {
            "name": "member",
            "namespace": "mcs-member-east",
            "labels": found["metadata"]["labels"],
            "annotations": {"a": "b"},
        }
        assert "secrets" not in step.body
    missing = step_for(ACCOUNT, None)
    assert replacing(missing) == missing
    with pytest.raises(NotOurs, match="ServiceAccount mcs-member-east/member was not made by this command"):
        replacing(step_for(ACCOUNT, stored(ACCOUNT, ours=False)))
