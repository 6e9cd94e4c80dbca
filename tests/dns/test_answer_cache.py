"""Which answers are kept, and which make room: counted one by one."""

import pytest

from mcs_controller.dns.answers import answer_cache as keeping
from mcs_controller.dns.answers.answer import Answer
from mcs_controller.dns.answers.answer_cache import MADE_UP_KEPT_MAX, AnswerCache

HEADS = (b"", b"", b"", b"")


def answer(size: int = 1) -> Answer:
    return Answer(0, HEADS, b"x" * size, 0)


class Kept(AnswerCache):
    def ask(self, service: str, number: int = 0, *, size: int = 1, made_up: bool = False) -> None:
        question = f"{service}/{'odd' if made_up else ''}{number}".encode()
        self.keep(question, answer(size), service.encode() if service else None, made_up=made_up)

    def names(self) -> list[str]:
        return sorted(question.decode() for question in self.ready_made)

    def numbers(self, service: str) -> list[int]:
        return sorted(int(name.partition("/")[2]) for name in self.names() if name.startswith(f"{service}/"))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty answers of services, a hundred bytes of them, and three of none."""
    monkeypatch.setattr(keeping, "OWNED_KEPT_MAX", 20)
    monkeypatch.setattr(keeping, "OWNED_KEPT_MAX_BYTES", 100)
    monkeypatch.setattr(keeping, "UNOWNED_KEPT_MAX", 3)


def test_what_is_kept_is_the_answer_that_was_given() -> None:
    kept, one = Kept(), answer()

    kept.keep(b"question", one, b"service", made_up=False)

    assert kept.ready_made == {b"question": one}
    assert kept.ready_made[b"question"] is one


@pytest.mark.usefixtures("few")
def test_of_no_service_the_oldest_makes_room() -> None:
    kept = Kept()
    for number in range(5):
        kept.ask("", number, made_up=True)
        assert len(kept.ready_made) == min(number + 1, 3)
    assert kept.names() == ["/odd2", "/odd3", "/odd4"]

    kept.ask("web")
    kept.forget_unowned()
    assert kept.names() == ["web/0"]
    kept.ask("", 7)
    assert kept.names() == ["/7", "web/0"]


def test_of_a_service_so_many_that_are_made_up_are_kept_and_all_in_earnest() -> None:
    kept = Kept()
    for number in range(MADE_UP_KEPT_MAX + 5):
        kept.ask("web", number, made_up=True)
        kept.ask("web", number)
    kept.ask("cart", 0, made_up=True)

    assert len(kept.ready_made) == MADE_UP_KEPT_MAX + MADE_UP_KEPT_MAX + 5 + 1
    assert f"web/odd{MADE_UP_KEPT_MAX - 1}" in kept.names()
    assert f"web/odd{MADE_UP_KEPT_MAX}" not in kept.names()


def test_a_service_that_changed_has_none_and_the_others_have_theirs() -> None:
    kept = Kept()
    for service in ("web", "cart"):
        kept.ask(service)
        kept.ask(service, made_up=True)
    kept.ask("")

    kept.forget_service(b"web")
    kept.forget_service(b"web")
    kept.forget_service(b"unknown")

    assert kept.names() == ["/0", "cart/0", "cart/odd0"]


@pytest.mark.usefixtures("few")
def test_the_last_ones_of_the_service_whose_turn_it_is_make_room_a_few_at_a_time() -> None:
    kept = Kept()
    for number in range(18):
        kept.ask("web", number)
    for number in range(2):
        kept.ask("cart", number)
        kept.ask("", number)
    assert len(kept.ready_made) == 22, "those of no service do not count"

    kept.ask("db", 0)
    assert (kept.numbers("web"), kept.numbers("cart"), kept.numbers("db")) == ([0, 1], [0, 1], [0])

    for number in range(1, 17):
        kept.ask("db", number)
    assert (kept.numbers("web"), kept.numbers("cart")) == ([0, 1], []), "it is the next one's turn"
    assert len(kept.numbers("db")) == 17

    kept.ask("db", 17)
    assert len(kept.numbers("db")) == 18
    kept.ask("cart", 7)
    assert (len(kept.numbers("db")), kept.numbers("web"), kept.numbers("cart")) == (18, [], [7])
    kept.ask("cart", 8)
    kept.ask("cart", 9)
    assert (kept.numbers("db"), kept.numbers("cart")) == ([0, 1], [7, 8, 9])
    assert kept.names()[:2] == ["/0", "/1"]


@pytest.mark.usefixtures("few")
def test_where_nothing_is_asked_in_earnest_those_made_up_make_room() -> None:
    kept = Kept()
    for number in range(10):
        kept.ask("web", number, made_up=True)
        kept.ask("cart", number, made_up=True)

    kept.ask("db", 0, made_up=True)

    assert kept.names() == [*(f"cart/odd{number}" for number in range(10)), "db/odd0"]


@pytest.mark.usefixtures("few")
def test_bytes_are_bounded_as_numbers_are_and_counted_back() -> None:
    kept = Kept()
    kept.ask("web", 0, size=60)
    kept.ask("cart", 0, size=40)
    assert kept.names() == ["cart/0", "web/0"]
    kept.ask("", 0, size=1000)

    kept.ask("db", 0, size=1)
    assert kept.names() == ["/0", "cart/0", "db/0"]
    kept.ask("db", 1, size=59)
    assert kept.names() == ["/0", "cart/0", "db/0", "db/1"]
    kept.forget_service(b"db")
    kept.ask("web", 0, size=60)
    assert kept.names() == ["/0", "cart/0", "web/0"]


@pytest.mark.usefixtures("few")
def test_what_is_larger_than_all_room_is_not_kept_and_costs_others_a_turn_at_most() -> None:
    kept = Kept()
    kept.ask("web", 0)
    kept.ask("cart", 0)

    kept.ask("db", 0, size=101)

    assert kept.names() == ["cart/0"]
    kept.ask("db", 1, size=99)
    assert kept.names() == ["cart/0", "db/1"]


@pytest.mark.usefixtures("few")
def test_a_service_may_lose_its_last_answer_for_its_own_next_one() -> None:
    kept = Kept()
    kept.ask("web", 0, size=100)

    kept.ask("web", 1, size=100)

    assert kept.names() == ["web/1"]
    kept.forget_service(b"web")
    assert kept.names() == []


@pytest.mark.usefixtures("few")
def test_with_the_last_answer_in_earnest_of_a_service_go_those_made_up() -> None:
    kept = Kept()
    for number in range(16):
        kept.ask("web", number)
    for number in range(4):
        kept.ask("web", number, made_up=True)

    kept.ask("cart")

    assert kept.names() == ["cart/0"]
