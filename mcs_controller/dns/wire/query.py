"""Reads a query off the wire, whatever was sent, and says what is wrong with it.

All of it is read here by hand, and no more than has to be: the question, and of the records behind it where
each one ends. A name in them is passed over and its pointers are not followed; of their data only an OPT
record's is looked at. Every count has a bound, so that no message costs much more than a plain one, and
nothing here raises on any input.
"""

import struct
from dataclasses import dataclass
from typing import Final

from mcs_controller.dns.wire.encoding import (
    FORMERR,
    HEADER_BYTES,
    LABEL_MAX_BYTES,
    NAME_MAX_BYTES,
    NOTIMP,
    TYPE_OPT,
)

QUERY_MAX_BYTES: Final = 1232
"""A question, an OPT with a cookie and padding to 468 bytes come nowhere near it."""

EXTRA_RECORDS_MAX: Final = 4
"""Behind the question: an OPT and a signature are two."""

EXTRA_LABELS_MAX: Final = 128
"""Of all their names together: one name has 127 at most."""

OPTIONS_MAX: Final = 16
"""Of an OPT record: clients send two or three."""

_POINTER_MASK: Final = 0xC0
_HEADER: Final = struct.Struct("!HHHHHH")
_OPT: Final = struct.Struct("!HBBH")
_RECORD_FIXED_BYTES: Final = 10


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


_UNREADABLE: Final = Fault()


def read_query(packet: bytes) -> Query | Fault:
    """The query in a message of any content."""
    if len(packet) < HEADER_BYTES:
        return Fault(drop_reason="short")
    _, flags, questions, answers, authorities, extras = _HEADER.unpack_from(packet)
    if flags & 0x8000:
        return Fault(drop_reason="response")
    if flags & 0x7800:
        return Fault(NOTIMP)
    if len(packet) > QUERY_MAX_BYTES or questions != 1 or answers or authorities + extras > EXTRA_RECORDS_MAX:
        return _UNREADABLE
    end = _question_end(packet)
    if end is None:
        return _UNREADABLE
    edns: Edns | None = None
    if authorities or extras:
        read = _read_records(packet, end, authorities, extras)
        if isinstance(read, Fault):
            return read
        edns = read
    elif end != len(packet):
        return _UNREADABLE
    question = packet[HEADER_BYTES:end]
    rtype, rclass = question[-4] << 8 | question[-3], question[-2] << 8 | question[-1]
    return Query(packet[:2], bool(flags & 0x0100), question, rtype, rclass, edns)


def _question_end(packet: bytes) -> int | None:
    """Where the question ends; None when it is cut off or its name is not a plain sequence of labels."""
    at = HEADER_BYTES
    size = len(packet)
    name_end_max = min(size, HEADER_BYTES + NAME_MAX_BYTES)
    while at < name_end_max:
        length = packet[at]
        if length > LABEL_MAX_BYTES:
            return None
        at += length + 1
        if not length:
            return at + 4 if at + 4 <= size else None
    return None


def _read_records(packet: bytes, at: int, authorities: int, extras: int) -> Edns | Fault | None:
    """What the records behind the question say of EDNS; they have to end where the message does.

    There may be one OPT record, owned by the root, anywhere in the additional section (RFC 6891, 6.1.1).
    """
    size = len(packet)
    labels_left = EXTRA_LABELS_MAX
    edns: Edns | None = None
    for number in range(authorities + extras):
        owner_at = at
        while at < size and (length := packet[at]):
            if length > LABEL_MAX_BYTES:
                # A pointer ends a name, and leads back to an earlier one.
                if length < _POINTER_MASK or at + 1 >= size or not _leads_back(packet, at, owner_at):
                    return _UNREADABLE
                at += 1
                break
            labels_left -= 1
            if labels_left < 0:
                return _UNREADABLE
            at += length + 1
        at += 1
        data_at = at + _RECORD_FIXED_BYTES
        if data_at > size or at - owner_at > NAME_MAX_BYTES:
            return _UNREADABLE
        end = data_at + (packet[data_at - 2] << 8 | packet[data_at - 1])
        if end > size:
            return _UNREADABLE
        if packet[at] << 8 | packet[at + 1] == TYPE_OPT:
            if edns is not None or number < authorities or at - owner_at > 1:
                return _UNREADABLE
            if not _are_options(packet, data_at, end):
                return _UNREADABLE
            payload_bytes, _, version, flags = _OPT.unpack_from(packet, at + 2)
            edns = Edns(payload_bytes, version, bool(flags & 0x8000))
        at = end
    return edns if at == size else _UNREADABLE


def _leads_back(packet: bytes, at: int, owner_at: int) -> bool:
    """Whether the pointer leads to a place behind the header and before its own name (RFC 1035, 4.1.4)."""
    return HEADER_BYTES <= (packet[at] & 0x3F) << 8 | packet[at + 1] < owner_at


def _are_options(packet: bytes, at: int, end: int) -> bool:
    """Whether an OPT record's data is a number of whole options."""
    for _ in range(OPTIONS_MAX):
        if at + 4 > end:
            break
        at += 4 + (packet[at + 2] << 8 | packet[at + 3])
    return at == end
