"""Who decides whether near endpoints come first: this cluster's policy, the exports, the agent's option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import ImportSpec, LocalImport, ServiceKey
from mcs_controller.clusterset.services import locality
from mcs_controller.clusterset.services.policies.policy import Policy, Preferred, decode_policy
from mcs_controller.clusterset.services.policies.preferring import Said, judge_preference
from mcs_controller.clusterset.services.policies.selector import Selector
from mcs_controller.clusterset.services.policies.verdict import Policies, judge_import
from mcs_controller.clusterset.services.preference import (
    DEFAULT_SCOPES,
    SCOPES,
    DefaultScope,
    MinReady,
    Ordered,
    Preference,
    Scope,
    min_ready,
    preference,
)
from tests.clusterset.builders import WEB


def _preferring(policy: Policy, preferred: Preferred) -> Policy:
    return replace(policy, forbids=False, clusters=(), prefers=preferred)


ASKED = "mcs-controller.io/locality"
MIN_READY = "mcs-controller.io/locality-min-ready"
BY_EXPORTS, BY_OPTION = "its exports ask", "the agent's option --locality says"
BLUE = Selector((("team", "blue"),))

enough = st.one_of(
    st.builds(MinReady, st.integers(1, 9)), st.builds(MinReady, st.integers(1, 100), st.just(True))
)
exported = st.builds(
    lambda scope, number: tuple(
        (name, value) for name, value in ((ASKED, scope), (MIN_READY, number)) if value is not None
    ),
    st.none() | st.sampled_from([*SCOPES, "planet"]),
    st.none() | enough.map(str) | st.just("few"),
)
defaults = st.sampled_from(DEFAULT_SCOPES)
ordered = st.builds(Ordered, st.just("near"), st.sampled_from(SCOPES), st.none() | enough)
policies = st.builds(
    Policy,
    name=st.sampled_from(["a", "b", "c", "d"]),
    forbids=st.booleans(),
    namespaces=st.lists(st.sampled_from(["shop", "pay"]), max_size=1).map(tuple),
    namespace_selector=st.none() | st.just(BLUE),
    clusters=st.lists(st.sampled_from(["east", "west"]), max_size=1).map(tuple),
    services=st.lists(st.sampled_from(["web", "api"]), max_size=1).map(tuple),
)
preferring = st.builds(
    _preferring,
    policies,
    st.builds(Preferred, st.sampled_from(SCOPES), st.none() | enough),
)
rules = st.lists(policies | preferring, max_size=5, unique_by=lambda one: one.name).map(tuple)
labels = st.sampled_from([None, {}, {"team": "blue"}])
keys = st.builds(ServiceKey, st.sampled_from(["shop", "pay"]), st.sampled_from(["web", "api"]))


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "101%", "%", "100000", "two", " 1"])
def test_no_other_text_says_what_is_enough(text: str) -> None:
    with pytest.raises(ValueError, match="number of endpoints"):
        min_ready(text)


@pytest.mark.parametrize(
    ("exported", "default", "expected"),
    [
        ((), "none", None),
        ((), "never", None),
        ((), "region", Preference("region", asked_by=BY_OPTION)),
        (((ASKED, "cluster"),), "none", Preference("cluster", asked_by=BY_EXPORTS)),
        (((ASKED, "cluster"),), "never", None),
        (((ASKED, "none"),), "region", None),
        (
            ((ASKED, "zone"), (MIN_READY, "50%")),
            "none",
            Preference("zone", MinReady(50, True), asked_by=BY_EXPORTS),
        ),
        (((MIN_READY, "2"),), "cluster", Preference("cluster", MinReady(2), asked_by=BY_OPTION)),
        (((MIN_READY, "2"),), "none", None),
    ],
)
def test_the_export_asks_and_the_cluster_has_a_default(
    exported: tuple[tuple[str, str], ...], default: DefaultScope, expected: Preference | None
) -> None:
    assert preference(exported, default) == expected


def test_a_value_that_cannot_be_used_is_told_and_counts_as_left_out() -> None:
    found = preference(((ASKED, "planet\n" * 99), (MIN_READY, "few")), "region")
    assert found is not None
    assert found.scope == "region"
    assert found.min_ready == MinReady(1)
    assert "planet" in found.problem
    assert "\n" not in found.problem
    assert len(found.problem) < 300
    said = locality.condition(found, {}, {}, ["far"], return_seconds=30)
    assert (said.status, said.reason) == ("False", "InvalidValue")
    assert said.message.startswith(found.problem)


@given(exported, defaults, enough, ordered)
def test_what_a_policy_here_orders_goes_before_all_that_is_asked_elsewhere(
    asked: tuple[tuple[str, str], ...], default: DefaultScope, number: MinReady, order: Ordered
) -> None:
    found = preference(asked, default, number, order)
    if found is None:
        # Nobody but this cluster would have near endpoints first, and it would not.
        assert order.scope == "none"
        return
    assert found.scope == order.scope
    assert found.min_ready == (order.min_ready or number)
    assert found.problem == ""
    assert found.asked_by.startswith("ImportPolicy near says")


@pytest.mark.parametrize(
    ("asked", "default", "scope", "said"),
    [
        ((), "none", "zone", "ImportPolicy near says"),
        ((), "never", "zone", "ImportPolicy near says"),
        ((), "region", "zone", "ImportPolicy near says"),
        (((ASKED, "zone"),), "none", "zone", "ImportPolicy near says"),
        (((ASKED, "cluster"),), "none", "zone", "ImportPolicy near says (its exports ask for cluster)"),
        (((ASKED, "none"),), "none", "zone", "ImportPolicy near says (its exports ask for none)"),
        (((ASKED, "cluster"),), "none", "none", "ImportPolicy near says (its exports ask for cluster)"),
        # An agent that heeds no exports says nothing of them.
        (((ASKED, "cluster"),), "never", "zone", "ImportPolicy near says"),
    ],
)
def test_it_is_said_who_decides_and_who_would_have_it_otherwise(
    asked: tuple[tuple[str, str], ...], default: DefaultScope, scope: Scope, said: str
) -> None:
    found = preference(asked, default, ordered=Ordered("near", scope))
    assert found is not None
    assert found.asked_by == said


def test_an_import_says_that_a_policy_here_prefers_nothing_only_where_others_do() -> None:
    imported = LocalImport(WEB, "uid", 1, ImportSpec("ClusterSetIP", ()))
    found = preference(((ASKED, "cluster"),), "none", ordered=Ordered("all", "none"))
    assert found is not None
    assert not found.is_for_nearness
    said = locality.over(imported, found.asked_by)
    assert said is not None
    assert (said.status, said.reason) == ("False", "NotPreferred")
    assert said.message == (
        "the endpoints of all clusters are used alike, as ImportPolicy all says (its exports ask for cluster)"
    )
    assert preference((), "none", ordered=Ordered("all", "none")) is None


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["all", "labels", "namespace", "service"], "service"),
        (["all", "labels", "namespace"], "namespace"),
        (["all", "labels"], "labels"),
        (["all"], "all"),
        (["another", "all"], "all"),
        (["elsewhere"], None),
    ],
)
def test_the_policy_that_is_about_the_least_decides(names: list[str], first: str | None) -> None:
    known = {
        "all": Policy("all"),
        "another": Policy("another"),
        "labels": Policy("labels", namespace_selector=BLUE),
        "namespace": Policy("namespace", namespaces=("shop",)),
        "service": Policy("service", services=("web",)),
        "elsewhere": Policy("elsewhere", namespaces=("pay",), services=("web",)),
    }
    found = judge_preference(
        Policies(tuple(_preferring(known[name], Preferred("zone")) for name in names)),
        WEB,
        {"team": "blue"},
    )
    assert found.is_sure
    assert (found.ordered.policy if found.ordered is not None else None) == first


@given(rules, keys, labels, st.integers(0, 99))
def test_the_order_of_policies_means_nothing(
    found: tuple[Policy, ...], key: ServiceKey, of_namespace: Mapping[str, str] | None, seed: int
) -> None:
    other = list(found)
    Random(seed).shuffle(other)
    assert judge_preference(Policies(found), key, of_namespace) == judge_preference(
        Policies(tuple(other)), key, of_namespace
    )


@given(rules, keys)
def test_labels_that_are_not_known_may_turn_out_as_any(found: tuple[Policy, ...], key: ServiceKey) -> None:
    said = judge_preference(Policies(found), key, None)
    if said.is_sure:
        for one in ({}, {"team": "blue"}, {"team": "red"}):
            assert judge_preference(Policies(found), key, one) == said


@given(rules, keys, labels)
def test_in_doubt_what_is_in_force_goes_on_and_the_rest_is_not_known(
    found: tuple[Policy, ...], key: ServiceKey, of_namespace: Mapping[str, str] | None
) -> None:
    sure = judge_preference(Policies(found), key, of_namespace)
    doubted = judge_preference(Policies(found, "one cannot be read"), key, of_namespace)
    assert doubted == (sure if sure.ordered is not None else Said(is_sure=False))


@given(rules, preferring, keys, labels, st.sampled_from(["east", "west"]), st.booleans())
def test_a_policy_that_prefers_lets_nothing_in_and_keeps_nothing_out(
    found: tuple[Policy, ...],
    more: Policy,
    key: ServiceKey,
    of_namespace: Mapping[str, str] | None,
    cluster: str,
    is_own: bool,
) -> None:
    before = judge_import(Policies(found), key, cluster, of_namespace, is_own=is_own)
    after = judge_import(Policies((*found, more)), key, cluster, of_namespace, is_own=is_own)
    assert after.answer == before.answer


@pytest.mark.parametrize(
    ("locality", "expected"),
    [
        ({"scope": "zone"}, Preferred("zone")),
        ({"scope": "none", "minReady": "2"}, Preferred("none", MinReady(2))),
        ({"scope": "cluster", "minReady": "50%"}, Preferred("cluster", MinReady(50, True))),
    ],
)
def test_a_policy_is_read_with_what_it_prefers(locality: dict[str, str], expected: Preferred) -> None:
    spec = {"action": "Prefer", "services": ["web"], "locality": locality}
    found = decode_policy({"metadata": {"name": "near"}, "spec": spec})
    assert (found.problem, found.prefers, found.services) == ("", expected, ("web",))
    assert not found.forbids


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"action": "Prefer"}, "scope"),
        ({"action": "Prefer", "locality": {"scope": "planet"}}, "scope"),
        ({"action": "Prefer", "locality": {"scope": "zone", "minReady": "0"}}, "minReady must be a number"),
        ({"action": "Prefer", "locality": {"scope": "zone", "minReady": 2}}, "minReady"),
        ({"action": "Prefer", "locality": "zone"}, "locality"),
        ({"action": "Allow", "services": ["Web"]}, "services"),
    ],
)
def test_a_policy_that_cannot_be_read_says_why(spec: dict[str, object], problem: str) -> None:
    assert problem in decode_policy({"metadata": {"name": "near"}, "spec": spec}).problem


@pytest.mark.parametrize("action", ["Allow", "Forbid"])
def test_what_else_a_policy_says_of_nearness_is_not_heeded(action: str) -> None:
    spec = {"action": action, "locality": {"scope": "zone"}}
    assert decode_policy({"metadata": {"name": "near"}, "spec": spec}).prefers is None
