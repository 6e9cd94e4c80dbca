"""CoreDNS answers the names of our DNS table from what we write, and answers as our server does.

And each question on which they differ is listed with the requirement that decides it, and
with what CoreDNS says, so that a difference that comes or goes is seen. TTLs, SRV weights and the authority
and additional sections are everyone's own.
"""

from __future__ import annotations

import pytest

from mcs_controller.dnscheck.client import Answer
from tests.coredns.conftest import ZONE, Pair

SAME = """
Z                                    A
svc.Z                                A
NS.svc.Z                             A
nope.svc.Z                           A
web.nope.svc.Z                       A
nope.NS.svc.Z                        A
nope.NS.svc.Z                        SRV
web.NS.Z                             A
web.NS.pod.Z                         A
web.NS.svc.Z                         A
web.NS.svc.Z                         AAAA
web.NS.svc.Z                         SRV
web.NS.svc.Z                         TXT
web.NS.svc.Z                         MX
WEB.NS.svc.Z                         A
plain.NS.svc.Z                       A
plain.NS.svc.Z                       AAAA
plain.NS.svc.Z                       SRV
_http._tcp.web.NS.svc.Z              SRV
_talk._udp.web.NS.svc.Z              SRV
_http._udp.web.NS.svc.Z              SRV
_nope._tcp.web.NS.svc.Z              SRV
east.web.NS.svc.Z                    A
_http._tcp.east.web.NS.svc.Z         SRV
db.NS.svc.Z                          A
db.NS.svc.Z                          AAAA
db.NS.svc.Z                          SRV
db.NS.svc.Z                          TXT
_pg._tcp.db.NS.svc.Z                 SRV
_metrics._tcp.db.NS.svc.Z            SRV
_nope._tcp.db.NS.svc.Z               SRV
_pg._tcp.east.db.NS.svc.Z            SRV
db-3.east.db.NS.svc.Z                A
db-3.east.db.NS.svc.Z                AAAA
db-3.east.db.NS.svc.Z                TXT
db-4.east.db.NS.svc.Z                A
db-3.west.db.NS.svc.Z                A
10-7-0-12.west.db.NS.svc.Z           A
10-7-0-12.west.db.NS.svc.Z           AAAA
fd07--c.west.db.NS.svc.Z             AAAA
a.db-3.east.db.NS.svc.Z              A
north.db.NS.svc.Z                    A
v4.NS.svc.Z                          A
v4.NS.svc.Z                          AAAA
v4.NS.svc.Z                          SRV
10-7-0-5.east.v4.NS.svc.Z            A
away.NS.svc.Z                        A
away.NS.svc.Z                        SRV
_http._tcp.away.NS.svc.Z             SRV
10-7-0-6.east.away.NS.svc.Z          A
"""

# What is wanted of us by the specification's table, and what CoreDNS says instead.
DIFFERENT = {
    "version 1.0.0 of the schema is what the specification says": (
        "dns-version.Z TXT",
        ("NOERROR", ['"1.0.0"']),
        ("NOERROR", ['"1.1.0"']),
    ),
    "a name that exists has no data of other types (MCS-DNS-19)": (
        "dns-version.Z A",
        ("NOERROR", []),
        ("NXDOMAIN", []),
    ),
    "a zone has a name server": ("Z NS", ("NOERROR", [f"ns.dns.{ZONE}."]), ("NOERROR", [])),
    "a port's name has only SRV": (
        "_http._tcp.v4.NS.svc.Z A",
        ("NOERROR", []),
        ("NOERROR", ["10.7.0.5"]),
    ),
    "a port without a name has none (MCS-DNS-08)": (
        "_._tcp.plain.NS.svc.Z SRV",
        ("NXDOMAIN", []),
        ("NOERROR", ["9000 plain.NS.svc.Z."]),
    ),
    "a protocol with a named port below is no denial": (
        "_tcp.web.NS.svc.Z SRV",
        ("NOERROR", []),
        ("NXDOMAIN", []),
    ),
    "a cluster's name with hosts below is no denial (MCS-DNS-12)": (
        "east.db.NS.svc.Z A",
        ("NOERROR", []),
        ("NXDOMAIN", []),
    ),
    "a host has only addresses": (
        "db-3.east.db.NS.svc.Z SRV",
        ("NOERROR", []),
        ("NOERROR", ["5432 db-3.east.db.NS.svc.Z.", "9187 db-3.east.db.NS.svc.Z."]),
    ),
    "no name selects backends of a clusterset IP (MCS-DNS-12)": (
        "10-7-0-1.east.web.NS.svc.Z A",
        ("NXDOMAIN", []),
        ("NOERROR", ["10.7.0.1"]),
    ),
}


def rows() -> list[str]:
    return [" ".join(line.split()) for line in SAME.strip().splitlines()]


def spelled_out(text: str, pair: Pair) -> str:
    return text.replace("NS", pair.namespace).replace("Z", ZONE)


def question(row: str, pair: Pair) -> tuple[str, str]:
    name, kind = row.split()
    return spelled_out(name, pair), kind


def content(answer: Answer) -> tuple[str, list[str]]:
    """Response code and data, of SRV records port and target."""
    found = (
        record.data.split(maxsplit=2)[2] if record.type == "SRV" else record.data for record in answer.records
    )
    return answer.rcode, sorted(found)


@pytest.mark.parametrize("row", rows())
@pytest.mark.requirement(
    "MCS-DNS-04",
    "MCS-DNS-05",
    "MCS-DNS-06",
    "MCS-DNS-07",
    "MCS-DNS-09",
    "MCS-DNS-10",
    "MCS-DNS-11",
    "MCS-DNS-15",
    "MCS-API-03",
    "MCS-EPS-02",
)
async def test_coredns_reads_what_we_write_and_answers_as_our_server_does(pair: Pair, row: str) -> None:
    ours, theirs = [await server.ask(*question(row, pair)) for server in (pair.ours, pair.coredns)]
    assert content(ours) == content(theirs)
    assert (ours.authoritative, theirs.authoritative) == (True, True)
    for ours_one, theirs_one in zip(ours.records, theirs.records, strict=True):
        assert ours_one.type == theirs_one.type
        assert ours_one.name.lower() == theirs_one.name.lower()


@pytest.mark.parametrize("why", DIFFERENT)
@pytest.mark.requirement("MCS-DNS-08", "MCS-DNS-12", "MCS-DNS-19")
async def test_where_coredns_differs_our_server_does_what_the_specification_says(
    pair: Pair, why: str
) -> None:
    row, wanted, of_coredns = DIFFERENT[why]
    for server, (rcode, data) in ((pair.ours, wanted), (pair.coredns, of_coredns)):
        expected = (rcode, [spelled_out(one, pair) for one in data])
        assert content(await server.ask(*question(row, pair))) == expected, server.name


async def test_the_comparison_has_answers_in_it(pair: Pair) -> None:
    """A pair of servers that know nothing would agree, too."""
    answered = [row for row in rows() if (await pair.coredns.ask(*question(row, pair))).records]
    assert len(answered) == 20
