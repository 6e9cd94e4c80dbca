"""ServiceExportPolicies remove only what they made, and only what is known to be selected no more."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import Condition, ServiceKey
from mcs_controller.clusterset.services.policies.bulk.bound import held_policies
from mcs_controller.clusterset.services.policies.bulk.conditions import (
    Selected,
    Wait,
    selected_by,
    service_policy_conditions,
)
from mcs_controller.clusterset.services.policies.bulk.plan import (
    REMOVE_AFTER_SECONDS,
    UNWITNESSED_SECONDS,
    Known,
    decide,
)
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    Candidate,
    PolicyKey,
    Present,
    ServicePolicy,
    decode_candidate,
    decode_present,
    decode_service_policy,
    export_body,
)
from mcs_controller.clusterset.services.policies.selector import Selector
from tests.clusterset.strategies import json_values, mutated
from tests.clusterset.test_policies import labels, selectors

KEY = ServiceKey("shop", "web")
policies = st.builds(
    ServicePolicy,
    key=st.builds(PolicyKey, st.sampled_from(["shop", "pay"]), st.sampled_from(["a", "b", "c"])),
    selector=selectors,
) | st.builds(
    ServicePolicy,
    key=st.builds(PolicyKey, st.sampled_from(["shop", "pay"]), st.sampled_from(["a", "b", "c"])),
    problem=st.just("strange"),
)
policy_lists = st.lists(policies, max_size=4, unique_by=lambda one: one.key)
services = st.none() | st.builds(
    Candidate,
    labels=labels.map(lambda found: tuple(sorted(found.items()))),
    left_out=st.sampled_from(["", "", "because"]),
    deleting=st.booleans(),
)
exports = st.none() | st.builds(
    Present,
    maker=st.none() | st.sampled_from([PolicyKey("shop", "a"), PolicyKey("shop", "z")]),
    deleting=st.booleans(),
)
gones = st.sets(st.sampled_from([PolicyKey("shop", "a"), PolicyKey("shop", "z")]))
doubts = st.sampled_from(["", "", "the kind cannot be read"])


@given(policy_lists, gones, doubts, services, exports, st.booleans())
def test_what_a_user_made_is_never_touched_and_doubt_changes_nothing(
    found: list[ServicePolicy],
    gone: set[PolicyKey],
    doubt: str,
    service: Candidate | None,
    export: Present | None,
    is_active: bool,
) -> None:
    decision = decide(KEY, service, export, Known.of(found, gone, doubt), is_active=is_active)
    if export is not None and export.maker is None:
        assert decision.action == "none"
    if doubt or any(one.problem and one.key.namespace == "shop" for one in found):
        assert decision.action != "remove"
    if doubt:
        assert decision.action != "make"
    if not is_active:
        assert decision.action in ("keep", "none")
    if decision.action == "make":
        assert export is None
    if decision.action == "remove":
        assert export is not None
        assert decision.after_seconds >= REMOVE_AFTER_SECONDS


@given(policy_lists, services, exports)
def test_a_service_is_exported_if_and_only_if_a_policy_of_its_namespace_selects_it(
    found: list[ServicePolicy], service: Candidate | None, export: Present | None
) -> None:
    if export is not None and (export.maker is None or export.deleting):
        return
    is_selected = service is not None and any(
        one.key.namespace == "shop" and one.selects(dict(service.labels)) for one in found
    )
    is_wanted = is_selected and service is not None and not service.left_out
    decision = decide(KEY, service, export, Known.of(found))
    if export is None:
        is_staying = service is not None and not service.deleting
        assert (decision.action == "make") is (is_wanted and is_staying)
    elif is_wanted:
        assert decision.action == "keep"
    else:
        assert decision.action in ("remove", "keep")
        assert decision.why


@given(policy_lists, services, exports, st.randoms(use_true_random=False))
def test_the_order_of_policies_means_nothing(
    found: list[ServicePolicy], service: Candidate | None, export: Present | None, random: Any
) -> None:
    other = list(found)
    random.shuffle(other)
    assert decide(KEY, service, export, Known.of(found)) == decide(KEY, service, export, Known.of(other))


ALL = Selector()
A = PolicyKey("shop", "a")
MADE = Present(A)
OTHER = ServicePolicy(PolicyKey("pay", "b"), ALL)


def test_what_a_policy_made_that_is_gone_waits_longer_if_nobody_saw_it_go() -> None:
    service = Candidate()
    seen = decide(KEY, service, MADE, Known.of([OTHER], [A]))
    unseen = decide(KEY, service, MADE, Known.of([OTHER]))
    assert (seen.action, seen.after_seconds) == ("remove", REMOVE_AFTER_SECONDS)
    assert (unseen.action, unseen.after_seconds) == ("remove", UNWITNESSED_SECONDS)
    # Without any policy the kind may just have been installed anew.
    assert decide(KEY, service, MADE, Known.of([])).action == "keep"
    assert decide(KEY, service, MADE, Known.of([], [A])).action == "remove"


def test_what_one_policy_made_stays_while_another_selects_it() -> None:
    another = ServicePolicy(PolicyKey("shop", "b"), ALL)
    assert decide(KEY, Candidate(), MADE, Known.of([another], [A])).action == "keep"


LABELS = {"team": "blue"}


def service(name: str = "web", namespace: str = "shop", type: str = "ClusterIP", **more: str) -> Any:
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": LABELS | more},
        "spec": {"type": type},
    }


@pytest.mark.parametrize(
    ("raw", "left_out"),
    [
        (service(), ""),
        (service(type="ExternalName"), "it is of type ExternalName, which has no endpoints"),
        (service("kubernetes", "default"), "it is the cluster's own API server"),
        (service("kubernetes"), ""),
        (service(**{"mcs-controller.io/export": "never"}), "its label mcs-controller.io/export is never"),
        (service(**{"mcs-controller.io/export": "later"}), ""),
        (
            service(**{"mcs-controller.io/managed-by": "mcs-controller.io"}),
            "it is the derived Service of an import",
        ),
    ],
)
def test_what_is_never_exported_by_a_policy(raw: Any, left_out: str) -> None:
    assert decode_candidate(raw).left_out == left_out


POLICY = ServicePolicy(PolicyKey("shop", "all"), ALL)


def made(**metadata: Any) -> Any:
    body: Any = export_body(KEY, POLICY, "multicluster.x-k8s.io/v1beta1")
    return {**body, "metadata": {**body["metadata"], "uid": "u", **metadata}}


def test_what_a_policy_makes_is_known_as_its_own() -> None:
    assert decode_present(made()) == Present(POLICY.key)


APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.parametrize(
    "raw",
    [
        {"metadata": {"name": "web", "namespace": "shop", "uid": "u"}},
        made(name="api"),
        made(namespace="pay"),
        made(labels={}),
        made(annotations={}),
        made(annotations=made()["metadata"]["annotations"] | {APPLIED: "{}"}),
        made(annotations=made()["metadata"]["annotations"] | {"meta.helm.sh/release-name": "shop"}),
        made(managedFields=[{"operation": "Apply", "manager": "argocd"}]),
    ],
    ids=[
        "plain",
        "renamed",
        "moved",
        "released",
        "unmarked",
        "applied",
        "taken over by Helm",
        "owned by gitops",
    ],
)
def test_a_copy_or_what_somebody_applied_is_its_users_own(raw: Any) -> None:
    assert decode_present(raw) == Present()


def test_who_applies_a_status_does_not_take_the_export_over() -> None:
    managers = [{"operation": "Apply", "subresource": "status"}, {"operation": "Update"}]
    assert decode_present(made(managedFields=managers)).maker == POLICY.key


SPEC = {"serviceSelector": {"matchLabels": {"team": "blue"}}}


@pytest.mark.parametrize(
    ("name", "spec", "problem"),
    [
        ("web", SPEC, ""),
        ("web", {"serviceSelector": {}}, ""),
        ("web", {}, "serviceSelector is missing: an empty one takes all Services"),
        ("web", {"serviceSelector": "all"}, "serviceSelector is 'all', not an object"),
        ("w" * 64, SPEC, "its name is longer than 63 characters"),
    ],
)
def test_a_policy_is_read(name: str, spec: Any, problem: str) -> None:
    found = decode_service_policy({"metadata": {"name": name, "namespace": "shop", "uid": "1"}, "spec": spec})
    assert found.problem == problem
    assert found.selects({"team": "blue"}) is not bool(problem)


@given(mutated(SPEC) | json_values)
def test_whatever_stands_in_a_spec_is_a_policy_or_a_problem(spec: Any) -> None:
    found = decode_service_policy({"metadata": {"name": "a", "namespace": "shop"}, "spec": spec})
    assert (found.selector is None) is bool(found.problem)


counts = st.dictionaries(
    st.builds(PolicyKey, st.just("shop"), st.sampled_from("abcd")),
    st.tuples(st.integers(0, 30), st.integers(0, 30)),
)


@given(counts, st.sets(st.builds(PolicyKey, st.just("shop"), st.sampled_from("abcd"))))
def test_never_more_than_the_bound_goes_without_a_confirmation(
    found: dict[PolicyKey, tuple[int, int]], released: set[PolicyKey]
) -> None:
    lost = {key: lost for key, (lost, _) in found.items()}
    live = {key: lost + more for key, (lost, more) in found.items()}
    held = held_policies(live, lost, released, share=0.5, minimum=10)
    assert not held & released
    goes = Counter({key: number for key, number in lost.items() if key not in held | released})
    assert goes.total() < 10 or goes.total() <= sum(live.values()) * 0.5
    assert all(number < 10 or number <= live[key] * 0.5 for key, number in goes.items())
    if sum(lost.values()) < 10:
        assert not held


@given(json_values)
def test_a_status_that_cannot_be_read_is_a_problem_and_no_error(status: Any) -> None:
    metadata = {"name": "a", "namespace": "shop", "uid": "1"}
    found = decode_service_policy({"metadata": metadata, "spec": SPEC, "status": status})
    assert found.key == A
    assert (found.selector is None) is bool(found.problem)


def test_what_a_policy_selects_is_told_with_what_failed_first() -> None:
    def key(name: str) -> ServiceKey:
        return ServiceKey("shop", name)

    blue = (("team", "blue"),)
    found = [
        (key("web"), Candidate(blue), True),
        (key("api"), Candidate(blue), False),
        (key("db"), Candidate(blue), False),
        (key("new"), Candidate(blue), False),
        (key("ext"), Candidate(blue, "it is strange"), False),
        (key("going"), Candidate(blue, deleting=True), False),
        (key("red"), Candidate((("team", "red"),)), False),
    ]
    policy = decode_service_policy({"metadata": {"name": "a", "namespace": "shop"}, "spec": SPEC})
    waits = {key("api"): Wait("deleted", failed=False), key("db"): Wait("quota"), key("red"): Wait("other")}
    assert selected_by(policy, found, waits) == Selected(
        4, 3, "shop/ext: it is strange", "shop/db (and 1 more): quota", failed=True
    )
    assert selected_by(replace(policy, selector=None), found, waits) == Selected()


def said(policy: ServicePolicy, selected: Selected, **more: str) -> list[tuple[str, str, str]]:
    found = service_policy_conditions(policy, selected, **{"doubt": "", "held": "", **more})
    return [(one.status, one.reason, one.message) for one in found]


@pytest.mark.parametrize(
    ("selected", "doubt", "ready"),
    [
        (
            Selected(2),
            "",
            (
                "True",
                "AllExported",
                "Services selected: 2; kubectl get serviceexports -n shop says what became of each",
            ),
        ),
        (
            Selected(0, left_out="shop/ext: it is strange"),
            "",
            (
                "True",
                "NothingSelected",
                "it selects no Service of namespace shop: compare its selector with kubectl get services -n "
                "shop --show-labels; left out: shop/ext: it is strange",
            ),
        ),
        (
            Selected(3, 2, "", "shop/db: quota", failed=True),
            "",
            (
                "False",
                "Failed",
                "2 of 3 Services that it selects are not exported yet: shop/db: quota",
            ),
        ),
        (
            Selected(3, 1),
            "",
            ("False", "Pending", "1 of 3 Services that it selects are not exported yet"),
        ),
        (
            Selected(3, 1),
            "namespaces cannot be read",
            ("False", "Pending", "nothing is exported or removed meanwhile: namespaces cannot be read"),
        ),
    ],
    ids=["all", "none", "failed", "pending", "in doubt"],
)
def test_the_condition_ready_of_a_policy(selected: Selected, doubt: str, ready: tuple[str, str, str]) -> None:
    assert said(POLICY, selected, doubt=doubt) == [("True", "Accepted", ""), ready]


def test_the_other_conditions_of_a_policy() -> None:
    assert said(POLICY, Selected(2), held="12 of 12")[2] == ("True", "TooManyAtOnce", "12 of 12")
    was_held = replace(POLICY, conditions=(Condition("mcs-controller.io/Held", "True", "TooManyAtOnce"),))
    assert said(was_held, Selected(2))[2] == ("False", "NotHeld", "")
    broken = said(replace(POLICY, selector=None, problem="strange"), Selected())
    assert [one[:2] for one in broken] == [("False", "Malformed"), ("False", "Pending")]
