"""Which policies are in force while they come, change, vanish, and cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from mcs_controller.api.resources import EXPORT_POLICIES
from mcs_controller.clusterset.services.policies.policy import Policy, decode_policy
from mcs_controller.clusterset.services.policies.verdict import EXPORTS
from mcs_controller.controllers.runtime.informers import Kind
from mcs_controller.controllers.services.policies.known import (
    DOUBT_SECONDS,
    SETTLE_SECONDS,
    KnownPolicies,
)
from mcs_controller.kube.errors import Forbidden, KubeError, NotFound
from tests.controllers.watched import Watched, watching

pytestmark = pytest.mark.looptime

Object = dict[str, Any]
ENDING: Object = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
KIND = Kind("exportpolicies", lambda client: EXPORT_POLICIES, decode_policy)
A_MOMENT_SECONDS = 0.1


class World:
    """Policies of one kind, and the labels of namespaces."""

    def __init__(self, *names: str, is_read: bool = True, has_labels: bool = True) -> None:
        self.objects: Watched[Any] = Watched(is_read=is_read)
        self.labels: Watched[Any] = Watched(is_read=has_labels)
        informers = watching(exportpolicies=self.objects)
        self.crd: Object | KubeError = {"metadata": {}}
        cast(Any, informers).client.get = self._crd
        self.known = KnownPolicies(
            informers,
            KIND,
            EXPORT_POLICIES,
            EXPORTS,
            self.labels,  # type: ignore[arg-type]
        )
        self.changes = 0
        self.known.on_change = self._changed
        for name in names:
            self.put(name)

    async def _crd(self, *_: object) -> Object:
        if isinstance(self.crd, KubeError):
            raise self.crd
        return self.crd

    def _changed(self) -> None:
        self.changes += 1

    def put(self, name: str, **fields: Any) -> None:
        self.objects.put(Policy(name, **fields), name)

    def remove(self, name: str) -> None:
        self.objects.remove("", name)

    @property
    def in_force(self) -> set[str]:
        return {one.name for one in self.known.rules().policies}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.known.run())
        await asyncio.sleep(A_MOMENT_SECONDS)
        yield
        task.cancel()


async def test_what_was_deleted_is_in_force_until_that_is_certain() -> None:
    world = World("a", "b")
    async with world.running():
        world.remove("a")
        await asyncio.sleep(DOUBT_SECONDS - 1)
        assert world.in_force == {"a", "b"}
        before = world.changes
        await asyncio.sleep(2)
        assert world.in_force == {"b"}
        assert world.changes > before


@pytest.mark.parametrize("disturbed_by", ["a list", "another deletion"])
async def test_a_disturbance_in_between_makes_the_wait_begin_anew(disturbed_by: str) -> None:
    world = World("a", "b", "c")
    async with world.running():
        world.remove("a")
        await asyncio.sleep(DOUBT_SECONDS / 2)
        if disturbed_by == "a list":
            world.crd = Forbidden(403, "Forbidden", "")
            world.objects.reflector.lists += 1
        else:
            world.remove("b")
        await asyncio.sleep(DOUBT_SECONDS)
        assert "a" in world.in_force
        await asyncio.sleep(DOUBT_SECONDS)
        assert "a" not in world.in_force


@pytest.mark.parametrize(("is_current", "problem"), [(False, None), (True, "404 not found")])
async def test_while_the_kind_cannot_be_watched_nothing_is_certain(
    is_current: bool, problem: str | None
) -> None:
    world = World("a")
    async with world.running():
        world.remove("a")
        world.objects.is_current, world.objects.reflector.problem = is_current, problem
        await asyncio.sleep(5 * DOUBT_SECONDS)
        assert world.in_force == {"a"}
        world.objects.is_current, world.objects.reflector.problem = True, None
        await asyncio.sleep(2 * DOUBT_SECONDS + 1)
        assert world.in_force == set()


async def test_what_is_written_again_in_time_was_never_gone() -> None:
    world = World("a")
    async with world.running():
        world.remove("a")
        await asyncio.sleep(1)
        world.put("a", namespaces=("shop",))
        await asyncio.sleep(3 * DOUBT_SECONDS)
        assert [one.namespaces for one in world.known.rules().policies] == [("shop",)]


async def test_what_cannot_be_read_any_more_is_in_force_as_it_was_until_it_can_be_read() -> None:
    world = World("a")
    async with world.running():
        world.put("a", problem="namespaces is a text", namespaces=("other",))
        assert [one.namespaces for one in world.known.rules().policies] == [()]
        assert (world.known.rules().doubt, world.known.unreadable()) == ("", 1)
        world.put("a", namespaces=("shop",))
        assert [one.namespaces for one in world.known.rules().policies] == [("shop",)]
        assert world.known.unreadable() == 0


async def test_what_could_never_be_read_is_a_doubt_until_it_is_gone_for_certain() -> None:
    world = World("a")
    async with world.running():
        world.put("odd", problem="action is Perhaps")
        assert world.known.rules().doubt == "ExportPolicy odd cannot be read: action is Perhaps"
        world.remove("odd")
        await asyncio.sleep(1)
        assert world.known.rules().doubt != ""
        await asyncio.sleep(2 * DOUBT_SECONDS)
        assert (world.known.rules().doubt, world.known.unreadable()) == ("", 0)


@pytest.mark.parametrize("missing", ["policies", "labels"])
async def test_nothing_is_said_before_policies_and_labels_are_read_or_it_takes_too_long(missing: str) -> None:
    world = World("a", is_read=missing != "policies", has_labels=missing != "labels")
    async with world.running():
        assert not world.known.answered()
        assert world.known.unreadable() == int(missing == "policies")
        await asyncio.sleep(SETTLE_SECONDS)
        assert world.known.answered()
        assert bool(world.known.rules().doubt) == (missing == "policies")
        before = world.changes
        world.objects.first_list()
        world.labels.first_list()
        await asyncio.sleep(A_MOMENT_SECONDS)
        assert world.known.rules().doubt == ""
        assert (world.changes > before) == (missing == "policies")


async def test_once_all_is_read_it_is_said_at_once() -> None:
    world = World("a")
    async with world.running():
        assert world.known.answered()
        assert world.changes > 0


async def test_conditions_that_are_written_are_no_change() -> None:
    world = World("a")
    async with world.running():
        before = world.changes
        world.put("a", conditions=("anything",))
        assert world.changes == before
        world.put("a", forbids=True)
        world.put("b")
        assert world.changes == before + 2


async def test_watches_that_are_cut_all_the_time_do_not_keep_what_was_deleted_for_ever() -> None:
    world = World("a", "b")
    async with world.running():
        world.remove("a")
        for _ in range(6):
            await asyncio.sleep(DOUBT_SECONDS / 3)
            world.objects.reflector.lists += 1
        assert world.in_force == {"b"}


@pytest.mark.parametrize("crd", [ENDING, NotFound(404, "NotFound", "")], ids=["ending", "gone"])
async def test_what_vanishes_while_its_crd_is_being_deleted_was_deleted_by_nobody(
    crd: Object | KubeError,
) -> None:
    world = World("a", "b")
    async with world.running():
        world.crd = crd
        world.remove("a")
        await asyncio.sleep(10 * DOUBT_SECONDS)
        assert world.in_force == {"a", "b"}
        assert "the kind ExportPolicy is being deleted" in world.known.rules().doubt
        assert world.known.unreadable() == 1
        before = world.changes

        world.crd = {"metadata": {}}
        await asyncio.sleep(2 * DOUBT_SECONDS)
        assert world.in_force == {"b"}
        assert (world.known.rules().doubt, world.known.unreadable()) == ("", 0)
        assert world.changes > before


async def test_an_agent_that_starts_while_the_crd_is_being_deleted_knows_that_it_knows_nothing() -> None:
    world = World("a")
    world.crd = ENDING
    async with world.running():
        assert world.known.answered()
        assert world.known.rules().doubt != ""
        world.crd = {"metadata": {}}
        await asyncio.sleep(2 * DOUBT_SECONDS)
        assert world.known.rules().doubt == ""


async def test_while_nobody_says_whether_the_kind_is_being_deleted_nothing_is_certain() -> None:
    world = World("a")
    world.crd = KubeError("no answer")
    async with world.running():
        assert not world.known.answered()
        await asyncio.sleep(SETTLE_SECONDS)
        assert world.known.answered()
        assert world.known.rules().doubt != ""
        world.crd = {"metadata": {}}
        await asyncio.sleep(DOUBT_SECONDS)
        assert world.known.rules().doubt == ""
