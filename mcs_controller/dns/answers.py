"""The answers, as bytes that only want an id and the question in front.

An answer is made when its question is first asked after a change and kept in `ready_made`, a dict from the
question's bytes in lower case (name, type, class), which is all that the fast path looks at. A change of a
service throws away that service's answers and nothing else. Answers about names that belong to no service
("does not exist") are kept too, up to a bound, until some service comes or goes. Until `open()` everything
is SERVFAIL (MCS-DNS-20).

Invariant: whatever is in `ready_made` is what `find` would answer now.
"""

from collections.abc import Iterable
from math import gcd
from random import Random
from typing import Final

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.counters import slot_of
from mcs_controller.dns.packed import PackedService
from mcs_controller.dns.records import RRset
from mcs_controller.dns.wire import (
    EDE_NOT_READY,
    EDE_STALE_ANSWER,
    HEADER_BYTES,
    NOERROR,
    NXDOMAIN,
    QUESTION_POINTER,
    SERVFAIL,
    TYPE_A,
    TYPE_AAAA,
    TYPE_SOA,
    TYPE_SRV,
    opt_record,
    pointer,
    record,
    response_head,
)
from mcs_controller.dns.zone import APEX_TTL_SECONDS, Found, Zone

KEPT_TYPES: Final = frozenset((TYPE_A, TYPE_AAAA, TYPE_SRV))
"""These are always kept of names that exist; a client can make up types, and names below a service."""

MADE_UP_KEPT_MAX: Final = 64
"""Of a service, so that neither can fill the memory."""

UNOWNED_KEPT_MAX: Final = 10_000
OWNED_KEPT_MAX: Final = 200_000
"""More than that, and all are made again when next asked for: hosts' names alone can be many more."""

_COUNT_MAX: Final = 65535
_RECORD_HEAD_BYTES: Final = 12
"""Before a record's data, with a compressed owner."""

_GOLDEN: Final = 0.618

Heads = tuple[bytes, bytes, bytes, bytes]
"""Header without the id, by shape: 0 plain, 1 with RD; 2 and 3 the same with an OPT record to follow."""


class Answer:
    """One answer: `reply = id + heads[shape] + question + tail (+ OPT)`.

    `step_bytes` is not 0 when the tail is several records of one size, which are rotated from reply to reply:
    `start` is where the next one begins. A tail that is too long for a client is sent in part (`part`).
    `slot` is what it counts as. `ede` goes into the OPT.
    """

    __slots__ = ("ede", "heads", "rcode", "slot", "start", "step_bytes", "tail")

    def __init__(self, rcode: int, heads: Heads, tail: bytes, slot: int, *, ede: int | None = None) -> None:
        self.rcode = rcode
        self.heads = heads
        self.tail = tail
        self.slot = slot
        self.ede = ede
        self.step_bytes = 0
        self.start = 0

    def next_tail(self) -> bytes:
        """The whole tail, begun at another record each time."""
        if not self.step_bytes:
            return self.tail
        start = self.start
        self.start = (start + self.step_bytes) % len(self.tail)
        return self.tail[start:] + self.tail[:start]

    def next_part(self, room_bytes: int) -> tuple[int, bytes]:
        """As many of the records as fit, begun at another one each time: their number, and they."""
        tail, start = self.tail, self.start
        if self.step_bytes:
            unit_bytes = _record_bytes(tail, 0)
            count = room_bytes // unit_bytes
            size = count * unit_bytes
            self.start = (start + self.step_bytes) % len(tail)
        else:
            count = size = 0
            at = start
            while (fits := size + _record_bytes(tail, at)) <= room_bytes:
                at = (start + fits) % len(tail)
                size = fits
                count += 1
            self.start = at
        part = tail[start : start + size]
        return count, part + tail[: size - len(part)]


