"""Which endpoints are in, and why each other one is not."""

from collections.abc import Collection
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.explain.case import judge
from mcs_controller.clusterset.explain.endpoints import Difference, WhyNot, is_ready
from mcs_controller.clusterset.explain.picture import InCluster, OnBroker, Picture
from mcs_controller.clusterset.model import (
    AddressFamily,
    Endpoint,
    ServicePort,
    SliceContent,
    SlicePort,
    SourceSlice,
)
from mcs_controller.clusterset.services.admission import admit_record, admit_slice
from mcs_controller.clusterset.services.desired_slices import imported_slices
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.ownership import owns
from tests.clusterset.builders import WEB, record, source_slice
from tests.clusterset.explain.pictures import (
    NOW_SECONDS,
    bystander,
    member,
    on_broker,
    picture,
    settled,
)
from tests.clusterset.strategies import CLUSTERS

READY = Endpoint(("10.2.0.1",), ready=True)


def why(seen: Picture, address: str = "10.2.0.1") -> tuple[str, WhyNot]:
    """State and reason of one endpoint."""
    (use,) = (one for one in judge(seen).uses if one.addresses == (address,))
    return use.state, use.why


def west(*endpoints: Endpoint, **fields: object) -> SourceSlice:
    return source_slice("west", endpoints=endpoints or (READY,), **fields)  # type: ignore[arg-type]


HERE = InCluster("north")
OTHER_PORT = (ServicePort(90, "http"),)
CASES: list[tuple[str, Picture, tuple[str, WhyNot]]] = [
    ("in", picture(on_broker("west", west())), ("in", "")),
    (
        "not ready",
        picture(on_broker("west", west(replace(READY, ready=False)))),
        ("not ready", "not-ready"),
    ),
    (
        "being deleted",
        picture(on_broker("west", west(replace(READY, ready=False, terminating=True)))),
        ("not ready", "terminating"),
    ),
    (
        "no member",
        picture(on_broker("west", west(), member=None)),
        ("out", "not-admitted"),
    ),
    (
        "namespace not allowed",
        picture(on_broker("west", west(), member=member("west", allowed_namespaces=("other",)))),
        ("out", "not-admitted"),
    ),
    (
        "address not allowed",
        picture(on_broker("west", west(), member=member("west", allowed_cidrs=("10.9.0.0/16",)))),
        ("out", "address-not-admitted"),
    ),
    (
        "withdrawn record",
        picture(on_broker("west", west(), record=record("west", withdrawn=True))),
        ("out", "withdrawing"),
    ),
    ("no record", picture(on_broker("west", west(), record=None)), ("out", "not-exported")),
    (
        "record that cannot be read",
        picture(on_broker("west", west(), record=None, unreadable=("bad",))),
        ("out", "unreadable"),
    ),
    (
        "silent member",
        picture(on_broker("west", west(), member=member("west", 90))),
        ("out", "member-silent"),
    ),
    (
        "another family",
        picture(on_broker("west", west(Endpoint(("fd00::1",), ready=True), family="IPv6"))),
        ("out", "family"),
    ),
    (
        "the owner has other ports",
        picture(
            on_broker("east", member=member("east", owns=frozenset({"shop"}))),
            on_broker("west", west(), record=record("west", ports=OTHER_PORT)),
        ),
        ("out", "not-as-owners"),
    ),
    (
        "conflicting port",
        picture(on_broker("east"), on_broker("west", west(), record=record("west", 1, ports=OTHER_PORT))),
        ("out", "conflicting-port"),
    ),
    (
        "no zone beside an owner with zones",
        picture(
            on_broker(
                "east",
                record=record("east", traffic_distribution="PreferClose"),
                member=member("east", owns=frozenset({"shop"})),
            ),
            on_broker("west", west()),
        ),
        ("out", "no-zone"),
    ),
    (
        "namespace missing",
        picture(on_broker("west", west()), here=replace(HERE, namespace="missing")),
        ("out", "namespace-missing"),
    ),
    (
        "namespace ending",
        picture(on_broker("west", west()), here=replace(HERE, namespace="ending")),
        ("out", "namespace-ending"),
    ),
    ("no API", picture(on_broker("west", west()), here=replace(HERE, serves_api=False)), ("out", "no-api")),
    (
        "no room",
        picture(
            on_broker("west", west(), member=member("west", limits=(("imports", 2),))),
            here=replace(HERE, imports_of=(("west", 2),)),
        ),
        ("out", "no-room"),
    ),
    (
        "room",
        picture(
            on_broker("west", west(), member=member("west", limits=(("imports", 2),))),
            here=replace(HERE, imports_of=(("west", 1),)),
        ),
        ("in", ""),
    ),
]


