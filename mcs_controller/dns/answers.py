"""The answers, as bytes that only want an id and the question in front.

An answer is made when its question is first asked after a change and kept in `ready_made`, a dict from the
question's bytes in lower case (name, type, class), which is all that the fast path looks at. A change of a
service throws away that service's answers and nothing else. Answers about names that belong to no service
("does not exist") are kept too, up to a bound, until some service comes or goes. Until `open()` everything
is SERVFAIL (MCS-DNS-20).

Invariant: whatever is in `ready_made` is what `find` would answer now.
"""

from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

from mcs_controller.clusterset.model import ImportedSlice, LocalImport, ServiceKey
from mcs_controller.dns.counters import slot_of
from mcs_controller.dns.records import RRset
from mcs_controller.dns.wire import (
    EDE_NOT_READY,
    EDE_STALE_ANSWER,
    HEADER_BYTES,
    MESSAGE_MAX_BYTES,
    NOERROR,
    NXDOMAIN,
    QUESTION_POINTER,
    SERVFAIL,
    TYPE_A,
    TYPE_AAAA,
    TYPE_ANY,
    TYPE_SOA,
    TYPE_SRV,
    opt_record,
    pointer,
    record,
    response_head,
)
from mcs_controller.dns.zone import APEX_TTL_SECONDS, Found, Zone

KEPT_TYPES: Final = frozenset((TYPE_A, TYPE_AAAA, TYPE_SRV))
"""Only these are kept: a client can ask for 65,536 types of each name."""

UNOWNED_KEPT_MAX: Final = 10_000
_OPT_BYTES: Final = 17
"""Our OPT record, with an Extended DNS Error in it."""

Heads = tuple[bytes, bytes, bytes, bytes]
"""Header without the id, by shape: 0 plain, 1 with RD; 2 and 3 the same with an OPT record to follow."""


