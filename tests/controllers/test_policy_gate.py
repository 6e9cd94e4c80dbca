"""How many policies may end at once: what is counted, and when a hold begins and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.services.policies.verdict import EXPORTS, Policies, Verdict
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.policies.gate import Gate
from mcs_controller.controllers.services.policies.known import KnownPolicies
from mcs_controller.kube.clock import rfc3339

pytestmark = pytest.mark.looptime

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Policy("all")


def namespace_of(name: str) -> str:
    """All before the slash."""
    return name.partition("/")[0]


class World:
    """Names that are live or not, and policies that refuse some of them; more than half is a fault."""

    def __init__(self, *live: str, minimum: int = 3) -> None:
        self.live = set(live)
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.policies: tuple[Policy, ...] = (ALL,)
        self.told: list[str] = []
        self.judged: list[str] = []
        known = SimpleNamespace(words=EXPORTS, rules=lambda: Policies(self.policies), on_change=None)
        config = SimpleNamespace(fuse_share=0.5, fuse_minimum=minimum)
        context = SimpleNamespace(config=config, clock=SimpleNamespace(now=lambda: NOW))
        self.gate: Gate[str] = Gate(
            cast(Context, context),
            cast(KnownPolicies, known),
            judge=self._judge,
            is_live=lambda name: name in self.live,
            live=lambda namespace: sorted(one for one in self.live if namespace in (None, namespace_of(one))),
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
        return Verdict(answer, "no policy allows it" if answer != "allowed" else "")  # type: ignore[arg-type]

    def refuse(self, *names: str) -> None:
        self.refused = set(names)
        self.gate.changed()

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
    assert world.action("a") == action


async def test_what_is_new_is_refused_and_makes_no_fault() -> None:
    world = World("a", "b")
    world.refuse("new-1", "new-2", "new-3", "new-4", "a")
    assert [world.action(f"new-{number}") for number in range(1, 5)] == ["refuse"] * 4
    assert world.action("a") == "refuse"
    assert world.gate.losing() == (1, 2)


async def test_what_policies_say_nothing_certain_of_goes_on_and_makes_no_fault() -> None:
    world = World(*FOUR)
    world.unknown = {"b", "c", "d"}
    world.refuse("a")
    assert [world.action(one) for one in FOUR] == ["refuse", "keep", "keep", "keep"]
    assert world.gate.losing() == (1, 4)


@pytest.mark.parametrize("left", [timedelta(hours=1), timedelta(0), timedelta(hours=25)])
async def test_a_confirmation_counts_until_its_time_and_not_more_than_a_day(left: timedelta) -> None:
    world = World(*FOUR)
    world.policies = (ALL, replace(ALL, name="more", release=rfc3339(NOW + left)))
    world.refuse(*FOUR)
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
    assert world.action("c") == "refuse"


async def test_what_was_live_at_the_last_count_and_is_not_now_is_counted_no_more() -> None:
    world = World(*FOUR)
    world.refuse("a", "b", "c")
    assert world.action("c") == "keep"
    world.live -= {"a", "b"}
    world.gate.changed()
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
    assert world.action("shop/a") == "refuse"
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
