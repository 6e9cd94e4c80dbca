"""Messages that somebody might send to hurt, legal in form or not: chosen for what they make a reader do."""

import struct
from typing import Final

from tests.dns.test_protocol import opt, query

Z: Final = "clusterset.local"
WEB: Final = f"web.shop.svc.{Z}"

_TYPE_A, _TYPE_NS, _TYPE_TSIG, _TYPE_CAA, _TYPE_UNKNOWN = 1, 2, 250, 257, 65280
_ROOT: Final = b"\0"
POINTER_TO_QUESTION: Final = b"\xc0\x0c"


def record(owner: bytes = _ROOT, rtype: int = _TYPE_A, rdata: bytes = b"\x0a\0\0\1") -> bytes:
    """A resource record of class IN."""
    return owner + struct.pack("!HHIH", rtype, 1, 0, len(rdata)) + rdata


def with_records(*records: bytes, authorities: int = 0, name: str = WEB) -> bytes:
    """A question with more behind it."""
    counts = (1, 0, authorities, len(records) - authorities)
    return query(name, counts=counts, tail=b"".join(records))


def pointer(at: int) -> bytes:
    """A compression pointer."""
    return (0xC000 | at).to_bytes(2, "big")


def _chain_of_pointers() -> bytes:
    """Each leads to the one before; four records have the last one as their name."""
    start = len(query(WEB)) + 11
    count = 420
    chain = POINTER_TO_QUESTION + b"".join(pointer(start + 2 * number) for number in range(count - 1))
    last = pointer(start + 2 * (count - 1))
    return with_records(
        record(rtype=_TYPE_UNKNOWN, rdata=chain),
        record(last, _TYPE_NS, last),
        record(last, _TYPE_NS, last),
        record(last),
    )


def _overlapping_pointers() -> bytes:
    """Two that lead to each other: the second byte of the one is the first of the other."""
    at = 0xBF
    filling = b"\0" * (at - len(query(WEB)) - len(record(rdata=b"")))
    return with_records(record(rdata=filling, rtype=_TYPE_UNKNOWN), record(b"\xc0\xc0\xbf", rdata=b"x" * 9))


def _labels(count: int) -> bytes:
    return b"\1a" * count + b"\0"


MESSAGES: Final = {
    "CAA with a tag that is no text": with_records(record(rtype=_TYPE_CAA, rdata=b"\0\2\xff\xfex")),
    "a chain of pointers": _chain_of_pointers(),
    "pointers that overlap": _overlapping_pointers(),
    "a pointer to itself": with_records(record(pointer(len(query(WEB))))),
    "a pointer ahead": with_records(record(pointer(len(query(WEB)) + 2)), record()),
    "a pointer into the header": with_records(record(pointer(4))),
    "half a pointer": with_records(b"\xc0"),
    "four names of 127 labels": with_records(*[record(_labels(127), rdata=b"")] * 4),
    "a name of 300 labels": with_records(record(_labels(300))),
    "a question of 127 labels": query(".".join("a" * 118) + f".{Z}"),
    "a question of 600 labels": query("a", tail=b"")[:12] + _labels(600) + b"\0\1\0\1",
    "an extended label": with_records(record(b"\x41a\0")),
    "300 empty options": with_records(opt(options=b"\xfd\xe9\0\0" * 270)),
    "options that end too late": with_records(opt(options=b"\0\x0a\xff\xff")),
    "three OPT records": with_records(opt(), opt(), opt()),
    "two OPT records with others between": with_records(opt(), record(), record(), opt()),
    "an OPT record with a name": with_records(opt(owner=POINTER_TO_QUESTION)),
    "an OPT record as authority": with_records(opt(), authorities=1),
    "five records": with_records(*[record()] * 5),
    "700 records said, 90 there": query(WEB, counts=(1, 0, 0, 700), tail=record(POINTER_TO_QUESTION) * 70),
    "as many records as can be said": query(WEB, counts=(1, 0, 65535, 65535), tail=record() * 70),
    "bytes behind the last record": with_records(record()) + b"\0",
    "bytes behind the OPT record": with_records(opt()) + b"\0" * 900,
    "data that is cut off": with_records(record(rdata=b"x" * 200))[:-1],
    "nothing where a record should be": with_records(record(), b""),
    "a signature of 900 bytes": with_records(opt(), record(_labels(20), _TYPE_TSIG, b"\xff" * 900)),
    "a header of ones": b"\0\0\0\0" + b"\xff" * 60,
    "4096 bytes": query(WEB, tail=b"\xff" * 4000),
}
"""By what they are."""
