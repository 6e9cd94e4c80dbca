"""The DNS client against a server of the test's own making, over real loopback sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from ipaddress import IPv6Address
from random import Random
from typing import cast

import pytest
from dnslib import EDNS0, QTYPE, RD, RR, DNSQuestion, DNSRecord

from mcs_controller.dnscheck.client import PAYLOAD_BYTES, QueryFailed, Record, query

Answerer = Callable[[DNSRecord], Iterator[bytes]]
"""From a question to the packets that the server sends."""

NAME = "web.shop.svc.clusterset.local"


@asynccontextmanager
async def server(answer: Answerer) -> AsyncIterator[tuple[str, int]]:
    """UDP and TCP on one port."""

    class Udp(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
            for packet in answer(DNSRecord.parse(data)):
                self.transport.sendto(packet, address)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = DNSRecord.parse(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
        for packet in answer(question):
            writer.write(len(packet).to_bytes(2, "big") + packet)
        writer.close()

    loop = asyncio.get_running_loop()
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    address: tuple[str, int] = listener.sockets[0].getsockname()
    transport, _ = await loop.create_datagram_endpoint(Udp, local_addr=address)
    try:
        yield address
    finally:
        transport.close()
        listener.close()
        await listener.wait_closed()


def reply(question: DNSRecord, zone: str = "", *, rcode: int = 0, tc: int = 0) -> DNSRecord:
    """What a good server sends."""
    made = question.reply(ra=0)
    made.header.rcode, made.header.tc = rcode, tc
    for record in RR.fromZone(zone):
        made.add_answer(record)
    return made


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_records_come_back_in_zone_file_terms(tcp: bool) -> None:
    def answer(question: DNSRecord) -> Iterator[bytes]:
        yield bytes(reply(question, f"{NAME}. 4 IN A 10.101.0.2\n{NAME}. 4 IN A 10.101.0.1").pack())

    async with server(answer) as address:
        got = await query(address, NAME, "A", tcp=tcp)
    assert got.rcode == "NOERROR"
    assert got.authoritative
    assert not got.truncated
    assert got.records[0] == Record(f"{NAME}.", 4, "A", "10.101.0.2")
    assert got.data("A") == ("10.101.0.1", "10.101.0.2")
    assert got.data("AAAA") == ()


async def test_an_address_is_spelt_as_this_python_spells_it() -> None:
    def answer(question: DNSRecord) -> Iterator[bytes]:
        yield bytes(reply(question, f"{NAME}. 4 IN AAAA ::ffff:a00:1").pack())

    async with server(answer) as address:
        got = await query(address, NAME, "AAAA")
    assert got.data("AAAA") == (str(IPv6Address("::ffff:10.0.0.1")),)


async def test_a_denial_shows_its_response_code_and_the_zones_soa() -> None:
    def answer(question: DNSRecord) -> Iterator[bytes]:
        denial = reply(question, rcode=3)
        denial.add_auth(*RR.fromZone("clusterset.local. 4 IN SOA ns.dns. mail. 1 2 3 4 5"))
        yield bytes(denial.pack())

    async with server(answer) as address:
        got = await query(address, NAME, "A")
    assert (got.rcode, got.records) == ("NXDOMAIN", ())
    assert [record.type for record in got.authority] == ["SOA"]


async def test_a_truncated_answer_says_so() -> None:
    async with server(lambda question: iter([bytes(reply(question, tc=1).pack())])) as address:
        assert (await query(address, NAME, "A")).truncated


async def test_over_udp_answers_to_other_questions_and_noise_are_passed_over() -> None:
    def answer(question: DNSRecord) -> Iterator[bytes]:
        yield b"noise"
        other = reply(question, f"{NAME}. 4 IN A 10.0.0.66")
        other.header.id = question.header.id ^ 1
        yield bytes(other.pack())
        elsewhere = reply(DNSRecord.question("else.where"), "else.where. 4 IN A 10.0.0.66")
        elsewhere.header.id = question.header.id
        yield bytes(elsewhere.pack())
        yield bytes(question.pack())
        yield bytes(reply(question, f"{NAME}. 4 IN A 10.0.0.1").pack())

    async with server(answer) as address:
        assert (await query(address, NAME, "A")).data("A") == ("10.0.0.1",)


def not_text(question: DNSRecord) -> bytes:
    """An answer to the question with a CAA record whose text is no UTF-8."""
    made = reply(question)
    made.add_answer(RR(NAME, QTYPE.CAA, rdata=RD(b"\x00\x05\xff\xfe\xfd\xfc\xfbx")))
    return bytes(made.pack())


async def test_over_tcp_an_answer_that_is_no_text_is_a_failure() -> None:
    async with server(lambda question: iter([not_text(question)])) as address:
        with pytest.raises(QueryFailed, match=r"over TCP: the answer cannot be read: .*decode"):
            await query(address, NAME, "A", tcp=True)


async def test_over_udp_what_cannot_be_read_or_is_longer_than_we_take_is_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(question: DNSRecord) -> Iterator[bytes]:
        yield not_text(question)
        long = reply(question)
        for number in range(100):
            long.add_answer(*RR.fromZone(f"{NAME}. 4 IN A 10.0.1.{number}"))
        yield bytes(long.pack())
        yield bytes(reply(question, f"{NAME}. 4 IN A 10.0.0.1").pack())

    async with server(answer) as address:
        assert (await query(address, NAME, "A")).data("A") == ("10.0.0.1",)
    assert caplog.text == ""


async def test_over_tcp_an_answer_to_another_question_is_refused() -> None:
    async with server(lambda _: iter([bytes(DNSRecord.question("else.where").reply().pack())])) as address:
        with pytest.raises(
            QueryFailed, match="over TCP: the answer cannot be read: it answers another question"
        ):
            await query(address, NAME, "A", tcp=True)


async def test_a_silent_server_is_given_up_at_the_deadline() -> None:
    async with server(lambda _: iter(())) as address:
        with pytest.raises(QueryFailed, match=r"over UDP: no answer within 0\.05 s"):
            await query(address, NAME, "A", timeout_seconds=0.05)


async def test_a_connection_that_ends_early_is_a_failure() -> None:
    async with server(lambda _: iter(())) as address:
        with pytest.raises(QueryFailed, match="over TCP"):
            await query(address, NAME, "A", tcp=True)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_nobody_listening_is_a_failure_that_names_the_server(tcp: bool) -> None:
    async with server(lambda _: iter(())) as address:
        pass
    with pytest.raises(QueryFailed, match=f"DNS server 127.0.0.1 port {address[1]} over") as error:
        await query(address, NAME, "A", tcp=tcp, timeout_seconds=20)
    assert ("over TCP: " if tcp else "over UDP: ") in str(error.value)
    assert "no answer within" not in str(error.value), "who is not there says so at once"


@pytest.mark.looptime
async def test_unless_told_otherwise_it_waits_two_seconds() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(QueryFailed, match="over UDP: no answer within 2 s"):
            await query(silent.getsockname(), NAME, "A")


async def test_what_it_asks_is_one_plain_question_with_a_number_by_chance_and_edns() -> None:
    asked: list[DNSRecord] = []

    def answer(question: DNSRecord) -> Iterator[bytes]:
        asked.append(question)
        yield bytes(reply(question).pack())

    async with server(answer) as address:
        for tcp in (False, True):
            await query(address, NAME, "SRV", tcp=tcp, random=Random(1))
    for question in asked:
        assert question.header.id == Random(1).getrandbits(16)
        assert (question.header.rd, question.header.qr) == (0, 0)
        assert (str(question.q.qname), QTYPE[question.q.qtype]) == (f"{NAME}.", "SRV")
        (opt,) = question.ar
        assert (opt.rtype, opt.edns_len) == (QTYPE.OPT, PAYLOAD_BYTES)
    assert len(asked) == 2


async def test_an_answer_s_other_sections_are_told_without_the_opt_record() -> None:
    def answer(question: DNSRecord) -> Iterator[bytes]:
        made = reply(question, f"{NAME}. 4 IN A 10.0.0.1")
        made.header.aa = 0
        made.add_auth(*RR.fromZone("clusterset.local. 5 IN NS ns.clusterset.local."))
        made.add_ar(*RR.fromZone("ns.clusterset.local. 6 IN A 10.0.0.2"), EDNS0(udp_len=1232))
        yield bytes(made.pack())

    async with server(answer) as address:
        got = await query(address, NAME, "A")

    assert got.records == (Record(f"{NAME}.", 4, "A", "10.0.0.1"),)
    assert got.authority == (Record("clusterset.local.", 5, "NS", "ns.clusterset.local."),)
    assert got.additional == (Record("ns.clusterset.local.", 6, "A", "10.0.0.2"),)
    assert not got.authoritative


@pytest.mark.parametrize("change", ["type", "questions", "query"])
async def test_over_udp_an_answer_that_is_none_to_this_question_is_passed_over(change: str) -> None:
    def answer(question: DNSRecord) -> Iterator[bytes]:
        other = reply(question, f"{NAME}. 4 IN A 10.0.0.66")
        match change:
            case "type":
                other.questions = [DNSQuestion(NAME, QTYPE.AAAA)]
            case "questions":
                other.questions = [DNSQuestion(NAME), DNSQuestion(NAME)]
            case "query":
                other.header.qr = 0
        yield bytes(other.pack())
        right = reply(question, f"{NAME}. 4 IN A 10.0.0.1")
        right.questions = [DNSQuestion(NAME.upper())]
        yield bytes(right.pack())

    async with server(answer) as address:
        assert (await query(address, NAME, "A")).data("A") == ("10.0.0.1",)