class Answers:
    """All answers of one zone. The owner feeds it services with `update`, and says `open()` when in step."""

    def __init__(self, zone: Zone, *, random: Random, payload_limit_bytes: int = 1232) -> None:
        self.zone = zone
        self.payload_limit_bytes = payload_limit_bytes
        self.ready_made: dict[bytes, Answer] = {}
        self.opts: dict[bytes, bytes] = {}
        self.is_open = False
        self.stale = False
        self._random = random
        self._kept: dict[bytes, list[bytes]] = {}
        self._unowned: list[bytes] = []
        self._heads: dict[tuple[int, int, int, bool], Heads] = {}
        self._set_opts(None)

    def open(self) -> None:
        """The zone is complete: answer from it. There is no way back."""
        self.is_open = True

    def set_stale(self, stale: bool) -> None:
        """Whether answers carry "stale answer" (RFC 8914) for clients that can see it."""
        if stale != self.stale:
            self.stale = stale
            self._set_opts(EDE_STALE_ANSWER if stale else None)

    def update(self, service: ServiceKey, packed: PackedService | None) -> None:
        """Take over a service as it is now, None when it is gone."""
        change = self.zone.update(service, packed)
        if change is None:
            return
        self._forget_service(change.service)
        if change.came_or_went:
            self._forget_unowned()

    def find(self, question: bytes) -> Answer | None:
        """The answer to a well-formed lower-case question of class IN; None when it is not in the zone."""
        kept = self.ready_made.get(question)
        if kept is not None:
            return kept
        name, rtype = question[:-4], int.from_bytes(question[-4:-2], "big")
        found = self.zone.find(name, rtype)
        if found is None:
            return None
        if not self.is_open:
            return Answer(SERVFAIL, self.heads(SERVFAIL), b"", slot_of(rtype, SERVFAIL), ede=EDE_NOT_READY)
        answer = self._build(found, name, rtype)
        self._keep(question, answer, found, made_up=rtype not in KEPT_TYPES or found.rrset is None)
        return answer

    def heads(
        self, rcode: int, answer_count: int = 0, authority_count: int = 0, *, truncated: bool = False
    ) -> Heads:
        """Headers without the id, shared by all answers that have the same."""
        key = (rcode, answer_count, authority_count, truncated)
        known = self._heads.get(key)
        if known is None:
            known = self._heads[key] = _make_heads(rcode, answer_count, authority_count, truncated)
        return known

    def part(self, answer: Answer, room_bytes: int, *, truncated: bool) -> tuple[Heads, bytes]:
        """Headers and tail of what fits of an answer into so much room behind the question."""
        count, tail = answer.next_part(room_bytes)
        return self.heads(answer.rcode, count, truncated=truncated), tail

    def _build(self, found: Found, name: bytes, rtype: int) -> Answer:
        if found.rrset is None:
            return self._negative(NXDOMAIN, rtype, name)
        if not found.rrset.rdata:
            return self._negative(NOERROR, rtype, name)
        return self._positive(found.rrset, slot_of(rtype, NOERROR))

    def _positive(self, rrset: RRset, slot: int) -> Answer:
        records = [record(QUESTION_POINTER, rrset.rtype, rrset.ttl_seconds, rdata) for rdata in rrset.rdata]
        count = len(records)
        # More than a message can count never go into one.
        answer = Answer(NOERROR, self.heads(NOERROR, min(count, _COUNT_MAX)), b"".join(records), slot)
        if rrset.rtype in (TYPE_A, TYPE_AAAA) and count > 1:
            unit_bytes = len(records[0])
            answer.step_bytes = _step(count) * unit_bytes
            answer.start = self._random.randrange(count) * unit_bytes
        return answer

    def _negative(self, rcode: int, rtype: int, name: bytes) -> Answer:
        """NXDOMAIN or NODATA, with the SOA that says how long it holds (MCS-DNS-17)."""
        owner = pointer(HEADER_BYTES + len(name) - len(self.zone.origin))
        soa = record(owner, TYPE_SOA, APEX_TTL_SECONDS, self.zone.soa)
        return Answer(rcode, self.heads(rcode, 0, 1), soa, slot_of(rtype, rcode))

    def _keep(self, question: bytes, answer: Answer, found: Found, *, made_up: bool) -> None:
        if found.service is not None:
            if len(self.ready_made) >= OWNED_KEPT_MAX:
                for service in tuple(self._kept):
                    self._forget_service(service)
            kept = self._kept.setdefault(found.service, [])
            if made_up and len(kept) >= MADE_UP_KEPT_MAX:
                return
            kept.append(question)
        else:
            if len(self._unowned) >= UNOWNED_KEPT_MAX:
                self._forget_unowned()
            self._unowned.append(question)
        self.ready_made[question] = answer

    def _forget_service(self, service: bytes) -> None:
        self._forget(self._kept.pop(service, ()))

    def _forget_unowned(self) -> None:
        self._forget(self._unowned)
        self._unowned = []

    def _forget(self, questions: Iterable[bytes]) -> None:
        for question in questions:
            del self.ready_made[question]

    def _set_opts(self, ede: int | None) -> None:
        """Our OPT by the rest of the client's (extended code, version, flags, no options)."""
        for dnssec_ok, rest in ((False, b"\0\0\0\0\0\0"), (True, b"\0\0\x80\0\0\0")):
            self.opts[rest] = opt_record(self.payload_limit_bytes, dnssec_ok=dnssec_ok, ede=ede)


def _make_heads(rcode: int, answer_count: int, authority_count: int, truncated: bool) -> Heads:
    """The four headers of an answer, by shape."""
    plain, asked, with_opt, asked_with_opt = (
        response_head(
            rcode=rcode & 0xF,
            recursion_desired=recursion_desired,
            authoritative=rcode in (NOERROR, NXDOMAIN),
            truncated=truncated,
            counts=(1, answer_count, authority_count, additional),
        )
        for additional in (0, 1)
        for recursion_desired in (False, True)
    )
    return plain, asked, with_opt, asked_with_opt


def _record_bytes(records: bytes, at: int) -> int:
    """The size of the record that begins there."""
    return _RECORD_HEAD_BYTES + (records[at + 10] << 8 | records[at + 11])


def _step(count: int) -> int:
    """How many records further the next reply begins: each comes first once in `count` replies, and parts
    that follow each other have little in common."""
    return next(step for step in range(max(1, int(count * _GOLDEN)), count + 1) if gcd(step, count) == 1)