@pytest.mark.parametrize(("seen", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_endpoint_is_in_or_has_the_reason_why_not(seen: Picture, expected: tuple[str, WhyNot]) -> None:
    address = "fd00::1" if expected[1] == "family" else "10.2.0.1"
    assert why(seen, address) == expected


def test_an_import_that_agents_do_not_manage_leaves_everything_out() -> None:
    seen = settled(picture(on_broker("west", west()), here=HERE), managed=False)
    assert why(seen) == ("out", "foreign-import")


def test_the_agent_s_own_word_says_whose_endpoints_are_withdrawn() -> None:
    """It waited for heartbeats by its own clock; a time that looks old here proves nothing."""
    silent = picture(on_broker("west", west(), member=member("west", 90)), here=HERE)
    assert why(silent) == ("out", "member-silent")
    alive = settled(picture(on_broker("west", west()), here=HERE))
    late = replace(alive, broker=silent.broker)
    assert why(late) == ("in", "")
    withdrawn = settled(silent)
    heard = replace(withdrawn, broker=alive.broker)
    assert why(heard) == ("out", "member-silent")


FAMILIES: tuple[tuple[AddressFamily, ...], ...] = (("IPv4",), ("IPv4",), ("IPv6", "IPv4"))
PORTS = tuple(ServicePort(number, name) for number in (80, 81) for name in ("http", "web", ""))


def any_member(random: Random, cluster: str) -> OnBroker:
    """A member whose export is like the others' in some ways, with endpoints of every kind."""
    families = random.choice(FAMILIES)
    ports = (random.choice(PORTS),)
    exported = record(
        cluster,
        random.randrange(3),
        type=random.choice(["ClusterSetIP", "ClusterSetIP", "Headless"]),
        ports=ports,
        ip_families=families,
        traffic_distribution=random.choice([None, "PreferClose"]),
        withdrawn=random.random() < 0.1,
    )
    slices = tuple(
        SourceSlice(
            cluster,
            WEB,
            f"web-{number}",
            SliceContent(
                random.choice(families),
                tuple(SlicePort(8080, port.name, port.protocol) for port in ports),
                tuple(
                    Endpoint(
                        (f"10.{number}.0.{last}",),
                        ready=random.choice([True, True, False, None]),
                        terminating=random.choice([None, False, True]),
                        zone=random.choice(["", "z1", "z1"]),
                    )
                    for last in random.sample(range(1, 12), random.randrange(4))
                ),
            ),
        )
        for number in range(random.randrange(3))
    )
    known = member(
        cluster,
        random.choice([1.0, 1.0, 90.0]),
        allowed_namespaces=random.choice([(), ("shop",), ("other",)]),
        allowed_cidrs=random.choice([(), ("10.0.0.0/29", "10.1.0.0/29")]),
        owns=random.choice([frozenset(), frozenset(), frozenset({"shop"}), frozenset({"shop/web"})]),
    )
    return OnBroker(cluster, known if random.random() < 0.9 else None, exported, slices)


def any_clusterset(seed: int) -> tuple[OnBroker, ...]:
    random = Random(seed)
    return tuple(
        any_member(random, cluster) for cluster in sorted(random.sample(CLUSTERS, random.randrange(5)))
    )


clustersets = st.integers(0, 1_000_000).map(any_clusterset)
"""From seeds: whole clustersets drawn piece by piece would take a hundred times as long."""


def written_by_the_importer(members: Collection[OnBroker]) -> set[tuple[str, tuple[str, ...]]]:
    """What an importer writes that takes traffic: admission, merge and slices as its stores call them."""
    of = {one.cluster: one for one in members}
    records = [
        one.record
        for one in members
        if one.record is not None
        and not one.record.withdrawn
        and admit_record(one.record, one.member) is None
    ]
    if not records:
        return set()
    owners = frozenset(one.cluster for one in records if owns(of[one.cluster].member, WEB))
    slices = [
        admitted
        for one in members
        for slice_ in one.slices
        if (admitted := admit_slice(slice_, one.member)[0]) is not None
    ]
    dead = {
        one.cluster for one in members if one.member is not None and one.member.heartbeat < "2026-01-01T00:09"
    }
    merged = merge(records, owners)
    written = imported_slices(
        merged,
        {one.cluster: one for one in records},
        slices,
        own_cluster="here",
        owner_uid="",
        withdrawn=dead,
    )
    return {
        (slice_.source_cluster, endpoint.addresses)
        for slice_ in written
        for endpoint in slice_.content.endpoints
        if is_ready(endpoint) and (slice_.content.ports or merged.type == "Headless")
    }


@given(clustersets)
def test_what_is_in_is_what_an_importer_writes_for_traffic(members: tuple[OnBroker, ...]) -> None:
    case = judge(Picture(WEB, NOW_SECONDS, InCluster("here"), members))
    assert {
        (one.cluster, one.addresses) for one in case.uses if one.state == "in"
    } == written_by_the_importer(members)


@given(clustersets)
def test_every_endpoint_that_anybody_offers_is_there_once_with_a_reason_unless_it_is_in(
    members: tuple[OnBroker, ...],
) -> None:
    case = judge(Picture(WEB, NOW_SECONDS, InCluster("here"), members))
    offered = sorted(
        (one.cluster, endpoint.addresses)
        for one in members
        for slice_ in one.slices
        for endpoint in slice_.content.endpoints
    )
    assert sorted((one.cluster, one.addresses) for one in case.uses) == offered
    assert all(bool(one.why) == (one.state != "in") for one in case.uses)


@given(clustersets)
def test_where_the_agent_has_done_its_work_nothing_differs(members: tuple[OnBroker, ...]) -> None:
    case = judge(settled(Picture(WEB, NOW_SECONDS, InCluster("here"), members)))
    if case.imported is not None:
        assert case.differs == Difference()


def test_what_is_missing_left_over_or_otherwise_is_told_by_its_address() -> None:
    before = settled(picture(on_broker("west", west()), bystander("north"), here=HERE))
    after = picture(on_broker("west", west(Endpoint(("10.2.0.2",), ready=True))), here=before.here)
    differs = judge(after).differs
    assert differs is not None
    assert (differs.missing, differs.left_over, differs.other) == (
        ("10.2.0.2 of west",),
        ("10.2.0.1 of west",),
        (),
    )
    unready = judge(replace(before, broker=(on_broker("west", west(replace(READY, ready=False))),))).differs
    assert unready is not None
    assert unready.other == ("10.2.0.1 of west",)
