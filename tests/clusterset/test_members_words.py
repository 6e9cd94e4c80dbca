"""What a member or its administrator says that no profile may repeat, and what of a way reaches consumers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.inventory.profile import Known, profile_name, repeated
from mcs_controller.clusterset.inventory.report import (
    Listed,
    Reported,
    decode_listed,
    decode_report,
    member_of,
)
from tests.clusterset.test_inventory import EAST, NOW, member, report, reported, stored, target

WAY = {
    "name": "corp",
    "server": "https://east.example.com:6443",
    "certificateAuthorityData": "LS0tLS1=",
    "tlsServerName": "east.test",
    "proxyUrl": "http://proxy.example.com:3128",
    "disableCompression": True,
    "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"clusterName": "east"}}],
}


@pytest.mark.requirement("CP-27")
def test_all_of_a_way_reaches_consumers_as_a_kubeconfig_says_it() -> None:
    assert decode_listed(member(access=[WAY])).access == (
        {
            "name": "corp",
            "cluster": {
                "server": "https://east.example.com:6443",
                "certificate-authority-data": "LS0tLS1=",
                "tls-server-name": "east.test",
                "proxy-url": "http://proxy.example.com:3128",
                "disable-compression": True,
                "extensions": WAY["extensions"],
            },
        },
    )
    lax = {"name": "corp", "server": "https://east", "insecureSkipTLSVerify": True}
    (way,) = decode_listed(member(access=[lax])).access
    assert way["cluster"] == {"server": "https://east", "insecure-skip-tls-verify": True}


@pytest.mark.requirement("CP-15")
@pytest.mark.parametrize(
    "way",
    [
        {"name": "", "server": "https://east"},
        {"name": "x" * 254, "server": "https://east"},
        {"name": "bad", "server": "https://" + "x" * 2048},
        {"name": "bad", "server": "https://east evil"},
        {"name": "bad", "server": "https://east", "proxyUrl": "http://proxy\nevil"},
        {"name": "bad", "server": "https://east", "proxyUrl": 7},
        {"name": "bad", "proxyUrl": "http://proxy"},
    ],
)
def test_a_way_that_the_api_of_profiles_refuses_is_left_out_and_freezes_no_profile(way: Any) -> None:
    assert [one["name"] for one in decode_listed(member(access=[way, WAY])).access] == ["corp"]


@pytest.mark.requirement("CP-10", "CP-11")
@pytest.mark.parametrize("time", ["yesterday", "2026-13-01T00:00:00Z", f"2026-01-01T00:00:00.{'0' * 40}Z", 7])
def test_a_time_that_is_none_is_left_out_and_freezes_no_profile(time: object) -> None:
    told = {"name": "a.example.com", "value": "x", "lastObservedTime": time}
    found = decode_report(report(properties=[told]))
    assert found is not None
    assert found.properties == (Reported("a.example.com", "x", ""),)
    (said,) = target(Known(EAST, found)).status["status"]["properties"]
    assert said == {"name": "a.example.com", "value": "x"}


@pytest.mark.requirement("CP-10")
@pytest.mark.parametrize("value", ["", None, 7, ["x"]])
def test_a_property_without_a_value_is_left_out_and_named(value: object) -> None:
    told = {"name": "a.example.com", "value": value, "lastObservedTime": NOW}
    found = decode_report(report(properties=[told]))
    assert found is not None
    assert (found.properties, found.skipped) == ((), ("a.example.com",))


@pytest.mark.requirement("CP-12")
@pytest.mark.parametrize(
    "health",
    [
        {"status": "true", "reason": "Healthy"},
        {"status": "", "reason": "Healthy"},
        {"status": "True", "reason": ""},
        {"status": "True", "reason": "Healthy\n"},
        {"status": "True", "reason": "Healthy; and more"},
        {"status": "True", "reason": "H" * 129},
    ],
)
def test_health_that_no_condition_may_say_is_none(health: dict[str, str]) -> None:
    found = decode_report(report(controlPlane=health))
    assert found is not None
    assert found.health is None


@pytest.mark.requirement("CP-09")
def test_a_report_of_another_name_is_none() -> None:
    assert decode_report({**report(), "metadata": {"name": "x", "namespace": "mcs-member-east"}}) is None


@pytest.mark.requirement("CP-09")
@pytest.mark.parametrize(
    "metadata",
    [
        {"name": "east", "namespace": "mcs-member-west"},
        {"name": "east", "namespace": "default"},
        {"name": "east"},
    ],
)
def test_an_object_speaks_of_the_member_in_whose_namespace_it_lies_and_of_no_other(
    metadata: dict[str, str],
) -> None:
    with pytest.raises(MalformedObject):
        member_of({"metadata": metadata})
    assert member_of({"metadata": {"name": "east", "namespace": "mcs-member-east"}}) == "east"


def test_what_people_call_a_cluster_is_bounded() -> None:
    assert len(decode_listed(member(displayName="x" * 1000)).display_name) <= 253


@pytest.mark.requirement("CP-12")
@pytest.mark.parametrize(
    "known",
    [
        Known(EAST, reported({"a.example.com": "1"}), silent=True),
        Known(EAST, reported({"a.example.com": "1"}), leaderless=True),
        Known(EAST, reported({"a.example.com": "1"})),
        Known(EAST, removed=True),
    ],
    ids=["silent", "without a leader", "without a word on it", "removed"],
)
def test_what_the_hub_does_not_know_itself_is_never_taken_for_a_report(known: Known) -> None:
    assert repeated(stored(target(known))).health is None


@pytest.mark.requirement("CP-16")
def test_the_version_that_the_agent_reports_counts_before_that_of_the_heartbeat() -> None:
    found = decode_report(report(kubernetesVersion="v1.37.0"))
    assert target(Known(EAST, found)).status["status"]["version"] == {"kubernetes": "v1.37.0"}
    assert target(Known(EAST)).status["status"]["version"] == {"kubernetes": "v1.36.4"}
    assert "version" not in target(Known(Listed(replace(EAST.member)))).status["status"]


@pytest.mark.requirement("CP-05")
@pytest.mark.parametrize("other", ["Prod", "PROD", "_prod", "prod_"])
def test_managers_whose_names_differ_where_no_object_s_name_can_have_profiles_of_their_own(
    other: str,
) -> None:
    assert profile_name(other, "east") != profile_name("prod", "east")
    assert len({profile_name(one, "east") for one in ("Prod", "PROD", other, "prod")}) >= 3
