"""Asks a DNS server one question over UDP or TCP and reads the answer: what `dig` is to a person.

For the demo, for diagnosis and for tests. It asks the server that it is given and nobody else: no search
list, no cache, no second try, and a truncated answer is returned as such. An answer that does not belong to
the question is passed over (UDP) or an error (TCP), so whatever is returned really answers it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address
from random import Random, SystemRandom
from typing import Final

from dnslib import EDNS0, QTYPE, RCODE, RR, DNSError, DNSQuestion, DNSRecord

from mcs_controller.dns.errors import DnsError

PAYLOAD_BYTES: Final = 1232
"""What we take over UDP, as in every modern resolver."""

_SYSTEM_RANDOM: Final = SystemRandom()

_UNREADABLE: Final = (DNSError, ValueError)
"""What reading an answer raises; text in a record need not be UTF-8."""


class QueryFailed(DnsError):
    """No usable answer came; the text says from whom and why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of an answer, in zone-file terms; `name` and names in `data` end with a dot."""

    name: str
    ttl_seconds: int
    type: str
    data: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `records` is the answer section; `additional` is without the OPT record."""

    rcode: str
    records: tuple[Record, ...]
    authority: tuple[Record, ...]
    additional: tuple[Record, ...]
    authoritative: bool
    truncated: bool

    def data(self, type: str) -> tuple[str, ...]:
        """The data of the answer's records of one type, sorted: their order means nothing."""
        return tuple(sorted(record.data for record in self.records if record.type == type))


async def query(
    address: tuple[str, int],
    name: str,
    type: str,
    *,
    tcp: bool = False,
    recurse: bool = False,
    timeout_seconds: float = 2.0,
    random: Random = _SYSTEM_RANDOM,
) -> Answer:
    """Ask the server at `address` for the records of `type` at `name`; `recurse` says that it may ask others.

    Raises `QueryFailed`.
    """
    question = DNSRecord(q=DNSQuestion(name, getattr(QTYPE, type)))
    question.header.id = random.getrandbits(16)
    question.header.rd = int(recurse)
    question.add_ar(EDNS0(udp_len=PAYLOAD_BYTES))
    ask = _over_tcp if tcp else _over_udp
    try:
        async with asyncio.timeout(timeout_seconds):
            return _answer(await ask(address, question))
    except TimeoutError as error:
        raise _failed(address, tcp, f"no answer within {timeout_seconds:g} s") from error
    except (OSError, EOFError) as error:
        raise _failed(address, tcp, str(error) or error.__class__.__name__) from error
    except _UNREADABLE as error:
        raise _failed(address, tcp, f"the answer cannot be read: {error}") from error


async def _over_udp(address: tuple[str, int], question: DNSRecord) -> DNSRecord:
    loop = asyncio.get_running_loop()
    received: asyncio.Future[DNSRecord] = loop.create_future()

    def read(datagram: bytes) -> None:
        reply = _parse(datagram) if len(datagram) <= PAYLOAD_BYTES and not received.done() else None
        if reply is not None and _belongs(reply, question):
            received.set_result(reply)

    def broken(error: Exception) -> None:
        if not received.done():
            received.set_exception(error)

    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(read, broken), remote_addr=address)
    try:
        transport.sendto(bytes(question.pack()))
        return await received
    finally:
        transport.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, read: Callable[[bytes], None], broken: Callable[[Exception], None]) -> None:
        self._read = read
        self._broken = broken

    def datagram_received(self, data: bytes, address: object) -> None:
        self._read(data)

    def error_received(self, error: Exception) -> None:
        self._broken(error)


async def _over_tcp(address: tuple[str, int], question: DNSRecord) -> DNSRecord:
    reader, writer = await asyncio.open_connection(*address)
    try:
        packet = bytes(question.pack())
        writer.write(len(packet).to_bytes(2, "big") + packet)
        length = int.from_bytes(await reader.readexactly(2), "big")
        reply = DNSRecord.parse(await reader.readexactly(length))
    finally:
        writer.close()
    if not _belongs(reply, question):
        raise DNSError("it answers another question")
    return reply


def _parse(datagram: bytes) -> DNSRecord | None:
    try:
        return DNSRecord.parse(datagram)
    except _UNREADABLE:
        return None


def _belongs(reply: DNSRecord, question: DNSRecord) -> bool:
    return bool(
        reply.header.qr
        and reply.header.id == question.header.id
        and len(reply.questions) == 1
        and reply.q.qtype == question.q.qtype
        and str(reply.q.qname).lower() == str(question.q.qname).lower()
    )


def _answer(reply: DNSRecord) -> Answer:
    return Answer(
        rcode=RCODE[reply.header.rcode],
        records=tuple(map(_record, reply.rr)),
        authority=tuple(map(_record, reply.auth)),
        additional=tuple(_record(record) for record in reply.ar if record.rtype != QTYPE.OPT),
        authoritative=bool(reply.header.aa),
        truncated=bool(reply.header.tc),
    )


def _record(record: RR) -> Record:
    rtype, data = QTYPE[record.rtype], str(record.rdata)
    if rtype == "AAAA":
        # One spelling on both sides: Python 3.13 writes IPv4-mapped addresses with dots, dnslib does not.
        data = str(IPv6Address(data))
    return Record(str(record.rname), record.ttl, rtype, data)


def _failed(address: tuple[str, int], tcp: bool, reason: str) -> QueryFailed:
    host, port = address
    return QueryFailed(f"DNS server {host} port {port} over {'TCP' if tcp else 'UDP'}: {reason[:256]}")
