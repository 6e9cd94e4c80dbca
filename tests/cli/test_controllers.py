"""Which controllers `--controllers` means."""

from __future__ import annotations

import logging
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.cli.controllers import CONTROLLERS, check_word, chosen_names, make_manager
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from tests.cli.metrics_reference import NowhereTransport
from tests.support.agents import Told

ALL = list(CONTROLLERS)


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["*"], ALL),
        (["services"], ["services"]),
        (["*", "-services"], [name for name in ALL if name != "services"]),
        (["-services"], [name for name in ALL if name != "services"]),
        (["-services", "services"], ALL),
        (["services", "-services"], []),
        (["services", "*"], ALL),
        (list(reversed(ALL)), ALL),
        ([], []),
    ],
)
def test_names_add_and_a_minus_takes_away_from_all_if_it_comes_first(
    words: list[str], chosen: list[str]
) -> None:
    assert chosen_names(words) == chosen


@pytest.mark.parametrize("word", ["service", "-service", "", "-", "membership", "**"])
def test_a_name_that_is_no_controllers_is_refused_with_those_that_there_are(word: str) -> None:
    with pytest.raises(ValueError, match=rf"use \* for all, or some of {', '.join(ALL)}, with - before"):
        check_word(word)


def context() -> Context:
    return Context.of(
        AgentConfig(cluster_id="east"),
        local=Client(NowhereTransport(), name="local"),
        broker=Client(NowhereTransport(), name="broker"),
        clock=SystemClock(),
        random=Random(1),
        registry=CollectorRegistry(),
        events=Told(),
    )


async def test_the_manager_runs_membership_and_the_chosen_ones_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    without = context()
    manager = make_manager(without, words=["-services"])
    others = [name for name in ALL if name != "services"]
    assert list(manager.controllers) == ["membership", *others]
    assert caplog.messages == [f"controllers: {', '.join(['membership', *others])}"]
    # Nothing is watched for a controller that does not run.
    assert [informer.name for informer in (*without.local.required, *without.broker.required)] == []
