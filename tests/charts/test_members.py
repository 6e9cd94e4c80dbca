"""What the broker's chart makes for a member is what `broker create-member` makes, and takes as it is."""

from __future__ import annotations

import pytest

from mcs_controller.install.errors import NotOurs
from mcs_controller.install.objects import broker_objects, member_objects
from mcs_controller.install.planning import Wanted, step_for
from tests.charts.rendering import BROKER, JsonObject, render
from tests.charts.values import BROKER_CASES

pytestmark = pytest.mark.usefixtures("helm_program")

ROLES = broker_objects()
*PLACE, MEMBER_CLUSTER = member_objects("east")


@pytest.fixture
def made() -> list[JsonObject]:
    return render(BROKER, {**next(iter(BROKER_CASES.values())), "members": ["east"]})


def by_chart(made: list[JsonObject], wanted: Wanted) -> JsonObject:
    """The chart's object of that kind and name."""
    key = wanted.resource.kind, wanted.namespace, wanted.name
    (one,) = (
        one
        for one in made
        if (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) == key
    )
    return one


@pytest.mark.parametrize("wanted", [*ROLES, *PLACE], ids=str)
def test_what_the_chart_makes_is_taken_as_it_is(made: list[JsonObject], wanted: Wanted) -> None:
    assert step_for(wanted, by_chart(made, wanted)).result == "unchanged"


def test_the_name_of_the_clusterset_is_where_the_command_leaves_it() -> None:
    values = {**next(iter(BROKER_CASES.values())), "clusterset": "prod"}
    named = render(BROKER, values)
    for wanted in broker_objects("prod"):
        assert step_for(wanted, by_chart(named, wanted)).result == "unchanged"
    for wanted in broker_objects():
        assert step_for(wanted, by_chart(named, wanted)).result == "unchanged"


def test_the_member_cluster_is_left_to_the_command(made: list[JsonObject]) -> None:
    assert MEMBER_CLUSTER.resource.kind not in {one["kind"] for one in made}


@pytest.mark.parametrize("wanted", PLACE[1:], ids=str)
def test_what_was_changed_since_is_the_charts_to_mend(made: list[JsonObject], wanted: Wanted) -> None:
    changed = {
        **by_chart(made, wanted),
        **dict.fromkeys(("subjects", "automountServiceAccountToken")),
    }
    with pytest.raises(NotOurs, match="managed by Helm"):
        step_for(wanted, changed)
