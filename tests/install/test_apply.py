"""What is wanted is written, whatever else goes on in the cluster, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES, SERVICE_ACCOUNTS
from mcs_controller.install.apply import GONE_WITHIN_SECONDS, carry_out, plan
from mcs_controller.install.errors import BeingDeleted
from mcs_controller.install.objects import member_objects
from mcs_controller.kube.client import Client
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

PLACE = "mcs-member-new"
HELD = {"metadata": {"finalizers": ["example.com/held"]}}


async def make(broker: Client, said: list[str], *pod_cidrs: str) -> list[str]:
    """What became of each object of the member."""
    steps = await plan(broker, member_objects("new", pod_cidrs), tell=said.append)
    return [step.result for step in await carry_out(broker, steps)]


async def being_deleted(broker: Client) -> None:
    """The member, whose namespace cannot go."""
    await make(broker, [])
    await broker.patch(SERVICE_ACCOUNTS, "member", HELD, namespace=PLACE)
    await broker.delete(NAMESPACES, PLACE)


async def test_what_is_being_deleted_is_waited_for_and_then_made_anew() -> None:
    async with Clusterset("east", start=False) as world:
        said: list[str] = []
        await being_deleted(world.broker_api)
        making = asyncio.create_task(make(world.broker_api, said))
        await asyncio.sleep(10)
        assert not making.done()
        free = {"metadata": {"finalizers": None}}
        await world.broker_api.patch(SERVICE_ACCOUNTS, "member", free, namespace=PLACE)
        assert set(await making) <= {"created", "unchanged"}
        assert said == [f"Namespace {PLACE} is being deleted: waiting until it is gone, 60 s at most ..."]
        assert await make(world.broker_api, said) == ["unchanged"] * 5


async def test_what_never_goes_is_named_after_a_minute() -> None:
    async with Clusterset("east", start=False) as world:
        await being_deleted(world.broker_api)
        began_seconds = asyncio.get_running_loop().time()
        with pytest.raises(BeingDeleted, match=f"Namespace {PLACE} is being deleted: .* finalizers"):
            await make(world.broker_api, [])
        assert asyncio.get_running_loop().time() - began_seconds >= GONE_WITHIN_SECONDS


async def test_two_that_make_the_same_at_once_both_succeed() -> None:
    async with Clusterset("east", start=False) as world:
        broker = world.broker_api
        wanted = member_objects("new", ["10.1.0.0/16"])
        first, second = [await plan(broker, wanted, tell=print) for _ in range(2)]
        assert {step.result for step in await carry_out(broker, first)} == {"created"}
        assert {step.result for step in await carry_out(broker, second)} == {"unchanged"}


async def test_of_two_that_want_something_else_at_once_the_later_one_holds() -> None:
    async with Clusterset("east", start=False) as world:
        broker = world.broker_api
        await make(broker, [])
        plans = [
            await plan(broker, member_objects("new", [cidr]), tell=print)
            for cidr in ("10.1.0.0/16", "10.2.0.0/16")
        ]
        for steps in plans:
            assert [step.result for step in await carry_out(broker, steps)] == ["unchanged"] * 4 + ["updated"]
        member = await broker.get(MEMBER_CLUSTERS, "new", PLACE)
        assert member["spec"]["podCIDRs"] == ["10.2.0.0/16"]
