"""The query/answer table of the specification, row by row: question, response code, records."""

import pytest

from mcs_controller.clusterset.model import Endpoint, ServicePort, SlicePort
from tests.dns.zonetext import Server, headless, piece, ready, vip, zone_text

Z = "clusterset.local"
SOA = zone_text(f"{Z}. 4 IN SOA ns.dns.{Z}. hostmaster.{Z}. 1 7200 1800 86400 4")


@pytest.fixture
def server() -> Server:
    """shop/web (one IPv4), shop/dual, shop/pending (no IP yet), shop/bare (no ports), and headless ones."""
    server = Server()
    http_and_dns = (ServicePort(80, "http"), ServicePort(53, "dns", "UDP"), ServicePort(9000))
    server.put(vip("shop/web", "10.96.0.1", ports=http_and_dns))
    server.put(vip("shop/dual", "10.96.0.2", "fd00::2"))
    server.put(vip("shop/pending"))
    server.put(vip("shop/bare", "10.96.0.3", ports=()))
    db_ports = (SlicePort(5432, "pg"), SlicePort(9187, "metrics"))
    server.put(
        headless("shop/db"),
        piece("shop/db", "east", ready("10.1.0.1", hostname="db-0"), ports=db_ports),
        piece("shop/db", "east", ready("fd01::1", hostname="db-0"), family="IPv6"),
        piece("shop/db", "west", ready("10.2.0.1"), Endpoint(("10.2.0.2",), ready=False, hostname="db-1")),
    )
    server.put(headless("shop/v4"), piece("shop/v4", "east", ready("10.3.0.1")))
    server.put(headless("data/away"), piece("data/away", "east", Endpoint(("10.4.0.1",), ready=False)))
    server.put(headless("data/none"))
    return server


POSITIVE = {
    "the schema version": (f"dns-version.{Z}", "TXT", f'dns-version.{Z}. 28800 IN TXT "1.0.0"'),
    "the apex, SOA": (Z, "SOA", SOA[0]),
    "the apex, NS": (Z, "NS", f"{Z}. 4 IN NS ns.dns.{Z}."),
    "a clusterset IP": (f"web.shop.svc.{Z}", "A", f"web.shop.svc.{Z}. 4 IN A 10.96.0.1"),
    "an IPv6 clusterset IP": (f"dual.shop.svc.{Z}", "AAAA", f"dual.shop.svc.{Z}. 4 IN AAAA fd00::2"),
    "the IPv4 one of two clusterset IPs": (f"dual.shop.svc.{Z}", "A", f"dual.shop.svc.{Z}. 4 IN A 10.96.0.2"),
    "SRV at a clusterset IP's name, unnamed port included": (
        f"web.shop.svc.{Z}",
        "SRV",
        f"""web.shop.svc.{Z}. 4 IN SRV 0 100 53 web.shop.svc.{Z}.
            web.shop.svc.{Z}. 4 IN SRV 0 100 80 web.shop.svc.{Z}.
            web.shop.svc.{Z}. 4 IN SRV 0 100 9000 web.shop.svc.{Z}.""",
    ),
    "SRV of a named port": (
        f"_http._tcp.web.shop.svc.{Z}",
        "SRV",
        f"_http._tcp.web.shop.svc.{Z}. 4 IN SRV 0 100 80 web.shop.svc.{Z}.",
    ),
    "SRV of a named UDP port": (
        f"_dns._udp.web.shop.svc.{Z}",
        "SRV",
        f"_dns._udp.web.shop.svc.{Z}. 4 IN SRV 0 100 53 web.shop.svc.{Z}.",
    ),
    "SRV while the clusterset IP is pending": (
        f"_http._tcp.pending.shop.svc.{Z}",
        "SRV",
        f"_http._tcp.pending.shop.svc.{Z}. 4 IN SRV 0 100 80 pending.shop.svc.{Z}.",
    ),
    "ready endpoints of a headless service, all clusters": (
        f"db.shop.svc.{Z}",
        "A",
        f"""db.shop.svc.{Z}. 4 IN A 10.1.0.1
            db.shop.svc.{Z}. 4 IN A 10.2.0.1""",
    ),
    "ready IPv6 endpoints of a headless service": (
        f"db.shop.svc.{Z}",
        "AAAA",
        f"db.shop.svc.{Z}. 4 IN AAAA fd01::1",
    ),
    "SRV at a headless name: each port and host once, over all families": (
        f"db.shop.svc.{Z}",
        "SRV",
        f"""db.shop.svc.{Z}. 4 IN SRV 0 100 5432 db-0.east.db.shop.svc.{Z}.
            db.shop.svc.{Z}. 4 IN SRV 0 100 9187 db-0.east.db.shop.svc.{Z}.
            db.shop.svc.{Z}. 4 IN SRV 0 100 5432 10-2-0-1.west.db.shop.svc.{Z}.""",
    ),
    "SRV of a headless service's port": (
        f"_pg._tcp.db.shop.svc.{Z}",
        "SRV",
        f"""_pg._tcp.db.shop.svc.{Z}. 4 IN SRV 0 100 5432 db-0.east.db.shop.svc.{Z}.
            _pg._tcp.db.shop.svc.{Z}. 4 IN SRV 0 100 5432 10-2-0-1.west.db.shop.svc.{Z}.""",
    ),
    "a port that one cluster has": (
        f"_metrics._tcp.db.shop.svc.{Z}",
        "SRV",
        f"_metrics._tcp.db.shop.svc.{Z}. 4 IN SRV 0 100 9187 db-0.east.db.shop.svc.{Z}.",
    ),
    "a host": (f"db-0.east.db.shop.svc.{Z}", "A", f"db-0.east.db.shop.svc.{Z}. 4 IN A 10.1.0.1"),
    "a host's IPv6": (
        f"db-0.east.db.shop.svc.{Z}",
        "AAAA",
        f"db-0.east.db.shop.svc.{Z}. 4 IN AAAA fd01::1",
    ),
    "a host without a hostname": (
        f"10-2-0-1.west.db.shop.svc.{Z}",
        "A",
        f"10-2-0-1.west.db.shop.svc.{Z}. 4 IN A 10.2.0.1",
    ),
}


