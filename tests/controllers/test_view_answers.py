"""What the view answers of one service: who exports it, whose word is missing, and what it remembers."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from mcs_controller.clusterset.model import (
    Condition,
    Endpoint,
    ExportRecord,
    ImportedSlice,
    ImportSpec,
    LocalExport,
    LocalImport,
    Member,
    ServiceKey,
    SliceContent,
    SourceSlice,
)
from mcs_controller.clusterset.services.export import ExportEvaluation
from mcs_controller.clusterset.services.naming import imported_slice_name
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.controllers.services.stores.own_limits import OwnLimits
from mcs_controller.controllers.services.stores.retained import Retained
from mcs_controller.controllers.services.stores.view import ClustersetView
from mcs_controller.kube.store import Entry, Store
from tests.clusterset.builders import WEB, local_export, record, source_slice

API = ServiceKey("shop", "api")
OLDER, YOUNGER = 1, 2


class WeakRecord(ExportRecord):
    """A record of which can be told whether anybody still holds it."""

    __slots__ = ("__weakref__",)


class WeakSlice(SourceSlice):
    __slots__ = ("__weakref__",)


class Imported(Store[ImportedSlice]):
    """The imported slices here, and whether they have been read."""

    is_synced = True

    def synced(self) -> bool:
        return self.is_synced


class World:
    """All that a view reads, as a test says it; west looks."""

    def __init__(self) -> None:
        self.members = {name: Member(name) for name in ("east", "west", "north")}
        self.own: ExportRecord | None = None
        self.is_unread = False
        self.own_slices: list[SourceSlice] = []
        self.kept_back: set[ServiceKey] = set()
        self.records: list[ExportRecord] = []
        self.slices: list[SourceSlice] = []
        self.accounted: set[str] = set()
        self.exports: Store[LocalExport] = Store()
        self.imports: Store[LocalImport] = Store()
        self.imported = Imported(index=lambda entry: entry.value.service)
        self.on_broker: Store[SourceSlice] = Store(index=lambda entry: entry.value.service)
        self.published: Store[ExportRecord] = Store(index=lambda entry: entry.value.service)
        local = SimpleNamespace(
            cluster_id="west",
            unread=lambda key: self.is_unread,
            evaluation=self._evaluation,
            own_slices=lambda key: tuple(self.own_slices),
            exports=self.exports,
            imports=self.imports,
            imported_slices=self.imported,
        )
        retained = SimpleNamespace(
            records=lambda key: tuple(one for one in self.records if one.service == key),
            slices=lambda key: tuple(one for one in self.slices if one.service == key),
            accounted=lambda cluster, key: cluster in self.accounted,
            slice_accounted=lambda cluster, name: cluster in self.accounted,
            everybody_accounted=lambda: self.accounted == {"east", "north"},
        )
        self.view = ClustersetView(
            cast(LocalStores, local),
            cast(
                BrokerStores,
                SimpleNamespace(
                    own_records=self.published,
                    own_namespace="mcs-member-west",
                    records=(),
                    slices=self.on_broker,
                ),
            ),
            cast(Retained, retained),
            cast(Membership, SimpleNamespace(member=lambda cluster: self.members.get(cluster))),
            cast(OwnLimits, SimpleNamespace(kept_back=lambda key: key in self.kept_back)),
        )

    def _evaluation(self, key: ServiceKey) -> ExportEvaluation | None:
        valid = Condition("Valid", "True", "Valid")
        return ExportEvaluation(valid, self.own) if self.own is not None else None

    def import_slices(self, *clusters: str, changed_at_seconds: float = 0.0) -> list[str]:
        """Slices of these clusters lie here; their names."""
        for cluster in clusters:
            name = imported_slice_name("web", cluster, "web-abc")
            content = SliceContent("IPv4", (), (Endpoint(("10.1.0.1",)),))
            value = ImportedSlice(WEB, name, cluster, content, changed_at_seconds=changed_at_seconds)
            self.imported.apply(Entry("shop", name, name, "1", value))
        return [entry.name for entry in self.imported]

    def import_of(self, *clusters: str) -> None:
        """An import that names these clusters is here."""
        self.imports.apply(Entry("shop", "web", "uid", "1", an_import(*clusters)))

    def clusters(self, key: ServiceKey = WEB) -> list[str]:
        """Whose records have a part in the service."""
        found = [one.cluster for one in self.view.records(key)]
        assert self.view.exported(key) == bool(found)
        merged = self.view.merged(key)
        assert (merged.clusters if merged is not None else ()) == tuple(sorted(found))
        return found


def an_import(*clusters: str) -> LocalImport:
    return LocalImport(WEB, "uid", 1, ImportSpec("ClusterSetIP", ()), clusters=clusters, managed=True)


# Who exports


def test_the_own_record_is_first_and_the_others_follow() -> None:
    world = World()
    world.records = [record("east", OLDER), record("north", OLDER)]
    assert world.clusters() == ["east", "north"]
    world.own = record("west", YOUNGER)
    assert world.clusters() == ["west", "east", "north"]
    assert world.clusters(API) == ["west"]


def test_a_record_that_is_not_allowed_has_no_part_and_ours_neither_once_that_is_known() -> None:
    world = World()
    world.records, world.own = [record("east")], record("west")
    for name in ("east", "west"):
        world.members[name] = Member(name, allowed_namespaces=("bank",))
    assert world.clusters() == []

    del world.members["east"], world.members["west"]
    assert world.clusters() == ["west"], "what we may is not known, and east is no member"


def test_an_export_of_ours_that_is_kept_back_has_no_part() -> None:
    world = World()
    world.own = record("west")
    world.kept_back = {WEB}
    assert world.clusters() == []
    world.kept_back = {API}
    assert world.clusters() == ["west"]


def test_until_our_service_has_been_read_the_record_is_the_one_that_was_published() -> None:
    world = World()
    world.is_unread, world.own = True, record("west", YOUNGER)
    world.own_slices = [source_slice("west")]
    world.import_of("east", "west")
    assert world.view.own_record(WEB) is None
    assert world.view.slices(WEB) == ()

    published = record("west", OLDER)
    world.published.apply(Entry("mcs-member-west", "shop.web", "uid", "1", published))
    assert world.view.own_record(WEB) is published
    assert world.view.own_record(API) is None

    world.published.apply(Entry("mcs-member-west", "shop.web", "uid", "2", record("west", exported_at="")))
    assert world.view.own_record(WEB) is None
    world.published.apply(
        Entry("mcs-member-west", "shop.web", "uid", "3", replace(published, withdrawn=True))
    )
    assert world.view.own_record(WEB) is None, "it is on its way out"

    world.is_unread = False
    assert world.view.own_record(WEB) is world.own
    assert world.view.slices(WEB) == (world.own_slices[0],)


def test_what_was_published_of_an_earlier_export_is_no_record_once_nothing_here_is_of_that() -> None:
    world = World()
    world.is_unread, published = True, record("west", OLDER)
    world.published.apply(Entry("mcs-member-west", "shop.web", "uid", "1", published))
    assert world.view.own_record(WEB) is None

    world.import_of("east")
    world.import_slices("east")
    assert world.view.own_record(WEB) is None
    world.import_slices("west")
    assert world.view.own_record(WEB) is published, "its import need not name us yet"


@pytest.mark.parametrize(("age_rank", "is_of_it"), [(OLDER, True), (YOUNGER, False)])
def test_what_was_published_of_the_export_that_is_here_is_its_record_though_nothing_here_is_of_that(
    age_rank: int, is_of_it: bool
) -> None:
    world = World()
    world.is_unread, published = True, record("west", OLDER)
    world.published.apply(Entry("mcs-member-west", "shop.web", "uid", "1", published))
    export = local_export(created_at=record("west", age_rank).exported_at)
    world.exports.apply(Entry("shop", "web", "uid", "1", export))
    assert world.view.own_record(WEB) == (published if is_of_it else None)


# What is kept of a merge and of slices


def test_a_merge_is_made_once_as_long_as_records_and_owners_are_the_same() -> None:
    world = World()
    world.records = [record("east", OLDER), record("north", YOUNGER)]
    first = world.view.merged(WEB)
    assert first is not None
    assert (first.winner, first.owners) == ("east", ())
    assert world.view.merged(WEB) is first
    assert world.view.merged(API) is None
    assert world.view.merged(WEB) is first

    world.members["north"] = Member("north", owns=frozenset({"shop"}))
    second = world.view.merged(WEB)
    assert second is not None
    assert (second.winner, second.owners) == ("north", ("north",))
    assert world.view.merged(WEB) is second

    world.records[0] = record("east", OLDER, type="Headless")
    third = world.view.merged(WEB)
    assert third is not second


def test_what_is_no_longer_exported_is_not_held_on_to() -> None:
    world = World()
    exported = record("east")
    weak_record = WeakRecord(exported.cluster, exported.service, exported.exported_at, "Headless", ())
    source = source_slice("east")
    weak_slice = WeakSlice(source.cluster, source.service, source.name, source.content)
    world.records, world.slices = [weak_record], [weak_slice]
    assert world.clusters() == ["east"]
    assert world.view.slices(WEB) == (weak_slice,)
    held: list[weakref.ref[object]] = [weakref.ref(weak_record), weakref.ref(weak_slice)]
    del weak_record, weak_slice

    world.records, world.slices = [], []
    assert world.clusters() == []
    assert world.view.slices(WEB) == ()

    gc.collect()
    assert [one() for one in held] == [None, None]


def test_two_slices_of_one_name_in_two_clusters_are_two() -> None:
    world = World()
    world.slices = [source_slice("east"), source_slice("north")]
    for _ in range(2):
        assert world.view.slices(WEB) == tuple(world.slices)
    world.members["north"] = Member("north", allowed_cidrs=("192.0.2.0/24",))
    for _ in range(2):
        assert world.view.slices(WEB) == (world.slices[0],)


def test_our_own_slices_are_taken_as_they_are_until_it_is_known_what_we_may() -> None:
    world = World()
    world.own_slices = [source_slice("west")]
    world.members["west"] = Member("west", allowed_cidrs=("192.0.2.0/24",))
    assert world.view.slices(WEB) == ()
    del world.members["west"]
    assert world.view.slices(WEB) == (world.own_slices[0],)


def test_a_change_is_as_old_as_the_slice_of_its_own_cluster_and_name_says() -> None:
    world = World()
    world.slices = [
        replace_time(source_slice("east", "web-other"), 1.0),
        replace_time(source_slice("north"), 2.0),
        replace_time(source_slice("east"), 3.0),
    ]
    content = SliceContent("IPv4", (), ())
    name = imported_slice_name("web", "east", "web-abc")
    assert world.view.changed_at_seconds(ImportedSlice(WEB, name, "east", content)) == 3.0
    assert world.view.changed_at_seconds(ImportedSlice(WEB, "another", "east", content)) == 0.0
    assert world.view.changed_at_seconds(ImportedSlice(WEB, name, "mars", content)) == 0.0


def replace_time(one: SourceSlice, changed_at_seconds: float) -> SourceSlice:
    return SourceSlice(one.cluster, one.service, one.name, one.content, changed_at_seconds)


# Whose word is missing


def unaccounted(world: World, *clusters: str) -> Iterable[str]:
    return sorted(world.view.unaccounted(WEB, an_import(*clusters)))


def test_without_an_import_and_slices_nobodys_word_is_missing() -> None:
    assert World().view.unaccounted(WEB, None) == frozenset()


def test_an_import_that_names_nobody_may_be_anybodys_until_all_are_accounted_for() -> None:
    world = World()
    world.accounted = {"east"}
    assert unaccounted(world) == [""]
    world.accounted = {"east", "north"}
    assert unaccounted(world) == []


def test_an_import_that_names_nobody_and_that_was_exported_in_our_time_is_nobodys() -> None:
    world = World()
    world.records = [record("east")]
    assert world.clusters() == ["east"]
    world.records = []
    assert unaccounted(world) == []


def test_the_word_is_missing_of_who_is_named_or_has_slices_here_and_no_record() -> None:
    world = World()
    assert unaccounted(world, "east", "west") == ["east"]
    world.import_slices("north", "west")
    assert unaccounted(world, "east", "west") == ["east", "north"]
    assert sorted(world.view.unaccounted(WEB, None)) == ["north"]

    world.records = [record("east")]
    assert unaccounted(world, "east", "west") == ["north"]
    world.accounted = {"north"}
    assert unaccounted(world, "east", "west") == []


@pytest.mark.parametrize("is_member", [True, False])
def test_a_record_that_is_refused_is_a_word_if_it_is_that_of_a_member(is_member: bool) -> None:
    world = World()
    world.records = [record("east")]
    world.members["east"] = Member("east", allowed_namespaces=("bank",))
    if not is_member:
        del world.members["east"]
    assert unaccounted(world, "east") == ([] if is_member else ["east"])


def test_the_word_on_a_slice_is_missing_if_it_has_no_source_and_its_cluster_is_not_accounted_for() -> None:
    world = World()
    names = world.import_slices("east", "west", "north")
    assert world.view.unaccounted_slices(WEB) == {names[0], names[2]}
    assert world.view.unaccounted_slices(API) == frozenset()

    world.slices = [source_slice("east"), source_slice("north", "web-other")]
    assert world.view.unaccounted_slices(WEB) == {names[2]}

    world.slices, world.accounted = [], {"north"}
    assert world.view.unaccounted_slices(WEB) == {names[0]}
    world.accounted = {"north", "east"}
    assert world.view.unaccounted_slices(WEB) == frozenset()


@pytest.mark.parametrize(
    ("cluster", "name", "changed_at_seconds", "is_older"),
    [
        ("east", "web-abc", 4.0, True),
        ("east", "web-abc", 5.0, False),
        ("east", "web-abc", 6.0, False),
        ("east", "web-abc", 0.0, False),
        ("east", "web-other", 4.0, False),
        ("north", "web-abc", 4.0, False),
    ],
)
def test_a_slice_is_older_than_what_is_imported_of_it_by_the_times_of_its_member(
    cluster: str, name: str, changed_at_seconds: float, is_older: bool
) -> None:
    world = World()
    world.import_slices("east", changed_at_seconds=5.0)
    source = replace(source_slice(cluster, name), changed_at_seconds=changed_at_seconds)
    entry = Entry(f"mcs-member-{cluster}", f"shop.{name}", "uid", "1", source)
    world.on_broker.apply(entry)
    assert world.view.older_than_imported("east") == ([entry] if is_older else [])
    assert world.view.older_than_imported("north") == []

    world.imported.is_synced = False
    assert world.view.older_than_imported("east") is None
