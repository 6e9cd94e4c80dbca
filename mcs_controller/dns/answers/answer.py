"""One answer, as bytes that lack only the id and the question in front; and parts of one that is too long."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import gcd
from typing import Final

from mcs_controller.dns.wire.encoding import QUESTION_POINTER, TYPE_A, TYPE_AAAA, record_head
from mcs_controller.dns.zone.records import RRset

_FITS_BEHIND_ANY_QUESTION_BYTES: Final = 224
"""In 512 bytes with a header, a question of the longest name, and an OPT record with an error in it."""

_GOLDEN: Final = 0.618

Heads = tuple[bytes, bytes, bytes, bytes]
"""Header without the id, by shape: 0 plain, 1 with RD; 2 and 3 the same with an OPT record to follow."""


class Answer:
    """One answer: `reply = id + heads[shape] + question + tail (+ OPT)`.

    `step_bytes` is not 0 when the tail is several records of one size, which are rotated from reply to reply:
    `start` is where the next one begins. A tail that is too long for a client is sent in part (`next_part`);
    `ends` says where each of its records ends when they are of several sizes. `is_positive`: the tail is
    records of what was asked for. `slot` is what it counts as. `ede` goes into the OPT.
    """

    __slots__ = ("ede", "ends", "heads", "is_positive", "rcode", "slot", "start", "step_bytes", "tail")

    def __init__(
        self,
        rcode: int,
        heads: Heads,
        tail: bytes,
        slot: int,
        *,
        ede: int | None = None,
        is_positive: bool = False,
    ) -> None:
        self.rcode = rcode
        self.heads = heads
        self.tail = tail
        self.slot = slot
        self.ede = ede
        self.is_positive = is_positive
        self.step_bytes = 0
        self.start = 0
        self.ends: Sequence[int] | None = None

    def rotate(self, count: int, begin: float) -> None:
        """The tail is so many records of one size. The next reply begins `begin` of it further, below 1."""
        unit_bytes = len(self.tail) // count
        self.step_bytes = _step(count) * unit_bytes
        self.start = int(begin * count) * unit_bytes

    def next_tail(self) -> bytes:
        """The whole tail, begun at another record each time."""
        if not self.step_bytes:
            return self.tail
        start = self.start
        self.start = (start + self.step_bytes) % len(self.tail)
        return self.tail[start:] + self.tail[:start]

    def next_part(self, room_bytes: int) -> tuple[int, bytes]:
        """As many of the records as fit, begun at another one each time: their number, and they."""
        tail, start, ends = self.tail, self.start, self.ends
        if self.step_bytes:
            unit_bytes = _first_record_bytes(tail)
            count = room_bytes // unit_bytes
            size = count * unit_bytes
            self.start = (start + self.step_bytes) % len(tail)
        elif ends is None:
            return 0, b""
        else:
            # Not all records fit, so that the part ends before it comes back to where it began.
            first = bisect_right(ends, start)
            over = start + room_bytes - len(tail)
            last = bisect_right(ends, start + room_bytes if over <= 0 else over)
            end = ends[last - 1] if last else 0
            count = last - first if over <= 0 else len(ends) - first + last
            size = end - start if over <= 0 else len(tail) - start + end
            self.start = (ends[first] if not count else end) % len(tail)
        part = tail[start : start + size]
        return count, part + tail[: size - len(part)]


def tail_of(rrset: RRset) -> tuple[bytes, Sequence[int] | None]:
    """The records of an answer in a row; and where each ends, if their sizes differ and not all may fit."""
    if rrset.rtype in (TYPE_A, TYPE_AAAA):
        size = len(next(iter(rrset.rdata)))
        head = record_head(QUESTION_POINTER, rrset.rtype, rrset.ttl_seconds, size)
        return head + head.join(rrset.rdata), None
    heads: dict[int, bytes] = {}
    records = []
    for rdata in rrset.rdata:
        size = len(rdata)
        head = heads.get(size) or heads.setdefault(
            size, record_head(QUESTION_POINTER, rrset.rtype, rrset.ttl_seconds, size)
        )
        records.append(head + rdata)
    tail = b"".join(records)
    if len(tail) <= _FITS_BEHIND_ANY_QUESTION_BYTES:
        return tail, None
    return tail, array("I", accumulate(map(len, records)))


def _first_record_bytes(records: bytes) -> int:
    return len(QUESTION_POINTER) + 10 + (records[10] << 8 | records[11])


def _step(count: int) -> int:
    """How many records further the next reply begins: each comes first once in `count` replies, and parts
    that follow each other have little in common."""
    return next(step for step in range(max(1, int(count * _GOLDEN)), count + 1) if gcd(step, count) == 1)
