"""The simulator itself: a plan is one story, a planted hole is found, a failure is shortened."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from random import Random

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES
from mcs_controller.controllers.services.exports import exporter
from mcs_controller.controllers.services.stores import retained
from tests.simulation.__main__ import main
from tests.simulation.plan import Event, Layout, Plan, plan
from tests.simulation.rules import held
from tests.simulation.shorten import shortened
from tests.simulation.story import Fault
from tests.simulation.telling import Outcome, tell
from tests.simulation.users import Users
from tests.simulation.world import World
from tests.support.virtual_loop import run_virtually

SMALL = Layout(("east", "west", "north"), {})
RETAINED = {"kind": "slice", "reason": "missing"}


def small(*acts: str) -> Plan:
    events = [Event(0, 10.0 * number, act, number) for number, act in enumerate(acts)]
    return Plan(1, SMALL, tuple(events), parts=1)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scaling down also deletes a slice of somebody else's, for an instant; users said nothing of that."""
    empty = Users.empty

    async def with_hole(self: Users, random: Random) -> None:
        world = self._story.world
        cluster = world["north"]
        body = next(
            one
            for one in held(cluster.sim, ENDPOINT_SLICES)
            if one["metadata"]["labels"].get("multicluster.kubernetes.io/service-name") == "of-east"
        )
        await cluster.api.delete(ENDPOINT_SLICES, body["metadata"]["name"], namespace="shop")
        await empty(self, random)

    monkeypatch.setattr(Users, "empty", with_hole)


def test_a_plan_told_again_is_the_same_story_to_the_last_write() -> None:
    first, second = tell(plan(3)), tell(plan(3))
    assert (first.digest, first.lines, first.faults) == (second.digest, second.lines, second.faults)
    assert first.digest != tell(replace(plan(3), events=())).digest


EMPTIED = Plan(1, SMALL, (Event(0, 5.0, "empty", 2), Event(0, 6.0, "unready", 4)), parts=1)
"""One export is left without endpoints, another with such as are not ready."""


def test_exports_without_endpoints_are_as_the_rules_say() -> None:
    outcome = tell(EMPTIED)
    assert outcome.faults == ()
    assert sum(line.endswith(("to []", "is not ready")) for line in outcome.lines) == len(EMPTIED.events)
    assert sum(" changes " in line for line in outcome.lines) == 1


def test_an_export_that_does_not_say_so_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "without_endpoints", lambda service, slices: "")
    assert tell(EMPTIED).invariant == "I-QUIET-EXACT"


MADE_ANEW, RESTORED = Event(0, 5.0, "remake_member", 1), Event(0, 25.0, "restore", 1)
TAKEN_BACK = Plan(1, SMALL, (MADE_ANEW, RESTORED, Event(0, 32.0, "change", 1)), parts=1)
"""A member writes all of its exports anew, and a restore of the broker brings back what it wrote first."""


def test_what_an_agent_retains_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tell(TAKEN_BACK).faults == ()
    monkeypatch.setattr(retained.Retained, "_hear_statement", lambda *heard: None)
    monkeypatch.setattr(retained, "TELL_AFTER_SECONDS", 1e6)
    outcome = tell(TAKEN_BACK)
    assert outcome.invariant == "I-QUIET-EXACT"
    assert "still retains [{'kind': 'record', 'reason': 'older'}]" in outcome.faults[0].text


@pytest.mark.usefixtures("planted")
def test_a_hole_of_an_instant_is_found_and_named() -> None:
    outcome = tell(small("change", "empty"))
    assert outcome.invariant == "I-ENDPOINTS"
    assert "north: shop/of-east" in outcome.faults[0].text


@pytest.mark.usefixtures("planted")
def test_a_story_is_shortened_to_what_its_failure_needs() -> None:
    outcome = tell(small("change", "deploy", "restart", "empty", "ports", "clock"))
    shorter, runs = shortened(outcome, tell)
    assert [event.act for event in shorter.plan.events] == ["empty"]
    assert shorter.invariant == outcome.invariant
    assert runs < 20


def test_shortening_keeps_to_its_number_of_runs_and_a_failure_that_does_not_come_back_stays_whole() -> None:
    failed = replace(tell(small()), plan=small("change", "deploy"))
    failed = replace(failed, faults=(Fault(1.0, "I-IP", "planted"),))
    runs: list[Plan] = []

    def never(tried: Plan) -> Outcome:
        runs.append(tried)
        return replace(failed, faults=())

    assert shortened(failed, never) == (failed, 1)
    assert len(runs) == 1


def test_a_replica_that_no_longer_leads_shows_no_metrics_of_its_lost_term() -> None:
    async def story() -> None:
        async with World(Layout(SMALL.clusters, {"east": 1}), 1) as world:
            world.start("east")
            (agent,) = world.agents("east")
            await asyncio.sleep(5.0)
            assert agent.registry.get_sample_value("mcs_retained_objects", RETAINED) == 0

            world["east"].sim.faults.fail(500, resources=["leases"], users=["agent"])
            await asyncio.sleep(30.0)
            assert not agent.works
            assert list(agent.registry.collect()) == []

    run_virtually(story())


@pytest.mark.parametrize("words", [("--seeds", "0"), ("--seeds", "-3"), ("--seeds", "few"), ("--jobs", "0")])
def test_a_number_of_stories_that_makes_no_sense_is_refused_in_plain_words(
    words: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["simulation", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"{words[0]}: {words[1]!r} is not a whole number of at least 1" in said
