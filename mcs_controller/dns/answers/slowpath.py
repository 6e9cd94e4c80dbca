"""Every message that the fast path does not know: first questions, denials, odd and broken messages.

The order of the checks is the order of the protocol: can it be read, is it for this version and class, is it
about this zone, are we ready, does the name exist. Never recursion, never an answer about another zone.
"""

from mcs_controller.dns.answers.answer import Answer
from mcs_controller.dns.answers.counters import Channel, Counters, slot_of
from mcs_controller.dns.answers.zone_answers import ZoneAnswers
from mcs_controller.dns.wire.encoding import (
    BADVERS,
    CLASS_IN,
    EDE_NOT_AUTHORITATIVE,
    EDE_STALE_ANSWER,
    HEADER_BYTES,
    REFUSED,
    SERVFAIL,
    TYPE_AXFR,
    TYPE_IXFR,
    opt_record,
    response_head,
)
from mcs_controller.dns.wire.query import Edns, Fault, Query, read_query


def slow_reply(packet: bytes, answers: ZoneAnswers, channel: Channel, counters: Counters) -> bytes | None:
    """The reply to any message, or None when there is nobody to reply to."""
    query = read_query(packet)
    if isinstance(query, Fault):
        if query.drop_reason:
            counters.dropped[query.drop_reason] += 1
            return None
        return _error_reply(packet, query.rcode, channel)
    answer = _answer(query, answers)
    channel.requests[slot_of(query.rtype, answer.rcode)] += 1
    return _reply(query, answer, answers, channel)


def fault_reply(packet: bytes, channel: Channel, counters: Counters) -> bytes | None:
    """The reply to a message over which our own code failed; to be called while the exception is handled."""
    counters.faults.note(packet)
    if len(packet) < HEADER_BYTES or packet[2] & 0x80:
        return None
    return _error_reply(packet, SERVFAIL, channel)


def _error_reply(packet: bytes, rcode: int, channel: Channel) -> bytes:
    """A header and nothing else, for a message that has one."""
    channel.requests[slot_of(None, rcode)] += 1
    return packet[:2] + response_head(
        rcode=rcode,
        recursion_desired=bool(packet[2] & 1),
        authoritative=False,
        truncated=False,
        counts=(0, 0, 0, 0),
        opcode=packet[2] >> 3 & 0xF,
    )


def _answer(query: Query, answers: ZoneAnswers) -> Answer:
    if query.edns is not None and query.edns.version:
        return Answer(BADVERS, answers.heads(BADVERS), b"", slot_of(query.rtype, BADVERS))
    if query.rclass == CLASS_IN and query.rtype not in (TYPE_AXFR, TYPE_IXFR):
        answer = answers.find(query.question)
        if answer is not None:
            return answer
    ede = EDE_NOT_AUTHORITATIVE
    return Answer(REFUSED, answers.heads(REFUSED), b"", slot_of(query.rtype, REFUSED), ede=ede)


def _reply(query: Query, answer: Answer, answers: ZoneAnswers, channel: Channel) -> bytes:
    edns = query.edns
    shape = query.recursion_desired + (0 if edns is None else 2)
    opt = b"" if edns is None else _opt(edns, answer, answers)
    limit_bytes = channel.floor_bytes
    if edns is not None:
        limit_bytes = min(max(edns.payload_bytes, channel.floor_bytes), channel.ceiling_bytes)
    room_bytes = limit_bytes - HEADER_BYTES - len(query.question) - len(opt)
    if len(answer.tail) <= room_bytes:
        return query.id + answer.heads[shape] + query.question + answer.next_tail() + opt
    channel.truncated += 1
    heads, tail = answers.part(answer, room_bytes, truncated=channel.marks_truncation)
    return query.id + heads[shape] + query.question + tail + opt


def _opt(edns: Edns, answer: Answer, answers: ZoneAnswers) -> bytes:
    ede = answer.ede
    if ede is None and answers.stale:
        ede = EDE_STALE_ANSWER
    return opt_record(answers.payload_limit_bytes, rcode=answer.rcode, dnssec_ok=edns.dnssec_ok, ede=ede)
