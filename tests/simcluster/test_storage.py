"""The storage by itself: versions, history, and what stays frozen."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.simcluster.status import StatusError
from mcs_controller.simcluster.storage.versions import Event, Storage, Stored

THINGS = ("", "things")
OTHERS = ("", "others")


def thing(name: str, value: int = 0, namespace: str = "ns") -> dict[str, Any]:
    return {
        "kind": "Thing",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace},
        "value": value,
    }


def keys(storage: Storage, namespace: str = "") -> list[str]:
    return [stored.key for stored in storage.select(THINGS, namespace)]


def test_every_write_raises_the_one_version_of_the_server() -> None:
    storage = Storage()
    start = storage.revision
    storage.put(THINGS, thing("a"))
    storage.put(OTHERS, thing("a"))
    stored = storage.put(THINGS, thing("a", 1))
    assert stored.metadata["resourceVersion"] == str(start + 3)
    storage.remove(THINGS, "ns", "a")
    assert storage.revision == start + 4


def test_objects_are_found_in_key_order_also_within_a_namespace() -> None:
    storage = Storage()
    for name, namespace in (("b", "x"), ("a", "x-y"), ("a", "x"), ("c", "x0"), ("z", "a")):
        storage.put(THINGS, thing(name, namespace=namespace))
    assert keys(storage, "x") == ["x/a", "x/b"]
    assert keys(storage) == sorted(keys(storage))
    storage.remove(THINGS, "x", "a")
    assert keys(storage, "x") == ["x/b"]


def test_an_earlier_version_is_reconstructed() -> None:
    storage = Storage()
    storage.put(THINGS, thing("kept"))
    storage.put(THINGS, thing("changed", 1))
    storage.put(THINGS, thing("removed", 1))
    then = storage.revision
    storage.put(THINGS, thing("changed", 2))
    storage.remove(THINGS, "ns", "removed")
    storage.put(THINGS, thing("added"))
    found = {stored.name: stored.object["value"] for stored in storage.select_at(THINGS, "", then)}
    assert found == {"kept": 0, "changed": 1, "removed": 1}
    assert keys(storage) == ["ns/added", "ns/changed", "ns/kept"]


def test_history_is_kept_for_each_resource_and_only_so_long() -> None:
    storage = Storage(history_events=2)
    storage.put(OTHERS, thing("quiet"))
    quiet = storage.revision
    for value in range(4):
        storage.put(THINGS, thing("a", value))
    assert [one.last.object["value"] for one in storage.events_since(THINGS, storage.revision - 2)] == [2, 3]
    with pytest.raises(StatusError) as refused:
        storage.events_since(THINGS, storage.revision - 3)
    assert refused.value.code == 410
    assert storage.events_since(OTHERS, quiet) == []


def test_compaction_forgets_everything_that_was() -> None:
    storage = Storage()
    storage.put(THINGS, thing("a"))
    before = storage.revision - 1
    storage.compact()
    for read in (
        lambda: storage.events_since(THINGS, before),
        lambda: storage.select_at(THINGS, "", before),
        lambda: storage.events_since(("", "never written"), before),
    ):
        with pytest.raises(StatusError) as refused:
            read()
        assert refused.value.reason == "Expired"
    assert storage.events_since(THINGS, storage.revision) == []


def test_listeners_see_what_was_and_what_is() -> None:
    storage = Storage()
    seen: list[tuple[int | None, int | None, int]] = []

    def listen(event: Event) -> None:
        before = None if event.before is None else event.before.object["value"]
        after = None if event.after is None else event.after.object["value"]
        seen.append((before, after, event.last.object["value"]))

    end = storage.subscribe(THINGS, listen)
    storage.put(THINGS, thing("a", 1))
    storage.put(THINGS, thing("a", 2))
    storage.remove(THINGS, "ns", "a")
    end()
    storage.put(THINGS, thing("a", 3))
    assert seen == [(None, 1, 1), (1, 2, 2), (2, None, 2)]


def test_a_superseded_object_still_reads_as_it_was() -> None:
    storage = Storage()
    first = storage.put(THINGS, thing("a", 1))
    body = first.encoded
    storage.put(THINGS, thing("a", 2))
    assert first.object["value"] == 1
    assert first.encoded == body


def test_a_copy_is_ones_own() -> None:
    storage = Storage()
    stored = storage.put(THINGS, thing("a", 1))
    stored.copy()["metadata"]["name"] = "other"
    assert stored.object["metadata"]["name"] == "a"


def test_a_view_is_rendered_once() -> None:
    storage = Storage()
    stored = storage.put(THINGS, thing("a"))
    renderings: list[str] = []

    def render(one: Stored) -> bytes:
        renderings.append(one.key)
        return b"x"

    for _ in range(3):
        assert stored.rendered("view", render) == b"x"
    assert renderings == ["ns/a"]
