"""A real CoreDNS in front, with its cache and without: what programs in a cluster get to see."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcs_controller.dnscheck.client import Answer, query
from tests.dns.coredns import CoreDns
from tests.dns.zonetext import headless, packed, piece, ready, vip
from tests.dnscheck.test_check import Ours
from tests.realkube.binaries import locate_binaries

pytestmark = pytest.mark.realkube

Z = "clusterset.local"
WEB, DB = f"web.shop.svc.{Z}", f"db.shop.svc.{Z}"
CACHED = "clusterset.local:53 {\n    errors\n    cache 30\n    forward . 10.96.0.53\n}\n"
PLAIN = CACHED.replace("    cache 30\n", "")


class InFront:
    """Our server, and CoreDNS that forwards to it."""

    def __init__(self, ours: Ours, front: CoreDns) -> None:
        self.ours = ours
        self.front = front

    async def ask(self, name: str, rtype: str, *, tcp: bool = False) -> Answer:
        return await query(("127.0.0.1", self.front.port), name, rtype, tcp=tcp)


@pytest.fixture(params=[PLAIN, CACHED], ids=["plain", "cached"])
async def in_front(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[InFront]:
    ours = Ours()
    await ours.server.serve(0, ours.pairs)
    host, port = ours.address
    front = CoreDns(locate_binaries().folder / "coredns", tmp_path)
    await front.start(request.param, zone_server=f"{host}:{port}")
    yield InFront(ours, front)
    front.stop()
    await ours.server.stop()


@pytest.mark.requirement("MCS-DNS-04", "MCS-DNS-19")
async def test_answers_and_denials_come_through_as_they_are(in_front: InFront) -> None:
    for _ in range(2):
        assert (await in_front.ask(WEB, "A")).data("A") == ("10.96.0.1",)
        assert (await in_front.ask(WEB, "AAAA")).data("AAAA") == ("fd00::1",)
        no_data = await in_front.ask(DB, "TXT")
        assert (no_data.rcode, no_data.records) == ("NOERROR", ())
        denied = await in_front.ask(f"nope.shop.svc.{Z}", "A")
        assert denied.rcode == "NXDOMAIN"
        assert [record.type for record in denied.authority] == ["SOA"]
        assert denied.authority[0].ttl_seconds <= 5


@pytest.mark.requirement("MCS-DNS-18")
async def test_a_large_answer_is_truncated_over_udp_and_whole_over_tcp(in_front: InFront) -> None:
    for _ in range(2):
        over_udp = await in_front.ask(DB, "A")
        assert over_udp.truncated
        assert len((await in_front.ask(DB, "A", tcp=True)).data("A")) == 101


@pytest.mark.requirement("MCS-DNS-17")
async def test_a_new_export_and_a_changed_one_are_seen_within_the_time_that_answers_live(
    in_front: InFront,
) -> None:
    new = f"new.shop.svc.{Z}"
    assert (await in_front.ask(new, "A")).rcode == "NXDOMAIN"
    assert (await in_front.ask(WEB, "A")).data("A") == ("10.96.0.1",)
    for imported in (vip("shop/new", "10.96.0.8"), vip("shop/web", "10.96.0.9")):
        in_front.ours.server.update(imported.service, packed(imported))

    async with asyncio.timeout(8):
        for name, address in ((new, "10.96.0.8"), (WEB, "10.96.0.9")):
            while (await in_front.ask(name, "A")).data("A") != (address,):  # noqa: ASYNC110 - a cache expires
                await asyncio.sleep(0.2)


async def test_all_endpoints_are_still_named_each_time(in_front: InFront) -> None:
    pods = [ready(f"10.5.0.{n}") for n in range(5)]
    imported = headless("shop/small")
    in_front.ours.server.update(imported.service, packed(imported, piece("shop/small", "east", *pods)))

    answers = [await in_front.ask(f"small.shop.svc.{Z}", "A") for _ in range(10)]

    assert all(len(answer.data("A")) == 5 for answer in answers)


@pytest.mark.parametrize(
    ("program", "arguments", "wanted"),
    [
        ("dig", "+short @127.0.0.1 -p {port} {name}", "10.96.0.1"),
        ("dig", "+tcp +short @127.0.0.1 -p {port} {name} AAAA", "fd00::1"),
        ("dig", "@127.0.0.1 -p {port} db.shop.svc.clusterset.local", "Truncated, retrying in TCP mode"),
        ("nslookup", "-port={port} {name} 127.0.0.1", "Address: 10.96.0.1"),
        ("nslookup", "-port={port} -type=SRV {name} 127.0.0.1", f"service = 0 100 80 {WEB}."),
        ("host", "-p {port} {name} 127.0.0.1", f"{WEB} has IPv6 address fd00::1"),
    ],
)
async def test_the_tools_that_people_use_get_their_answer(
    in_front: InFront, program: str, arguments: str, wanted: str
) -> None:
    assert shutil.which(program), f"{program} is missing: apt-get install bind9-dnsutils bind9-host"
    words = arguments.format(port=in_front.front.port, name=WEB).split()
    process = await asyncio.create_subprocess_exec(
        program, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed = " ".join((await asyncio.wait_for(process.communicate(), 30))[0].decode().split())

    assert process.returncode == 0, printed
    assert wanted in printed
