"""Whatever happens, nothing that is exported and healthy is missing anywhere; then all is right in time.

Each fault is an entry of table.py. The observer watches every cluster and asks every DNS server all the time.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.faults.fault import Fault
from tests.faults.results import commit, keep
from tests.faults.table import FAULTS
from tests.faults.world import World
from tests.support.observer.observer import Observer

pytestmark = [
    pytest.mark.realkube,
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(400),
]

RIGHT_AT_FIRST_SECONDS = 60.0
CHURN_BEFORE_SECONDS = 2.0
QUIET_SECONDS = 2.0
"""Once all is right it has to stay so."""
POLL_SECONDS = 0.1
MOST_TOLD = 30
MOST_EXPLAINED = 2
"""Of so many findings it is told what was seen around them."""


async def right_after(observer: Observer, within_seconds: float) -> float | None:
    """How long it took until every cluster was exactly as expected; None if that is late."""
    began = time.monotonic()
    while observer.wrong():
        if time.monotonic() - began > within_seconds:
            return None
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began


@pytest.mark.requirement("MCS-LIFE-07", "MCS-IMP-03")
@pytest.mark.parametrize(
    "fault",
    [pytest.param(one, id=one.id, marks=[pytest.mark.short] if one.short else []) for one in FAULTS],
)
async def test_nothing_is_lost(fault: Fault, world: World) -> None:
    world.whole = False
    async with world.observed(fault.bound_seconds) as observer:
        assert await right_after(observer, RIGHT_AT_FIRST_SECONDS) is not None, observer.wrong()[:MOST_TOLD]
        began = time.monotonic()
        async with world.users.churning():
            await asyncio.sleep(CHURN_BEFORE_SECONDS)
            observer.disturbed()
            await fault.happens(world)
        observer.healed()
        lasted = time.monotonic() - began
        seconds = await right_after(observer, fault.bound_seconds)
        wrong = observer.wrong()
        await asyncio.sleep(QUIET_SECONDS)
        findings, totals = observer.findings, observer.totals()
        told = [str(one) for one in findings[:MOST_TOLD]]
        told += [look for one in findings[:MOST_EXPLAINED] for look in observer.around(one)]
    held = seconds is not None and not findings
    keep(
        fault.id,
        {
            "commit": commit(),
            "held": held,
            "lasted_seconds": round(lasted, 1),
            "right_after_seconds": None if seconds is None else round(seconds, 1),
            "totals": totals,
        },
    )
    assert not findings, "\n".join([*told, str(totals)])
    assert seconds is not None, (len(wrong), wrong[:MOST_TOLD])
    world.whole = True
