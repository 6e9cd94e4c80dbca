"""What a policy is about, how much of it is read, and when many of them may end something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW
from mcs_controller.api.policies import MAX_LABELS
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bound import held_back
from mcs_controller.clusterset.services.policies.policy import Policy, decode_policy
from mcs_controller.clusterset.services.policies.selector import Expression, Selector
from mcs_controller.clusterset.services.policies.verdict import (
    EXPORTS,
    Policies,
    judge_export,
    judge_import,
)
from mcs_controller.kube.clock import rfc3339

SHOP = ServiceKey("shop", "web")
PUBLIC = Selector((("public", "yes"),))
NOT_DB = Selector((), (Expression("kind", "NotIn", ("db",)),))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "labels", "answer"),
    [
        (Policy("p", service_selector=PUBLIC), {"public": "yes"}, "allowed"),
        (Policy("p", service_selector=PUBLIC), {"public": "no"}, "refused"),
        (Policy("p", service_selector=PUBLIC), {}, "refused"),
        (Policy("p", True, service_selector=PUBLIC), {"public": "yes"}, "refused"),
        (Policy("p", True, service_selector=PUBLIC), {}, "allowed"),
        (Policy("p", service_selector=NOT_DB), {}, "allowed"),
        (Policy("p", service_selector=NOT_DB), {"kind": "db"}, "refused"),
        (Policy("p", namespaces=("pay",), service_selector=PUBLIC), {"public": "yes"}, "refused"),
    ],
)
def test_a_policy_is_about_the_services_that_it_selects(
    policy: Policy, labels: dict[str, str], answer: str
) -> None:
    assert judge_export(Policies((policy,)), SHOP, {}, labels).answer == answer


@pytest.mark.parametrize(
    ("policy", "cluster", "answer"),
    [
        (Policy("p", clusters=("east",)), "east", "allowed"),
        (Policy("p", clusters=("east",)), "west", "refused"),
        (Policy("p", True, clusters=("east",)), "east", "refused"),
        (Policy("p", True, clusters=("east",)), "west", "allowed"),
        # Of the own cluster's export, sources say nothing.
        (Policy("p", clusters=("east",)), "own", "allowed"),
        (Policy("p", True, clusters=("own",)), "own", "allowed"),
        (Policy("p", namespaces=("pay",), clusters=("own",)), "own", "refused"),
        (Policy("p", True, namespaces=("shop",)), "own", "refused"),
    ],
)
def test_sources_are_other_clusters(policy: Policy, cluster: str, answer: str) -> None:
    rules = Policies((policy,))
    assert judge_import(rules, SHOP, cluster, {}, is_own=cluster == "own").answer == answer


def test_what_perhaps_forbids_leaves_it_open_and_what_perhaps_allows_does_too() -> None:
    perhaps = Policy("perhaps", True, namespace_selector=PUBLIC)
    rules = Policies((Policy("all"), perhaps))
    assert judge_export(rules, SHOP, None, {}).answer == "unknown"
    assert judge_export(rules, SHOP, {}, {}).answer == "allowed"
    assert judge_export(rules, SHOP, {"public": "yes"}, {}).answer == "refused"
    only = Policies((Policy("perhaps", namespace_selector=PUBLIC),))
    assert judge_export(only, SHOP, None, {}).answer == "unknown"


def read(selector: object, **metadata: object) -> Policy:
    return decode_policy(
        {
            "metadata": {"name": "p", **metadata},
            "spec": {"action": "Allow", "serviceSelector": selector},
        }
    )


def test_as_many_labels_are_read_as_the_schema_lets_in() -> None:
    assert read({"matchLabels": {f"k{one}": "v" for one in range(MAX_LABELS)}}).problem == ""
    assert "more than" in read({"matchLabels": {f"k{one}": "v" for one in range(MAX_LABELS + 1)}}).problem


@pytest.mark.parametrize(
    "expression",
    [
        {"key": "a b", "operator": "Exists"},
        {"key": "", "operator": "Exists"},
        {"key": "a", "operator": "In", "values": ["b c"]},
    ],
)
def test_a_key_or_value_that_no_label_can_have_is_a_problem(expression: dict[str, object]) -> None:
    assert read({"matchExpressions": [expression]}).problem != ""


def test_a_policy_that_cannot_be_read_confirms_all_the_same() -> None:
    """Who wrote it by hand, and badly, means what stands beside it."""
    until = rfc3339(NOW)
    policy = read("a text", annotations={ANNOTATION_WITHDRAW: until}, generation=3)
    assert policy.problem != ""
    assert (policy.name, policy.release, policy.generation) == ("p", until, 3)


@pytest.mark.parametrize(
    ("live", "lost", "left", "is_held"),
    [
        (4, 4, None, True),
        (4, 3, None, True),
        (4, 2, None, False),
        (100, 2, None, False),
        (2, 2, None, False),
        (4, 4, timedelta(hours=1), False),
        (4, 4, timedelta(hours=24), False),
        (4, 4, timedelta(hours=25), True),
        (4, 4, timedelta(0), True),
    ],
)
def test_many_end_at_once_only_with_a_confirmation_for_the_next_day(
    live: int, lost: int, left: timedelta | None, is_held: bool
) -> None:
    release = rfc3339(NOW + left) if left is not None else ""
    held = held_back(
        (Policy("a"), Policy("b", release=release)),
        EXPORTS,
        live=live,
        lost=lost,
        now_seconds=NOW.timestamp(),
        share=0.5,
        minimum=3,
    )
    assert bool(held) is is_held
