"""How often one object's status is written while what it says keeps changing."""

import asyncio
from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES
from mcs_controller.controllers.runtime.pace import ATTEMPT_SHARE, BURST, INTERVAL_SECONDS, Pace
from tests.controllers.mars import record
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime


async def test_after_a_burst_there_is_one_write_an_interval_and_other_keys_do_not_wait() -> None:
    pace: Pace[str] = Pace()
    for _ in range(BURST):
        assert pace.wait_seconds("web") == 0.0
        pace.wrote("web")
    assert pace.wait_seconds("web") == pytest.approx(INTERVAL_SECONDS)
    assert pace.wait_seconds("other") == 0.0
    await asyncio.sleep(pace.wait_seconds("web"))
    assert pace.wait_seconds("web") == 0.0
    pace.wrote("web")
    assert pace.wait_seconds("web") == pytest.approx(INTERVAL_SECONDS)


async def test_a_quiet_key_has_its_whole_burst_again_but_no_more() -> None:
    pace: Pace[str] = Pace()
    for _ in range(BURST):
        pace.wrote("web")
    await asyncio.sleep(100 * BURST * INTERVAL_SECONDS)
    for _ in range(BURST):
        assert pace.wait_seconds("web") == 0.0
        pace.wrote("web")
    assert pace.wait_seconds("web") > 0.0


async def test_a_refused_write_costs_a_tenth_and_endless_ones_have_to_wait_too() -> None:
    pace: Pace[str] = Pace()
    attempts = 0
    while not pace.wait_seconds("web"):
        pace.wrote("web")
        pace.refused("web")
        attempts += 1
    assert attempts == pytest.approx(BURST / ATTEMPT_SHARE, abs=1 / ATTEMPT_SHARE)
    assert pace.wait_seconds("web") <= ATTEMPT_SHARE * INTERVAL_SECONDS
    pace.refused("other")
    assert pace.wait_seconds("other") == 0.0


async def test_keys_that_are_quiet_are_forgotten() -> None:
    pace: Pace[int] = Pace()
    for number in range(20_000):
        pace.wrote(number)
        await asyncio.sleep(0.01)
    assert len(pace._settled_at_seconds) < 3000


async def test_no_more_than_a_thousand_quiet_keys_are_remembered_and_none_that_still_has_to_wait() -> None:
    pace: Pace[int] = Pace()
    for number in range(1023):
        pace.wrote(number)
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    assert len(pace._settled_at_seconds) == 1023
    pace.wrote(-1)
    assert set(pace._settled_at_seconds) == {-1}

    for number in range(2000):
        pace.wrote(number)
    assert len(pace._settled_at_seconds) == 2001
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    pace.wrote(-1)
    pace.wrote(3000)
    # Twice as many as still had to wait when it was looked last: that is not a look for every write.
    assert len(pace._settled_at_seconds) == 2002
    for number in range(4000, 4046):
        pace.wrote(number)
    assert len(pace._settled_at_seconds) == 47 + 1


async def test_a_members_endless_change_of_mind_costs_one_status_write_a_second() -> None:
    async with Clusterset("east", "west") as world:
        east = world["east"]
        await world.admit("mars")
        await world.everywhere("shop")
        await east.deploy("shop", "web")
        affinities: list[Any] = [None, "ClientIP"]
        await world.publish("mars", EXPORTED_SERVICES, "shop.web", **record())
        await world.settle()
        east.agent.wire.writes.clear()
        for number in range(300):
            port = {"name": "http", "port": 80 + number, "protocol": "TCP"}
            await world.broker_api.patch(
                EXPORTED_SERVICES,
                "shop.web",
                {"spec": {"ports": [port], "sessionAffinity": affinities[number % 2]}},
                namespace="mcs-member-mars",
            )
            await asyncio.sleep(0.01)
        for kind in ("serviceexports", "serviceimports"):
            writes = [w for w in east.agent.wire.writes if w.endswith(f"/{kind}/web/status")]
            assert 0 < len(writes) <= 2 * BURST, kind
        assert len(east.agent.told.events) < 30
        await world.settle()
        message = next(
            one["message"]
            for one in (await east.export_of("shop", "web") or {})["status"]["conditions"]
            if one["type"] == "Conflict"
        )
        assert "379" in message
