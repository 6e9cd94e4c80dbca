"""One cluster ceases to export what another has just begun to: between the two there may be no import."""

from __future__ import annotations

from tests.observer.world import BOUND_SECONDS, ONE, TWO, WEB, World

BOTH = frozenset({"east", "north"})


def handed_over() -> World:
    """North began to export, which west need not know of yet, and east takes the service back."""
    world = World()
    world.expected.exported("north", WEB, ["10.3.0.1"])
    world.expected.unexported("east", WEB)
    return world


def test_an_import_may_go_between_the_last_known_export_and_one_that_is_on_its_way() -> None:
    world = handed_over()
    world.observer.saw("west", WEB, None)
    world.answers()
    world.after(BOUND_SECONDS)
    world.shows(uid="u2", ips=(), clusters=frozenset({"north"}))
    world.shows("10.3.0.1", uid="u2", ips=("10.97.0.9",), clusters=frozenset({"north"}))
    world.answers("10.97.0.9")
    assert world.found() == []
    world.observer.saw("west", WEB, None)
    assert [kind for kind, _, _ in world.found()] == ["import gone", "hole"]


def test_an_import_that_is_another_one_by_then_may_come_in_its_place() -> None:
    world = handed_over()
    world.shows("10.3.0.1", uid="u2", ips=("10.97.0.9",), clusters=frozenset({"north"}))
    assert world.found() == []


def test_once_it_names_the_new_exporter_it_may_not() -> None:
    world = World()
    world.expected.exported("north", WEB, ["10.3.0.1"])
    world.shows(ONE, TWO, clusters=BOTH)
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)
    assert world.found() == [("import gone", 0, None)]


def test_nor_when_the_new_export_should_have_come_long_ago() -> None:
    world = World()
    world.expected.exported("north", WEB, ["10.3.0.1"])
    world.shows(ONE, TWO, clusters=frozenset({"east"}))
    world.after(BOUND_SECONDS + 1)
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)
    assert world.found() == [("import gone", BOUND_SECONDS + 1, None)]


def test_the_name_of_an_exporter_that_took_the_service_back_says_nothing_of_its_new_export() -> None:
    world = World()
    world.expected.exported("north", WEB, ["10.3.0.1"])
    world.shows(ONE, TWO, "10.3.0.1", clusters=BOTH)
    world.expected.unexported("north", WEB)
    world.expected.exported("north", WEB, ["10.3.0.2"])
    world.shows(ONE, TWO, clusters=BOTH)
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)
    assert world.found() == []


def test_but_it_does_once_it_was_away() -> None:
    world = World()
    world.expected.exported("north", WEB, ["10.3.0.1"])
    world.shows(ONE, TWO, "10.3.0.1", clusters=BOTH)
    world.expected.unexported("north", WEB)
    world.expected.exported("north", WEB, ["10.3.0.2"])
    world.shows(ONE, TWO, clusters=frozenset({"east"}))
    world.shows(ONE, TWO, clusters=BOTH)
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)
    assert world.found() == [("import gone", 0, None)]


def away_while_north_exports_anew() -> World:
    """West's namespace was away while north took its export back and made it anew."""
    world = World()
    world.expected.exported("north", WEB, ["10.3.0.1"])
    world.shows(ONE, TWO, "10.3.0.1", clusters=BOTH)
    world.expected.namespace_gone("west", "shop")
    world.observer.saw("west", WEB, None)
    world.expected.unexported("north", WEB)
    world.observer.saw("west", WEB, None)
    world.expected.exported("north", WEB, ["10.3.0.2"])
    world.expected.namespace("west", "shop")
    return world


def test_nor_does_it_in_an_import_made_anew_by_one_who_cannot_know_of_the_taking_back() -> None:
    """West's namespace comes back while its agent cannot reach the broker: it makes what it knew before."""
    world = away_while_north_exports_anew()
    world.shows(uid="u2", ips=(), clusters=frozenset())
    world.shows(ONE, TWO, "10.3.0.1", uid="u2", clusters=BOTH)
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)
    world.shows("10.3.0.2", uid="u3", clusters=frozenset({"north"}))
    assert world.found() == []
    world.observer.saw("west", WEB, None)
    assert [kind for kind, _, _ in world.found()] == ["import gone"]


