"""The Service behind a clusterset IP: what it must look like, and when it has to be written."""

from dataclasses import replace
from typing import Any

import pytest

from mcs_controller.clusterset.model import AddressFamily, AffinityConfig, LocalService, ServicePort
from mcs_controller.clusterset.services import decode, encode
from mcs_controller.clusterset.services.desired import (
    DerivedService,
    derived_service,
    differs,
    idle_seconds_left,
    idle_service,
)
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.naming import derived_service_name
from tests.clusterset.builders import HTTP, SECONDS, record

FOUR_IP, SIX_IP = "10.96.0.9", "fd00::9"


def wanted(observed: LocalService | None = None, ips: tuple[str, ...] = (), **fields: Any) -> DerivedService:
    found = derived_service(merge([record(**fields)]), owner_uid="si", observed=observed, requested_ips=ips)
    assert found is not None
    return found


def as_held(service: DerivedService, *cluster_ips: str) -> LocalService:
    """The Service as the cluster holds it once it was written and given its IPs."""
    body = encode.derived_service(service)
    families = ["IPv6" if ":" in ip else "IPv4" for ip in cluster_ips]
    body["spec"] |= {"clusterIP": cluster_ips[0], "clusterIPs": list(cluster_ips), "ipFamilies": families}
    return decode.service(body)


@pytest.mark.requirement("MCS-IMP-18")
def test_a_headless_service_has_no_derived_service() -> None:
    assert derived_service(merge([record(type="Headless")]), owner_uid="si") is None


@pytest.mark.requirement("MCS-IMP-18", "MCS-IMP-19")
def test_it_has_the_winners_values_under_the_derived_name() -> None:
    found = wanted(
        ports=(ServicePort(80), ServicePort(53, "dns", "UDP")),
        affinity=AffinityConfig("ClientIP", 10),
        internal_traffic_policy="Local",
        traffic_distribution="PreferClose",
    )
    assert found.service == ("shop", derived_service_name(record().service))
    assert (found.import_name, found.owner_uid) == ("web", "si")
    assert found.ports == (ServicePort(80, "tcp-80"), ServicePort(53, "dns", "UDP"))
    assert found.affinity == AffinityConfig("ClientIP", 10)
    assert found.internal_traffic_policy == "Local"
    assert found.traffic_distribution == "PreferClose"


@pytest.mark.requirement("MCS-IMP-10", "MCS-IMP-19")
@pytest.mark.parametrize(
    ("exported", "dual_stack", "families"),
    [
        (("IPv4",), False, ("IPv4",)),
        (("IPv6",), False, ("IPv6",)),
        # Which of two comes first, and whether both are served, is for the importing cluster to say.
        (("IPv6", "IPv4"), True, ()),
    ],
)
def test_a_new_one_asks_for_the_exported_families(
    exported: tuple[AddressFamily, ...], dual_stack: bool, families: tuple[AddressFamily, ...]
) -> None:
    found = wanted(ip_families=exported)
    assert (found.dual_stack, found.ip_families, found.cluster_ips) == (dual_stack, families, ())


@pytest.mark.requirement("MCS-LIFE-12")
def test_a_lost_one_asks_for_the_ips_that_it_had() -> None:
    found = wanted(ips=(SIX_IP, FOUR_IP), ip_families=("IPv4", "IPv6"))
    assert (found.dual_stack, found.ip_families) == (True, ("IPv6", "IPv4"))
    assert found.cluster_ips == (SIX_IP, FOUR_IP)


@pytest.mark.requirement("MCS-IMP-08")
def test_an_existing_one_keeps_its_families_and_ips_whatever_is_exported_now() -> None:
    held = as_held(wanted(ip_families=("IPv4", "IPv6")), SIX_IP, FOUR_IP)
    for exported in (("IPv4",), ("IPv6",), ("IPv4", "IPv6")):
        found = wanted(observed=held, ip_families=exported)
        assert found.ip_families == ("IPv6", "IPv4")
        assert not differs(held, found)


@pytest.mark.requirement("MCS-IMP-08")
def test_a_family_that_is_exported_later_is_asked_for_once() -> None:
    held = as_held(wanted(ip_families=("IPv4",)), FOUR_IP)
    for exported in (("IPv4", "IPv6"), ("IPv6",)):
        found = wanted(observed=held, ip_families=exported)
        assert found.dual_stack
        assert found.ip_families == ("IPv4",)
        assert differs(held, found)
        # A single-stack cluster gives no second IP; that is no reason to ask for ever.
        assert not differs(as_held(found, FOUR_IP), found)


@pytest.mark.requirement("MCS-IMP-19")
def test_one_as_wanted_is_not_written_again() -> None:
    service = wanted(
        ports=(ServicePort(80), ServicePort(53, "dns", "UDP")), affinity=AffinityConfig("ClientIP", 10)
    )
    assert not differs(as_held(service, FOUR_IP), service)


@pytest.mark.requirement("MCS-LIFE-11")
def test_an_idle_one_is_as_it_was_but_for_its_owner_and_since_when() -> None:
    served = wanted(
        ports=(HTTP, ServicePort(53, "dns", "UDP")),
        affinity=AffinityConfig("ClientIP", 10),
        internal_traffic_policy="Local",
        traffic_distribution="PreferClose",
    )
    held = as_held(served, FOUR_IP)
    idle = idle_service(held, owner_uid="si2", since=SECONDS.format(5))
    assert differs(held, idle)
    written = as_held(idle, FOUR_IP)
    assert written == replace(held, owner_uid="si2", idle_since=SECONDS.format(5))
    assert not differs(written, idle)
    assert differs(written, wanted(observed=written)), "it is idle no longer once it is wanted again"
    dual = as_held(wanted(ip_families=("IPv4", "IPv6")), FOUR_IP, SIX_IP)
    assert idle_service(dual, owner_uid="si", since="").dual_stack
    assert not idle.dual_stack


@pytest.mark.requirement("MCS-LIFE-11")
@pytest.mark.parametrize(
    ("since", "now_seconds", "left_seconds"),
    [
        ("1970-01-01T00:10:00Z", 600.0, 3600.0),
        ("1970-01-01T00:10:00Z", 4199.5, 0.5),
        ("1970-01-01T00:10:00Z", 4200.0, 0.0),
        ("1970-01-01T00:10:00Z", 9000.0, -4800.0),
        ("1970-01-01T00:10:00Z", 599.0, None),
        ("soon", 600.0, None),
        ("", 600.0, None),
    ],
)
def test_an_idle_one_is_kept_for_an_hour_from_a_time_that_can_be(
    since: str, now_seconds: float, left_seconds: float | None
) -> None:
    assert idle_seconds_left(since, now_seconds) == left_seconds


@pytest.mark.requirement("MCS-IMP-19")
@pytest.mark.parametrize(
    "edit",
    [
        {"type": "NodePort"},
        {"has_selector": True},
        {"managed": False},
        {"idle_since": "2026-01-01T00:00:00Z"},
        {"unreadable": "ports has 101 items, more than 100"},
        {"owner_uid": "of an older import"},
        {"import_name": ""},
        {"ports": (HTTP, ServicePort(81, "more"))},
        {"ports": (replace(HTTP, app_protocol="h2c"),)},
        {"affinity": AffinityConfig("ClientIP", 10_800)},
        {"internal_traffic_policy": "Local"},
        {"traffic_distribution": "PreferClose"},
    ],
    ids=str,
)
def test_one_that_was_changed_by_hand_is_put_right(edit: dict[str, Any]) -> None:
    service = wanted()
    assert differs(replace(as_held(service, FOUR_IP), **edit), service)
