"""What the packet path counts: plain ints, since a metrics call per packet would cost more than the answer.

`server/metrics.py` exports them. A request is counted by a number, its slot, which stands for a record type
and a response code; both lists are closed, so what clients send cannot make new series.
"""

from dataclasses import dataclass, field
from typing import Final

from mcs_controller.dns.answers.faults import Faults
from mcs_controller.dns.wire.encoding import (
    BADVERS,
    MESSAGE_MAX_BYTES,
    TYPE_A,
    TYPE_AAAA,
    TYPE_NS,
    TYPE_PTR,
    TYPE_SOA,
    TYPE_SRV,
    TYPE_TXT,
)

TYPE_LABELS: Final = ("A", "AAAA", "SRV", "TXT", "SOA", "NS", "PTR", "other")
RCODE_LABELS: Final = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "BADVERS")
SLOT_COUNT: Final = len(TYPE_LABELS) * len(RCODE_LABELS)

_TYPE_INDEX: Final = {
    TYPE_A: 0,
    TYPE_AAAA: 1,
    TYPE_SRV: 2,
    TYPE_TXT: 3,
    TYPE_SOA: 4,
    TYPE_NS: 5,
    TYPE_PTR: 6,
}
_OTHER: Final = len(TYPE_LABELS) - 1
_RCODE_INDEX: Final = {rcode: rcode for rcode in range(6)} | {BADVERS: 6}

DROP_REASONS: Final = ("short", "response", "send", "oversized", "too_many_connections")
"""Too short to answer; not a query; the reply could not be sent; a TCP message or connection too many."""


def slot_of(rtype: int | None, rcode: int) -> int:
    """The number under which a request is counted; no type: the question could not be read."""
    type_index = _OTHER if rtype is None else _TYPE_INDEX.get(rtype, _OTHER)
    return type_index * len(RCODE_LABELS) + _RCODE_INDEX[rcode]


@dataclass(slots=True)
class Channel:
    """One way in, UDP or TCP: how long an answer may be there, and how many requests it had.

    `floor_bytes` is the limit for a client that names no size, `ceiling_bytes` for one that names any.
    `marks_truncation`: an answer that is cut is marked TC, since there is a way to get all of it.
    """

    proto: str
    floor_bytes: int
    ceiling_bytes: int
    marks_truncation: bool
    requests: list[int] = field(default_factory=lambda: [0] * SLOT_COUNT)
    truncated: int = 0


def udp_channel(payload_limit_bytes: int) -> Channel:
    """512 bytes without EDNS; with it what the client asks for, up to the limit."""
    return Channel("udp", 512, max(512, payload_limit_bytes), True)


def tcp_channel() -> Channel:
    """Whatever a message can hold."""
    return Channel("tcp", MESSAGE_MAX_BYTES, MESSAGE_MAX_BYTES, False)


@dataclass(slots=True)
class Counters:
    """All that one server counts."""

    udp: Channel
    tcp: Channel
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DROP_REASONS, 0))
    faults: Faults = field(default_factory=Faults)
    unjoined: int = 0
    tcp_connections: int = 0

    def totals(self) -> list[int]:
        """Everything that only grows, in a fixed order."""
        channels = (self.udp, self.tcp)
        grown = [count for channel in channels for count in (*channel.requests, channel.truncated)]
        return [*grown, *self.dropped.values(), self.faults.count, self.unjoined]

    def add(self, totals: list[int]) -> None:
        """Add another process's totals to these."""
        rest = iter(totals)
        for channel in (self.udp, self.tcp):
            channel.requests = [count + next(rest) for count in channel.requests]
            channel.truncated += next(rest)
        for reason in self.dropped:
            self.dropped[reason] += next(rest)
        self.faults.count += next(rest)
        self.unjoined += next(rest)


@dataclass(frozen=True, slots=True)
class Held:
    """How much there is at present: services with a name, their addresses, answers held as bytes."""

    services: int = 0
    addresses: int = 0
    prebuilt: int = 0
