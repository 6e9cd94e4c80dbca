"""What policies say together: their order means nothing, and what is not known changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import Condition, ExportRecord, LocalExport, ServiceKey
from mcs_controller.clusterset.services.export import ExportEvaluation
from mcs_controller.clusterset.services.policies.policy import Policy, decode_policy
from mcs_controller.clusterset.services.policies.selector import Expression, Selector
from mcs_controller.clusterset.services.policies.verdict import (
    EXPORTS,
    PASS,
    Outcome,
    Policies,
    Verdict,
    judge_export,
    judge_import,
    outcome,
    policy_conditions,
    under_policy,
)
from mcs_controller.clusterset.services.reserved import RESERVED_NAMESPACES
from tests.clusterset.strategies import json_values, mutated

KEYS, VALUES = ["team", "tier"], ["blue", "red", ""]
labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
expressions = st.one_of(
    st.builds(
        Expression,
        st.sampled_from(KEYS),
        st.sampled_from(["In", "NotIn"]),
        st.lists(st.sampled_from(VALUES), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(Expression, st.sampled_from(KEYS), st.sampled_from(["Exists", "DoesNotExist"])),
)
selectors = st.builds(
    Selector,
    labels.map(lambda found: tuple(sorted(found.items()))),
    st.lists(expressions, max_size=2).map(tuple),
)
NAMESPACES = ["shop", "pay", "default"]
policies = st.builds(
    Policy,
    name=st.sampled_from(["a", "b", "c", "d"]),
    forbids=st.booleans(),
    namespaces=st.lists(st.sampled_from(NAMESPACES), max_size=2, unique=True).map(tuple),
    namespace_selector=st.none() | selectors,
    service_selector=st.none() | selectors,
)
policy_lists = st.lists(policies, max_size=4).map(tuple)
keys = st.sampled_from(NAMESPACES).map(lambda namespace: ServiceKey(namespace, "web"))
namespace_labels = st.none() | labels
EXPORT = LocalExport(ServiceKey("shop", "web"), "uid", 7, "2026-01-01T00:00:00Z")


def selects(selector: Selector, found: Mapping[str, str]) -> bool:
    """Written from the API's documentation, one part after the other."""
    for key, value in selector.labels:
        if key not in found or found[key] != value:
            return False
    for one in selector.expressions:
        is_there = one.key in found
        is_one_of_them = is_there and found[one.key] in one.values
        right = {
            "In": is_one_of_them,
            "NotIn": not is_one_of_them,
            "Exists": is_there,
            "DoesNotExist": not is_there,
        }[one.operator]
        if not right:
            return False
    return True


@given(selectors, labels)
def test_a_selector_selects_as_kubernetes_says(selector: Selector, found: dict[str, str]) -> None:
    assert selector.matches(found) is selects(selector, found)


@given(policy_lists, keys, namespace_labels, labels, st.randoms(use_true_random=False))
def test_the_order_of_policies_means_nothing(
    found: tuple[Policy, ...], key: ServiceKey, of_namespace: Any, of_service: Any, random: Any
) -> None:
    other = list(found)
    random.shuffle(other)
    assert judge_export(Policies(found), key, of_namespace, of_service) == judge_export(
        Policies(tuple(other)), key, of_namespace, of_service
    )


@given(policy_lists, policies, keys, namespace_labels, labels)
def test_one_more_that_forbids_never_allows_anything(
    found: tuple[Policy, ...], more: Policy, key: ServiceKey, of_namespace: Any, of_service: Any
) -> None:
    forbidding = Policy("z", True, more.namespaces, more.namespace_selector, more.service_selector)
    before = judge_export(Policies(found), key, of_namespace, of_service)
    after = judge_export(Policies((*found, forbidding)), key, of_namespace, of_service)
    if found and before.answer != "allowed":
        assert after.answer != "allowed"
    if found and before.answer == "refused":
        assert after.answer == "refused"


@given(policy_lists, policies, keys, namespace_labels, labels)
def test_one_more_that_allows_refuses_nothing_that_another_allows(
    found: tuple[Policy, ...], more: Policy, key: ServiceKey, of_namespace: Any, of_service: Any
) -> None:
    allowing = Policy("z", False, more.namespaces, more.namespace_selector, more.service_selector)
    if all(one.forbids for one in found):
        return
    before = judge_export(Policies(found), key, of_namespace, of_service)
    after = judge_export(Policies((*found, allowing)), key, of_namespace, of_service)
    if before.answer == "allowed":
        assert after.answer == "allowed"
    if before.answer == "unknown":
        assert after.answer != "refused"


