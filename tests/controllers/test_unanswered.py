"""An update of an export gets no answer, its sender lives, and users change back what they had changed.

A proxy or a busy server still has the update. It must not be carried out over what is right meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mcs_controller.kube.errors import Conflict, KubeError, ServerError, Timeout, Unreachable
from mcs_controller.kube.fence import LeaseFence
from tests.clusterset.builders import source_slice
from tests.controllers.exporting import East, exported
from tests.controllers.stopping import Limbo
from tests.controllers.test_stopped_leader import (
    Case,
    changes_its_ports,
    changes_them_back,
    moves_its_pods,
    moves_them_back,
    one_led_by,
)
from tests.support.agents import LoopClock

pytestmark = pytest.mark.looptime

CASES = [
    Case("east", moves_its_pods, "PUT .*/exportedendpointslices/", moves_them_back),
    Case("east", changes_its_ports, "PUT .*/exportedservices/", changes_them_back),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_an_update_that_was_given_up_is_refused_when_it_is_carried_out(case: Case) -> None:
    limbo = Limbo(case.at)
    async with one_led_by(limbo, case.cluster, LeaseFence(LoopClock())) as world:
        await case.act(world)
        await asyncio.wait_for(limbo.holds.wait(), 30)
        await case.meanwhile(world)
        wanted = await world.settled()

        await limbo.carry_out()

        assert limbo.status == 409
        assert await world.contents() == wanted
        assert await world.settled() == wanted


NO_ANSWERS: list[KubeError] = [Timeout("late"), Unreachable("reset"), ServerError(504, "", "")]


async def move_and_fail(one: East, error: KubeError, monkeypatch: pytest.MonkeyPatch) -> None:
    """East's second slice loses its endpoints; the update fails, and they are back."""

    async def replace(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(one.mirror.slices, "replace", replace)
        one.slices[1] = source_slice("east", "web-def", endpoints=())
        await one.fails(type(error))
    one.slices[1] = source_slice("east", "web-def")


@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda error: type(error).__name__)
async def test_after_an_update_without_an_answer_what_is_right_is_written_once(
    error: KubeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with exported() as one:
        await move_and_fail(one, error, monkeypatch)
        await one.look()
        assert one.writes() == ["PUT shop.web-def"]
        await one.look()
        assert one.writes() == []


async def test_after_a_refusal_what_is_right_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    async with exported() as one:
        await move_and_fail(one, Conflict(409, "", ""), monkeypatch)
        await one.look()
        assert one.writes() == []


async def test_what_somebody_wrote_after_an_update_without_an_answer_is_not_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with exported() as one:
        await move_and_fail(one, Timeout("late"), monkeypatch)
        held = one.broker.own_slices.get("mcs-member-east", "shop.web-def")
        assert held is not None
        await one.mirror.slices.patch(held, {"metadata": {"labels": {"by": "hand"}}})
        one.writes()
        await one.look()
        assert one.writes() == []
