"""Slices that stand without an import: nobody finds them by a name, and yet not all of them are let be."""

from __future__ import annotations

from tests.observer.world import BOUND_SECONDS, ONE, TWO, WEB, World


def remade() -> World:
    """West's namespace is deleted with all that was in it, and made again; no import is there yet."""
    world = World()
    world.expected.namespace_gone("west", "shop")
    world.observer.saw("west", WEB, None)
    world.answers()
    world.after(BOUND_SECONDS + 1)
    world.expected.namespace("west", "shop")
    return world


def test_what_comes_before_its_import_and_goes_again_was_never_there() -> None:
    world = remade()
    for _ in range(3):
        world.shows(ONE, TWO, uid="", ips=())
        assert f"west: {WEB} has no import" in world.observer.wrong()
        world.observer.saw("west", WEB, None)
    assert world.found() == []


def test_once_the_import_is_there_it_may_not_go() -> None:
    world = remade()
    world.shows(ONE, TWO, uid="", ips=())
    world.shows(ONE, TWO, uid="u2")
    world.after(BOUND_SECONDS + 1)
    world.shows(ONE, uid="u2")
    assert [kind for kind, _, _ in world.found()] == ["hole"]


def test_what_was_there_before_its_import_went_may_not_go_either() -> None:
    world = World()
    world.shows(ONE, TWO, uid="")
    world.shows(ONE, uid="")
    assert [kind for kind, _, _ in world.found()] == ["import gone", "hole"]


def test_what_comes_though_nobody_offers_it_is_found() -> None:
    world = remade()
    world.shows("10.9.9.9", uid="", ips=())
    assert [kind for kind, _, _ in world.found()] == ["stranger"]


def test_what_comes_though_it_ought_to_be_gone_is_found_past_its_bound() -> None:
    world = remade()
    world.expected.endpoints("east", WEB, [ONE])
    world.shows(TWO, uid="", ips=())
    world.after(BOUND_SECONDS + 1)
    assert [kind for kind, _, _ in world.found()] == ["leftover"]