class Answer:
    """One answer: `reply = id + heads[shape] + question + tail (+ OPT)`.

    `unit_bytes` is not 0 when the tail is several records of that size, which are rotated from reply to
    reply: `start` is where the next one begins. `slot` is what it counts as. `ede` goes into the OPT.
    """

    __slots__ = ("ede", "heads", "rcode", "slot", "start", "tail", "unit_bytes")

    def __init__(self, rcode: int, heads: Heads, tail: bytes, slot: int, *, ede: int | None = None) -> None:
        self.rcode = rcode
        self.heads = heads
        self.tail = tail
        self.slot = slot
        self.ede = ede
        self.unit_bytes = 0
        self.start = 0

    def next_tail(self) -> bytes:
        """The tail, begun one record further on each time."""
        if not self.unit_bytes:
            return self.tail
        start = self.start
        self.start = (start + self.unit_bytes) % len(self.tail)
        return self.tail[start:] + self.tail[:start]


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
        self._heads: dict[tuple[int, int, int], Heads] = {}
        self._set_opts(None)

    def open(self) -> None:
        """The zone is complete: answer from it. There is no way back."""
        self.is_open = True

    def set_stale(self, stale: bool) -> None:
        """Whether answers carry "stale answer" (RFC 8914) for clients that can see it."""
        if stale != self.stale:
            self.stale = stale
            self._set_opts(EDE_STALE_ANSWER if stale else None)

    def update(
        self, service: ServiceKey, imported: LocalImport | None, slices: Iterable[ImportedSlice]
    ) -> None:
        """Take over a service as it is now."""
        change = self.zone.update(service, imported, slices)
        if change is None:
            return
        self._forget(self._kept.pop(change.service, ()))
        if change.came_or_went:
            self._forget_unowned()

    def find(self, question: bytes) -> Answer | None:
        """The answer to a well-formed lower-case question of class IN; None when it is not in the zone."""
        kept = self.ready_made.get(question)
        if kept is not None:
            return kept
        name, rtype = question[:-4], int.from_bytes(question[-4:-2], "big")
        found = self.zone.find(name)
        if found is None:
            return None
        if not self.is_open:
            return Answer(SERVFAIL, self.heads(SERVFAIL), b"", slot_of(rtype, SERVFAIL), ede=EDE_NOT_READY)
        answer = self._build(found, name, rtype)
        if rtype in KEPT_TYPES:
            self._keep(question, answer, found)
        return answer

    def heads(self, rcode: int, answer_count: int = 0, authority_count: int = 0) -> Heads:
        """Headers without the id, shared by all answers that have the same."""
        key = (rcode, answer_count, authority_count)
        known = self._heads.get(key)
        if known is None:
            authoritative = rcode in (NOERROR, NXDOMAIN)
            known = self._heads[key] = make_heads(
                rcode, answer_count, authority_count, authoritative=authoritative
            )
        return known

    def _build(self, found: Found, name: bytes, rtype: int) -> Answer:
        if found.node is None:
            return self._negative(NXDOMAIN, rtype, name)
        if rtype == TYPE_ANY:
            wanted = next(iter(found.node.items()), None)
        else:
            rrset = found.node.get(rtype)
            wanted = None if rrset is None else (rtype, rrset)
        if wanted is None:
            return self._negative(NOERROR, rtype, name)
        return self._positive(*wanted, slot_of(rtype, NOERROR), name)

    def _positive(self, rtype: int, rrset: RRset, slot: int, name: bytes) -> Answer:
        records = list(_fitting(rtype, rrset, MESSAGE_MAX_BYTES - HEADER_BYTES - len(name) - 4 - _OPT_BYTES))
        answer = Answer(NOERROR, self.heads(NOERROR, len(records)), b"".join(records), slot)
        if rtype in (TYPE_A, TYPE_AAAA) and len(records) > 1:
            answer.unit_bytes = len(records[0])
            answer.start = self._random.randrange(len(records)) * answer.unit_bytes
        return answer

    def _negative(self, rcode: int, rtype: int, name: bytes) -> Answer:
        """NXDOMAIN or NODATA, with the SOA that says how long it holds (MCS-DNS-17)."""
        owner = pointer(HEADER_BYTES + len(name) - len(self.zone.origin))
        soa = record(owner, TYPE_SOA, APEX_TTL_SECONDS, self.zone.soa)
        return Answer(rcode, self.heads(rcode, 0, 1), soa, slot_of(rtype, rcode))

    def _keep(self, question: bytes, answer: Answer, found: Found) -> None:
        if found.service is not None:
            if found.node is None:
                return  # clients can make up any number of names below a service
            self._kept.setdefault(found.service, []).append(question)
        else:
            if len(self._unowned) >= UNOWNED_KEPT_MAX:
                self._forget_unowned()
            self._unowned.append(question)
        self.ready_made[question] = answer

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


def make_heads(
    rcode: int,
    answer_count: int = 0,
    authority_count: int = 0,
    *,
    authoritative: bool = True,
    truncated: bool = False,
) -> Heads:
    """The four headers of an answer, by shape."""
    plain, asked, with_opt, asked_with_opt = (
        response_head(
            rcode=rcode,
            recursion_desired=recursion_desired,
            authoritative=authoritative,
            truncated=truncated,
            counts=(1, answer_count, authority_count, additional),
        )
        for additional in (0, 1)
        for recursion_desired in (False, True)
    )
    return plain, asked, with_opt, asked_with_opt


def _fitting(rtype: int, rrset: RRset, room_bytes: int) -> Iterator[bytes]:
    """The records that fit into one message; a subset of a service's endpoints is allowed (MCS-DNS-06)."""
    for rdata in rrset.rdata:
        piece = record(QUESTION_POINTER, rtype, rrset.ttl_seconds, rdata)
        room_bytes -= len(piece)
        if room_bytes < 0:
            return
        yield piece
