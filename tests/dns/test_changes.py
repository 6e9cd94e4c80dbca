"""A change is answered at once, and costs nothing but the service that changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.clusterset.model import Endpoint
from mcs_controller.dns.answers.answer_cache import MADE_UP_KEPT_MAX, OWNED_KEPT_MAX, UNOWNED_KEPT_MAX
from tests.dns.zonetext import Server, headless, key, piece, ready, vip, zone_text

Z = "clusterset.local"
WEB, DB = f"web.shop.svc.{Z}", f"db.shop.svc.{Z}"


def addresses(server: Server, name: str) -> list[str]:
    return sorted(str(rr.rdata) for rr in server.ask(name, "A").raw.rr)


@pytest.mark.requirement("MCS-DNS-20")
def test_opening_the_zone_turns_failures_into_answers() -> None:
    server = Server(is_open=False)
    server.put(vip("shop/web", "10.96.0.1"))
    assert server.ask(WEB, "A").rcode == "SERVFAIL"

    server.answers.open()

    assert addresses(server, WEB) == ["10.96.0.1"]


def test_a_changed_address_is_answered_at_once() -> None:
    server = Server()
    server.put(headless("shop/db"), piece("shop/db", "east", ready("10.0.0.1", hostname="a")))
    assert addresses(server, DB) == addresses(server, f"a.east.{DB}") == ["10.0.0.1"]

    server.put(headless("shop/db"), piece("shop/db", "east", ready("10.0.0.2", hostname="a")))

    assert addresses(server, DB) == addresses(server, f"a.east.{DB}") == ["10.0.0.2"]


def test_a_service_that_appears_ends_its_denials_and_those_of_the_names_above_it() -> None:
    server = Server()
    names = (WEB, f"shop.svc.{Z}", f"svc.{Z}", f"_http._tcp.{WEB}")
    assert [server.ask(name, "A").rcode for name in names] == ["NXDOMAIN"] * 4

    server.put(vip("shop/web", "10.96.0.1"))

    assert [server.ask(name, "A").rcode for name in names] == ["NOERROR"] * 4


def test_a_service_that_goes_takes_its_names_with_it_and_leaves_those_shared_with_others() -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))
    server.put(vip("shop/cart", "10.96.0.2"))
    server.put(vip("data/web", "10.96.0.3"))

    server.remove("shop", "web")
    assert server.ask(WEB, "A").rcode == "NXDOMAIN"
    assert server.ask(f"_http._tcp.{WEB}", "SRV").rcode == "NXDOMAIN"
    assert server.ask(f"shop.svc.{Z}", "A").rcode == "NOERROR"

    server.remove("shop", "cart")
    assert server.ask(f"shop.svc.{Z}", "A").rcode == "NXDOMAIN"
    assert server.ask(f"svc.{Z}", "A").rcode == "NOERROR"

    server.remove("data", "web")
    assert server.ask(f"svc.{Z}", "A").rcode == "NXDOMAIN"
    assert server.answers.zone.service_count == 0
    assert server.answers.zone.address_count == 0


def test_the_last_ready_endpoint_takes_the_name_with_it_and_the_next_brings_it_back() -> None:
    server = Server()
    away = piece("shop/db", "east", Endpoint(("10.0.0.1",), ready=False))
    server.put(headless("shop/db"), piece("shop/db", "east", ready("10.0.0.1")))
    assert server.ask(DB, "A").rcode == "NOERROR"

    server.put(headless("shop/db"), away)
    assert server.ask(DB, "A").rcode == "NXDOMAIN"
    assert server.ask(f"shop.svc.{Z}", "A").rcode == "NXDOMAIN"

    server.put(headless("shop/db"), piece("shop/db", "east", ready("10.0.0.1")))
    assert addresses(server, DB) == ["10.0.0.1"]


@pytest.mark.requirement("MCS-LIFE-11")
def test_a_service_may_turn_headless_and_back() -> None:
    server = Server()
    pods = piece("shop/db", "east", ready("10.0.0.1", hostname="a"))
    server.put(vip("shop/db", "10.96.0.1"), pods)
    assert addresses(server, DB) == ["10.96.0.1"]

    server.put(headless("shop/db"), pods)
    assert addresses(server, DB) == addresses(server, f"a.east.{DB}") == ["10.0.0.1"]

    server.put(vip("shop/db", "10.96.0.1"), pods)
    assert addresses(server, DB) == ["10.96.0.1"]
    assert server.ask(f"a.east.{DB}", "A").rcode == "NXDOMAIN"


def test_a_change_of_one_service_leaves_the_answers_of_others_as_they_are() -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))
    server.put(vip("shop/cart", "10.96.0.2"))
    for name in (WEB, f"cart.shop.svc.{Z}", f"svc.{Z}"):
        server.ask(name, "A")
    kept_before = dict(server.answers.ready_made)

    server.put(vip("shop/cart", "10.96.0.9"))

    kept_after = server.answers.ready_made
    gone = set(kept_before) - set(kept_after)
    assert len(gone) == 1
    assert all(kept_after[question] is kept_before[question] for question in kept_after)


def test_made_up_names_do_not_fill_the_memory() -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))
    for number in range(UNOWNED_KEPT_MAX + 100):
        server.answers.find(_question(f"n{number}.shop.svc.{Z}"))
        server.answers.find(_question(f"n{number}.{WEB}"))

    assert len(server.answers.ready_made) <= UNOWNED_KEPT_MAX + MADE_UP_KEPT_MAX


def test_other_types_do_not_fill_the_memory() -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))
    for rtype in range(100, 2000):
        server.answers.find(_question(WEB, rtype))

    assert len(server.answers.ready_made) == MADE_UP_KEPT_MAX + 1, "and the addresses, for ANY"
    assert server.ask(WEB, "A").rcode == "NOERROR"
    assert server.ask(WEB, "SRV").rcode == "NOERROR"
    assert len(server.answers.ready_made) == MADE_UP_KEPT_MAX + 2, (
        "what is asked in earnest is kept all the same"
    )


def test_answers_are_made_again_rather_than_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcs_controller.dns.answers.answer_cache.OWNED_KEPT_MAX", 5)
    assert OWNED_KEPT_MAX > 5
    server = Server()
    for number in range(20):
        server.put(vip(f"shop/s{number}", f"10.96.0.{number}"))
    for number in range(20):
        assert addresses(server, f"s{number}.shop.svc.{Z}") == [f"10.96.0.{number}"]
        assert len(server.answers.ready_made) <= 5


@pytest.mark.parametrize("name", [WEB, f"nope.shop.svc.{Z}"])
def test_an_answer_is_made_once_and_kept_once_whichever_path_asks_for_it(name: str) -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))
    question = _question(name)

    first = server.answers.find(question)

    assert all(server.answers.find(question) is first for _ in range(3))
    server.put(vip("shop/cart", "10.96.0.2"))
    server.put(vip("shop/web", "10.96.0.3"))
    assert server.answers.ready_made == {}


def test_endpoints_are_rotated_from_answer_to_answer() -> None:
    server = Server()
    server.put(headless("shop/db"), piece("shop/db", "east", *(ready(f"10.0.0.{n}") for n in range(1, 4))))

    firsts = [str(server.ask(DB, "A").raw.rr[0].rdata) for _ in range(6)]

    assert set(firsts) == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}


def test_a_stale_zone_goes_on_answering() -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1"))

    server.answers.set_stale(True)

    assert addresses(server, WEB) == ["10.96.0.1"]


def _question(name: str, rtype: int = 1) -> bytes:
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return labels + b"\0" + rtype.to_bytes(2, "big") + b"\0\1"


services = st.sampled_from(["a/x", "a/y", "b/x"])
states = st.one_of(
    st.none(),
    st.tuples(
        st.booleans(),
        st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), max_size=3, unique=True),
    ),
)
questions = st.tuples(
    st.sampled_from(
        [
            f"{prefix}{service}.{namespace}.svc.{Z}"
            for service in "xy"
            for namespace in "ab"
            for prefix in ("", "_http._tcp.", "_pg._tcp.", "_tcp.", "east.", "10-0-0-1.east.", "nope.")
        ]
        + [f"svc.{Z}", f"a.svc.{Z}", f"b.svc.{Z}", f"c.svc.{Z}"]
    ),
    st.sampled_from(["A", "AAAA", "SRV", "TXT"]),
)


@given(st.lists(st.tuples(services, states, st.lists(questions, max_size=6)), max_size=8))
def test_after_any_history_answers_are_those_of_a_server_that_only_knows_the_end(
    history: list[tuple[str, tuple[bool, list[str]] | None, list[tuple[str, str]]]],
) -> None:
    server, last = Server(), {}
    asked: set[tuple[str, str]] = set()
    for service, state, some in history:
        last[service] = state
        _put(server, service, state)
        asked.update(some)
        for question in some:
            server.ask(*question)
    fresh = Server()
    for service, state in last.items():
        _put(fresh, service, state)

    for question in asked:
        ours, wanted = server.ask(*question), fresh.ask(*question)
        assert (ours.rcode, ours.answer, ours.authority) == (wanted.rcode, wanted.answer, wanted.authority)
    assert server.answers.zone.address_count == fresh.answers.zone.address_count


def _put(server: Server, service: str, state: tuple[bool, list[str]] | None) -> None:
    if state is None:
        server.remove(*key(service))
        return
    is_headless, ips = state
    pods = piece(service, "east", *(ready(ip) for ip in ips))
    server.put(headless(service) if is_headless else vip(service, *ips[:1]), pods)


def test_the_zone_counts_what_it_holds() -> None:
    server = Server()
    server.put(vip("shop/web", "10.96.0.1", "fd00::1"))
    server.put(headless("shop/db"), piece("shop/db", "east", ready("10.0.0.1"), ready("10.0.0.2")))
    server.put(headless("shop/away"))

    assert server.answers.zone.service_count == 2
    assert server.answers.zone.address_count == 4
    assert server.ask(WEB, "A").answer == zone_text(f"{WEB}. 4 IN A 10.96.0.1")