@pytest.mark.requirement(
    "MCS-DNS-01",
    "MCS-DNS-02",
    "MCS-DNS-04",
    "MCS-DNS-05",
    "MCS-DNS-06",
    "MCS-DNS-08",
    "MCS-DNS-09",
    "MCS-DNS-10",
    "MCS-DNS-11",
)
@pytest.mark.parametrize("row", POSITIVE)
def test_what_exists_is_answered_with_exactly_its_records_and_nothing_beside_them(
    server: Server, row: str
) -> None:
    name, rtype, records = POSITIVE[row]

    reply = server.ask(name, rtype)

    assert (reply.rcode, reply.answer) == ("NOERROR", zone_text(records))
    assert (reply.authority, reply.additional) == ([], [])
    assert reply.raw.header.aa == 1
    assert reply.raw.header.ra == 0


NODATA = {
    "the schema version has only TXT": (f"dns-version.{Z}", "A"),
    "the apex has only SOA and NS": (Z, "A"),
    "something is below svc": (f"svc.{Z}", "A"),
    "something is below the namespace": (f"shop.svc.{Z}", "AAAA"),
    "a clusterset IP of the other family only": (f"web.shop.svc.{Z}", "AAAA"),
    "a clusterset IP that is pending": (f"pending.shop.svc.{Z}", "A"),
    "a clusterset IP that is pending, IPv6": (f"pending.shop.svc.{Z}", "AAAA"),
    "a service without ports": (f"bare.shop.svc.{Z}", "SRV"),
    "a port's name has only SRV": (f"_http._tcp.web.shop.svc.{Z}", "A"),
    "a headless port's name has only SRV": (f"_pg._tcp.db.shop.svc.{Z}", "AAAA"),
    "a protocol with a named port below": (f"_udp.web.shop.svc.{Z}", "SRV"),
    "a headless protocol with a named port below": (f"_tcp.db.shop.svc.{Z}", "A"),
    "headless endpoints of the other family only": (f"v4.shop.svc.{Z}", "AAAA"),
    "a host of the other family only": (f"10-3-0-1.east.v4.shop.svc.{Z}", "AAAA"),
    "a cluster's name has hosts below and no records, A": (f"east.db.shop.svc.{Z}", "A"),
    "a cluster's name has hosts below and no records, SRV": (f"east.db.shop.svc.{Z}", "SRV"),
    "TXT at a service": (f"web.shop.svc.{Z}", "TXT"),
    "MX at a headless service": (f"db.shop.svc.{Z}", "MX"),
    "PTR at a service": (f"web.shop.svc.{Z}", "PTR"),
    "HTTPS at a service": (f"web.shop.svc.{Z}", "HTTPS"),
    "TXT at a host": (f"db-0.east.db.shop.svc.{Z}", "TXT"),
    "the name server's name": (f"ns.dns.{Z}", "A"),
}


@pytest.mark.requirement("MCS-DNS-12", "MCS-DNS-13", "MCS-DNS-17", "MCS-DNS-19")
@pytest.mark.parametrize("row", NODATA)
def test_a_name_that_exists_has_no_data_of_other_types(server: Server, row: str) -> None:
    reply = server.ask(*NODATA[row])

    assert (reply.rcode, reply.answer, reply.authority) == ("NOERROR", [], SOA)
    assert reply.raw.header.aa == 1