def test_the_name_of_who_took_it_back_meanwhile_may_go_once_from_an_import_made_anew() -> None:
    world = away_while_north_exports_anew()
    world.shows(ONE, TWO, "10.3.0.1", uid="u2", clusters=BOTH)
    world.shows(ONE, TWO, uid="u2", clusters=frozenset({"east"}))
    world.shows(ONE, TWO, "10.3.0.2", uid="u2", clusters=BOTH)
    assert world.found() == []
    world.shows(ONE, TWO, "10.3.0.2", uid="u2", clusters=frozenset({"east"}))
    assert [kind for kind, _, _ in world.found()] == ["clusters"]


def test_not_the_name_of_who_took_nothing_back() -> None:
    world = World()
    world.shows(ONE, TWO, clusters=frozenset({"east"}))
    world.expected.namespace_gone("west", "shop")
    world.observer.saw("west", WEB, None)
    world.expected.namespace("west", "shop")
    world.shows(ONE, TWO, uid="u2", clusters=frozenset({"east"}))
    world.shows(ONE, TWO, uid="u2", clusters=frozenset())
    assert [kind for kind, _, _ in world.found()] == ["clusters"]


def made_anew(clusters: frozenset[str]) -> World:
    """West's namespace goes and comes back, and its import names these."""
    world = World()
    world.expected.exported("north", WEB, ["10.3.0.1"])
    world.shows(ONE, TWO, "10.3.0.1", clusters=BOTH)
    world.after(BOUND_SECONDS + 1)
    world.expected.namespace_gone("west", "shop")
    world.observer.saw("west", WEB, None)
    world.expected.namespace("west", "shop")
    world.shows(ONE, TWO, uid="u2", clusters=clusters)
    return world


def last_known_export_goes(world: World) -> None:
    world.expected.unexported("east", WEB)
    world.observer.saw("west", WEB, None)


def test_an_import_made_anew_need_not_know_of_a_record_that_was_lost_before() -> None:
    """Only the import that went with the namespace told that north exports the service."""
    world = made_anew(frozenset({"east"}))
    last_known_export_goes(world)
    world.shows("10.3.0.1", uid="u3", clusters=frozenset({"north"}))
    assert world.found() == []
    world.observer.saw("west", WEB, None)
    assert [kind for kind, _, _ in world.found()] == ["import gone"]


def test_but_long_after_the_namespace_came_back_it_must() -> None:
    world = made_anew(frozenset({"east"}))
    world.after(BOUND_SECONDS + 1)
    last_known_export_goes(world)
    assert [kind for kind, _, _ in world.found()] == ["import gone"]


def test_it_may_not_go_once_it_named_the_other_exporter() -> None:
    world = made_anew(BOTH)
    last_known_export_goes(world)
    assert [kind for kind, _, _ in world.found()] == ["import gone"]


def remade(world: World) -> None:
    """East takes its export back, and exports the service again at once."""
    world.expected.unexported("east", WEB)
    world.expected.exported("east", WEB, [ONE, TWO])


def test_and_it_does_once_the_import_went_and_came_again() -> None:
    world = World()
    world.shows(ONE, TWO, clusters=frozenset({"east"}))
    remade(world)
    world.observer.saw("west", WEB, None)
    world.shows(ONE, TWO, uid="u2", clusters=frozenset({"east"}))
    assert world.found() == []
    world.observer.saw("west", WEB, None)
    assert [kind for kind, _, _ in world.found()] == ["import gone", "hole", "hole"]


def test_what_is_taken_back_twice_before_it_is_seen_may_vanish_twice() -> None:
    world = World()
    remade(world)
    remade(world)
    for _ in range(2):
        world.shows()
        world.shows(ONE, TWO)
    assert world.found() == []
    world.shows()
    assert [kind for kind, _, _ in world.found()] == ["hole", "hole"]


def test_so_may_what_is_taken_back_again_before_it_is_back() -> None:
    world = World()
    remade(world)
    world.shows()
    remade(world)
    world.shows(ONE, TWO)
    world.shows()
    world.shows(ONE, TWO)
    assert world.found() == []
    world.shows()
    assert [kind for kind, _, _ in world.found()] == ["hole", "hole"]


def test_but_not_more_often_than_twice_and_not_for_longer_than_the_bound() -> None:
    world = World()
    for _ in range(3):
        remade(world)
    world.shows()
    world.shows(ONE, TWO)
    world.after(BOUND_SECONDS + 1)
    world.shows()
    world.shows(ONE, TWO)
    assert [kind for kind, _, _ in world.found()] == ["hole", "hole"]
