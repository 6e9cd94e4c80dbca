"""The answers, as bytes that lack only the id and the question in front.

An answer is made when its question is first asked after a change and kept in `ready_made`, a dict from the
question's bytes in lower case (name, type, class), which is all that the fast path looks at. A change of a
service throws away that service's answers and nothing else (`keeping`). Until `open()` everything is SERVFAIL
(MCS-DNS-20).

Invariant: whatever is in `ready_made` is what `find` would answer now. The key of a type with a byte that is
a capital letter, such as HTTPS (65), is that of another type, too: neither has records, so that their
answers are the same.
"""

from random import Random
from typing import Final

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.answers.answer import Answer, Heads, tail_of
from mcs_controller.dns.answers.answer_cache import AnswerCache
from mcs_controller.dns.answers.counters import slot_of
from mcs_controller.dns.wire.encoding import (
    CLASS_IN,
    EDE_NOT_READY,
    EDE_STALE_ANSWER,
    HEADER_BYTES,
    NOERROR,
    NXDOMAIN,
    SERVFAIL,
    TYPE_A,
    TYPE_AAAA,
    TYPE_ANY,
    TYPE_HTTPS,
    TYPE_SOA,
    TYPE_SRV,
    TYPE_TXT,
    opt_record,
    pointer,
    record,
    response_head,
)
from mcs_controller.dns.zone.lookup import APEX_TTL_SECONDS, Found, Zone
from mcs_controller.dns.zone.packed import PackedService
from mcs_controller.dns.zone.records import RRset

IN_EARNEST_TYPES: Final = frozenset((TYPE_A, TYPE_AAAA, TYPE_SRV, TYPE_HTTPS))
"""What clients ask of names that exist: these answers are always kept. HTTPS is what browsers ask."""

_TYPES_FOR_ANY: Final = (TYPE_A, TYPE_AAAA, TYPE_SRV, TYPE_SOA, TYPE_TXT)
"""Every name that has records has some of one of these."""

_COUNT_MAX: Final = 65535


class ZoneAnswers:
    """All answers of one zone. The owner feeds it services with `update`, and says `open()` when in step."""

    def __init__(self, zone: Zone, *, random: Random, payload_limit_bytes: int = 1232) -> None:
        self.zone = zone
        self.payload_limit_bytes = payload_limit_bytes
        self._kept = AnswerCache()
        self.ready_made = self._kept.ready_made
        self.opts: dict[bytes, bytes] = {}
        self.is_open = False
        self.stale = False
        self._random = random
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
        self._kept.forget_service(change.service)
        if change.came_or_went:
            self._kept.forget_unowned()

    def find(self, question: bytes) -> Answer | None:
        """The answer to a well-formed question of class IN; None when its name is not in the zone.

        To ANY it is the answer for one type that the name has (RFC 8482, section 4.1): one that is kept ready
        for whoever asks for that type, so that ANY costs no more than others do.
        """
        key = question.lower()
        kept = self.ready_made.get(key)
        if kept is not None:
            return kept
        name, rtype = key[:-4], int.from_bytes(question[-4:-2], "big")
        if rtype == TYPE_ANY:
            return self._find_any(name)
        begin = self._random.random()
        found = self.zone.find(name, rtype, begin)
        if found is None:
            return None
        if not self.is_open:
            return Answer(SERVFAIL, self.heads(SERVFAIL), b"", slot_of(rtype, SERVFAIL), ede=EDE_NOT_READY)
        answer = self._build(found, name, rtype, begin)
        made_up = rtype not in IN_EARNEST_TYPES or found.rrset is None
        self._kept.keep(key, answer, found.service, made_up=made_up)
        return answer

    def _find_any(self, name: bytes) -> Answer | None:
        for rtype in _TYPES_FOR_ANY:
            answer = self.find(name + rtype.to_bytes(2, "big") + CLASS_IN.to_bytes(2, "big"))
            if answer is None or answer.is_positive or answer.rcode != NOERROR:
                break
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

    def _build(self, found: Found, name: bytes, rtype: int, begin: float) -> Answer:
        if found.rrset is None:
            return self._negative(NXDOMAIN, rtype, name)
        if not found.rrset.rdata:
            return self._negative(NOERROR, rtype, name)
        return self._positive(found.rrset, begin)

    def _positive(self, rrset: RRset, begin: float) -> Answer:
        count = len(rrset.rdata)
        tail, ends = tail_of(rrset)
        # More than a message can count never go into one.
        heads = self.heads(NOERROR, min(count, _COUNT_MAX))
        answer = Answer(NOERROR, heads, tail, slot_of(rrset.rtype, NOERROR), is_positive=True)
        answer.ends = ends
        if rrset.rtype in (TYPE_A, TYPE_AAAA) and count > 1:
            answer.rotate(count, begin)
        return answer

    def _negative(self, rcode: int, rtype: int, name: bytes) -> Answer:
        """NXDOMAIN or NODATA, with the SOA that says how long it holds (MCS-DNS-17)."""
        owner = pointer(HEADER_BYTES + len(name) - len(self.zone.origin))
        soa = record(owner, TYPE_SOA, APEX_TTL_SECONDS, self.zone.soa)
        return Answer(rcode, self.heads(rcode, 0, 1), soa, slot_of(rtype, rcode))

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
