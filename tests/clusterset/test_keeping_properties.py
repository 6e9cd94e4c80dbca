"""What an agent does about the two well-known properties of its cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.errors import InvalidClusterId, RuleError
from mcs_controller.clusterset.identity import agreed_cluster_id
from mcs_controller.clusterset.properties.keeping import Keeping, Step, check_value, keep, property_body
from mcs_controller.clusterset.properties.well_known import Property, properties_condition

ID, SET = "cluster.clusterset.k8s.io", "clusterset.k8s.io"
EAST, PROD = Property("east", "east"), Property("prod", "prod")

values = st.sampled_from(["east", "west", "prod", "test", "a.b", "\U0001f1e9\U0001f1ea", "", "x" * 128_001])
properties = st.builds(Property, values, st.sampled_from(["", "east", "prod", "test"]))
states = st.dictionaries(st.sampled_from([ID, SET]), properties)
named = st.sampled_from(["", "prod", "test"])


def after(found: dict[str, Property], wanted: Keeping) -> dict[str, Property]:
    return {**found, **{step.name: Property(step.value, step.value) for step in wanted.steps}}


def settled(clusterset: str, found: dict[str, Property]) -> tuple[dict[str, Property], list[Step], Keeping]:
    """All steps until nothing is to be written."""
    steps: list[Step] = []
    for _ in range(3):
        wanted = keep("east", clusterset, found)
        if not wanted.steps:
            return found, steps, wanted
        steps += wanted.steps
        found = after(found, wanted)
    raise AssertionError(f"writes for ever: {steps}")


@pytest.mark.requirement("ABT-08", "ABT-10")
def test_a_new_member_gets_its_id_first_and_then_its_clusterset() -> None:
    found, steps, wanted = settled("prod", {})
    assert steps == [Step(ID, "east", None), Step(SET, "prod", None)]
    assert (found, wanted) == ({ID: EAST, SET: PROD}, Keeping())


@pytest.mark.requirement("ABT-05", "ABT-08")
@pytest.mark.parametrize("edited", ["west", "x" * 500])
def test_what_was_edited_is_put_back(edited: str) -> None:
    assert keep("east", "prod", {ID: replace(EAST, value=edited), SET: PROD}).steps == (
        Step(ID, "east", edited),
    )
    assert keep("east", "prod", {ID: EAST, SET: replace(PROD, value=edited)}).steps == (
        Step(SET, "prod", edited),
    )


@pytest.mark.requirement("ABT-05", "ABT-08")
@pytest.mark.parametrize("broken", ["", "x" * 128_001])
def test_what_says_nothing_or_too_much_is_put_right_and_not_taken_for_a_clusterset_of_others(
    broken: str,
) -> None:
    assert keep("east", "prod", {ID: Property(broken), SET: PROD}).steps == (Step(ID, "east", broken),)
    assert keep("east", "prod", {ID: EAST, SET: Property(broken, "prod")}).steps == (
        Step(SET, "prod", broken),
    )
    assert keep("east", "prod", {ID: EAST, SET: Property("")}).steps == (Step(SET, "prod", ""),)


@pytest.mark.requirement("ABT-05")
def test_an_id_is_put_back_whoever_made_it() -> None:
    assert keep("east", "prod", {ID: Property("west"), SET: PROD}).steps == (Step(ID, "east", "west"),)


@pytest.mark.requirement("ABT-09")
def test_a_clusterset_that_others_wrote_is_never_changed() -> None:
    wanted = keep("east", "prod", {ID: EAST, SET: Property("test")})
    assert wanted.steps == ()
    assert wanted.trouble is not None
    assert wanted.trouble.reason == "AnotherClusterset"
    assert "clusterset prod" in wanted.trouble.text
    assert "`leave`" in wanted.trouble.text
    assert keep("east", "prod", {ID: EAST, SET: Property("prod")}) == Keeping()


@pytest.mark.requirement("ABT-08")
def test_a_broker_that_calls_its_clusterset_otherwise_changes_no_membership() -> None:
    wanted = keep("east", "test", {ID: EAST, SET: PROD})
    assert wanted.steps == ()
    assert wanted.trouble is not None
    assert wanted.trouble.reason == "AnotherClusterset"
    edited = keep("east", "test", {ID: EAST, SET: replace(PROD, value="test")})
    assert edited.steps == (Step(SET, "prod", "test"),)


@pytest.mark.requirement("ABT-10")
def test_without_a_name_there_is_no_clusterset_and_it_is_said_who_gives_it_one() -> None:
    found, _, wanted = settled("", {})
    assert SET not in found
    assert wanted.trouble is not None
    assert "broker init --clusterset NAME" in wanted.trouble.text
    told = properties_condition({ID: EAST}, wanted.trouble)
    assert (told.status, told.reason) == ("False", "ClustersetUnknown")
    assert told.message.startswith("cluster.clusterset.k8s.io is east; clusterset.k8s.io is not set; the Mem")


@pytest.mark.requirement("ABT-05", "ABT-08", "ABT-09", "ABT-10")
@given(clusterset=named, found=states)
def test_whatever_is_there_it_settles_with_the_id_right_and_no_other_clusterset_touched(
    clusterset: str, found: dict[str, Property]
) -> None:
    at_last, steps, wanted = settled(clusterset, found)
    assert at_last[ID].value == "east"
    assert [step.name for step in steps] in ([], [ID], [SET], [ID, SET])
    held = found.get(SET)
    if held is not None and (held.written or held.value):
        assert at_last[SET].value == (held.written or held.value)
    else:
        assert at_last.get(SET) == (Property(clusterset, clusterset) if clusterset else held)
    value = at_last.get(SET, Property("")).value
    right = value == clusterset if clusterset else bool(value)
    assert (wanted.trouble is None) == right


@pytest.mark.requirement("ABT-11")
@given(clusterset=named, found=states)
def test_only_the_two_well_known_names_are_ever_written(clusterset: str, found: dict[str, Property]) -> None:
    _, steps, _ = settled(clusterset, found)
    bodies = [property_body("about.k8s.io/v1beta1", step.name, step.value) for step in steps]
    assert {body["metadata"]["name"] for body in bodies} <= {ID, SET}
    keys = {key for body in bodies for key in body["metadata"]["annotations"]}
    assert all(key.startswith("mcs-controller.io/") for key in keys)


@pytest.mark.requirement("ABT-02")
def test_a_value_is_written_up_to_128000_code_points_of_which_a_flag_is_two() -> None:
    flag = "\U0001f1e9\U0001f1ea"
    assert check_value(flag * 64_000) == flag * 64_000
    for value in ("", flag * 64_000 + "x", "x" * 128_001):
        with pytest.raises(RuleError, match="1 to 128000 characters"):
            property_body("about.k8s.io/v1beta1", SET, value)


@pytest.mark.requirement("ABT-03", "ABT-15")
@pytest.mark.parametrize("value", ["a.b.c", "a.b", f"{'a' * 40}.{'b' * 40}"])
def test_an_id_of_several_labels_is_a_valid_property_and_no_id_of_a_member(value: str) -> None:
    with pytest.raises(InvalidClusterId, match=r"valid name of a cluster .* not of a member .* one DNS"):
        agreed_cluster_id(None, value)


@pytest.mark.requirement("ABT-03")
@pytest.mark.parametrize("value", ["Cluster_1", "-a", "a..b", "a-", ".a", "a" * 254])
def test_an_id_that_no_cluster_may_have_is_refused(value: str) -> None:
    with pytest.raises(InvalidClusterId) as refused:
        agreed_cluster_id(None, value)
    assert "valid name" not in str(refused.value)


@pytest.mark.requirement("ABT-03")
@pytest.mark.parametrize("value", ["cluster-1", "1", "0d6ba6f3-2d5e-4c58-8d4e-6f1d2c8d1e11"])
def test_a_label_and_a_uid_are_ids(value: str) -> None:
    assert agreed_cluster_id(None, value) == value
