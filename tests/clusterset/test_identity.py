"""Cluster ids, and the namespaces that prove them."""

import pytest

from mcs_controller.clusterset.errors import InvalidClusterId
from mcs_controller.clusterset.identity import (
    agreed_cluster_id,
    check_cluster_id,
    cluster_of_namespace,
    member_namespace,
)


@pytest.mark.requirement("MCS-NS-05", "MCS-NS-06")
@pytest.mark.parametrize("text", ["east", "a", "0", "eu-west-1", "a" * 52])
def test_a_dns_label_of_at_most_52_characters_is_a_cluster_id(text: str) -> None:
    assert check_cluster_id(text) == text


@pytest.mark.requirement("MCS-NS-06")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("a" * 53, "has 53 characters, more than 52"),
        ("East", "not a DNS label"),
        ("-east", "not a DNS label"),
        ("east-", "not a DNS label"),
        ("east.prod", "not a DNS label"),
        ("east\n", "not a DNS label"),
        ("éast", "not a DNS label"),
        ("east_1", "not a DNS label"),
    ],
)
def test_any_other_text_is_refused_in_one_line_that_says_what_to_use(text: str, complaint: str) -> None:
    with pytest.raises(InvalidClusterId) as caught:
        check_cluster_id(text)
    message = str(caught.value)
    assert complaint in message
    assert "lower-case letters, digits and '-'" in message
    assert "\n" not in message


def test_a_very_long_cluster_id_does_not_fill_the_message() -> None:
    with pytest.raises(InvalidClusterId) as caught:
        check_cluster_id("a" * 100_000)
    assert len(str(caught.value)) < 400


@pytest.mark.requirement("MCS-RBAC-06")
def test_a_members_namespace_gives_its_cluster_back() -> None:
    assert member_namespace("east") == "mcs-member-east"
    assert cluster_of_namespace(member_namespace("east")) == "east"


def test_the_namespace_of_the_longest_id_is_still_a_dns_label() -> None:
    assert len(member_namespace("a" * 52)) == 63


@pytest.mark.parametrize(
    "namespace",
    [
        "",
        "default",
        "mcs-member-",
        "mcs-member-East",
        "mcs-member-a.b",
        "x-mcs-member-a",
        "mcs-member-" + "a" * 53,
    ],
)
def test_any_other_namespace_belongs_to_no_cluster(namespace: str) -> None:
    assert cluster_of_namespace(namespace) is None


@pytest.mark.requirement("MCS-NS-08")
@pytest.mark.parametrize(
    ("option", "value", "agreed"), [("east", None, "east"), (None, "east", "east"), ("east", "east", "east")]
)
def test_option_and_property_give_the_id_alone_or_alike(
    option: str | None, value: str | None, agreed: str
) -> None:
    assert agreed_cluster_id(option, value) == agreed


@pytest.mark.requirement("MCS-NS-08")
@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        (
            None,
            None,
            "this cluster has no id: give --cluster-id, set MCS_CLUSTER_ID, or create the "
            "ClusterProperty cluster.clusterset.k8s.io of about.k8s.io",
        ),
        (
            "east",
            "west",
            "--cluster-id is east, but ClusterProperty cluster.clusterset.k8s.io says west: "
            "make them equal, or leave --cluster-id out",
        ),
        ("east", "", "ClusterProperty cluster.clusterset.k8s.io: the cluster id is empty"),
        (None, "A", "ClusterProperty cluster.clusterset.k8s.io: cluster id 'A' is not a DNS label"),
    ],
)
def test_without_an_id_that_is_sure_the_error_says_what_to_do(
    option: str | None, value: str | None, told: str
) -> None:
    with pytest.raises(InvalidClusterId) as refused:
        agreed_cluster_id(option, value)
    assert str(refused.value).startswith(told)


def test_the_longest_id_has_a_namespace_that_gives_it_back() -> None:
    assert cluster_of_namespace(member_namespace("c" * 52)) == "c" * 52
    assert cluster_of_namespace(member_namespace("c" * 53)) is None


def test_a_refused_id_is_shown_in_at_most_80_characters() -> None:
    with pytest.raises(InvalidClusterId, match=f"'{'c' * 79}…' has 81 characters"):
        check_cluster_id("c" * 81)
