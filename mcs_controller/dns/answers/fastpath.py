"""Bytes in, bytes out, for the queries that make up nearly all traffic.

A query is known here when its flags and counts are plain, its OPT record, if any, carries no options, and
its question is one that has been answered since the last change. Then the reply is the ready-made one with
the id and the question copied from the query, in the letters that the client sent (0x20). Everything else,
whatever it is, goes to the slow path, so that nothing here needs to be checked twice: a question that is
found among the ready-made ones is well-formed.
"""

from collections.abc import Callable
from typing import Final

from mcs_controller.dns.answers.counters import Channel, Counters
from mcs_controller.dns.answers.slowpath import fault_reply, slow_reply
from mcs_controller.dns.answers.zone_answers import ZoneAnswers
from mcs_controller.dns.wire.encoding import HEADER_BYTES

Responder = Callable[[bytes], bytes | None]

_COUNTS: Final = b"\0\1\0\0\0\0\0\0"
_COUNTS_WITH_OPT: Final = b"\0\1\0\0\0\0\0\1"

SHAPES: Final = {
    flags + counts: shape + rd
    for counts, shape in ((_COUNTS, 0), (_COUNTS_WITH_OPT, 2))
    for rd, ad in ((0, 0), (1, 0), (0, 0x20), (1, 0x20))
    for flags in (bytes((rd, ad)),)
}
"""Flags and counts of a plain query -> which header its reply has. AD in a query asks for nothing of ours."""

_OPT_BYTES: Final = 11
_SURELY_FITS_BYTES: Final = 480
"""Of question and records: with a header and an OPT record that is below 512."""


def make_responder(answers: ZoneAnswers, channel: Channel, counters: Counters) -> Responder:
    """The function that answers the messages of one channel. It never raises: see `faults`."""
    ready_made = answers.ready_made
    opts = answers.opts
    requests = channel.requests
    part = answers.part
    marks_truncation = channel.marks_truncation

    def respond(packet: bytes) -> bytes | None:
        # The outermost place of all that answers: a fault must not affect the other messages that came with
        # this one. `try` costs nothing as long as nothing is raised.
        try:
            shape = SHAPES.get(packet[2:HEADER_BYTES])
            if shape is None:
                return slow_reply(packet, answers, channel, counters)
            if shape < 2:
                opt = b""
                question = packet[HEADER_BYTES:]
            else:
                asked_opt = packet[-_OPT_BYTES:]
                known_opt = opts.get(asked_opt[5:])
                if known_opt is None or asked_opt[:3] != b"\0\0\x29":
                    return slow_reply(packet, answers, channel, counters)
                opt = known_opt
                question = packet[HEADER_BYTES:-_OPT_BYTES]
            answer = ready_made.get(question.lower())
            if answer is None:
                return slow_reply(packet, answers, channel, counters)
            tail = answer.tail
            if len(question) + len(tail) > _SURELY_FITS_BYTES:
                limit_bytes = channel.floor_bytes
                if shape >= 2:
                    asked_bytes = asked_opt[3] << 8 | asked_opt[4]
                    limit_bytes = min(max(asked_bytes, limit_bytes), channel.ceiling_bytes)
                room_bytes = limit_bytes - HEADER_BYTES - len(question) - len(opt)
                if len(tail) > room_bytes:
                    channel.truncated += 1
                    requests[answer.slot] += 1
                    heads, tail = part(answer, room_bytes, truncated=marks_truncation)
                    return packet[:2] + heads[shape] + question + tail + opt
            if answer.step_bytes:
                tail = answer.next_tail()
            requests[answer.slot] += 1
            return packet[:2] + answer.heads[shape] + question + tail + opt
        except Exception:  # noqa: BLE001 - logged there
            return fault_reply(packet, channel, counters)

    return respond
