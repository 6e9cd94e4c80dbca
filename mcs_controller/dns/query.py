"""Reads a query off the wire, whatever was sent, and says what is wrong with it.

Regular queries (one question, at most an OPT record) are read here by hand. Anything else that may be legal,
such as a signed query, is read by dnslib, after its counts and size have been bounded: a message with
hundreds of records would take dnslib milliseconds. Nothing here raises on any input.
"""

import struct
from dataclasses import dataclass
from typing import Final

from dnslib import DNSError, DNSRecord

from mcs_controller.dns.wire import (
    FORMERR,
    HEADER_BYTES,
    LABEL_MAX_BYTES,
    NAME_MAX_BYTES,
    NOTIMP,
    TYPE_OPT,
)

QUERY_MAX_BYTES: Final = 1232
"""A question, an OPT with a cookie and padding to 468 bytes come nowhere near it."""

_EXTRA_RECORDS_MAX: Final = 4
_HEADER = struct.Struct("!HHHHHH")
_OPT_START: Final = b"\0\0\x29"


@dataclass(frozen=True, slots=True)
class Edns:
    """What the client's OPT record says."""

    payload_bytes: int
    version: int
    dnssec_ok: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A query that can be answered; `question` is as sent: name, type, class."""

    id: bytes
    recursion_desired: bool
    question: bytes
    rtype: int
    rclass: int
    edns: Edns | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A message that is not a query that we read: an error to send, or to be dropped for a reason."""

    rcode: int = FORMERR
    drop_reason: str = ""


def read_query(packet: bytes) -> Query | Fault:
    """The query in a message of any content."""
    if len(packet) < HEADER_BYTES:
        return Fault(drop_reason="short")
    _, flags, questions, answers, authorities, extras = _HEADER.unpack_from(packet)
    if flags & 0x8000:
        return Fault(drop_reason="response")
    if flags & 0x7800:
        return Fault(NOTIMP)
    if (
        len(packet) > QUERY_MAX_BYTES
        or questions != 1
        or answers
        or authorities + extras > _EXTRA_RECORDS_MAX
    ):
        return Fault()
    end = _question_end(packet)
    if end is None:
        return Fault()
    question = packet[HEADER_BYTES:end]
    rtype, rclass = struct.unpack("!HH", question[-4:])
    query = Query(packet[:2], bool(flags & 0x0100), question, rtype, rclass)
    if not authorities and not extras:
        return query if end == len(packet) else Fault()
    edns = _read_extras(packet, end) if authorities or extras > 1 else _read_opt(packet, end)
    if isinstance(edns, Fault) or edns is None:
        return query if edns is None else edns
    return Query(query.id, query.recursion_desired, question, rtype, rclass, edns)


def _question_end(packet: bytes) -> int | None:
    """Where the question ends; None when it is cut off or its name is not a plain sequence of labels."""
    at = HEADER_BYTES
    size = len(packet)
    while at < size:
        length = packet[at]
        if length > LABEL_MAX_BYTES:
            return None
        at += length + 1
        if not length:
            end = at + 4
            return end if end <= size and at - HEADER_BYTES <= NAME_MAX_BYTES else None
    return None


def _read_opt(packet: bytes, start: int) -> Edns | Fault | None:
    """The only extra record, if it is a well-formed OPT that ends the message (RFC 6891)."""
    if packet[start : start + 3] != _OPT_START:
        return _read_extras(packet, start)
    if len(packet) < start + 11:
        return Fault()
    payload, _, version, flags, size = struct.unpack_from("!HBBHH", packet, start + 3)
    at, end = start + 11, start + 11 + size
    if end != len(packet):
        return Fault()
    while at < end:
        if at + 4 > end:
            return Fault()
        at += 4 + int.from_bytes(packet[at + 2 : at + 4], "big")
    return Edns(payload, version, bool(flags & 0x8000)) if at == end else Fault()


def _read_extras(packet: bytes, start: int) -> Edns | Fault | None:
    """An unusual tail: dnslib reads it; at most one OPT, owned by the root, may be in it."""
    try:
        records = DNSRecord.parse(packet).ar
    except DNSError:
        return Fault()
    opts = [extra for extra in records if extra.rtype == TYPE_OPT]
    if not opts:
        return None
    if len(opts) > 1 or opts[0].rname.label:
        return Fault()
    return Edns(opts[0].rclass, opts[0].ttl >> 16 & 0xFF, bool(opts[0].ttl & 0x8000))
