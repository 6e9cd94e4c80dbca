"""How many policies may end at once: what is counted, and when a hold begins and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.services.policies.verdict import (
    EXPORTS,
    LASTS_SECONDS,
    Policies,
    Verdict,
    says_ends_soon,
)
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.policies.gate import Gate
from mcs_controller.controllers.services.policies.known import KnownPolicies
from mcs_controller.kube.clock import rfc3339
from mcs_controller.kube.errors import KubeError

pytestmark = pytest.mark.looptime

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Policy("all")


def namespace_of(name: str) -> str:
    """All before the slash."""
    return name.partition("/")[0]


class World:
    """Names that are live or not, and policies that refuse some of them; more than half is a fault."""

    why = "no policy allows it"

    def __init__(self, *live: str, minimum: int = 3) -> None:
        self.live = set(live)
        self.admitted: set[str] = set()
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.policies: tuple[Policy, ...] = (ALL,)
        self.told: list[str] = []
        self.judged: list[str] = []
        self.is_readable = True
        self.reads = 0
        self.read: list[list[str]] = []
        known = SimpleNamespace(
            words=EXPORTS,
            rules=lambda: Policies(self.policies),
            on_change=None,
            read_again=self._read_again,
        )
        config = SimpleNamespace(fuse_share=0.5, fuse_minimum=minimum)
        context = SimpleNamespace(config=config, clock=SimpleNamespace(now=lambda: NOW), random=Random(1))
        self.gate: Gate[str] = Gate(
            cast(Context, context),
            cast(KnownPolicies, known),
            judge=self._judge,
            is_live=lambda name: name in self.live,
            was_admitted=lambda name: name in self.admitted,
            live=lambda namespace: sorted(one for one in self.live if namespace in (None, namespace_of(one))),
            read=self._read_subjects,
            namespace_of=namespace_of,
        )
        self.changed_namespaces: list[Collection[str] | None] = []
        self.gate.on_change = self._changed
        self.gate.report = lambda: self.told.append("report")

    def _changed(self, namespaces: Collection[str] | None) -> None:
        self.told.append("change")
        self.changed_namespaces.append(namespaces)

    def _judge(self, rules: Policies, name: str) -> Verdict:
        self.judged.append(name)
        answer = "refused" if name in self.refused else "unknown" if name in self.unknown else "allowed"
        return Verdict(answer, self.why if answer != "allowed" else "")  # type: ignore[arg-type]

    async def _read_again(self) -> None:
        self.reads += 1
        if not self.is_readable:
            raise KubeError("no answer")

    async def _read_subjects(self, names: Collection[str]) -> None:
        self.read.append(sorted(names))

    def refuse(self, *names: str) -> None:
        self.refused = set(names)
        self.gate.changed()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.gate.run())
        yield
        task.cancel()

    async def last(self, *names: str) -> None:
        """Somebody asks about all of these, and again when what is refused has lasted."""
        async with self.running():
            for one in names:
                self.action(one)
            await asyncio.sleep(LASTS_SECONDS + 1)

    def action(self, name: str) -> str:
        return self.gate.outcome(name).action


FOUR = ("a", "b", "c", "d")


async def test_the_very_first_that_is_asked_about_is_held_with_all_the_others() -> None:
    """Else as many as make a fault would be gone before it is called one."""
    world = World(*FOUR)
    world.refuse(*FOUR)
    assert [world.action(one) for one in FOUR] == ["keep"] * 4
    assert world.gate.losing() == (4, 4)


async def test_what_changes_later_is_counted_anew() -> None:
    world = World(*FOUR)
    assert [world.action(one) for one in FOUR] == ["pass"] * 4
    world.refuse("a", "b", "c")
    await world.last("a")
    assert world.action("a") == "keep"
    world.refuse("a")
    assert world.action("a") == "refuse"


@pytest.mark.parametrize(
    ("refused", "minimum", "action"),
    [
        (("a", "b"), 3, "refuse"),
        (("a", "b", "c"), 3, "keep"),
        (("a", "b", "c"), 4, "refuse"),
        (("a", "b"), 2, "refuse"),
    ],
)
async def test_a_fault_is_more_than_the_share_and_at_least_the_minimum(
    refused: tuple[str, ...], minimum: int, action: str
) -> None:
    world = World(*FOUR, minimum=minimum)
    world.refuse(*refused)
    await world.last("a")
    assert world.action("a") == action


async def test_what_is_new_is_refused_and_makes_no_fault() -> None:
    world = World("a", "b")
    world.refuse("new-1", "new-2", "new-3", "new-4", "a")
    assert [world.action(f"new-{number}") for number in range(1, 5)] == ["refuse"] * 4
    await world.last("a")
    assert world.action("a") == "refuse"
    assert world.gate.losing() == (1, 2)


@pytest.mark.parametrize(
    ("answer", "action"), [("unknown", "keep"), ("refused", "refuse"), ("allowed", "pass")]
)
async def test_what_was_admitted_and_is_lost_comes_back_unless_policies_refuse_it(
    answer: str, action: str
) -> None:
    world = World(*FOUR)
    world.admitted = {"lost"}
    world.unknown = {"lost", "new"} if answer == "unknown" else set()
    world.refuse(*(["lost"] if answer == "refused" else []))
    assert world.action("lost") == action
    assert world.gate.losing() == (0, 4)
    if answer == "unknown":
        assert world.action("new") == "refuse"


async def test_what_policies_say_nothing_certain_of_goes_on_and_makes_no_fault() -> None:
    world = World(*FOUR)
    world.unknown = {"b", "c", "d"}
    world.refuse("a")
    await world.last("a")
    assert [world.action(one) for one in FOUR] == ["refuse", "keep", "keep", "keep"]
    assert world.gate.losing() == (1, 4)


@pytest.mark.parametrize("left", [timedelta(hours=1), timedelta(0), timedelta(hours=25)])
async def test_a_confirmation_counts_until_its_time_and_not_more_than_a_day(left: timedelta) -> None:
    world = World(*FOUR)
    world.policies = (ALL, replace(ALL, name="more", release=rfc3339(NOW + left)))
    world.refuse(*FOUR)
    await world.last("a")
    assert world.action("a") == ("refuse" if left == timedelta(hours=1) else "keep")


async def test_what_is_gone_is_counted_no_more() -> None:
    world = World(*FOUR)
    world.refuse("a", "b", "c")
    assert [world.action(one) for one in FOUR] == ["keep", "keep", "keep", "pass"]
    world.live -= {"a", "b"}
    world.gate.forget("a")
    world.gate.forget("b")
    assert world.gate.losing() == (1, 2)
    assert world.gate.actions() == {"keep": 1, "pass": 1}
    await world.last("c")
    assert world.action("c") == "refuse"


async def test_what_was_live_at_the_last_count_and_is_not_now_is_counted_no_more() -> None:
    world = World(*FOUR)
    world.refuse("a", "b", "c")
    assert world.action("c") == "keep"
    world.live -= {"a", "b"}
    world.gate.changed()
    await world.last("c")
    assert world.action("c") == "refuse"
    assert world.gate.losing() == (1, 2)


async def test_labels_of_a_namespace_have_only_its_own_subjects_counted_and_told() -> None:
    world = World("shop/a", "shop/b", "bank/c", "bank/d", "mail/e")
    world.refuse("mail/e")
    assert world.action("shop/a") == "pass"
    await asyncio.sleep(0.1)
    world.judged.clear()
    world.changed_namespaces.clear()
    world.refused = {"shop/a", "mail/e"}
    world.live -= {"shop/b"}
    world.gate.changed_in("shop")
    await asyncio.sleep(0.1)
    assert world.changed_namespaces == [{"shop"}]
    assert world.action("shop/a") == "keep"
    assert set(world.judged) == {"shop/a"}
    assert world.gate.losing() == (2, 4)


async def test_labels_of_two_namespaces_that_change_together_may_make_a_hold_of_which_all_are_told() -> None:
    world = World("shop/a", "shop/b", "bank/c", "bank/d")
    assert world.action("bank/d") == "pass"
    await asyncio.sleep(0.1)
    world.changed_namespaces.clear()
    world.refused = {"shop/a", "shop/b", "bank/c"}
    world.gate.changed_in("shop")
    world.gate.changed_in("bank")
    await asyncio.sleep(0.1)
    assert world.changed_namespaces == [{"shop", "bank"}]
    assert [world.action(one) for one in ("shop/a", "bank/c", "bank/d")] == ["keep", "keep", "pass"]
    await asyncio.sleep(0.1)
    assert world.changed_namespaces == [{"shop", "bank"}, None]


async def test_labels_that_change_before_all_has_been_counted_narrow_nothing() -> None:
    world = World("shop/a", "bank/c")
    world.gate.changed()
    world.gate.changed_in("shop")
    await asyncio.sleep(0.1)
    assert world.changed_namespaces == [None]
    assert world.action("shop/a") == "pass"
    assert world.gate.losing() == (0, 2)


@pytest.mark.parametrize("how", ["forgotten", "allowed"])
async def test_a_hold_ends_though_nobody_asks_any_more(how: str) -> None:
    world = World(*FOUR)
    world.refuse(*FOUR)
    await asyncio.sleep(0.1)
    world.told.clear()
    assert world.action("a") == "keep"
    await asyncio.sleep(0.1)
    # Those that were asked before it began are to ask again.
    assert world.told == ["change", "report"]
    world.live.clear()
    if how == "forgotten":
        for one in FOUR:
            world.gate.forget(one)
    else:
        world.refuse()
    await asyncio.sleep(0.1)
    assert world.gate.held == ""
    assert world.told == ["change", "report"] * 2


async def test_who_asked_before_is_told_that_a_hold_has_begun_once_for_each_moment() -> None:
    world = World(*FOUR)
    world.refuse(*FOUR)
    world.gate.changed()
    await asyncio.sleep(0.1)
    begun = world.told.count("change")
    assert 1 <= begun <= 2
    assert world.action("a") == "keep"
    await asyncio.sleep(0.1)
    world.gate.changed()
    await asyncio.sleep(0.1)
    assert world.told.count("change") > begun


async def test_what_is_live_goes_when_its_refusal_has_lasted_and_not_before() -> None:
    world = World(*FOUR)
    world.refuse("a")
    async with world.running():
        assert says_ends_soon(world.gate.outcome("a").message)
        await asyncio.sleep(LASTS_SECONDS - 1)
        world.changed_namespaces.clear()
        assert world.action("a") == "keep"
        await asyncio.sleep(2)
        assert world.changed_namespaces == [{"a"}]
        assert world.read == [["a"]]
        assert [world.action(one) for one in FOUR] == ["refuse", "pass", "pass", "pass"]


async def test_nobody_is_told_again_of_what_has_taken_effect() -> None:
    world = World(*FOUR)
    world.refuse("a")
    async with world.running():
        world.action("a")
        await asyncio.sleep(LASTS_SECONDS + 1)
        world.changed_namespaces.clear()
        world.reads = 0
        await asyncio.sleep(10 * LASTS_SECONDS)
        assert (world.changed_namespaces, world.reads) == ([], 0)


@pytest.mark.parametrize("meanwhile", ["allowed", "unknown", "refused for another reason"])
async def test_a_refusal_that_is_interrupted_begins_anew(meanwhile: str) -> None:
    """Also if nobody asks about it in between."""
    world = World(*FOUR)
    world.refuse("a")
    async with world.running():
        world.action("a")
        await asyncio.sleep(LASTS_SECONDS - 1)
        if meanwhile == "allowed":
            world.refuse()
        elif meanwhile == "unknown":
            world.unknown = {"a"}
            world.refuse()
        else:
            world.why = "another policy forbids it"
            world.gate.changed()
        await asyncio.sleep(0.1)
        world.unknown = set()
        world.why = World.why
        world.refuse("a")
        world.action("a")
        await asyncio.sleep(LASTS_SECONDS - 1)
        assert world.action("a") == "keep"
        await asyncio.sleep(2)
        assert world.action("a") == "refuse"


async def test_nothing_goes_before_the_policies_have_been_read_once_more() -> None:
    world = World(*FOUR)
    world.is_readable = False
    world.refuse("a")
    async with world.running():
        world.action("a")
        await asyncio.sleep(10 * LASTS_SECONDS)
        assert world.action("a") == "keep"
        assert 5 < world.reads < 100
        world.is_readable = True
        await asyncio.sleep(LASTS_SECONDS)
        assert world.action("a") == "refuse"


async def test_refusals_that_begin_one_after_the_other_are_read_for_together() -> None:
    names = [f"one-{number}" for number in range(100)]
    world = World(*names, minimum=1000)
    async with world.running():
        for number, name in enumerate(names):
            world.refused.add(name)
            assert world.action(name) == "keep"
            await asyncio.sleep(0.05)
            assert world.action(names[number // 2]) == "keep"
        await asyncio.sleep(LASTS_SECONDS + 1)
        assert {world.action(name) for name in names} == {"refuse"}
        assert world.reads < 10


async def test_what_was_not_live_for_a_moment_is_refused_and_has_its_time_when_it_is_again() -> None:
    world = World(*FOUR)
    world.refuse("a")
    async with world.running():
        world.action("a")
        world.live -= {"a"}
        assert world.action("a") == "refuse"
        await asyncio.sleep(LASTS_SECONDS - 1)
        world.live |= {"a"}
        assert world.action("a") == "keep"
        await asyncio.sleep(LASTS_SECONDS - 1)
        assert world.action("a") == "keep"
