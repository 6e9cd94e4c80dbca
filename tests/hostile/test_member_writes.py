"""What RBAC and the broker's schema let a member write: whatever it is, the services of others go on.

`mars` is a member without an agent, whose credential somebody took over. It writes each case, and goes on
writing it anew while east's endpoints change. Every change must reach west within a bounded (virtual) time,
and what belongs to others must be the same afterwards: the very objects, addresses, types and clusterset
IPs. Floods by number, size and rate have tests of their own (docs/security.md names them).
"""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.kube.errors import Invalid
from tests.hostile.member_writes import (
    BEFORE_TIME,
    CASES,
    END_OF_TIME,
    LOOKS_FOR_EACH,
    REFUSED,
    WRITES_FOR_EACH,
    WRITES_FOR_OTHERS,
    TakenOver,
    but_for_addresses,
    everything_of_others,
    exporters_of_the_rest,
    exporting,
    imports_of,
    rewriting,
)
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

ARRIVES_WITHIN_SECONDS = 5.0
"""Of virtual time, in which requests take none: what is waited for here are quiet times and turns."""


def mars_of(world: Clusterset) -> TakenOver:
    return TakenOver(world.broker_api, "mars")


@pytest.mark.requirement("MCS-RBAC-06", "MCS-IMP-17")
@pytest.mark.parametrize("case", CASES)
async def test_whatever_a_member_writes_the_services_of_others_go_on(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Clusterset("east", "west", dead_member_policy="keep") as world:
        east, west = world["east"], world["west"]
        await world.admit("mars")
        await world.exported_by("east")
        await west.deploy("shop", "own")
        await world.imported("shop", "own", set(west.addresses()))
        await world.settle()
        before = await everything_of_others(world)

        written = len(west.agent.wire.writes)
        looks = west.agent.reconciles("imports")
        async with rewriting(mars_of(world), CASES[case]) as rewrites:
            for number in range(1, 9):
                await asyncio.sleep(0.25)
                address = f"10.1.7.{number}"
                await east.endpoints("shop", "web", address)

                async def arrived(address: str = address) -> bool:
                    return await west.addresses_of("shop", "web", "east") == {address}

                await world.until(arrived, within_seconds=ARRIVES_WITHIN_SECONDS)
                during = await everything_of_others(world)
                assert but_for_addresses(during) == but_for_addresses(before)

        await east.endpoints("shop", "web", *east.addresses())
        await world.settle()
        assert await everything_of_others(world) == before
        for cluster in world:
            assert not cluster.agent.task.done(), "the agent goes on"
            assert not cluster.agent.agent.problems(), "and is ready"
            assert await imports_of(cluster) >= {"web", "own"}
            assert await exporters_of_the_rest(cluster) <= {"mars"}
        assert len(rewrites) > 15
        assert not [one for one in caplog.messages if one.endswith("a bug")]
        # Both grow with what mars writes, and no faster.
        assert len(west.agent.wire.writes) - written < WRITES_FOR_EACH * len(rewrites) + WRITES_FOR_OTHERS
        assert west.agent.reconciles("imports") - looks < LOOKS_FOR_EACH * len(rewrites) + WRITES_FOR_OTHERS


@pytest.mark.requirement("MCS-RBAC-06", "MCS-IMP-17")
@pytest.mark.parametrize("changed_at", [END_OF_TIME, BEFORE_TIME])
async def test_a_slice_changed_at_no_possible_time_stops_no_slice_of_others(changed_at: str) -> None:
    """Mars comes before west when the slices of one service are written."""
    async with Clusterset("east", "west", dead_member_policy="keep") as world:
        await world.admit("mars")
        await world.exported_by("west")
        await exporting("web", slice_spec={"changedAt": changed_at})(mars_of(world), 1)
        await world.settle()
        await world["west"].endpoints("shop", "web", "10.2.7.1")

        async def arrived() -> bool:
            return await world["east"].addresses_of("shop", "web", "west") == {"10.2.7.1"}

        await world.until(arrived, within_seconds=ARRIVES_WITHIN_SECONDS)


@pytest.mark.parametrize("case", REFUSED)
async def test_what_no_member_needs_to_write_the_brokers_schema_refuses(case: str) -> None:
    async with Clusterset("east", start=False) as world:
        await world.admit("mars")
        with pytest.raises(Invalid):
            await REFUSED[case](mars_of(world), 1)
