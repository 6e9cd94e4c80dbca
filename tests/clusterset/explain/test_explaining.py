"""The verdict, who decides what, and what is said of each exporter."""

from dataclasses import replace

import pytest

from mcs_controller.clusterset.explain.decisions import decisions, port_uses
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.picture import DnsAnswer, DnsPicture, OnBroker, Picture
from mcs_controller.clusterset.model import (
    AffinityConfig,
    Endpoint,
    ExportRecord,
    ServicePort,
    SliceContent,
    SlicePort,
    SourceSlice,
)
from mcs_controller.clusterset.services.merge import merge, precedence
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.clusterset.syntax import seconds_of_time
from tests.clusterset.builders import HTTP, WEB, record, source_slice
from tests.clusterset.explain.pictures import bystander, member, on_broker, picture, settled
from tests.clusterset.explain.test_findings import NORTH, WELL, here, imported, near_first, ready

EAST = on_broker("east")


def unready(cluster: str) -> OnBroker:
    return on_broker(cluster, source_slice(cluster, endpoints=(Endpoint(("10.1.0.1",), ready=False),)))


WEST_HAS_MORE = on_broker("west", record=record("west", 1, labels=(("a", "b"),)))
WRONG_DNS = DnsPicture("10.96.0.53:53", (DnsAnswer("a.", "A", "x", "y", False),))
VERDICTS: dict[str, tuple[Picture, str, str]] = {
    "all is well": (WELL, "works", "shop/web works in north: 1 endpoint of east takes traffic"),
    "notes change nothing": (
        settled(picture(EAST, WEST_HAS_MORE, bystander("north"), here=NORTH)),
        "works",
        "shop/web works in north: 2 endpoints of east, west take traffic",
    ),
    "one warning beside a note": (
        settled(
            picture(
                EAST,
                on_broker("west", record=record("west", 1, type="Headless", labels=(("a", "b"),))),
                bystander("north"),
                here=NORTH,
            )
        ),
        "works in part",
        "shop/web works in north, with 1 finding: 2 endpoints of east, west take traffic",
    ),
    "no endpoint of one cluster": (
        picture(unready("east")),
        "does not work",
        "shop/web does not work: 1 of 1 endpoints of east are not ready: 10.1.0.1",
    ),
    "no endpoint of any cluster": (
        picture(unready("east"), unready("west")),
        "does not work",
        "shop/web does not work: no endpoint of east, west is ready",
    ),
    "the import is not there": (
        picture(EAST, bystander("north"), here=NORTH),
        "does not work",
        "shop/web does not work in north: north should import the service, and has no ServiceImport of it",
    ),
    "the import is not ready": (
        imported(conditions=ready("IPFamilyNotSupported", "IPv6 is not served")),
        "does not work",
        "shop/web does not work in north: the ServiceImport in north is not ready (IPFamilyNotSupported)",
    ),
    "the derived Service is missing": (
        here(derived=None),
        "does not work",
        f"shop/web does not work in north: the derived Service {derived_service_name(WEB)} is missing in "
        "north: nothing answers at 10.96.0.9",
    ),
    "DNS says something else": (
        replace(WELL, dns=WRONG_DNS),
        "does not work",
        "shop/web does not work in north: DNS says x for a. A, and should say y",
    ),
    "nothing could be read": (
        Picture(WEB, WELL.now_seconds, None, None),
        "not known",
        "shop/web: not enough could be read to say whether it works",
    ),
}


