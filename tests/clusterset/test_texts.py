"""Which texts Kubernetes accepts where."""

import time
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import AddressFamily
from mcs_controller.clusterset.services.metadata import exportable_annotations, exportable_labels
from mcs_controller.clusterset.syntax import (
    LATEST_CHANGE_SECONDS,
    MAX_ANNOTATIONS_BYTES,
    endpoint_address,
    is_label_value,
    is_qualified_name,
    micro_time,
    parse_ip,
    seconds_of_change,
    seconds_of_time,
)


@pytest.mark.parametrize(
    ("address", "family"),
    [
        ("10.0.0.1", "IPv4"),
        ("1.0.0.0", "IPv4"),
        ("126.255.255.255", "IPv4"),
        ("128.0.0.1", "IPv4"),
        ("169.253.0.1", "IPv4"),
        ("223.255.255.255", "IPv4"),
        ("fd00::1", "IPv6"),
        ("2001:db8::1", "IPv6"),
        ("fec0::1", "IPv6"),
        # A translator leads to the IPv4 address within, and that is an endpoint's.
        ("64:ff9b::a00:1", "IPv6"),
        ("64:ff9b:1::a00:1", "IPv6"),
        ("2002:a00:1::1", "IPv6"),
        ("::ffff:0:a00:1", "IPv6"),
        ("::1:0:0:7f00:1", "IPv6"),
    ],
)
def test_addresses_that_an_endpoint_can_have(address: str, family: AddressFamily) -> None:
    assert endpoint_address(address, family) == address


def test_an_address_that_an_older_api_server_let_through_is_made_canonical() -> None:
    assert endpoint_address("2001:DB8:0::1", "IPv6") == "2001:db8::1"


@pytest.mark.requirement("MCS-RBAC-06")
@pytest.mark.parametrize(
    ("address", "family"),
    [
        ("", "IPv4"),
        ("10.0.0", "IPv4"),
        ("10.0.0.256", "IPv4"),
        ("10.0.0.01", "IPv4"),
        ("10.0.0.1\n", "IPv4"),
        ("１０.0.0.1", "IPv4"),
        ("fd00::1", "IPv4"),
        ("10.0.0.1", "IPv6"),
        ("::ffff:10.0.0.1", "IPv6"),
        ("fd00::1%eth0", "IPv6"),
        ("fd00::1/64", "IPv6"),
        # What only means something on the node itself would send traffic to the importing node.
        ("0.0.0.0", "IPv4"),
        ("127.0.0.1", "IPv4"),
        ("127.255.0.1", "IPv4"),
        ("169.254.169.254", "IPv4"),
        ("224.0.0.1", "IPv4"),
        ("::", "IPv6"),
        ("::1", "IPv6"),
        ("fe80::1", "IPv6"),
        ("febf::1", "IPv6"),
        # Nobody's or many hosts' at once.
        ("0.1.2.3", "IPv4"),
        ("224.0.1.1", "IPv4"),
        ("239.255.0.1", "IPv4"),
        ("240.0.0.1", "IPv4"),
        ("255.255.255.255", "IPv4"),
        ("ff00::1", "IPv6"),
        ("ff02::1", "IPv6"),
        ("ff0e::1", "IPv6"),
        # An IPv4 address in other clothing.
        ("::127.0.0.1", "IPv6"),
        ("::10.0.0.1", "IPv6"),
        ("::ffff:0:7f00:1", "IPv6"),
        ("64:ff9b::7f00:1", "IPv6"),
        ("64:ff9b::169.254.169.254", "IPv6"),
        ("64:ff9b:1::7f00:1", "IPv6"),
        ("64:ff9b:1:ffff::e000:1", "IPv6"),
        ("2002:7f00:1::1", "IPv6"),
        ("2002:a9fe:a9fe::1", "IPv6"),
        ("2002:0:1::1", "IPv6"),
    ],
)
def test_addresses_that_an_endpoint_cannot_have(address: str, family: AddressFamily) -> None:
    assert endpoint_address(address, family) is None


@pytest.mark.parametrize("key", ["a", "A_b.c-d", "example.com/a", "a" * 63, "a.b/" + "c" * 63])
def test_qualified_names(key: str) -> None:
    assert is_qualified_name(key)


@pytest.mark.parametrize(
    "key", ["", "/", "a/", "/a", "a/b/c", "Example.com/a", "-a", "a" * 64, "a b", "a\n", "x" * 254 + "/a"]
)
def test_what_is_no_qualified_name(key: str) -> None:
    assert not is_qualified_name(key)


def test_label_values_are_short_and_may_be_empty() -> None:
    assert is_label_value("")
    assert is_label_value("v" * 63)
    assert not is_label_value("v" * 64)
    assert not is_label_value("a b")
    assert not is_label_value("-a")


@pytest.mark.requirement("MCS-IMP-17")
def test_an_exported_label_that_an_api_server_would_refuse_is_dropped_and_the_others_kept() -> None:
    labels = (("a b", "1"), ("team", "x" * 64), ("tier", "web"), ("x/y/z", "1"))
    assert exportable_labels(labels) == (("tier", "web"),)