@given(policy_lists, keys, labels)
def test_labels_that_are_not_known_may_turn_out_as_any(
    found: tuple[Policy, ...], key: ServiceKey, of_service: dict[str, str]
) -> None:
    verdict = judge_export(Policies(found), key, None, of_service)
    if verdict.answer == "unknown":
        return
    for of_namespace in ({}, {"team": "blue"}, {"team": "red", "tier": ""}, {"tier": "blue"}):
        assert judge_export(Policies(found), key, of_namespace, of_service).answer == verdict.answer


@given(policy_lists, keys, namespace_labels, labels)
def test_doubt_allows_nothing_and_a_policy_that_forbids_still_does(
    found: tuple[Policy, ...], key: ServiceKey, of_namespace: Any, of_service: Any
) -> None:
    sure = judge_export(Policies(found), key, of_namespace, of_service)
    doubted = judge_export(Policies(found, "one cannot be read"), key, of_namespace, of_service)
    assert doubted.answer != "allowed"
    if doubted.answer == "refused":
        assert sure == doubted
    else:
        assert doubted.why == "one cannot be read"


@given(policy_lists, keys, namespace_labels, labels)
def test_a_reserved_namespace_is_open_only_where_a_policy_that_allows_names_it(
    found: tuple[Policy, ...], key: ServiceKey, of_namespace: Any, of_service: Any
) -> None:
    if key.namespace not in RESERVED_NAMESPACES:
        return
    verdict = judge_export(Policies(found), key, of_namespace, of_service)
    if not any(key.namespace in one.namespaces and not one.forbids for one in found):
        assert verdict.answer != "allowed"


def test_no_policy_at_all_says_nothing() -> None:
    assert judge_export(Policies(), EXPORT.service, {}, {}) == Verdict("unknown", "there is no ExportPolicy")


def test_only_policies_that_forbid_leave_the_rest_open() -> None:
    rules = Policies((Policy("pay", True, ("pay",)),))
    assert judge_export(rules, ServiceKey("shop", "web"), {}, {}).answer == "allowed"
    assert judge_export(rules, ServiceKey("pay", "web"), {}, {}) == Verdict(
        "refused", "ExportPolicy pay forbids that pay/web is exported"
    )
    assert judge_export(rules, ServiceKey("kube-system", "web"), {}, {}).answer == "refused"


verdicts = st.builds(Verdict, st.sampled_from(["allowed", "refused", "unknown"]), st.text(max_size=9))


@given(verdicts, st.booleans(), st.sampled_from(["", "held"]))
def test_what_is_not_known_or_held_neither_ends_nor_begins_anything(
    verdict: Verdict, is_live: bool, held: str
) -> None:
    found = outcome(verdict, EXPORTS, is_live=is_live, held=held)
    is_exported = found.action != "refuse"
    if verdict.answer == "unknown" or (verdict.answer == "refused" and held):
        assert is_exported is is_live
    else:
        assert is_exported is (verdict.answer == "allowed")
    assert (found == PASS) is (verdict.answer == "allowed")
    assert bool(found.message) is (verdict.answer != "allowed")


def record() -> ExportRecord:
    return ExportRecord("east", EXPORT.service, EXPORT.created_at, "ClusterSetIP", ())


def test_an_export_that_is_refused_is_not_valid_and_one_that_is_kept_says_so() -> None:
    valid = ExportEvaluation(Condition("Valid", "True", "Valid", "labels left out", 7), record())
    refused = under_policy(valid, EXPORT, Outcome("refuse", "NotAllowedByPolicy", "because"))
    assert refused == ExportEvaluation(Condition("Valid", "False", "NotAllowedByPolicy", "because", 7), None)
    kept = under_policy(valid, EXPORT, Outcome("keep", "", "for now"))
    assert (kept.record, kept.valid.message) == (valid.record, "labels left out; for now")
    assert under_policy(valid, EXPORT, PASS) is valid
    invalid = ExportEvaluation(Condition("Valid", "False", "NoService"), None)
    assert under_policy(invalid, EXPORT, Outcome("refuse", "NotAllowedByPolicy", "because")) is invalid


WHOLE = {
    "apiVersion": "mcs-controller.io/v1alpha1",
    "kind": "ExportPolicy",
    "metadata": {
        "name": "shop",
        "generation": 3,
        "annotations": {"mcs-controller.io/withdraw": "2026-01-01T00:00:00Z"},
    },
    "spec": {
        "action": "Forbid",
        "namespaces": ["shop"],
        "namespaceSelector": {"matchLabels": {"team": "blue"}},
        "serviceSelector": {
            "matchExpressions": [{"key": "x.io/tier", "operator": "In", "values": ["web", ""]}]
        },
    },
}


def test_a_policy_is_read() -> None:
    assert decode_policy(WHOLE) == Policy(
        "shop",
        True,
        ("shop",),
        Selector((("team", "blue"),)),
        Selector((), (Expression("x.io/tier", "In", ("web", "")),)),
        (),
        "2026-01-01T00:00:00Z",
        3,
    )