@pytest.mark.parametrize(("seen", "state", "text"), VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_is_one_line(seen: Picture, state: str, text: str) -> None:
    verdict = explain(seen).verdict
    assert (verdict.state, verdict.text) == (state, text)


def decided(*records: ExportRecord) -> dict[str, tuple[str, str, list[tuple[str, str]]]]:
    return {
        one.field: (one.value, one.decided_by, [(other.cluster, other.value) for other in one.dissent])
        for one in decisions(precedence(records))
    }


def test_each_field_has_the_value_of_the_oldest_export_and_names_who_has_another() -> None:
    sticky = AffinityConfig("ClientIP", 60)
    west = record("west", 1, type="Headless", affinity=sticky, traffic_distribution="PreferClose")
    told = decided(record("east"), west, record("south", 2))
    assert told["type"] == ("ClusterSetIP", "east", [("west", "Headless")])
    assert told["sessionAffinity"] == ("None", "east", [("west", "ClientIP, 60 s")])
    assert told["trafficDistribution"] == ("none", "east", [("west", "PreferClose")])
    assert told["internalTrafficPolicy"][2] == []


def test_the_order_of_families_is_no_other_value() -> None:
    told = decided(
        record("east", ip_families=("IPv4", "IPv6")),
        record("west", 1, ip_families=("IPv6", "IPv4")),
        record("south", 2, ip_families=("IPv4",)),
    )
    assert told["ipFamilies"] == ("IPv4, IPv6", "east", [("south", "IPv4")])


@pytest.mark.parametrize(
    ("ports", "clusters", "otherwise"),
    [
        ((HTTP,), ("east", "west"), []),
        ((ServicePort(81, "http"),), ("east",), [("west", "http 81/TCP")]),
        ((ServicePort(80, "web"),), ("east",), [("west", "web 80/TCP")]),
        ((ServicePort(80, "http", "UDP"),), ("east",), [("west", "http 80/UDP")]),
        ((ServicePort(90, "admin"),), ("east",), []),
        ((HTTP, ServicePort(90, "admin")), ("east", "west"), []),
    ],
)
def test_a_port_names_who_serves_it_and_who_declares_something_else_in_its_place(
    ports: tuple[ServicePort, ...], clusters: tuple[str, ...], otherwise: list[tuple[str, str]]
) -> None:
    records = [record("east"), record("west", 1, ports=ports)]
    told = next(iter(port_uses(precedence(records), merge(records))))
    assert (told.clusters, [(one.cluster, one.value) for one in told.otherwise]) == (clusters, otherwise)


def test_exporters_stand_in_their_order_of_precedence_and_those_that_do_not_count_last() -> None:
    told = explain(
        picture(
            on_broker("a", record=record("a", withdrawn=True)),
            on_broker("east", record=record("east", 5)),
            on_broker("west", record=record("west", 1)),
        )
    ).exporters
    assert [(one.cluster, one.rank, one.why_not) for one in told] == [
        ("west", 1, ""),
        ("east", 2, ""),
        ("a", 0, "withdrawing"),
    ]
    assert [[use.cluster for use in one.endpoints] for one in told] == [["west"], ["east"], ["a"]]


def test_an_exporter_says_when_it_last_wrote_anything_of_the_service() -> None:
    early, late = (seconds_of_time(f"2026-01-01T00:0{minute}:00Z") or 0.0 for minute in (1, 2))

    def changed(record_at: float, slice_at: float) -> str:
        of_east = on_broker(
            "east",
            replace(source_slice("east"), changed_at_seconds=slice_at),
            record=record("east", changed_at_seconds=record_at),
        )
        return explain(picture(of_east)).exporters[0].changed_at

    assert changed(early, late) == changed(late, early) == "2026-01-01T00:02:00Z"
    assert changed(0.0, 0.0) == ""


@pytest.mark.parametrize(
    ("ready_", "terminating", "takes_traffic"),
    [
        (True, None, True),
        (True, True, True),
        (None, None, True),
        (None, False, True),
        (None, True, False),
        (False, None, False),
    ],
)
def test_an_endpoint_that_says_nothing_is_ready_unless_it_is_going_away(
    ready_: bool | None, terminating: bool | None, takes_traffic: bool
) -> None:
    endpoint = Endpoint(("10.1.0.1",), ready=ready_, terminating=terminating)
    seen = explain(picture(on_broker("east", source_slice("east", endpoints=(endpoint,)))))
    assert [use.state == "in" for use in seen.exporters[0].endpoints] == [takes_traffic]


def test_endpoints_of_a_headless_service_need_no_ports() -> None:
    headless = record("east", type="Headless", ports=())
    bare = SourceSlice("east", WEB, "web-1", SliceContent("IPv4", (), (Endpoint(("10.1.0.1",), ready=True),)))
    assert explain(picture(on_broker("east", bare, record=headless))).verdict.state == "works"


def test_what_is_not_ready_is_not_called_farther() -> None:
    """An exporter's own endpoint may look like one that is left out here, whether or not any is."""
    ports = (SlicePort(8080, "http"),)
    looks_left_out = Endpoint(("10.1.0.2",), ready=False, serving=True)
    slice_ = SourceSlice("east", WEB, "web-1", SliceContent("IPv4", ports, (looks_left_out,)))
    before = settled(picture(on_broker("east", slice_), bystander("north"), here=NORTH))
    for seen in (before, replace(before, broker=None)):
        (use,) = explain(seen).exporters[0].endpoints
        assert (use.state, use.why) == ("not ready", "not-ready")
    preferred = near_first("east", "west")
    west = on_broker("west", source_slice("west", endpoints=(looks_left_out,)))
    told = explain(replace(preferred, broker=(*(preferred.broker or ())[:1], west))).exporters
    assert [(use.state, use.why) for one in told for use in one.endpoints] == [
        ("in", ""),
        ("not ready", "not-ready"),
    ]


def test_the_owner_of_a_name_is_marked() -> None:
    owner = on_broker("east", member=member("east", owns=frozenset({"shop/web"})))
    told = explain(picture(owner, on_broker("west"))).exporters
    assert [(one.cluster, one.owns_name) for one in told] == [("east", True), ("west", False)]