@pytest.mark.requirement("MCS-IMP-17")
def test_marks_of_the_api_and_of_this_project_cannot_be_exported() -> None:
    reserved = (
        ("mcs-controller.io/managed-by", "mcs-controller.io"),
        ("multicluster.kubernetes.io/derived-service", "x"),
        ("multicluster.x-k8s.io/anything", "x"),
    )
    assert exportable_labels((*reserved, ("tier", "web"))) == (("tier", "web"),)
    assert exportable_annotations((*reserved, ("note", "a b"))) == (("note", "a b"),)


@pytest.mark.requirement("MCS-IMP-17")
def test_an_annotation_may_hold_any_text_that_can_be_written() -> None:
    annotations = (("Example.com/note", "ä\n b"), ("half", "\ud800"), ("no key/", "x"))
    assert exportable_annotations(annotations) == (("Example.com/note", "ä\n b"),)


@pytest.mark.requirement("MCS-IMP-17")
def test_annotations_stop_before_one_object_cannot_hold_them() -> None:
    pairs = tuple((f"k{number:02d}", "v" * 16_000) for number in range(30))
    kept = exportable_annotations(pairs)
    assert kept == pairs[: len(kept)]
    assert 0 < sum(len(key) + len(value) for key, value in kept) <= MAX_ANNOTATIONS_BYTES


@pytest.mark.requirement("MCS-IMP-17")
def test_no_more_is_exported_than_the_brokers_schema_holds() -> None:
    pairs = tuple((f"k{number:03d}", "v") for number in range(200))
    assert exportable_labels(pairs) == pairs[:100]
    assert exportable_annotations(pairs) == pairs[:100]
    assert exportable_annotations((("big", "v" * 16_385),)) == ()


def test_times_are_read_and_written_in_utc_with_microseconds() -> None:
    text = "2026-11-21T01:02:03.000004Z"
    seconds = seconds_of_time(text)
    assert seconds is not None
    assert micro_time(seconds) == text
    assert micro_time(1_767_225_600.0) == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00+01:00"]
)
def test_what_is_no_time_in_utc(text: str) -> None:
    assert seconds_of_time(text) is None


@given(st.floats(0.0, LATEST_CHANGE_SECONDS))
def test_a_time_of_change_can_be_written_and_read_again_to_the_microsecond(seconds: float) -> None:
    found = seconds_of_change(micro_time(seconds))
    assert found is not None
    assert abs(found - seconds) <= 0.000002
    assert seconds_of_change(micro_time(found)) == found


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1969-12-31T23:59:59.999999Z", 0.0),
        ("0001-01-01T00:00:00Z", 0.0),
        ("2242-03-16T12:56:32Z", LATEST_CHANGE_SECONDS),
        ("2242-03-16T12:56:32.000003Z", 0.0),
        ("9999-12-31T23:59:59.999999Z", 0.0),
        ("soon", None),
    ],
)
def test_a_change_before_1970_or_in_centuries_was_at_no_known_time(text: str, seconds: float | None) -> None:
    assert seconds_of_change(text) == seconds


@given(st.ip_addresses(v=4))
def test_the_ipv4_addresses_of_an_endpoint_are_those_of_one_host_elsewhere(address: IPv4Address) -> None:
    unfit = (
        address.is_multicast
        or address.is_loopback
        or address.is_link_local
        or address in IPv4Network("240.0.0.0/4")
        or address in IPv4Network("0.0.0.0/8")
    )
    assert (endpoint_address(str(address), "IPv4") is None) == unfit


@given(st.ip_addresses(v=4), st.sampled_from(["64:ff9b::", "64:ff9b:1::", "::ffff:0:0:0", "2002::"]))
def test_an_ipv6_form_that_leads_to_an_ipv4_address_is_fit_exactly_when_that_is(
    address: IPv4Address, prefix: str
) -> None:
    shift = 80 if prefix == "2002::" else 0
    clothed = str(IPv6Address(int(IPv6Address(prefix)) | int(address) << shift))
    assert endpoint_address(clothed, "IPv6") in (None, clothed)
    assert (endpoint_address(clothed, "IPv6") is None) == (endpoint_address(str(address), "IPv4") is None)


@pytest.mark.requirement("MCS-IMP-17")
def test_annotations_fill_what_one_object_can_hold_to_the_last_byte() -> None:
    room = MAX_ANNOTATIONS_BYTES // 16_384
    full = tuple((f"k{number:02d}", "v" * (16_384 - 3)) for number in range(room))
    assert exportable_annotations(full) == full
    assert exportable_annotations((*full, ("z", ""))) == full
    longest = (("k", "v" * 16_384),)
    assert exportable_annotations(longest) == longest


@pytest.mark.requirement("MCS-IMP-17")
def test_an_annotation_that_cannot_be_spelt_costs_the_ones_behind_it_nothing() -> None:
    pairs = (("a", "\ud800"), ("b", "x"))
    assert exportable_annotations(pairs) == (("b", "x"),)


def test_a_time_is_written_in_utc_wherever_the_process_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert micro_time(0.0) == "1970-01-01T00:00:00.000000Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_zone_index_makes_an_address_none() -> None:
    assert parse_ip("fe80::1%eth0") is None