def _spec(**spec: Any) -> dict[str, Any]:
    return {**WHOLE, "spec": {"action": "Allow", **spec}}


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"metadata": {"name": "a"}}, "action is '', not Allow or Forbid (or Prefer, in an ImportPolicy)"),
        (_spec(action="Perhaps"), "action is 'Perhaps', not Allow or Forbid (or Prefer, in an ImportPolicy)"),
        (_spec(namespaces=[]), "namespaces names none: leave it out to mean all"),
        (_spec(namespaces=["Shop"]), "namespaces is 'Shop', not a DNS label"),
        (_spec(namespaces="shop"), "namespaces is 'shop', not a list"),
        (_spec(namespaceSelector="all"), "namespaceSelector is 'all', not an object"),
        (_spec(serviceSelector={"matchLabels": {"a b": ""}}), "label key is 'a b', not the key of a label"),
        (
            _spec(serviceSelector={"matchLabels": {"a": "b c"}}),
            "label value is 'b c', not the value of a label",
        ),
        (
            _spec(serviceSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
            "In needs values",
        ),
        (
            _spec(
                serviceSelector={"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}
            ),
            "Exists takes no values",
        ),
        (
            _spec(serviceSelector={"matchExpressions": [{"key": "a", "operator": "Is", "values": ["b"]}]}),
            "operator is 'Is', not one of In, NotIn, Exists, DoesNotExist",
        ),
    ],
)
def test_a_policy_that_says_something_else_has_a_problem(raw: dict[str, Any], problem: str) -> None:
    assert decode_policy(raw).problem == problem


@given(mutated(WHOLE["spec"]) | json_values)
def test_whatever_stands_in_a_spec_is_a_policy_or_a_problem(spec: Any) -> None:
    found = decode_policy({"metadata": {"name": "a"}, "spec": spec})
    assert found.name == "a"
    if found.problem:
        assert found == Policy("a", problem=found.problem)


def test_the_conditions_of_a_policy() -> None:
    policy = decode_policy(WHOLE)
    accepted = Condition("Accepted", "True", "Accepted", "", 3)
    assert policy_conditions(policy, "", (0, 9), EXPORTS) == (accepted,)
    (_, held) = policy_conditions(policy, "somebody must confirm", (7, 9), EXPORTS)
    assert held == Condition(
        "mcs-controller.io/Held",
        "True",
        "TooManyAtOnce",
        "7 of 9 services that are exported would end: somebody must confirm",
        3,
    )
    was_held = Policy("shop", conditions=(held,))
    assert policy_conditions(was_held, "", (0, 9), EXPORTS)[1].reason == "NotHeld"
    broken = policy_conditions(Policy("shop", problem="strange"), "", (0, 9), EXPORTS)
    assert (broken[0].status, broken[0].reason) == ("False", "Malformed")
    assert broken[0].message.endswith("stays in force: strange")


CLUSTERS = ["east", "west", "north"]
import_policies = st.builds(
    Policy,
    name=st.sampled_from(["a", "b", "c", "d"]),
    forbids=st.booleans(),
    namespaces=st.lists(st.sampled_from(NAMESPACES), max_size=2, unique=True).map(tuple),
    namespace_selector=st.none() | selectors,
    clusters=st.lists(st.sampled_from(CLUSTERS), max_size=2, unique=True).map(tuple),
)
import_lists = st.lists(import_policies, max_size=4).map(tuple)


@given(import_lists, keys, st.sampled_from(CLUSTERS), labels)
def test_what_is_imported_is_what_each_policy_says_of_its_source(
    found: tuple[Policy, ...], key: ServiceKey, cluster: str, of_namespace: dict[str, str]
) -> None:
    about = [
        one
        for one in found
        if (not one.namespaces or key.namespace in one.namespaces)
        and (one.namespace_selector is None or selects(one.namespace_selector, of_namespace))
        and (not one.clusters or cluster in one.clusters)
    ]
    allows = [one for one in about if not one.forbids]
    verdict = judge_import(Policies(found), key, cluster, of_namespace, is_own=False)
    if not found:
        assert verdict.answer == "unknown"
    elif any(one.forbids for one in about) or (not allows and not all(one.forbids for one in found)):
        assert verdict.answer == "refused"
    else:
        assert verdict.answer == "allowed"


@given(import_lists, keys, namespace_labels)
def test_sources_do_not_concern_a_clusters_own_export(
    found: tuple[Policy, ...], key: ServiceKey, of_namespace: Any
) -> None:
    without_sources = tuple(replace(one, clusters=()) for one in found if not (one.forbids and one.clusters))
    verdicts = [
        judge_import(Policies(one), key, "east", of_namespace, is_own=True).answer
        for one in (found, without_sources)
    ]
    if without_sources:
        assert verdicts[0] == verdicts[1]
