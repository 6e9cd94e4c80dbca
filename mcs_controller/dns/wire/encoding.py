"""How names, records and message parts look on the wire (RFC 1035, 6891, 8914).

Only what the prebuilt answers need, and written for speed: dnslib takes 80 µs for an answer that takes 2 µs
here, and a large headless service has a thousand of them. Tests read everything made here back with dnslib.
Names are lower case throughout.
"""

import re
import socket
import struct
from typing import Final

from mcs_controller.clusterset.model import AddressFamily
from mcs_controller.dns.errors import ZoneNameError

TYPE_A: Final = 1
TYPE_NS: Final = 2
TYPE_SOA: Final = 6
TYPE_PTR: Final = 12
TYPE_TXT: Final = 16
TYPE_AAAA: Final = 28
TYPE_SRV: Final = 33
TYPE_OPT: Final = 41
TYPE_HTTPS: Final = 65
TYPE_IXFR: Final = 251
TYPE_AXFR: Final = 252
TYPE_ANY: Final = 255

CLASS_IN: Final = 1

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16

EDE_STALE_ANSWER: Final = 3
EDE_NOT_READY: Final = 14
EDE_NOT_AUTHORITATIVE: Final = 20

HEADER_BYTES: Final = 12
LABEL_MAX_BYTES: Final = 63
NAME_MAX_BYTES: Final = 255
"""A name on the wire; as text that is 253 characters (MCS-DNS-14)."""
MESSAGE_MAX_BYTES: Final = 65535

ZONE_MAX_CHARS: Final = 80
"""So that a denial of the longest name, with its SOA, still goes into 512 bytes."""

QUESTION_POINTER: Final = b"\xc0\x0c"
"""The question's name, as a compressed owner name."""

_LABEL: Final = re.compile(rb"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?")
_HOST_LABEL: Final = re.compile(rb"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RECORD: Final = struct.Struct("!HHIH")
_SRV: Final = struct.Struct("!HHH")
_OPT: Final = struct.Struct("!BHHBBHH")


def label(text: str) -> bytes | None:
    """A host name's label on the wire, or None when the text cannot be one."""
    raw = text.lower().encode("utf-8", "replace")
    return bytes((len(raw),)) + raw if _HOST_LABEL.fullmatch(raw) else None


def service_label(text: str) -> bytes | None:
    """`_text`, the form of a port's or a protocol's name (RFC 2782), or None when it cannot be a label."""
    host = label(text)
    return None if host is None or host[0] == LABEL_MAX_BYTES else bytes((host[0] + 1, 0x5F)) + host[1:]


def address_label(text: str) -> bytes:
    """A valid address as a label, for an endpoint that has no hostname (MCS-DNS-07)."""
    raw = text.lower().replace(".", "-").replace(":", "-").encode()
    return bytes((len(raw),)) + raw


def labels(text: str) -> bytes | None:
    """Several labels with dots between them, without the root; None when one of them cannot be a label."""
    parts = [label(part) for part in text.split(".")]
    return b"".join(part for part in parts if part is not None) if None not in parts else None


def origin_name(zone: str) -> bytes:
    """The zone's own name on the wire. Raises `ZoneNameError`."""
    raw_labels = [part.lower().encode("utf-8", "replace") for part in zone.rstrip(".").split(".")]
    if not all(_LABEL.fullmatch(raw) for raw in raw_labels):
        raise ZoneNameError(f"{zone[:256]!r} is not a DNS name: use something like clusterset.local")
    if len(zone) > ZONE_MAX_CHARS:
        raise ZoneNameError(
            f"{zone[:40]!r}... has {len(zone)} characters: a zone's name has {ZONE_MAX_CHARS} at most"
        )
    return b"".join(bytes((len(raw),)) + raw for raw in raw_labels) + b"\0"


def label_offsets(name: bytes) -> list[int]:
    """Where each label of a well-formed name begins, the root left out."""
    offsets = []
    at = 0
    while size := name[at]:
        offsets.append(at)
        at += size + 1
    return offsets


def packed_address(family: AddressFamily, text: str) -> bytes | None:
    """The address as A or AAAA holds it, or None when the text is no address of that family."""
    try:
        return socket.inet_pton(socket.AF_INET if family == "IPv4" else socket.AF_INET6, text)
    except (OSError, ValueError):
        return None


def srv_rdata(port: int, target: bytes) -> bytes:
    """An SRV record's data. All records weigh the same; the target is never compressed (RFC 2782)."""
    return _SRV.pack(0, 100, port) + target


def record_head(owner: bytes, rtype: int, ttl_seconds: int, rdata_bytes: int) -> bytes:
    """What comes before a record's data."""
    return owner + _RECORD.pack(rtype, CLASS_IN, ttl_seconds, rdata_bytes)


def record(owner: bytes, rtype: int, ttl_seconds: int, rdata: bytes) -> bytes:
    """One resource record of class IN; `owner` is a whole name or a pointer."""
    return record_head(owner, rtype, ttl_seconds, len(rdata)) + rdata


def pointer(offset: int) -> bytes:
    """A compression pointer to an earlier place in the message."""
    return (0xC000 | offset).to_bytes(2, "big")


def opt_record(
    payload_bytes: int, *, rcode: int = NOERROR, dnssec_ok: bool = False, ede: int | None = None
) -> bytes:
    """The OPT record of an answer: version 0, DO as the client sent it, an Extended DNS Error if any."""
    options = b"" if ede is None else struct.pack("!HHH", 15, 2, ede)
    flags = 0x8000 if dnssec_ok else 0
    return _OPT.pack(0, TYPE_OPT, payload_bytes, rcode >> 4, 0, flags, len(options)) + options


def response_head(
    *,
    rcode: int,
    recursion_desired: bool,
    authoritative: bool,
    truncated: bool,
    counts: tuple[int, int, int, int],
    opcode: int = 0,
) -> bytes:
    """The header after the id: flags of a response, and the four counts."""
    flags = 0x8000 | opcode << 11 | (rcode & 0xF)
    flags |= (0x0400 if authoritative else 0) | (0x0200 if truncated else 0)
    flags |= 0x0100 if recursion_desired else 0
    return struct.pack("!HHHHH", flags, *counts)
