"""What of a service's slices takes traffic here, in which order they are written, and what is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, Counter

from mcs_controller.api.names import ANNOTATION_LOCALITY
from mcs_controller.clusterset.model import (
    Condition,
    Endpoint,
    ImportedSlice,
    ImportSpec,
    LocalImport,
    Member,
    SliceContent,
    SlicePort,
)
from mcs_controller.clusterset.services.locality import (
    FAILED_OVER,
    NEAR,
    NOT_PREFERRED,
    is_left_out,
    left_out,
)
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.preference import ONE_READY
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.imports.locality import Arranged, Locality
from mcs_controller.controllers.services.stores.local import LocalStores
from tests.clusterset.builders import WEB, record
from tests.controllers.watched import Watched

pytestmark = pytest.mark.looptime

RETURN_SECONDS = 30.0
PLACES = {
    "east": Member("east", region="eu"),
    "north": Member("north", region="eu"),
    "west": Member("west", region="us"),
}


def slice_of(cluster: str, *, is_ready: bool = True) -> ImportedSlice:
    endpoint = Endpoint((f"10.{sorted(PLACES).index(cluster) + 1}.0.1",), ready=is_ready)
    content = SliceContent("IPv4", (SlicePort(8080, "http"),), (endpoint,))
    return ImportedSlice(WEB, f"web-{cluster}", cluster, content, derived_service="derived")


class East:
    """A cluster that imports shop/web of several, and prefers near endpoints."""

    def __init__(
        self, scope: str = "cluster", *, said: str = NEAR, held: Iterable[ImportedSlice] = ()
    ) -> None:
        self.scope = scope
        self.members: dict[str, Member] = dict(PLACES)
        self.slices: Watched[Any] = Watched(index=lambda entry: entry.value.service)
        self.imported = LocalImport(WEB, "uid", 1, ImportSpec("ClusterSetIP", (), ()), managed=True)
        if said:
            condition = Condition("mcs-controller.io/Locality", "True", said)
            self.imported = replace(self.imported, conditions=(condition,))
        for one in held:
            self.slices.put(one, one.name, "shop")
        self.is_own_unread = False
        local = SimpleNamespace(
            imported_slices=self.slices, unread=lambda key: self.is_own_unread, cluster_id="east"
        )
        config = SimpleNamespace(
            locality="none", locality_min_ready=ONE_READY, locality_return_seconds=RETURN_SECONDS
        )
        self.rules = Locality(
            cast(AgentConfig, config),
            cast(LocalStores, local),
            cast(Membership, SimpleNamespace(member=lambda name: self.members.get(name))),
            Counter("failovers", "", registry=CollectorRegistry()),
        )

    def arrange(
        self,
        *wanted: ImportedSlice,
        clusters: set[str] | None = None,
        kept: set[str] = frozenset(),  # type: ignore[assignment]
        stay: set[str] = frozenset(),  # type: ignore[assignment]
    ) -> Arranged:
        annotations = ((ANNOTATION_LOCALITY, self.scope),) if self.scope else ()
        merged = merge([record(one.source_cluster, annotations=annotations) for one in wanted])
        return self.rules.arrange(self.imported, merged, wanted, kept=kept, stay=stay, clusters=clusters)


def in_use(arranged: Arranged) -> list[str]:
    """The clusters whose endpoints take traffic, in the order in which their slices are written."""
    written = arranged.last_word or (lambda one: one)
    return [
        one.source_cluster
        for one in map(written, arranged.slices)
        if not any(map(is_left_out, one.content.endpoints))
    ]


def order(arranged: Arranged) -> list[str]:
    return [one.source_cluster for one in arranged.slices]


EAST, NORTH, WEST = map(slice_of, ("east", "north", "west"))
EAST_UNREADY = slice_of("east", is_ready=False)


async def test_what_comes_in_is_written_before_what_goes_out() -> None:
    east = East(held=[EAST, left_out(WEST)])
    near = east.arrange(WEST, EAST)
    assert (order(near), in_use(near)) == (["east", "west"], ["east"])
    far = east.arrange(EAST_UNREADY, WEST)
    assert (order(far), in_use(far)) == (["west", "east"], ["west", "east"])


async def test_after_a_restart_traffic_goes_as_far_as_it_went_until_nearer_ones_were_enough_for_long() -> (
    None
):
    east = East(held=[EAST, WEST], said=FAILED_OVER)
    first = east.arrange(EAST, WEST)
    assert sorted(in_use(first)) == ["east", "west"]
    assert first.condition is not None
    assert first.condition.reason == FAILED_OVER
    assert first.again_seconds == RETURN_SECONDS
    await asyncio.sleep(RETURN_SECONDS)
    second = east.arrange(EAST, WEST)
    assert (in_use(second), second.again_seconds) == (["east"], None)
    assert east.rules.counts() == {"near": 1, "failed_over": 0}


async def test_where_nothing_was_preferred_before_nearer_ones_are_enough_at_once() -> None:
    east = East(held=[EAST, WEST], said="")
    assert in_use(east.arrange(EAST, WEST)) == ["east"]


async def test_while_only_some_slices_are_known_nothing_more_is_left_out() -> None:
    east = East(held=[EAST, WEST], said=FAILED_OVER)
    east.arrange(EAST, WEST)
    await asyncio.sleep(2 * RETURN_SECONDS)
    assert sorted(in_use(east.arrange(EAST, WEST, clusters={"east"}))) == ["east", "west"]
    assert in_use(east.arrange(EAST, WEST)) == ["east"]


async def test_while_only_some_slices_are_known_more_is_brought_in() -> None:
    east = East(held=[EAST, left_out(WEST)])
    assert in_use(east.arrange(EAST, WEST)) == ["east"]
    assert "west" in in_use(east.arrange(EAST_UNREADY, WEST, clusters={"east"}))


async def test_before_members_are_read_near_is_what_takes_traffic_here() -> None:
    east = East("region", held=[EAST, NORTH, left_out(WEST)])
    east.members.clear()
    assert sorted(in_use(east.arrange(EAST, NORTH, WEST))) == ["east", "north"]
    east.members.update(PLACES)
    assert sorted(in_use(east.arrange(EAST, NORTH, WEST))) == ["east", "north"]


@pytest.mark.parametrize("said", [NEAR, NOT_PREFERRED, ""])
async def test_once_nothing_is_preferred_all_comes_in_also_of_those_who_cannot_be_asked(said: str) -> None:
    east = East("", held=[EAST, left_out(WEST)], said=said)
    arranged = east.arrange(EAST, WEST)
    was_preferred = said == NEAR
    assert (arranged.last_word is not None) == was_preferred
    if arranged.last_word is not None:
        # Nobody wrote this one anew: its exporter is not heard of.
        assert not any(map(is_left_out, arranged.last_word(left_out(WEST)).content.endpoints))
    reason = arranged.condition.reason if arranged.condition is not None else ""
    assert reason == (NOT_PREFERRED if said else "")


async def test_a_service_that_has_failed_over_and_is_no_more_imported_is_not_counted() -> None:
    east = East(held=[EAST, left_out(WEST)])
    east.arrange(EAST_UNREADY, WEST)
    assert east.rules.counts() == {"near": 0, "failed_over": 1}
    east.rules.forget(WEB)
    assert east.rules.counts() == {"near": 0, "failed_over": 0}
    east.arrange(EAST_UNREADY, WEST)
    east.scope = ""
    east.arrange(EAST_UNREADY, WEST)
    assert (east.rules.counts(), east.rules.services()) == ({"near": 0, "failed_over": 0}, ())


async def test_what_an_exporter_marks_as_we_do_is_just_not_ready_and_what_is_kept_is_ours() -> None:
    """Of a member whose data is kept, the slices are those that lie here."""
    east = East(held=[EAST_UNREADY, left_out(WEST)])
    failed_over = east.arrange(EAST_UNREADY, left_out(WEST), kept={"west"})
    assert in_use(failed_over) == ["west", "east"]
    assert (failed_over.condition or _NOTHING).reason == FAILED_OVER
    east = East(held=[EAST_UNREADY])
    marked = east.arrange(EAST_UNREADY, left_out(WEST))
    written = [one.content.endpoints[0].ready for one in marked.slices]
    assert written == [False, False]


@pytest.mark.parametrize("why", ["stays", "unread"])
async def test_what_stays_as_it_lies_here_counts_as_it_lies_here(why: str) -> None:
    """Its wanted form is not written: by that alone, no near endpoint would be ready."""
    east = East(held=[EAST, left_out(WEST)])
    east.is_own_unread = why == "unread"
    arranged = east.arrange(EAST_UNREADY, WEST, stay={EAST.name} if why == "stays" else set())
    assert "west" not in in_use(arranged)


async def test_a_headless_service_says_that_host_names_are_always_there() -> None:
    east = East(held=[EAST, left_out(WEST)])
    annotations = ((ANNOTATION_LOCALITY, "cluster"),)
    for kind, is_said in (("ClusterSetIP", False), ("Headless", True)):
        records = [record(one, type=kind, annotations=annotations) for one in ("east", "west")]
        arranged = east.rules.arrange(east.imported, merge(records), [EAST, WEST], kept=set(), stay=set())
        assert ("host name" in (arranged.condition or _NOTHING).message) is is_said


_NOTHING = Condition("mcs-controller.io/Locality", "False", "", "")
