"""Which controllers `--controllers` means."""

from __future__ import annotations

from random import Random

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.cli.controllers import CONTROLLERS, make_manager, names
from mcs_controller.cli.errors import UsageError
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from tests.cli.metrics_reference import NowhereTransport
from tests.support.agents import Told

ALL = list(CONTROLLERS)


@pytest.mark.parametrize(
    ("chosen", "meant"),
    [
        (["*"], ALL),
        (["services"], ["services"]),
        (["*", "-services"], [name for name in ALL if name != "services"]),
        (["-services", "*"], ALL),
        (["properties", "services"], ["services", "properties"]),
        (["services", "-services"], []),
        ([], []),
    ],
)
def test_names_add_and_a_minus_takes_away(chosen: list[str], meant: list[str]) -> None:
    assert names(chosen) == meant


@pytest.mark.parametrize("word", ["service", "-service", "", "-", "membership", "**"])
def test_a_name_that_is_no_controllers_is_refused_with_those_that_there_are(word: str) -> None:
    with pytest.raises(UsageError, match=r"use \* for all, or some of services, properties"):
        names([word])


async def test_the_manager_runs_membership_and_the_chosen_ones() -> None:
    context = Context.of(
        AgentConfig(cluster_id="east"),
        local=Client(NowhereTransport(), name="local"),
        broker=Client(NowhereTransport(), name="broker"),
        clock=SystemClock(),
        random=Random(1),
        registry=CollectorRegistry(),
        events=Told(),
    )
    manager = make_manager(context, chosen=["*", "-services"])
    assert list(manager.controllers) == ["membership", "properties"]
    # Nothing is watched for a controller that does not run.
    assert [informer.name for informer in (*context.local, *context.broker)] == []
