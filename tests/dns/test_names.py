"""Names and records that real and odd endpoints lead to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import AddressFamily, Endpoint, ServicePort, SlicePort
from mcs_controller.dns.errors import ZoneNameError
from mcs_controller.dns.zone.lookup import Zone
from tests.dns.zonetext import Server, headless, piece, ready, vip, zone_text

Z = "clusterset.local"
PLAIN_PORTS = (SlicePort(42),)


def serve_db(*endpoints: Endpoint, cluster: str = "east", **options: object) -> Server:
    server = Server()
    server.put(headless("shop/db"), piece("shop/db", cluster, *endpoints, **options))  # type: ignore[arg-type]
    return server


@pytest.mark.requirement("MCS-DNS-06")
@pytest.mark.parametrize(
    ("endpoint", "listed"),
    [
        (Endpoint(("10.0.0.1",)), True),
        (Endpoint(("10.0.0.1",), ready=True), True),
        (Endpoint(("10.0.0.1",), ready=False), False),
        (Endpoint(("10.0.0.1",), serving=True, terminating=True), False),
        (Endpoint(("10.0.0.1",), ready=False, serving=True, terminating=True), False),
        (Endpoint(("10.0.0.1",), ready=True, serving=True, terminating=True), True),
    ],
)
def test_only_ready_endpoints_are_listed_and_saying_nothing_means_ready(
    endpoint: Endpoint, listed: bool
) -> None:
    server = serve_db(endpoint)

    assert server.ask(f"db.shop.svc.{Z}", "A").rcode == ("NOERROR" if listed else "NXDOMAIN")
    assert server.ask(f"10-0-0-1.east.db.shop.svc.{Z}", "A").rcode == ("NOERROR" if listed else "NXDOMAIN")


@pytest.mark.requirement("MCS-DNS-07")
def test_endpoints_that_share_a_hostname_share_the_name() -> None:
    server = serve_db(ready("10.0.0.1", hostname="db"), ready("10.0.0.2", hostname="db"))

    assert server.ask(f"db.east.db.shop.svc.{Z}", "A").answer == zone_text(
        f"""db.east.db.shop.svc.{Z}. 4 IN A 10.0.0.1
            db.east.db.shop.svc.{Z}. 4 IN A 10.0.0.2"""
    )
    assert server.ask(f"_pg._tcp.db.shop.svc.{Z}", "SRV").answer == zone_text(
        f"_pg._tcp.db.shop.svc.{Z}. 4 IN SRV 0 100 5432 db.east.db.shop.svc.{Z}."
    )


@pytest.mark.requirement("MCS-DNS-07")
@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("fd00::1", "fd00--1"),
        ("FD00::1", "fd00--1"),
        ("::1:2", "--1-2"),
        ("fd00:1:2:3:4:5:6:7", "fd00-1-2-3-4-5-6-7"),
    ],
)
def test_an_ipv6_endpoint_without_a_hostname_is_named_by_its_address(address: str, label: str) -> None:
    server = serve_db(ready(address), family="IPv6")

    assert server.ask(f"{label}.east.db.shop.svc.{Z}", "AAAA").rcode == "NOERROR"
    assert server.ask(f"{label}.east.db.shop.svc.{Z}", "A").answer == []
    assert [rr.rdata.target.label[0].decode() for rr in server.ask(f"db.shop.svc.{Z}", "SRV").raw.rr] == [
        label
    ]


@pytest.mark.requirement("MCS-DNS-07")
@pytest.mark.parametrize(("address", "label"), [("10.0.0.1", "10-0-0-1"), ("fd00::1", "fd00--1")])
def test_an_endpoint_with_a_hostname_is_not_named_by_its_address_as_well(address: str, label: str) -> None:
    family: AddressFamily = "IPv6" if ":" in address else "IPv4"
    named = piece("shop/db", "east", ready(address, hostname="db-0"), family=family)
    server = Server()
    server.put(headless("shop/db"), named)
    assert server.ask(f"{label}.east.db.shop.svc.{Z}", "A").rcode == "NXDOMAIN"
    assert server.ask(f"{label}.east.db.shop.svc.{Z}", "AAAA").rcode == "NXDOMAIN"

    other = piece("shop/db", "west", ready(address), family=family)
    server.put(headless("shop/db"), named, other)
    assert server.ask(f"{label}.east.db.shop.svc.{Z}", "A").rcode == "NXDOMAIN"
    assert server.ask(f"{label}.west.db.shop.svc.{Z}", "A").rcode == "NOERROR"


@pytest.mark.requirement("MCS-DNS-07")
@pytest.mark.parametrize(
    "label", ["010-0-0-1", "10-0-1", "fd00-0--1", "fd00-0-0-0-0-0-0-1", "--ffff-10-0-0-1"]
)
def test_an_address_has_one_spelling_that_is_a_name(label: str) -> None:
    server = Server()
    server.put(
        headless("shop/db"),
        piece("shop/db", "east", ready("10.0.0.1")),
        piece("shop/db", "east", ready("fd00::1"), family="IPv6"),
    )

    assert server.ask(f"{label}.east.db.shop.svc.{Z}", "AAAA").rcode == "NXDOMAIN"


def test_each_address_of_an_endpoint_without_a_hostname_has_its_own_name() -> None:
    server = serve_db(ready("10.0.0.1", "10.0.0.2"))

    assert server.ask(f"10-0-0-1.east.db.shop.svc.{Z}", "A").answer == zone_text(
        f"10-0-0-1.east.db.shop.svc.{Z}. 4 IN A 10.0.0.1"
    )
    assert len(server.ask(f"db.shop.svc.{Z}", "A").answer) == 2


@pytest.mark.requirement("MCS-DNS-06")
def test_an_endpoint_in_two_slices_is_listed_once() -> None:
    server = Server()
    server.put(
        headless("shop/db"),
        piece("shop/db", "east", ready("10.0.0.1", hostname="a"), name="one"),
        piece("shop/db", "east", ready("10.0.0.1", hostname="a"), name="two"),
    )

    assert len(server.ask(f"db.shop.svc.{Z}", "A").answer) == 1
    assert len(server.ask(f"db.shop.svc.{Z}", "SRV").answer) == 1
    assert len(server.ask(f"a.east.db.shop.svc.{Z}", "A").answer) == 1


@pytest.mark.requirement("MCS-DNS-09")
def test_one_number_over_tcp_and_udp_is_one_record_at_the_bare_name() -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1", ports=(ServicePort(42, "tcp"), ServicePort(42, "udp", "UDP"))))

    assert server.ask(f"web.shop.svc.{Z}", "SRV").answer == zone_text(
        f"web.shop.svc.{Z}. 4 IN SRV 0 100 42 web.shop.svc.{Z}."
    )
    assert len(server.ask(f"_tcp._tcp.web.shop.svc.{Z}", "SRV").answer) == 1
    assert len(server.ask(f"_udp._udp.web.shop.svc.{Z}", "SRV").answer) == 1


@pytest.mark.requirement("MCS-DNS-08")
def test_an_unnamed_port_has_a_record_only_at_the_bare_name() -> None:
    server = serve_db(ready("10.0.0.1", hostname="a"), ports=PLAIN_PORTS)

    assert server.ask(f"db.shop.svc.{Z}", "SRV").answer == zone_text(
        f"db.shop.svc.{Z}. 4 IN SRV 0 100 42 a.east.db.shop.svc.{Z}."
    )
    assert server.ask(f"_tcp.db.shop.svc.{Z}", "SRV").rcode == "NXDOMAIN"


@pytest.mark.requirement("MCS-DNS-11")
def test_a_headless_port_may_have_another_number_in_each_cluster() -> None:
    server = Server()
    server.put(
        headless("shop/db"),
        piece("shop/db", "east", ready("10.1.0.1", hostname="a"), ports=(SlicePort(5432, "pg"),)),
        piece("shop/db", "west", ready("10.2.0.1", hostname="a"), ports=(SlicePort(6432, "pg"),)),
    )

    assert server.ask(f"_pg._tcp.db.shop.svc.{Z}", "SRV").answer == zone_text(
        f"""_pg._tcp.db.shop.svc.{Z}. 4 IN SRV 0 100 5432 a.east.db.shop.svc.{Z}.
            _pg._tcp.db.shop.svc.{Z}. 4 IN SRV 0 100 6432 a.west.db.shop.svc.{Z}."""
    )


@pytest.mark.requirement("MCS-DNS-04", "MCS-DNS-05")
def test_a_clusterset_ip_is_answered_whatever_its_endpoints_are() -> None:
    server = Server()
    away = piece("shop/web", "east", Endpoint(("10.0.0.1",), ready=False))

    server.put(vip("shop/web", "10.96.0.1"), away)

    assert server.ask(f"web.shop.svc.{Z}", "A").answer == zone_text(f"web.shop.svc.{Z}. 4 IN A 10.96.0.1")


def test_a_cluster_id_with_a_dot_is_matched_as_a_whole() -> None:
    server = serve_db(ready("10.0.0.1", hostname="a"), cluster="east.eu")

    assert server.ask(f"a.east.eu.db.shop.svc.{Z}", "A").answer == zone_text(
        f"a.east.eu.db.shop.svc.{Z}. 4 IN A 10.0.0.1"
    )
    for above in ("east.eu", "eu"):
        reply = server.ask(f"{above}.db.shop.svc.{Z}", "A")
        assert (reply.rcode, reply.answer) == ("NOERROR", [])
    assert server.ask(f"a.east.db.shop.svc.{Z}", "A").rcode == "NXDOMAIN"


def test_a_dotted_cluster_does_not_hide_a_host_of_another_cluster() -> None:
    server = Server()
    server.put(
        headless("shop/db"),
        piece("shop/db", "a.b", ready("10.1.0.1", hostname="x")),
        piece("shop/db", "b", ready("10.2.0.1", hostname="a")),
    )

    assert server.ask(f"a.b.db.shop.svc.{Z}", "A").answer == zone_text(
        f"a.b.db.shop.svc.{Z}. 4 IN A 10.2.0.1"
    )
    assert server.ask(f"x.a.b.db.shop.svc.{Z}", "A").answer == zone_text(
        f"x.a.b.db.shop.svc.{Z}. 4 IN A 10.1.0.1"
    )


@pytest.mark.requirement("MCS-DNS-14")
@pytest.mark.parametrize("cluster", ["", "_east", "e" * 64, "ea st", "östlich", "-east", "east..eu"])
def test_endpoints_of_a_cluster_that_cannot_be_a_name_keep_their_addresses(cluster: str) -> None:
    server = serve_db(ready("10.0.0.1", hostname="a"), cluster=cluster)

    assert len(server.ask(f"db.shop.svc.{Z}", "A").answer) == 1
    assert server.ask(f"db.shop.svc.{Z}", "SRV").answer == []


@pytest.mark.requirement("MCS-DNS-14")
def test_a_name_that_would_be_too_long_is_left_out_and_the_others_are_kept() -> None:
    service, namespace, cluster = "s" * 63, "n" * 63, "c" * 63
    below = f"{service}.{namespace}.svc.{Z}"
    longest_host = "h" * (253 - len(f".{cluster}.{below}"))
    server = Server()
    server.put(
        headless(f"{namespace}/{service}"),
        piece(
            f"{namespace}/{service}",
            cluster,
            ready("10.0.0.1", hostname=longest_host),
            ready("10.0.0.2", hostname=longest_host + "h"),
            ports=(SlicePort(42, "p" * 63), SlicePort(43, "fits")),
        ),
    )

    assert len(f"{longest_host}.{cluster}.{below}") == 253
    assert len(server.ask(f"{longest_host}.{cluster}.{below}", "A").answer) == 1
    assert len(server.ask(below, "A").answer) == 2
    assert len(server.ask(below, "SRV").answer) == 2
    assert len(server.ask(f"_fits._tcp.{below}", "SRV").answer) == 1


@pytest.mark.parametrize("address", ["", "10.0.0", "010.0.0.1", "fe80::1%eth0", "10.0.0.1\0", "fd00::1"])
def test_an_address_that_is_none_of_its_family_is_left_out(address: str) -> None:
    server = serve_db(ready(address), ready("10.0.0.9"))

    assert server.ask(f"db.shop.svc.{Z}", "A").answer == zone_text(f"db.shop.svc.{Z}. 4 IN A 10.0.0.9")
    assert server.ask(f"db.shop.svc.{Z}", "AAAA").answer == []


@pytest.mark.requirement("MCS-DNS-15")
def test_names_are_compared_without_regard_to_case_and_echoed_as_asked() -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))

    reply = server.ask(f"wEb.SHOP.sVc.{Z.upper()}", "A")

    assert reply.answer == zone_text(f"wEb.SHOP.sVc.{Z.upper()}. 4 IN A 10.96.0.1")
    assert str(reply.raw.q.qname) == f"wEb.SHOP.sVc.{Z.upper()}."


@pytest.mark.parametrize("address", ["::ffff:10.0.0.1", "::FFFF:10.0.0.1", "::10.0.0.1", "::ffff:a00:1"])
def test_an_address_that_ends_in_an_ipv4_address_is_found_by_its_own_spelling(address: str) -> None:
    server = serve_db(ready(address), family="IPv6")
    host = address.lower().replace(".", "-").replace(":", "-")

    reply = server.ask(f"{host}.east.db.shop.svc.{Z}", "AAAA")

    assert reply.rcode == "NOERROR"
    assert len(reply.raw.rr) == 1


@pytest.mark.parametrize("zone", ["", ".", "a..b", "clusterset_.local!", "a" * 64, "a." * 41, "ümlaut.local"])
def test_a_zone_that_is_no_dns_name_is_refused_in_one_line(zone: str) -> None:
    with pytest.raises(ZoneNameError) as error:
        Zone(zone)

    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


endpoints = st.builds(
    Endpoint,
    st.lists(
        st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.text(max_size=20)),
        max_size=3,
    ).map(tuple),
    ready=st.sampled_from([None, True, False]),
    terminating=st.sampled_from([None, True, False]),
    hostname=st.one_of(st.just(""), st.sampled_from(["a", "A", "b"]), st.text(max_size=70)),
)
slice_ports = st.lists(
    st.builds(
        SlicePort,
        st.integers(0, 65535),
        st.one_of(st.sampled_from(["", "pg", "http"]), st.text(max_size=70)),
        st.one_of(st.sampled_from(["TCP", "UDP", "SCTP"]), st.text(max_size=5)),
    ),
    max_size=3,
).map(tuple)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(["east", "west", "a.b"]), st.text(max_size=70)),
            st.lists(endpoints, max_size=5),
            slice_ports,
            st.sampled_from(["IPv4", "IPv6"]),
        ),
        max_size=4,
    )
)
def test_every_srv_target_resolves_and_every_host_is_among_the_services_addresses(
    slices: list[tuple[str, list[Endpoint], tuple[SlicePort, ...], str]],
) -> None:
    server = Server()
    server.put(
        headless("shop/db"),
        *(
            piece("shop/db", cluster, *some, ports=ports, family=family, name=str(number))  # type: ignore[arg-type]
            for number, (cluster, some, ports, family) in enumerate(slices)
        ),
    )
    name = f"db.shop.svc.{Z}"
    all_addresses = {str(rr.rdata) for rtype in ("A", "AAAA") for rr in server.ask(name, rtype).raw.rr}

    assert (server.ask(name, "A").rcode == "NXDOMAIN") == (not all_addresses)
    for rr in server.ask(name, "SRV").raw.rr:
        target = str(rr.rdata.target)
        found = {str(rr.rdata) for rtype in ("A", "AAAA") for rr in server.ask(target, rtype).raw.rr}
        assert found
        assert found <= all_addresses
