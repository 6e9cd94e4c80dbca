"""What the checker says of an answer, word for word, and how it asks."""

import asyncio
from random import Random
from typing import Any

import pytest

from mcs_controller.dnscheck import check
from mcs_controller.dnscheck.check import LANES, TRIES, Checker, Difference, compare, found_data, is_part
from mcs_controller.dnscheck.client import Answer, QueryFailed, Record
from mcs_controller.dnscheck.expected import Expectation

WEB, DB = "web.shop.svc.mesh.example.", "db.shop.svc.mesh.example."
THREE = frozenset(f"10.0.0.{number}" for number in (1, 2, 3))
VIP = Expectation(WEB, "A", "records", "MCS-DNS-05", THREE)
PODS = Expectation(DB, "A", "records", "MCS-DNS-06", THREE)
SRV = Expectation(WEB, "SRV", "records", "MCS-DNS-09", frozenset({f"80 {WEB}"}))
NO_DATA = Expectation(WEB, "AAAA", "no data", "MCS-DNS-19")
NO_NAME = Expectation(DB, "A", "no such name", "MCS-DNS-06")
NOTHING = Expectation(WEB, "A", "no records", "MCS-DNS-12")


def records(*data: str, name: str = WEB, type: str = "A", ttl_seconds: int = 4) -> tuple[Record, ...]:
    return tuple(Record(name, ttl_seconds, type, each) for each in data)


def answer(*data: str, type: str = "A", **fields: Any) -> Answer:
    said: dict[str, Any] = {
        "rcode": "NOERROR",
        "records": records(*data, type=type),
        "authority": (),
        "additional": (),
        "authoritative": True,
        "truncated": False,
    }
    return Answer(**said | fields)


def denial(rcode: str = "NOERROR", ttl_seconds: int = 5) -> Answer:
    return answer(rcode=rcode, authority=records("ns h 1 2 3 4 5", type="SOA", ttl_seconds=ttl_seconds))


TARGET = f"0 100 80 {WEB.upper()}"
AA = ("an authoritative answer (AA)", "AA is not set", "MCS-DNS-16")
SECTIONS = ("no other sections", "authority or additional records", "MCS-DNS-16")
SOA = ("the zone's SOA with a denial", "no SOA", "MCS-DNS-17")
ALL = ", ".join(sorted(THREE))


@pytest.mark.parametrize(
    ("expectation", "answer", "wanted"),
    [
        (VIP, answer(*THREE), []),
        (VIP, answer("10.0.0.1", "10.0.0.2"), [(ALL, "without 10.0.0.3", "MCS-DNS-05")]),
        (VIP, answer(*THREE, "10.0.0.4"), [(ALL, "with 10.0.0.4", "MCS-DNS-05")]),
        (
            VIP,
            answer("10.0.0.9"),
            [(ALL, "without 10.0.0.1, 10.0.0.2, 10.0.0.3, with 10.0.0.9", "MCS-DNS-05")],
        ),
        (
            VIP,
            answer(*THREE, *(f"10.0.1.{number}" for number in range(5))),
            [(ALL, "with 10.0.1.0, 10.0.1.1, 10.0.1.2 and 2 more", "MCS-DNS-05")],
        ),
        (
            VIP,
            answer(*THREE, "10.0.0.1"),
            [("each record once", "4 records, 3 different ones", "MCS-DNS-05")],
        ),
        (VIP, answer(*THREE, authoritative=False), [AA]),
        (VIP, answer(*THREE, additional=records("10.0.0.1")), []),
        (VIP, denial(), [(ALL, "no data", "MCS-DNS-05")]),
        (VIP, denial("NXDOMAIN"), [(ALL, "no such name", "MCS-DNS-05")]),
        (VIP, answer(rcode="SERVFAIL", authoritative=False), [(ALL, "SERVFAIL", "MCS-DNS-05")]),
        (PODS, answer("10.0.0.1"), []),
        (
            PODS,
            answer("10.0.0.1", "10.0.0.9"),
            [(ALL, "without 10.0.0.2, 10.0.0.3, with 10.0.0.9", "MCS-DNS-06")],
        ),
        (SRV, answer(TARGET, type="SRV"), []),
        (SRV, answer(TARGET, type="SRV", authority=records("10.0.0.1")), [SECTIONS]),
        (SRV, answer(TARGET, type="SRV", additional=records("10.0.0.1")), [SECTIONS]),
        (SRV, answer(TARGET, type="SRV", additional=records("x"), authoritative=False), [AA, SECTIONS]),
        (NO_DATA, denial(), []),
        (NO_DATA, denial(ttl_seconds=6), [("a denial for 5 s at most", "6 s", "MCS-DNS-17")]),
        (
            NO_DATA,
            answer(authority=(*denial(ttl_seconds=4).authority, *denial(ttl_seconds=7).authority)),
            [("a denial for 5 s at most", "7 s", "MCS-DNS-17")],
        ),
        (NO_DATA, answer(authority=records("ns.", type="NS")), [SOA]),
        (NO_DATA, denial("NXDOMAIN"), [("no data", "no such name", "MCS-DNS-19")]),
        (NO_DATA, answer("fd00::2", "fd00::1", type="AAAA"), [("no data", "fd00::1, fd00::2", "MCS-DNS-19")]),
        (NO_NAME, denial("NXDOMAIN"), []),
        (NO_NAME, denial(), [("no such name", "no data", "MCS-DNS-06")]),
        (NO_NAME, answer(rcode="NXDOMAIN"), [SOA]),
        (NO_NAME, answer(rcode="REFUSED"), [("no such name", "REFUSED", "MCS-DNS-06")]),
        (NOTHING, denial(), []),
        (NOTHING, denial("NXDOMAIN"), []),
        (NOTHING, answer("10.0.0.1"), [("no records", "10.0.0.1", "MCS-DNS-12")]),
        (NOTHING, answer(rcode="REFUSED"), [("no records", "REFUSED", "MCS-DNS-12")]),
    ],
)
def test_each_difference_names_the_question_what_was_wanted_what_came_and_the_rule(
    expectation: Expectation, answer: Answer, wanted: list[tuple[str, str, str]]
) -> None:
    assert list(compare(expectation, answer)) == [
        Difference(expectation.name, expectation.type, *each) for each in wanted
    ]


