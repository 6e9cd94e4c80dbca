"""Services of very many endpoints: a part is answered with, and each cluster has its own share of it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import SlicePort
from mcs_controller.dns.wire.encoding import TYPE_A, TYPE_AAAA
from mcs_controller.dns.zone.bounds import ADDRESSES_MAX, PORTS_MAX, SLICES_MAX, bounded
from mcs_controller.dns.zone.packed import PackedService, PackedSlice, Port
from tests.dns.test_protocol import query
from tests.dns.test_server import (
    Running,
    running,  # noqa: F401 - a fixture
)
from tests.dns.zonetext import Server, headless, key, piece, read, ready
from tests.support.waiting import until

Z = "clusterset.local"


def many(cluster: str, count: int, *, rtype: int = TYPE_A, ports: tuple[Port, ...] = ()) -> PackedSlice:
    size = 4 if rtype == TYPE_A else 16
    return PackedSlice(cluster, rtype, ports, b"\x0a" * size * count)


def of(*slices: PackedSlice) -> PackedService:
    return PackedService(True, slices=slices)


def by_cluster(service: PackedService) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in service.slices:
        counts[each.cluster] += each.address_count
    return counts


def test_what_keeps_to_the_bounds_is_left_as_it_is() -> None:
    service = of(*(many(f"c{n}", ADDRESSES_MAX // SLICES_MAX) for n in range(SLICES_MAX)))

    assert bounded(service) is service


def test_as_many_ports_as_may_be_are_left_as_they_are_and_one_more_is_not() -> None:
    def of_ports(count: int) -> PackedService:
        return of(many("a", 1, ports=tuple(Port(number, "", "TCP") for number in range(count))))

    assert bounded(most := of_ports(PORTS_MAX)) is most
    assert [each.ports for each in bounded(of_ports(PORTS_MAX + 1)).slices] == [()]


def test_a_cluster_with_very_many_endpoints_displaces_nobody_elses() -> None:
    service = of(*[many("hog", 1_000)] * 90, many("small", 10), many("middle", 3_000))

    assert by_cluster(bounded(service)) == {"small": 10, "middle": 3_000, "hog": ADDRESSES_MAX - 3_010}


def test_a_cluster_with_very_many_slices_displaces_nobody_elses() -> None:
    service = of(*(many("hog", 1) for _ in range(50_000)), many("small", 7))

    assert by_cluster(bounded(service)) == {"small": 7, "hog": SLICES_MAX - 1}


def test_both_families_have_their_share() -> None:
    service = bounded(of(many("a", 50_000), many("a", 50_000, rtype=TYPE_AAAA)))

    assert [each.address_count for each in service.slices] == [ADDRESSES_MAX // 2] * 2


def test_hosts_stay_with_their_addresses() -> None:
    hosts = tuple(f"h{number}" for number in range(ADDRESSES_MAX + 5))
    service = of(many("a", ADDRESSES_MAX + 5)._replace(hosts=hosts))

    (kept,) = bounded(service).slices

    assert (kept.hosts, kept.address_count) == (hosts[:ADDRESSES_MAX], ADDRESSES_MAX)


def test_slices_with_too_many_different_ports_keep_their_addresses() -> None:
    slices = [
        many("a", 1, ports=tuple(Port(100 * n + each, f"p{each}", "TCP") for each in range(100)))
        for n in range(60)
    ]
    shared = many("b", 1, ports=slices[0].ports)

    kept = bounded(of(*slices, shared)).slices

    assert [len(each.ports) for each in kept] == [100] * (PORTS_MAX // 100) + [0] * 10 + [100]
    assert [each.addresses for each in kept] == [each.addresses for each in (*slices, shared)]


slices = st.builds(
    lambda cluster, count, rtype, ports: many(cluster, count, rtype=rtype, ports=tuple(ports)),
    st.sampled_from("abc"),
    st.integers(1, 9_000),
    st.sampled_from([TYPE_A, TYPE_AAAA]),
    st.lists(st.builds(Port, st.integers(1, 9), st.just("x"), st.just("TCP")), max_size=3),
)


@given(st.lists(slices, max_size=8))
def test_the_bounds_hold_and_are_used_and_nothing_is_added(pieces: list[PackedSlice]) -> None:
    service = of(*pieces)

    kept = bounded(service)

    before, after = by_cluster(service), by_cluster(kept)
    assert after.total() <= ADDRESSES_MAX
    assert after.total() == min(ADDRESSES_MAX, before.total()) or before.total() > ADDRESSES_MAX
    assert after.total() >= min(before.total(), ADDRESSES_MAX - len(pieces))
    assert bounded(service) == kept
    assert bounded(kept) is kept
    assert all(0 < after[cluster] <= before[cluster] for cluster in before)


def test_of_more_records_than_a_message_can_hold_every_target_still_resolves() -> None:
    server = Server()
    pods = [ready(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(12_000)]
    ports = (SlicePort(1, "a"), SlicePort(2, "b"))
    server.put(headless("shop/db"), piece("shop/db", "east", *pods, ports=ports))

    targets = {str(rr.rdata.target) for rr in read(server.tcp(query(f"db.shop.svc.{Z}", 33))).raw.rr}

    assert len(targets) > 300
    for target in sorted(targets)[::50]:
        assert server.ask(target, "A").rcode == "NOERROR"


@pytest.mark.requirement("MCS-DNS-06")
async def test_a_service_over_the_bounds_is_answered_with_a_part_and_counted(running: Running) -> None:  # noqa: F811
    await running.importer.headless("shop/db")
    for number in range(11):
        addresses = [f"10.{number}.{each >> 8}.{each & 255}" for each in range(1, 1_001)]
        await running.importer.slice(f"db-{number:02}", "shop/db", "east", *addresses)
    await running.importer.slice("db-west", "shop/db", "west", "10.99.0.1")
    await running.has_services(1)

    answer = running.server.answer_server.answers
    assert answer.zone.address_count == ADDRESSES_MAX
    assert running.metric("mcs_dns_zone_services_over_bounds") == 1
    assert running.metric("mcs_dns_zone_records") == ADDRESSES_MAX

    await running.importer.drop_slice("db-00")
    await running.importer.drop_slice("db-01")
    await running.importer.drop_slice("db-02")
    await until(lambda: answer.zone.address_count == 8_001)
    assert running.metric("mcs_dns_zone_services_over_bounds") == 0


def test_of_more_records_than_a_message_can_count_as_many_are_sent_as_fit() -> None:
    server = Server()
    addresses = b"".join(number.to_bytes(4, "big") for number in range(10 << 24, (10 << 24) + 65_536))
    piece_of_many = PackedSlice("a", TYPE_A, (), addresses)
    server.answers.update(key("shop/db"), PackedService(True, slices=(piece_of_many,)))

    reply = read(server.tcp(query(f"db.shop.svc.{Z}", TYPE_A)))

    assert reply.rcode == "NOERROR"
    assert len(reply.answer) > 4_000
