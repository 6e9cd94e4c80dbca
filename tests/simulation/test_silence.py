"""Who has been silent for how long, and what a restore of the broker does to that."""

from __future__ import annotations

from tests.simulation.silence import HEARD_WITHIN_SECONDS, READ_WITHIN_SECONDS, Silence


class Looks:
    """At one member, a look each second, while another one is heard unless `alone`."""

    def __init__(self) -> None:
        self.silence = Silence()
        self.now_seconds = 100
        self.alone = False
        self.heartbeat = ""

    def __call__(self, heartbeat: str, after_seconds: int = 0) -> float:
        """How long it has been silent, by its heartbeat now; until now it had the former one."""
        for _ in range(after_seconds):
            self._another()
            self.silence.look("west", self.heartbeat, self.now_seconds)
            self.now_seconds += 1
        self._another()
        self.heartbeat = heartbeat
        return self.silence.look("west", heartbeat, self.now_seconds)

    def _another(self) -> None:
        if not self.alone:
            self.silence.look("north", str(self.now_seconds), self.now_seconds)


def test_a_member_is_silent_since_its_last_heartbeat_was_first_there() -> None:
    look = Looks()
    assert look("one") == 0.0
    assert look("one", 39) == 39.0
    assert look("two", 1) == 0.0
    assert look("two", 1) == 1.0


def test_while_nobody_is_heard_nobody_becomes_more_silent() -> None:
    look = Looks()
    look("one")
    assert look("one", 10) == 10.0
    look.alone = True
    assert look("one", 300) == 10.0 + int(HEARD_WITHIN_SECONDS)
    look.alone = False
    assert look("one", 10) == 20.0 + int(HEARD_WITHIN_SECONDS)


def test_a_heartbeat_that_a_restore_brings_back_at_once_is_no_sign_of_life() -> None:
    """Who did not read in between has seen no other one."""
    look = Looks()
    look("one")
    look("two", 36)
    assert look("one", int(READ_WITHIN_SECONDS)) == 36.0 + READ_WITHIN_SECONDS
    assert look("three", 9) == 0.0


def test_one_that_comes_back_when_all_have_read_another_is() -> None:
    look = Looks()
    look("one")
    look("two", 36)
    assert look("one", int(READ_WITHIN_SECONDS) + 1) == 0.0
    assert look("one", 10) == 10.0


def test_it_counts_from_where_it_was_though_several_came_in_between() -> None:
    look = Looks()
    look("one")
    look("two", 1)
    look("three", 1)
    assert look("one", 2) == 4.0


def test_who_is_forgotten_counts_anew() -> None:
    look = Looks()
    look("one")
    look.silence.forget("west")
    assert look("one") == 0.0
