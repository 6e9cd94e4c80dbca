"""What vanished from the broker is kept: until which word, and what is told of it when."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mcs_controller.clusterset.membership.statement import Heard, statement
from mcs_controller.clusterset.model import ExportRecord, Member, ServiceKey, SourceSlice
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.retained import TELL_AFTER_SECONDS, Retained
from mcs_controller.kube.store import Entry, Store
from tests.clusterset.builders import WEB, record

pytestmark = pytest.mark.looptime


class Members:
    """As much of `Membership` as is asked: east, and what it states."""

    def __init__(self) -> None:
        self.heard: dict[str, Heard] = {}
        self.east = Member("east")
        self.released: set[str] = set()
        self.hurried = 0
        self._looks = 0
        self._listeners: list[object] = []

    def member(self, cluster: str) -> Member | None:
        return self.east if cluster == "east" else None

    def removed(self, cluster: str) -> bool:
        return False

    def others(self) -> frozenset[str]:
        return frozenset({"east"})

    def hurry(self) -> None:
        self.hurried += 1

    def on_read(self, listener: object) -> None:
        self._listeners.append(listener)

    def look(self, *, states: tuple[str, ...] | None = None) -> None:
        """One look at the members, which finds a new statement of these records, or none."""
        self._looks += 1
        at = f"2026-01-01T00:00:{self._looks:02d}.000000Z"
        if states is not None:
            self.east = replace(self.east, exported=statement(at, states, ()))
        newest = self.east.exported.at if self.east.exported is not None else ""
        self.heard["east"] = Heard("uid", newest=newest, last=newest, fresh=states is not None)
        for tell in self._listeners:
            assert callable(tell)
            tell()


class World:
    """The stores of an importer, as the broker fills them, and what is kept."""

    def __init__(self) -> None:
        self.records: Store[ExportRecord] = Store(index=lambda entry: entry.value.service)
        self.slices: Store[SourceSlice] = Store(index=lambda entry: entry.value.service)
        self.members = Members()
        self.current = True
        broker = SimpleNamespace(
            records=self.records,
            slices=self.slices,
            let_go=lambda entry: None,
            retain=lambda entry: None,
            leaves_out=lambda entry: False,
            stamps=SimpleNamespace(is_believed=lambda seconds: True),
            imports_current=lambda: self.current,
            relist_imports=lambda: None,
            read_again=lambda entry: None,
            read_since=lambda entry, since_seconds: False,
        )
        self.retained = Retained(cast(BrokerStores, broker), cast(Membership, self.members))
        self._version = 10

    def write(self, *, version: int | None = None, **fields: Any) -> Entry[ExportRecord]:
        """The record of east's export, in a newer version unless one is given."""
        self._version += 1
        written = Entry(
            "mcs-member-east", "shop.web", "uid", str(version or self._version), record("east", **fields)
        )
        if version is None:
            self.records.apply(written)
        else:
            self.records.replace([written], str(version))
        return written

    def lose(self) -> None:
        self.records.remove("mcs-member-east", "shop.web")

    def become_accounted(self) -> None:
        for _ in range(3):
            self.members.look()
        self.members.look(states=("shop.web",))
        assert self.retained.everybody_accounted()

    @property
    def kept(self) -> int:
        return sum(self.retained.counts().values())

    @property
    def exporters(self) -> list[str]:
        return [one.cluster for one in self.retained.records(WEB)]


async def test_what_has_been_kept_for_less_than_ten_seconds_is_told_nobody() -> None:
    world = World()
    world.write()
    world.lose()
    assert world.exporters == ["east"]
    assert world.retained.held_clusters(WEB) == ((), TELL_AFTER_SECONDS)

    await asyncio.sleep(9.5)
    clusters, again_seconds = world.retained.held_clusters(WEB)
    assert clusters == ()
    assert again_seconds == pytest.approx(0.5)

    await asyncio.sleep(0.5)
    assert world.retained.held_clusters(WEB) == (("east",), None)


async def test_an_operator_is_told_once_of_what_is_kept_for_long_and_once_of_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.write()
    world.lose()
    await asyncio.sleep(9)
    world.members.look()
    assert caplog.messages == []

    await asyncio.sleep(1)
    for _ in range(2):
        world.members.look()
    world.write()
    for _ in range(2):
        world.members.look()

    missing, back = caplog.messages
    assert "1 records and slices of member east are missing" in missing
    assert back == "recovered: nothing of member east is missing on the broker any more"


async def test_a_record_that_is_marked_as_withdrawn_is_no_export_while_it_lies_there() -> None:
    world = World()
    world.write()
    assert world.exporters == ["east"]

    world.write(withdrawn=True)

    assert world.exporters == []


async def test_a_withdrawn_record_that_still_lies_there_is_none_that_its_member_states() -> None:
    world = World()
    world.write(withdrawn=True)
    for _ in range(3):
        world.members.look()

    world.members.look(states=())

    assert world.retained.everybody_accounted()


async def test_of_what_is_kept_and_lies_there_in_an_older_story_only_the_later_one_counts() -> None:
    world = World()
    world.write(changed_at_seconds=2.0)
    world.write(version=5, changed_at_seconds=1.0)

    assert [one.changed_at_seconds for one in world.retained.records(WEB)] == [2.0]


async def test_a_word_of_withdrawal_ends_what_is_kept_of_the_record() -> None:
    world = World()
    world.write()
    world.lose()
    assert world.kept == 1

    world.write(withdrawn=True)

    assert world.kept == 0
    assert world.exporters == []


async def test_an_export_that_was_withdrawn_and_made_again_is_no_longer_known_to_be_gone() -> None:
    world = World()
    world.write()
    world.write(withdrawn=True)
    assert world.retained.accounted("east", WEB)
    assert not world.retained.accounted("east", ServiceKey("shop", "other"))

    world.write()

    assert not world.retained.accounted("east", WEB)


@pytest.mark.parametrize(("looks_before", "counts"), [(0, False), (1, False), (2, True)])
async def test_a_statement_may_have_been_made_before_the_loss_until_the_third_look_after_it(
    looks_before: int, counts: bool
) -> None:
    world = World()
    world.write()
    world.become_accounted()
    world.lose()
    for _ in range(looks_before):
        world.members.look()

    world.members.look(states=())

    assert world.exporters == ([] if counts else ["east"])
    assert world.kept == (0 if counts else 1)


@pytest.mark.parametrize(("looks_before", "counts"), [(1, False), (2, False), (3, True)])
async def test_a_statement_may_have_been_made_before_the_stores_were_read_until_two_looks_later(
    looks_before: int, counts: bool
) -> None:
    world = World()
    world.current = False
    for _ in range(5):
        world.members.look()
    world.current = True
    world.write()
    for _ in range(looks_before - 1):
        world.members.look()

    world.members.look(states=("shop.web",))

    assert world.retained.everybody_accounted() == counts


async def test_a_member_that_was_accounted_for_long_ago_is_heard_on_what_vanishes_now() -> None:
    world = World()
    world.write()
    world.become_accounted()
    released: list[ServiceKey] = []
    world.retained.on_release(released.append)
    await asyncio.sleep(3600)
    world.lose()
    assert world.members.hurried == 1
    for _ in range(2):
        world.members.look()
    assert world.exporters == ["east"]

    world.members.look(states=())

    assert world.exporters == []
    assert released == [WEB]