NXDOMAIN = {
    "no such service": (f"nope.shop.svc.{Z}", "A"),
    "no such namespace": (f"web.nope.svc.{Z}", "A"),
    "a namespace with nothing in it": (f"nope.svc.{Z}", "A"),
    "a namespace whose only services have no ready endpoint": (f"data.svc.{Z}", "A"),
    "no ready endpoint": (f"away.data.svc.{Z}", "A"),
    "no ready endpoint, SRV": (f"away.data.svc.{Z}", "SRV"),
    "no ready endpoint at the port's name": (f"_pg._tcp.away.data.svc.{Z}", "SRV"),
    "no endpoint at all": (f"none.data.svc.{Z}", "AAAA"),
    "an unknown port": (f"_nope._tcp.web.shop.svc.{Z}", "SRV"),
    "a port under the wrong protocol": (f"_http._udp.web.shop.svc.{Z}", "SRV"),
    "an unknown headless port": (f"_nope._tcp.db.shop.svc.{Z}", "SRV"),
    "a protocol without a named port": (f"_sctp.web.shop.svc.{Z}", "A"),
    "an unnamed port": (f"_._tcp.web.shop.svc.{Z}", "SRV"),
    "an unknown host": (f"db-9.east.db.shop.svc.{Z}", "A"),
    "a host of another cluster": (f"db-0.west.db.shop.svc.{Z}", "A"),
    "a host that is not ready": (f"db-1.west.db.shop.svc.{Z}", "A"),
    "a cluster of a clusterset IP service": (f"east.web.shop.svc.{Z}", "A"),
    "a cluster of a clusterset IP service, SRV": (f"east.web.shop.svc.{Z}", "SRV"),
    "an unknown cluster": (f"north.db.shop.svc.{Z}", "A"),
    "a host of a clusterset IP service": (f"web-0.east.web.shop.svc.{Z}", "A"),
    "one cluster's port": (f"_pg._tcp.east.db.shop.svc.{Z}", "SRV"),
    "one cluster's port of a clusterset IP service": (f"_http._tcp.east.web.shop.svc.{Z}", "SRV"),
    "a longer form": (f"a.db-0.east.db.shop.svc.{Z}", "A"),
    "something else below the zone": (f"web.shop.pod.{Z}", "A"),
    "a service's name without svc": (f"web.shop.{Z}", "A"),
    "something below the schema version": (f"a.dns-version.{Z}", "TXT"),
}


@pytest.mark.requirement("MCS-DNS-12", "MCS-DNS-17")
@pytest.mark.parametrize("row", NXDOMAIN)
def test_what_does_not_exist_is_denied_for_at_most_five_seconds(server: Server, row: str) -> None:
    reply = server.ask(*NXDOMAIN[row])

    assert (reply.rcode, reply.answer, reply.authority) == ("NXDOMAIN", [], SOA)
    assert reply.raw.header.aa == 1
    assert reply.raw.auth[0].ttl <= 5
    assert reply.raw.auth[0].rdata.times[4] <= 5


@pytest.mark.requirement("MCS-DNS-03", "MCS-DNS-13")
@pytest.mark.parametrize(
    ("name", "rtype"),
    [
        ("1.0.96.10.in-addr.arpa", "PTR"),
        ("web.shop.svc.cluster.local", "A"),
        ("example.org", "A"),
        ("local", "SOA"),
        (".", "NS"),
        ("xclusterset.local", "A"),
        ("web.shop.svc.clusterset.local.example.org", "A"),
    ],
)
def test_other_zones_are_refused_without_a_claim_of_authority(server: Server, name: str, rtype: str) -> None:
    reply = server.ask(name, rtype)

    assert (reply.rcode, reply.answer, reply.authority) == ("REFUSED", [], [])
    assert reply.raw.header.aa == 0


@pytest.mark.requirement("MCS-DNS-20")
@pytest.mark.parametrize(
    ("name", "rtype"), [(f"web.shop.svc.{Z}", "A"), (f"nope.shop.svc.{Z}", "A"), (Z, "SOA")]
)
def test_before_the_zone_is_complete_everything_in_it_is_a_server_failure(name: str, rtype: str) -> None:
    server = Server(is_open=False)
    server.put(vip("shop/web", "10.96.0.1"))

    reply = server.ask(name, rtype)

    assert (reply.rcode, reply.answer, reply.authority) == ("SERVFAIL", [], [])


def test_any_is_answered_with_one_set_of_records(server: Server) -> None:
    reply = server.ask(f"dual.shop.svc.{Z}", "ANY")

    assert (reply.rcode, reply.answer) == ("NOERROR", zone_text(f"dual.shop.svc.{Z}. 4 IN A 10.96.0.2"))


def test_another_zone_name_is_served_in_place_of_clusterset_local() -> None:
    server = Server("Mesh.Example.")
    server.put(vip("shop/web", "10.96.0.1"))

    assert server.ask("web.shop.svc.mesh.example", "A").answer == zone_text(
        "web.shop.svc.mesh.example. 4 IN A 10.96.0.1"
    )
    assert server.ask(f"web.shop.svc.{Z}", "A").rcode == "REFUSED"
