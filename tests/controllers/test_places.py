"""Who has a place among the imports that rest on one member's exports, and who is woken for one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from mcs_controller.clusterset.membership.limits import Limits
from mcs_controller.clusterset.model import ImportSpec, LocalImport, ServiceKey
from mcs_controller.controllers.services.imports.import_cap import ImportCap
from mcs_controller.kube.store import Entry, Store


@dataclass
class Here:
    """As much of this cluster, north, as places depend on."""

    cluster_id: str = "north"
    imports: Store[LocalImport] = field(default_factory=Store)


@dataclass
class Members:
    allowed: dict[str, int]

    def limits(self, cluster: str) -> Limits:
        return Limits(imports=self.allowed.get(cluster, 100))


class Places:
    def __init__(self, **allowed: int) -> None:
        self.here, self.members = Here(), Members(allowed)
        here: Any = self.here
        members: Any = self.members
        self.cap = ImportCap(here, members)
        self.woken: list[str] = []
        self.cap.enqueue = lambda key: self.woken.append(key.name)

    def asks(self, name: str, *exporters: str) -> bool:
        return self.cap.permits(key(name), exporters)

    def goes(self, name: str) -> list[str]:
        """Who is woken for it."""
        self.woken.clear()
        self.cap.forget(key(name))
        return self.woken

    def waiting(self) -> dict[str, int]:
        return dict(self.cap.waiting())

    def finds(self, name: str, *clusters: str, managed: bool = True) -> None:
        """An import that is there already."""
        spec = ImportSpec("ClusterSetIP", ())
        imported = LocalImport(key(name), "u", 1, spec, managed=managed, clusters=clusters)
        self.here.imports.apply(Entry("shop", name, "u", str(len(self.here.imports) + 1), imported))


def key(name: str) -> ServiceKey:
    return ServiceKey("shop", name)


def all_ask(places: Places, names: Iterable[str], *exporters: str) -> list[bool]:
    return [places.asks(name, *exporters) for name in names]


def test_so_many_have_a_place_and_the_rest_waits_in_the_order_in_which_it_came() -> None:
    places = Places(east=2)
    assert all_ask(places, "abcd", "east") == [True, True, False, False]
    assert places.waiting() == {"east": 2}
    assert places.goes("a") == ["c"]
    assert places.asks("c", "east")
    assert not places.asks("d", "east"), "one has gone, and one has come"
    assert places.waiting() == {"east": 1}
    assert places.goes("b") == ["d"]
    assert places.asks("d", "east")
    assert places.waiting() == {}
    assert places.goes("c") == []


def test_who_has_a_place_keeps_it_however_few_are_allowed_and_asks_in_vain_for_nothing() -> None:
    places = Places(east=2)
    all_ask(places, "ab", "east")
    places.members.allowed["east"] = 0
    assert all_ask(places, "abc", "east") == [True, True, False]
    assert places.goes("a") == []
    assert places.waiting() == {"east": 1}


def test_one_exporter_with_a_place_to_spare_is_enough_and_all_are_charged() -> None:
    places = Places(east=1, west=2)
    assert places.asks("a", "east")
    assert places.asks("b", "east", "west")
    assert places.asks("c", "west")
    assert not places.asks("d", "east", "west")
    assert places.waiting() == {"east": 1, "west": 1}
    assert places.goes("c") == ["d"]
    assert places.asks("d", "east", "west")
    assert places.waiting() == {}


def test_what_this_cluster_exports_too_needs_no_place_and_gives_the_one_that_it_had_back() -> None:
    places = Places(east=1)
    assert places.asks("a", "east")
    assert not places.asks("b", "east")
    assert places.asks("own", "east", "north")
    assert places.woken == []
    assert places.asks("a", "east", "north")
    assert places.woken == ["b"]
    assert places.asks("b", "east")


def test_an_exporter_that_ends_or_begins_changes_whose_places_are_taken() -> None:
    places = Places(east=1, west=1)
    assert places.asks("a", "east")
    assert not places.asks("b", "east")
    assert places.asks("a", "west")
    assert places.woken == ["b"]
    assert places.asks("b", "east")
    assert not places.asks("c", "west")
    assert places.asks("a", "west", "east")
    assert not places.asks("c", "west")
    assert places.goes("a") == ["c"]


def test_who_waited_and_is_wanted_no_more_lets_the_next_one_in() -> None:
    places = Places(east=1)
    all_ask(places, "abc", "east")
    assert places.goes("a") == ["b"]
    assert places.goes("b") == ["c"]
    assert places.waiting() == {"east": 1}
    assert places.goes("c") == []
    assert places.waiting() == {}
    assert places.goes("never seen") == []


def test_of_several_places_that_become_free_at_once_each_is_taken_in_turn() -> None:
    places = Places(east=2)
    all_ask(places, "abcde", "east")
    places.members.allowed["east"] = 4
    assert places.asks("c", "east")
    assert places.woken == ["d"]
    assert places.asks("d", "east")
    assert places.woken == ["d"]
    assert not places.asks("e", "east")


def test_what_an_earlier_agent_left_has_the_places_that_it_names() -> None:
    places = Places(east=2)
    places.finds("a", "east")
    places.finds("own", "east", "north")
    places.finds("by-hand", "east", managed=False)
    assert places.asks("b", "east")
    assert not places.asks("c", "east")
    assert places.asks("a", "east")


def test_an_import_that_is_deleted_keeps_its_place_until_it_is_wanted_no_more() -> None:
    places = Places(east=1)
    places.finds("a", "east")
    places.here.imports.remove("shop", "a")
    assert not places.asks("b", "east")
    assert places.asks("a", "east")
    assert places.goes("a") == ["b"]


def test_an_import_that_is_seen_again_is_charged_as_it_was_and_not_as_it_names() -> None:
    places = Places(east=1, west=1)
    assert places.asks("a", "east")
    places.finds("a", "west")
    assert places.asks("b", "west")
    assert not places.asks("c", "east")


def test_as_long_as_nobody_wants_to_be_told_a_place_becomes_free_all_the_same() -> None:
    here: Any = Here()
    members: Any = Members({"east": 1})
    cap = ImportCap(here, members)
    assert cap.permits(key("a"), ["east"])
    assert not cap.permits(key("b"), ["east"])
    cap.forget(key("a"))
    assert cap.permits(key("b"), ["east"])


def test_that_others_wait_for_a_members_places_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    places = Places(east=1, west=2)
    all_ask(places, "abc", "east")
    all_ask(places, "defgh", "west")
    assert [record.getMessage() for record in caplog.records] == [
        f"member {said}: the others wait"
        for said in (
            "east exports more services than are imported from one member (1)",
            "west exports more services than are imported from one member (2)",
        )
    ]
