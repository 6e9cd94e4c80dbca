"""The store: single news never goes back in version, and a complete list is the truth."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.kube.store import Entry, Store


def entry(name: str, version: int | str, value: str = "v", uid: str = "u1") -> Entry[str]:
    return Entry("shop", name, uid, str(version), value)


def contents(store: Store[str]) -> dict[str, str]:
    return {held.name: held.value for held in store}


def test_a_newer_version_replaces_and_an_older_one_does_not() -> None:
    store: Store[str] = Store()
    assert store.apply(entry("a", 9, "old"))
    assert store.apply(entry("a", 10, "new"))
    assert not store.apply(entry("a", 9, "old"))
    assert contents(store) == {"a": "new"}


def test_versions_are_compared_as_numbers_not_as_text() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", 99, "old"))
    assert store.apply(entry("a", 100, "new"))


def test_versions_that_are_no_numbers_are_taken_as_they_come() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", "x9", "first"))
    assert store.apply(entry("a", "x1", "second"))
    assert not store.apply(entry("a", "x1", "second"))


def test_the_same_version_again_is_nothing_new() -> None:
    store: Store[str] = Store()
    seen: list[Any] = []
    store.subscribe(lambda old, new: seen.append((old, new)))
    assert store.apply(entry("a", 1))
    assert not store.apply(entry("a", 1))
    assert len(seen) == 1


def test_a_recreated_object_takes_the_old_ones_place_and_its_old_incarnation_cannot_return() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", 5, "before", uid="u1"))
    assert store.apply(entry("a", 8, "after", uid="u2"))
    assert not store.apply(entry("a", 5, "before", uid="u1"))
    assert contents(store) == {"a": "after"}


def test_a_deletion_older_than_what_is_held_is_ignored() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", 8))
    store.remove("shop", "a", "7")
    assert len(store) == 1
    store.remove("shop", "a", "9")
    assert len(store) == 0
    store.remove("shop", "a", "9")


def test_a_complete_list_removes_what_it_lacks_unless_that_is_newer_than_the_list() -> None:
    store: Store[str] = Store()
    for name, version in (("kept", 3), ("gone", 4)):
        store.apply(entry(name, version))
    store.begin_list()
    store.apply(entry("newer", 11))
    store.apply(entry("came and went", 9))
    store.replace([entry("kept", 3), entry("added", 9)], "10")
    assert sorted(contents(store)) == ["added", "kept", "newer"]


def test_an_older_version_in_a_complete_list_is_taken_unless_the_newer_one_came_while_it_was_read() -> None:
    store: Store[str] = Store()
    store.apply(entry("restored", 50, "after the backup"))
    store.apply(entry("written", 50, "before"))
    store.begin_list()
    store.apply(entry("written", 1_000_051, "meanwhile"), silent=True)
    store.replace([entry("restored", 20, "of the backup"), entry("written", 50, "before")], "1000050")
    assert contents(store) == {"restored": "of the backup", "written": "meanwhile"}
    store.begin_list()
    store.replace([entry("restored", 20, "of the backup"), entry("written", 60, "of the list")], "70")
    assert contents(store)["written"] == "of the list"


def test_what_was_corrected_while_a_list_was_read_is_newer_than_the_list() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", 50, "before"))
    store.begin_list()
    store.correct(store.get("shop", "a"), entry("a", 60, "asked for"), ("shop", "a"))
    store.replace([entry("a", 50, "before")], "55")
    assert contents(store) == {"a": "asked for"}


def test_a_deletion_that_came_too_late_makes_nothing_newer_than_a_list() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", 50, "after the backup"))
    store.begin_list()
    store.remove("shop", "a", "10")
    store.replace([entry("a", 20, "of the backup")], "30")
    assert contents(store) == {"a": "of the backup"}


def test_what_came_after_a_list_is_no_newer_than_the_next_one() -> None:
    store: Store[str] = Store()
    store.begin_list()
    store.replace([entry("a", 40)], "40")
    store.apply(entry("a", 50, "after the backup"))
    store.replace([entry("a", 20, "of the backup")], "60")
    assert contents(store) == {"a": "of the backup"}


def test_an_object_of_another_incarnation_is_taken_from_a_list_though_all_else_is_the_same() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", 3, uid="u1"))
    store.replace([entry("a", 3, uid="u2")], "10")
    assert [held.uid for held in store] == ["u2"]


def test_what_a_list_repeats_is_no_news() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", 3, "same"))
    store.apply(entry("b", 4, "other"))
    heard: list[str] = []
    store.subscribe(lambda old, new: heard.append((new or old).name))  # type: ignore[union-attr]
    store.begin_list()
    store.replace([entry("a", 3, "same"), entry("b", 4, "of another history")], "10")
    assert heard == ["b"]
    store.correct(store.get("shop", "a"), entry("a", 3, "same"), ("shop", "a"))
    assert heard == ["b"]


def test_a_read_that_corrects_is_taken_older_or_not_unless_something_came_meanwhile() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", 50, "lost"))
    held = store.get("shop", "a")
    store.correct(held, entry("a", 20, "there"), ("shop", "a"))
    assert contents(store) == {"a": "there"}
    store.apply(entry("a", 30, "meanwhile"))
    store.correct(held, entry("a", 25, "read before"), ("shop", "a"))
    store.correct(held, None, ("shop", "a"))
    assert contents(store) == {"a": "meanwhile"}
    store.correct(store.get("shop", "a"), None, ("shop", "a"))
    assert contents(store) == {}


def test_after_a_restore_from_backup_the_list_is_the_truth() -> None:
    store: Store[str] = Store()
    store.apply(entry("a", 50, "after the backup"))
    store.apply(entry("b", 60))
    store.apply(entry("c", 25, "of the lost history"))
    listed = [entry("a", 20, "as in the backup"), entry("c", 25, "of the new history")]
    store.begin_list()
    store.replace(listed, "30")
    assert contents(store) == {"a": "as in the backup", "c": "of the new history"}


def test_listeners_hear_of_each_change_with_old_and_new_after_it_happened() -> None:
    store: Store[str] = Store()
    heard: list[tuple[str | None, str | None, int]] = []
    store.subscribe(
        lambda old, new: heard.append((old.value if old else None, new.value if new else None, len(store)))
    )
    store.apply(entry("a", 1, "one"))
    store.apply(entry("a", 2, "two"))
    store.remove("shop", "a")
    assert heard == [(None, "one", 1), ("one", "two", 1), ("two", None, 0)]


def test_a_silent_write_is_held_but_not_told() -> None:
    store: Store[str] = Store()
    heard: list[Any] = []
    store.subscribe(lambda old, new: heard.append(new))
    assert store.apply(entry("a", 1), silent=True)
    assert heard == []
    assert not store.apply(entry("a", 1))


def test_the_index_follows_an_entry_that_moves_and_forgets_empty_keys() -> None:
    store: Store[str] = Store(index=lambda held: held.value or None)
    store.apply(entry("a", 1, "east"))
    store.apply(entry("b", 2, "east"))
    store.apply(entry("c", 3, ""))
    assert [held.name for held in store.indexed("east")] == ["a", "b"]
    store.apply(entry("a", 4, "west"))
    store.remove("shop", "b")
    assert store.indexed("east") == ()
    assert list(store.index_keys()) == ["west"]
    store.remove("shop", "a")
    assert list(store.index_keys()) == []


names = st.sampled_from("abc")
changes = st.lists(
    st.tuples(st.sampled_from(["apply", "remove", "replace"]), names, st.integers(1, 30)), max_size=30
)


@given(changes)
def test_the_index_always_agrees_with_the_entries(steps: list[tuple[str, str, int]]) -> None:
    store: Store[str] = Store(index=lambda held: held.value if held.value != "v0" else None)
    for verb, name, version in steps:
        value = f"v{version % 3}"
        if verb == "apply":
            store.apply(entry(name, version, value))
        elif verb == "remove":
            store.remove("shop", name, str(version))
        else:
            store.replace([entry(name, version, value)], str(version))
    indexed = {(key, held.name) for key in store.index_keys() for held in store.indexed(key)}
    assert indexed == {(held.value, held.name) for held in store if held.value != "v0"}


@given(st.permutations([1, 2, 3, 4, 5]))
def test_whatever_the_order_of_arrival_the_newest_version_is_held(order: list[int]) -> None:
    store: Store[str] = Store()
    for version in order:
        store.apply(entry("a", version, f"v{version}"))
    assert contents(store) == {"a": "v5"}


def test_a_read_that_corrects_is_told_with_what_was_held_and_moves_it_in_the_index() -> None:
    store: Store[str] = Store(index=lambda one: one.value)
    heard: list[tuple[str | None, str | None]] = []
    store.subscribe(lambda old, new: heard.append((old.value if old else None, new.value if new else None)))
    store.correct(None, entry("a", 50, "new"), ("shop", "a"))
    store.correct(store.get("shop", "a"), entry("a", 20, "older"), ("shop", "a"))
    store.correct(store.get("shop", "a"), entry("a", 20, "older"), ("shop", "a"))
    assert set(store.index_keys()) == {"older"}
    store.correct(store.get("shop", "a"), None, ("shop", "a"))
    store.correct(None, None, ("shop", "a"))
    assert heard == [(None, "new"), ("new", "older"), ("older", None)]
    assert set(store.index_keys()) == set()
