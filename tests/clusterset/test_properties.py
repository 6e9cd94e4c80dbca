"""What is read of a ClusterProperty, and what is told of the two that are well known."""

import pytest

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.properties.well_known import Property, decode_property, properties_condition

NOT_SET = " is not set (create that ClusterProperty)"


def raw(name: str, value: object) -> dict[str, object]:
    return {"metadata": {"name": name}, "spec": {"value": value}}


@pytest.mark.parametrize("name", ["cluster.clusterset.k8s.io", "clusterset.k8s.io"])
def test_the_two_well_known_properties_are_read_and_no_others(name: str) -> None:
    assert decode_property(raw(name, "x")) == Property("x")
    assert decode_property(raw(f"my-{name}", "x")) is None


@pytest.mark.requirement("ABT-02")
def test_a_value_has_one_to_128000_characters_however_many_bytes_they_are() -> None:
    longest = decode_property(raw("clusterset.k8s.io", "\U0001f1e9" * 128_000))
    assert longest == Property("\U0001f1e9" * 128_000)
    assert longest.is_valid
    for value in ("x" * 128_001, "", None, 7, ["x"]):
        found = decode_property(raw("clusterset.k8s.io", value))
        assert found is not None
        assert not found.is_valid


def test_a_property_that_says_nothing_is_known_to_be_there() -> None:
    assert decode_property({"metadata": {"name": "clusterset.k8s.io"}}) == Property("")
    with pytest.raises(MalformedObject):
        decode_property({"metadata": {"name": "clusterset.k8s.io"}, "spec": 7})


def test_the_condition_says_both_values_and_is_true_when_both_are_set() -> None:
    clusterset = {"clusterset.k8s.io": Property("prod")}
    both = properties_condition({**clusterset, "cluster.clusterset.k8s.io": Property("east")})
    assert (both.status, both.reason) == ("True", "PropertiesSet")
    assert both.message == "cluster.clusterset.k8s.io is east; clusterset.k8s.io is prod"
    for other in ({}, {"cluster.clusterset.k8s.io": Property("")}):
        one = properties_condition({**clusterset, **other})
        assert (one.status, one.reason) == ("False", "PropertyMissing")
        assert one.message == f"clusterset.k8s.io is prod; cluster.clusterset.k8s.io{NOT_SET}"


def test_a_long_or_unprintable_value_does_not_make_the_condition_unfit() -> None:
    told = properties_condition({"clusterset.k8s.io": Property("\n" + "x" * 127_999)}).message
    assert len(told) < 1000
    assert "\n" not in told