@pytest.mark.parametrize(
    ("expectation", "found", "partly"),
    [
        (PODS, ["10.0.0.1"], True),
        (PODS, ["10.0.0.1", "10.0.0.1"], True),
        (PODS, [], False),
        (PODS, THREE, False),
        (PODS, ["10.0.0.1", "10.0.0.9"], False),
        (VIP, ["10.0.0.1"], False),
    ],
)
def test_some_of_the_records_are_a_part_only_where_some_are_enough(
    expectation: Expectation, found: list[str], partly: bool
) -> None:
    assert is_part(expectation, found) is partly


def test_only_records_of_the_type_count_and_are_spelt_as_expected() -> None:
    mixed = answer(f"0 100 80 {WEB.upper()}", type="SRV")
    mixed = answer(records=(*mixed.records, *records('"1.0.0"', type="TXT"), *records("10.0.0.1")))

    assert found_data("SRV", mixed) == [f"80 {WEB}"]
    assert found_data("TXT", mixed) == ["1.0.0"]
    assert found_data("A", mixed) == ["10.0.0.1"]
    assert found_data("AAAA", mixed) == []


class Asked:
    """Stands for the network: `answers` by name and transport, failures first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.failures = 0
        self.truncated = False
        self.at_once = self.most_at_once = 0
        monkeypatch.setattr(check, "query", self._query)

    async def _query(self, address: tuple[str, int], name: str, rtype: str, **options: Any) -> Answer:
        self.calls.append((address, name, rtype, options))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.failures:
            self.failures -= 1
            raise QueryFailed("no answer")
        if self.truncated and not options["tcp"]:
            return answer(truncated=True)
        return answer(*THREE)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


ADDRESS = ("127.0.0.1", 5353)
RANDOM = Random(1)


async def test_it_asks_over_udp_and_over_tcp_what_was_cut(asked: Asked) -> None:
    checker = Checker(ADDRESS, random=RANDOM, timeout_seconds=0.5)
    asked.truncated = True

    assert await checker.check([VIP]) == []

    options = {"timeout_seconds": 0.5, "random": RANDOM}
    assert asked.calls == [(ADDRESS, WEB, "A", {"tcp": tcp, **options}) for tcp in (False, True)]
    assert (checker.asked, checker.partial) == (1, set())


async def test_unless_told_otherwise_it_waits_two_seconds_and_what_is_whole_is_not_asked_again(
    asked: Asked,
) -> None:
    await Checker(ADDRESS, random=RANDOM).check([VIP])

    assert [options for *_, options in asked.calls] == [
        {"tcp": False, "timeout_seconds": 2.0, "random": RANDOM}
    ]


async def test_a_question_is_tried_three_times(asked: Asked) -> None:
    checker = Checker(ADDRESS, random=RANDOM)
    asked.failures = TRIES - 1
    assert await checker.check([VIP]) == []
    assert (len(asked.calls), checker.asked) == (TRIES, 1)

    asked.failures = TRIES
    with pytest.raises(QueryFailed, match="no answer"):
        await checker.check([VIP])
    assert len(asked.calls) == 2 * TRIES


async def test_several_are_asked_at_once_each_once_and_told_in_their_order(asked: Asked) -> None:
    wrong = [
        Expectation(f"s{n:03}.", "A", "records", "MCS-DNS-05", frozenset({"10.9.9.9"})) for n in range(100)
    ]
    wrong += [PODS, Expectation(DB, "A", "records", "MCS-DNS-06", THREE | {"10.0.0.4"})]
    checker = Checker(ADDRESS, random=RANDOM)

    found = await checker.check(wrong)

    assert [each.name for each in found] == [each.name for each in wrong[:100]]
    assert (checker.asked, len(asked.calls), asked.most_at_once) == (102, 102, LANES)
    assert checker.partial == {(DB, "A")}
