"""`mcs-controller leave`, killed after its first write, run again and killed after its second, and so on."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES
from mcs_controller.kube.errors import KubeError
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.faults import Call
from tests.cli.leaving import agent_stopped, agents_things, leave, left, told
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime

WRITES = frozenset({"create", "update", "patch", "delete"})


class Killed:
    """`leave` as a process that ends with its write number `after`: nothing of it is answered any more."""

    def __init__(self, world: Clusterset, after: int) -> None:
        self.written = 0
        self._after = after
        self._task = asyncio.create_task(leave(world))
        self._undo = [
            self._watch(world["east"].sim, "admin"),
            self._watch(world.broker, "member-east"),
        ]

    async def end(self) -> bool:
        """Whether it was killed, and did not end before."""
        await asyncio.wait({self._task})
        for sim, before, after in self._undo:
            sim.faults.before, sim.faults.after = before, after  # type: ignore[method-assign]
        return self.written >= self._after

    def _watch(self, sim: SimCluster, user: str) -> tuple[SimCluster, Any, Any]:
        before, after = sim.faults.before, sim.faults.after

        async def refuse(call: Call) -> None:
            if call.user == user and self.written >= self._after:
                raise KubeError("killed")
            await before(call)

        async def count(call: Call) -> None:
            if call.user == user and call.verb in WRITES:
                self.written += 1
                if self.written == self._after:
                    self._task.cancel()
            await after(call)

        sim.faults.before, sim.faults.after = refuse, count  # type: ignore[method-assign]
        return sim, before, after


@pytest.mark.requirement("MCS-LIFE-06")
async def test_whoever_is_killed_again_and_again_leaves_in_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with agent_stopped(exports=("east", "west")) as world:
        kills = 0
        while await Killed(world, kills + 1).end():
            kills += 1
            # As long as the credential is there, all can be asked again.
            if "mcs-broker" not in await agents_things(world):
                break
        assert kills > 5
        capsys.readouterr()
        await leave(world)
        assert set(told(capsys)[1].values()) == {"let go"}
        assert await left(world) == {
            "ServiceExport shop/web",
            "Service shop/web",
            "EndpointSlice shop/web-abc",
        }
        assert await agents_things(world) == []
        assert (await world.broker_api.list(EXPORTED_SERVICES, namespace="mcs-member-east")).items == []


async def test_the_credential_goes_last(capsys: pytest.CaptureFixture[str]) -> None:
    """Without it nobody could ask the broker again, though something is left here."""
    async with agent_stopped("east", "west", exports=("east", "west")) as world:
        fault = world["east"].sim.faults.fail(500, verbs=("delete",), resources=("secrets",))
        with pytest.raises(KubeError):
            await leave(world)
        assert await agents_things(world) == ["mcs-broker"]
        assert not any(name.startswith("ServiceImport") for name in await left(world))
        fault.lift()
        capsys.readouterr()
        await leave(world)
        assert told(capsys)[0] == {"Secret mcs-system/mcs-broker": "deleted"}


async def test_two_at_once_do_it_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    async with agent_stopped("east", "west", exports=("east", "west")) as world:
        first = asyncio.create_task(leave(world, output="table"))
        await asyncio.sleep(1)
        await asyncio.gather(first, leave(world, output="table"))
        err = capsys.readouterr().err
        assert re.search(r"names leave_\S+ as its holder, another `leave`: waiting", err)
        assert await agents_things(world) == []
        assert not any(name.startswith("ServiceImport") for name in await left(world))
