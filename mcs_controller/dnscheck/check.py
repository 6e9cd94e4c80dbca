"""Compares what a DNS server answers with what the specification asks for: ours, or anybody else's.

The server is asked over UDP, and over TCP where its answer was truncated, one question after the other in
several lanes. What comes out are the differences; the caller decides what the objects are, and whether a
difference is still there when checked again.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from mcs_controller.dnscheck.client import Answer, QueryFailed, query
from mcs_controller.dnscheck.expected import Expectation

LANES: Final = 16
TRIES: Final = 3
NEGATIVE_TTL_MAX_SECONDS: Final = 5
_SHOWN_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """One question, what should have come, and what came, each in a few words."""

    name: str
    type: str
    expected: str
    found: str
    rule: str


class Checker:
    """Asks one server, with `tcp` over TCP only.

    `asked` counts the questions; `partial` are those answered rightly, but in part.
    """

    def __init__(
        self, address: tuple[str, int], *, random: Random, tcp: bool = False, timeout_seconds: float = 2.0
    ) -> None:
        self.asked = 0
        self.partial: set[tuple[str, str]] = set()
        self._address = address
        self._random = random
        self._tcp = tcp
        self._timeout_seconds = timeout_seconds

    async def check(self, expectations: Iterable[Expectation]) -> list[Difference]:
        """The differences, in the order of the expectations. Raises `QueryFailed` if it never answers."""
        waiting = iter(list(enumerate(expectations)))
        found: list[tuple[int, Difference]] = []

        async def lane() -> None:
            for number, expectation in waiting:
                question = expectation.name, expectation.type
                answer = await self._ask(*question)
                found.extend((number, difference) for difference in compare(expectation, answer))
                if is_part(expectation, found_data(expectation.type, answer)):
                    self.partial.add(question)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(LANES):
                    group.create_task(lane())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [difference for _, difference in sorted(found, key=lambda item: item[0])]

    async def _ask(self, name: str, rtype: str) -> Answer:
        self.asked += 1
        for left in reversed(range(TRIES)):
            try:
                answer = await self._query(name, rtype, tcp=self._tcp)
                if answer.truncated and not self._tcp:
                    return await self._query(name, rtype, tcp=True)
                return answer
            except QueryFailed:
                if not left:
                    raise
        raise AssertionError("unreachable")

    async def _query(self, name: str, rtype: str, *, tcp: bool) -> Answer:
        return await query(
            self._address,
            name,
            rtype,
            tcp=tcp,
            timeout_seconds=self._timeout_seconds,
            random=self._random,
        )


def is_part(expectation: Expectation, found: Iterable[str]) -> bool:
    """Whether these are some of the records where some are enough."""
    return expectation.may_be_part and set() < set(found) < expectation.data


def compare(expectation: Expectation, answer: Answer) -> Iterator[Difference]:
    """What is wrong with an answer."""
    found, outcome = found_data(expectation.type, answer), _outcome(answer)

    def differs(expected: str, found: str, rule: str = expectation.rule) -> Difference:
        return Difference(expectation.name, expectation.type, expected, found, rule)

    match expectation.outcome:
        case "records":
            if outcome != "records":
                yield differs(_shown(expectation.data), outcome)
            elif set(found) != expectation.data and not is_part(expectation, found):
                missing, extra = expectation.data.difference(found), set(found) - expectation.data
                parts = [f"without {_shown(missing)}"] * bool(missing) + [f"with {_shown(extra)}"] * bool(
                    extra
                )
                yield differs(_shown(expectation.data), ", ".join(parts))
            elif len(found) != len(set(found)):
                yield differs("each record once", f"{len(found)} records, {len(set(found))} different ones")
        case "no records" if outcome in ("no data", "no such name"):
            pass
        case wanted if outcome != wanted:
            yield differs(wanted, _shown(found) if outcome == "records" else outcome)
    if outcome == "records":
        if not answer.authoritative:
            yield differs("an authoritative answer (AA)", "AA is not set", "MCS-DNS-16")
        if expectation.type == "SRV" and (answer.authority or answer.additional):
            yield differs("no other sections", "authority or additional records", "MCS-DNS-16")
    if outcome in ("no data", "no such name"):
        ttls = [record.ttl_seconds for record in answer.authority if record.type == "SOA"]
        if not ttls:
            yield differs("the zone's SOA with a denial", "no SOA", "MCS-DNS-17")
        elif max(ttls) > NEGATIVE_TTL_MAX_SECONDS:
            yield differs(
                f"a denial for {NEGATIVE_TTL_MAX_SECONDS} s at most", f"{max(ttls)} s", "MCS-DNS-17"
            )


def found_data(rtype: str, answer: Answer) -> list[str]:
    """The answer's records of the type asked for, spelt as an expectation spells them."""
    data = [record.data for record in answer.records if record.type == rtype]
    match rtype:
        case "SRV":
            return [" ".join(each.lower().split()[2:]) for each in data]
        case "TXT":
            return [each.strip('"') for each in data]
    return data


def _outcome(answer: Answer) -> str:
    if answer.rcode == "NXDOMAIN":
        return "no such name"
    if answer.rcode != "NOERROR":
        return answer.rcode
    return "records" if answer.records else "no data"


def _shown(data: Iterable[str]) -> str:
    texts = sorted(data)
    more = f" and {len(texts) - _SHOWN_MAX} more" if len(texts) > _SHOWN_MAX else ""
    return ", ".join(texts[:_SHOWN_MAX]) + more
