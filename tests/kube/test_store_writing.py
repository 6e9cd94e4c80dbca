"""What the reader of a store writes itself: told to nobody, and never at the cost of what others do."""

from contextlib import suppress
from typing import Any

from mcs_controller.kube.store import Store
from tests.kube.test_store import contents, entry


def listening() -> tuple[Store[str], list[Any]]:
    store: Store[str] = Store()
    store.apply(entry("a", 1, "before"))
    told: list[Any] = []
    store.subscribe(lambda old, new: told.append((old and old.value, new and new.value)))
    return store, told


def test_an_echo_that_comes_before_the_answer_is_told_nobody() -> None:
    store, told = listening()
    with store.writing(("shop", "a")):
        assert store.apply(entry("a", 2, "written"))
        assert contents(store) == {"a": "written"}
        assert not store.apply(entry("a", 2, "written"), silent=True)
    assert told == []


def test_an_echo_of_what_was_created_is_told_nobody() -> None:
    store, told = listening()
    with store.writing(("shop", "b")):
        store.apply(entry("b", 2, "written"))
        store.apply(entry("b", 2, "written"), silent=True)
    assert told == []


def test_what_a_watch_shows_while_a_write_fails_is_told_when_that_has_ended() -> None:
    store, told = listening()
    with suppress(ValueError), store.writing(("shop", "a")):
        store.apply(entry("a", 2, "theirs"))
        assert contents(store) == {"a": "theirs"}
        raise ValueError
    assert told == [("before", "theirs")]
    store.apply(entry("a", 3, "later"))
    assert told[1:] == [("theirs", "later")]


def test_what_is_not_what_was_written_is_told_though_the_write_succeeds() -> None:
    store, told = listening()
    with store.writing(("shop", "a")):
        store.apply(entry("a", 2, "theirs"))
        store.apply(entry("a", 3, "written"), silent=True)
    assert told == [("before", "theirs")]


def test_the_same_version_of_another_incarnation_is_told() -> None:
    store, told = listening()
    with store.writing(("shop", "a")):
        store.apply(entry("a", 2, "theirs", uid="u2"))
        store.apply(entry("a", 2, "written"), silent=True)
    assert told == [("before", "theirs")]


def test_another_value_than_is_expected_is_told_at_once() -> None:
    store, told = listening()
    with store.writing(("shop", "a"), "written"):
        store.apply(entry("a", 2, "theirs"))
        assert told == [("before", "theirs")]


def test_a_foreign_value_that_looks_like_the_expected_one_is_told_when_the_write_fails() -> None:
    store, told = listening()
    with store.writing(("shop", "a"), "written"):
        store.apply(entry("a", 2, "written"))
        assert told == []
    assert told == [("before", "written")]


def test_a_second_change_during_a_write_is_told_at_once_after_the_first() -> None:
    store, told = listening()
    with store.writing(("shop", "a")):
        store.apply(entry("a", 2, "written"))
        store.apply(entry("a", 3, "theirs"))
        assert told == [("before", "written"), ("written", "theirs")]
        store.apply(entry("a", 2, "written"), silent=True)
    assert told == [("before", "written"), ("written", "theirs")]
    assert contents(store) == {"a": "theirs"}


def test_a_removal_during_a_write_is_told_at_once_after_what_was_there() -> None:
    store, told = listening()
    with store.writing(("shop", "a")):
        store.apply(entry("a", 2, "written"))
        store.remove("shop", "a")
        assert told == [("before", "written"), ("written", None)]
    assert len(told) == 2


def test_what_a_list_shows_during_a_write_is_told_at_once() -> None:
    store, told = listening()
    with store.writing(("shop", "a")):
        store.begin_list()
        store.replace([entry("a", 0, "restored")], "1")
        assert told == [("before", "restored")]


def test_other_keys_are_told_at_once_while_one_is_written() -> None:
    store, told = listening()
    with store.writing(("shop", "a")):
        store.apply(entry("b", 2, "theirs"))
        assert told == [(None, "theirs")]


def test_of_two_writes_at_once_the_one_that_succeeds_is_silent() -> None:
    store, told = listening()
    with store.writing(("shop", "a")), suppress(ValueError), store.writing(("shop", "a")):
        store.apply(entry("a", 2, "written"))
        store.apply(entry("a", 2, "written"), silent=True)
        raise ValueError
    assert told == []


def test_what_was_removed_during_a_write_is_not_brought_back_by_the_answer() -> None:
    store, told = listening()
    with store.writing(("shop", "a")):
        store.apply(entry("a", 2, "written"))
        store.remove("shop", "a", "3")
        assert not store.apply(entry("a", 2, "written"), silent=True)
    assert contents(store) == {}
    assert told == [("before", "written"), ("written", None)]


def test_what_was_removed_is_not_brought_back_by_a_second_write_or_a_read_either() -> None:
    store, _ = listening()
    held = store.get("shop", "a")
    first, second = store.writing(("shop", "a")), store.writing(("shop", "a"))
    first.__enter__()
    second.__enter__()
    store.remove("shop", "a", "3")
    first.__exit__(None, None, None)
    store.correct(held, entry("a", 2, "written"), ("shop", "a"))
    assert not store.apply(entry("a", 2, "written"), silent=True)
    second.__exit__(None, None, None)
    assert contents(store) == {}


def test_what_comes_back_during_a_write_is_there_and_so_is_another_of_its_name() -> None:
    store, told = listening()
    with store.writing(("shop", "a")):
        store.remove("shop", "a", "3")
        store.apply(entry("a", 4, "back"))
        assert contents(store) == {"a": "back"}
    with store.writing(("shop", "a")):
        store.remove("shop", "a", "5")
        store.apply(entry("a", 6, "another", uid="u2"), silent=True)
    assert contents(store) == {"a": "another"}
    assert told == [("before", None), (None, "back"), ("back", None)]


def test_after_the_first_of_two_writes_changes_are_told_at_once() -> None:
    store, told = listening()
    first, second = store.writing(("shop", "a")), store.writing(("shop", "a"))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    store.apply(entry("a", 2, "theirs"))
    assert told == [("before", "theirs")]
    second.__exit__(None, None, None)
