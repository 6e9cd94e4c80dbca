"""Owned names: the owners decide, the others add endpoints where these fit."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import (
    AffinityConfig,
    Endpoint,
    ExportRecord,
    ImportedSlice,
    Member,
    ServiceKey,
    ServicePort,
    SlicePort,
    SourceSlice,
)
from mcs_controller.clusterset.services.desired import imported_slices
from mcs_controller.clusterset.services.merge import by_precedence, merge
from mcs_controller.clusterset.services.ownership import owns, ports_fit, takes_part
from tests.clusterset.builders import HTTP, SECONDS, WEB, record, source_slice
from tests.clusterset.strategies import CLUSTERS, record_sets

DNS = ServicePort(53, "dns", "UDP")
owner_sets = st.frozensets(st.sampled_from(CLUSTERS))


@pytest.mark.parametrize(
    ("owned", "key", "is_owner"),
    [
        (["shop"], ServiceKey("shop", "web"), True),
        (["shop/web"], ServiceKey("shop", "web"), True),
        (["bank", "shop/web"], ServiceKey("shop", "web"), True),
        (["shop/api"], ServiceKey("shop", "web"), False),
        (["web"], ServiceKey("shop", "web"), False),
        (["sho"], ServiceKey("shop", "web"), False),
        ([], ServiceKey("shop", "web"), False),
    ],
)
def test_a_name_belongs_to_a_member_by_itself_or_with_its_namespace(
    owned: list[str], key: ServiceKey, is_owner: bool
) -> None:
    member = decode_member(
        {"metadata": {"name": "east", "namespace": "mcs-member-east"}, "spec": {"owns": owned}}
    )
    assert member == Member("east", owns=frozenset(owned))
    assert owns(member, key) is is_owner


def test_nothing_belongs_to_who_is_no_member() -> None:
    assert not owns(None, WEB)


@pytest.mark.requirement("MCS-CON-01", "MCS-CON-06")
@given(record_sets, owner_sets)
def test_what_others_export_of_an_owned_name_changes_none_of_its_values(
    records: tuple[ExportRecord, ...], owners: frozenset[str]
) -> None:
    merged = merge(records, owners)
    owned = [one for one in records if one.cluster in owners]
    alone = merge(owned or records)
    assert merged.owners == tuple(sorted(one.cluster for one in owned))
    assert replace(merged, clusters=(), conflicts=(), owners=()) == replace(alone, clusters=(), conflicts=())
    assert merged.clusters == tuple(sorted(one.cluster for one in records))


@pytest.mark.requirement("MCS-NS-09")
@given(st.data(), record_sets, owner_sets)
def test_with_owners_too_the_order_of_arrival_is_irrelevant(
    data: st.DataObject, records: tuple[ExportRecord, ...], owners: frozenset[str]
) -> None:
    assert merge(data.draw(st.permutations(records)), owners) == merge(records, owners)


@pytest.mark.requirement("MCS-CON-03")
@given(record_sets, owner_sets)
def test_who_owns_a_name_does_not_decide_whether_there_is_a_conflict_but_how_it_ends(
    records: tuple[ExportRecord, ...], owners: frozenset[str]
) -> None:
    """The affinity aside, which a headless winner makes meaningless."""

    def reasons(by: frozenset[str]) -> set[str]:
        return {one.reason for one in merge(records, by).conflicts if "Affinity" not in one.reason}

    assert reasons(owners) == reasons(frozenset())


def test_owners_come_first_and_among_them_the_oldest() -> None:
    records = [record("a", 0), record("d", 3), record("c", 2), record("b", 2), record("e", 1)]
    assert [one.cluster for one in by_precedence(records, {"d", "c", "b", "absent"})] == [
        "b",
        "c",
        "d",
        "a",
        "e",
    ]
    assert [one.cluster for one in by_precedence(records)] == ["a", "e", "b", "c", "d"]


def test_while_no_owner_exports_the_name_age_decides() -> None:
    merged = merge([record("old", 0), record("young", 1, type="Headless")], {"away"})
    assert (merged.winner, merged.owners) == ("old", ())
    assert "(the oldest export, of " in merged.conflicts[0].message


@pytest.mark.requirement("MCS-CON-04")
def test_the_conflict_says_that_ownership_decided() -> None:
    stranger = record("a", 0, internal_traffic_policy="Local")

    def message(*owned: ExportRecord) -> str:
        (conflict,) = merge([stranger, *owned], {one.cluster for one in owned}).conflicts
        field = "conflicting internalTrafficPolicy: using Cluster, "
        return conflict.message.removeprefix(f"{field}by precedence of ")

    assert message(record("z", 9)) == "cluster z (the owner of shop/web); 1 of 2 clusters disagree: a"
    assert message(record("y", 8), record("z", 9)) == (
        f"cluster y (one of 2 owners of shop/web, and of these the oldest export, of {SECONDS.format(8)}); "
        "1 of 3 clusters disagree: a"
    )
    assert message(record("y", 9), record("z", 9)) == (
        "cluster y (one of 2 owners of shop/web, and of these as old as the export of z, and first by "
        "cluster id); 1 of 3 clusters disagree: a"
    )


@pytest.mark.requirement("MCS-CON-09", "MCS-CON-04")
def test_only_owners_have_ports_in_the_union_and_who_does_not_fit_is_named() -> None:
    owners = {"y", "z"}
    merged = merge(
        [
            record("a", 0, ports=(ServicePort(1, "http"),)),
            record("b", 1, ports=(HTTP, ServicePort(2, "more"))),
            record("c", 2, type="Headless", ports=(ServicePort(9, "x"),)),
            record("y", 8, ports=(HTTP,)),
            record("z", 9, ports=(DNS,)),
        ],
        owners,
    )
    assert merged.ports == (HTTP, DNS)
    ports, kind = merged.conflicts
    assert (
        "; endpoints left out, since their ports do not fit: a; 4 of 5 clusters disagree: " in ports.message
    )
    assert "ports left out" not in ports.message, "of others no port was to be in the union"
    assert "; endpoints left out: c; 1 of 5 clusters disagree: c" in kind.message


def test_a_headless_export_that_lacks_one_of_the_owners_ports_is_named_as_one_that_does_not_fit() -> None:
    headless: dict[str, Any] = {"type": "Headless"}
    merged = merge(
        [
            record("a", 0, ports=(HTTP,), **headless),
            record("b", 1, ports=(DNS, HTTP, ServicePort(9, "x")), **headless),
            record("z", 9, ports=(HTTP, DNS), **headless),
        ],
        {"z"},
    )
    (conflict,) = merged.conflicts
    assert (
        "; endpoints left out, since their ports do not fit: a; 2 of 3 clusters disagree" in conflict.message
    )


def test_ports_that_are_crowded_out_are_told_beside_exports_that_do_not_fit() -> None:
    ports = tuple(ServicePort(number, f"p{number}") for number in range(1, 104))
    merged = merge(
        [
            record("a", 0, ports=(ServicePort(999, "x"),)),
            record("y", 8, ports=ports[:60]),
            record("z", 9, ports=ports[60:]),
        ],
        {"y", "z"},
    )
    (conflict,) = merged.conflicts
    assert (
        "; ports left out, since an import holds no more than 100: 3 of z; "
        "endpoints left out, since their ports do not fit: a; 2 of 3 clusters disagree"
    ) in conflict.message


@pytest.mark.requirement("MCS-CON-04")
def test_no_owner_is_named_among_those_whose_endpoints_are_left_out() -> None:
    (conflict,) = merge([record("y", 8), record("z", 9, type="Headless")], {"y", "z"}).conflicts
    assert conflict.reason == "TypeConflict"
    assert "left out" not in conflict.message


@pytest.mark.parametrize(
    ("kind", "merged_ports", "declared", "fit"),
    [
        ("ClusterSetIP", (HTTP, DNS), (HTTP,), True),
        ("ClusterSetIP", (HTTP, DNS), (DNS, ServicePort(1, "x")), True),
        ("ClusterSetIP", (HTTP,), (ServicePort(80, "web"),), False),
        ("ClusterSetIP", (HTTP,), (ServicePort(81, "http"),), False),
        ("Headless", (HTTP, DNS), (HTTP,), False),
        ("Headless", (HTTP, DNS), (DNS, HTTP, ServicePort(1, "x")), True),
        ("Headless", (), (HTTP,), True),
        ("Headless", (), (), True),
    ],
)
def test_ports_fit_when_no_client_is_sent_to_one_that_is_not_there(
    kind: Any, merged_ports: tuple[ServicePort, ...], declared: tuple[ServicePort, ...], fit: bool
) -> None:
    assert ports_fit(kind, merged_ports, record(ports=declared)) is fit


def imported(
    records: list[ExportRecord], slices: list[SourceSlice], *owners: str
) -> dict[str, ImportedSlice]:
    merged = merge(records, set(owners))
    found = imported_slices(
        merged, {one.cluster: one for one in records}, slices, own_cluster="north", owner_uid="si"
    )
    return {one.source_cluster: one for one in found}


@pytest.mark.requirement("MCS-CON-11", "MCS-EPS-10")
def test_another_member_adds_its_endpoints_where_its_export_fits() -> None:
    both = (SlicePort(8080, "http"), SlicePort(5353, "dns", "UDP"))
    slices = [source_slice("east"), source_slice("west", ports=both)]
    west = record("west", 0, ports=(HTTP, DNS))
    found = imported([record("east", 1), west], slices, "east")
    assert found.keys() == {"east", "west"}
    assert found["west"].content.ports == (SlicePort(8080, "http"),)


@pytest.mark.requirement("MCS-CON-11")
@pytest.mark.parametrize(
    "other",
    [{"type": "Headless"}, {"ports": (ServicePort(81, "http"),)}, {"ports": (ServicePort(80, "web"),)}],
    ids=str,
)
def test_another_members_endpoints_stay_out_of_an_owned_name_where_its_export_does_not_fit(
    other: dict[str, Any],
) -> None:
    records = [record("east", 1), record("west", 0, **other)]
    slices = [source_slice("east"), source_slice("west")]
    assert imported(records, slices, "east").keys() == {"east"}
    assert imported(records, slices).keys() == {"east", "west"}, "unless nobody owns the name"
    assert imported(records, slices, "east", "west").keys() == {"east", "west"}, "or both own it"


def test_a_family_that_the_owner_lacks_is_added_by_nobody() -> None:
    records = [record("east", 1), record("west", 0, ip_families=("IPv6", "IPv4"))]
    six = source_slice("west", "six", family="IPv6", endpoints=(Endpoint(("fd00::1",)),))
    assert merge(records, {"east"}).ip_families == ("IPv4",)
    assert imported(records, [source_slice("east"), six], "east").keys() == {"east"}


@pytest.mark.requirement("MCS-EPS-13")
def test_another_members_endpoint_without_a_zone_takes_no_hints_from_the_owners() -> None:
    close = {"traffic_distribution": "PreferClose"}
    records = [record("east", 1, **close), record("west", 0, **close)]
    here = Endpoint(("10.2.0.1",), zone="z2")
    nowhere = Endpoint(("10.2.0.2",))
    slices = [source_slice("east"), source_slice("west", endpoints=(here, nowhere))]
    found = imported(records, slices, "east")
    assert [one.hint_zones for one in found["east"].content.endpoints] == [("z1",)]
    assert [one.addresses for one in found["west"].content.endpoints] == [("10.2.0.1",)]
    # While the owner has no endpoints, there is nothing of its to lose.
    found = imported(records, [source_slice("east", endpoints=()), slices[1]], "east")
    assert [one.hint_zones for one in found["west"].content.endpoints] == [(), ()]
    # Without an owner all have to have a zone.
    found = imported(records, slices)
    assert [one.hint_zones for one in found["east"].content.endpoints] == [()]


@given(record_sets, owner_sets)
def test_every_owner_takes_part_and_so_does_everybody_where_there_is_none(
    records: tuple[ExportRecord, ...], owners: frozenset[str]
) -> None:
    merged = merge(records, owners)
    for one in records:
        if not merged.owners or one.cluster in owners:
            assert takes_part(merged, one)
        elif takes_part(merged, one):
            assert one.type == merged.type


def test_affinity_of_an_owned_name_is_the_owners() -> None:
    merged = merge([record("a", 0, affinity=AffinityConfig("ClientIP", 10)), record("z", 9)], {"z"})
    assert merged.affinity == AffinityConfig()


def test_endpoints_of_a_headless_service_that_serve_not_all_of_the_owners_ports_take_no_part() -> None:
    guest = record("a", 0, type="Headless", ports=(HTTP,))
    for ports, fits in (((HTTP,), True), ((HTTP, DNS), False)):
        merged = merge([guest, record("z", 9, type="Headless", ports=ports)], {"z"})
        assert takes_part(merged, guest) == fits
