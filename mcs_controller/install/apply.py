"""Brings a cluster to what is wanted: reads everything first, so that a refusal comes before any write.

Each update names the version that was read. What somebody else wrote meanwhile, as a second run of the same
command, is read again and judged again. Whoever runs the command again gets the rest done.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from mcs_controller.install.errors import BeingDeleted
from mcs_controller.install.planning import JsonObject, Step, Wanted, step_for
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Conflict, NotFound
from mcs_controller.kube.lookup import find

GONE_WITHIN_SECONDS: Final = 60.0
"""How long what is being deleted is waited for: a namespace is emptied first."""
LOOK_SECONDS: Final = 1.0
TRIES: Final = 5
"""Of one write; each is lost only to somebody who wrote the same object at the same time."""


async def plan(client: Client, wanted: Sequence[Wanted], *, tell: Callable[[str], None]) -> list[Step]:
    """What has to be written, once nothing of it is being deleted any more; `tell` hears of the wait.

    Raises `InstallError`, `KubeError`.
    """
    loop = asyncio.get_running_loop()
    deadline_seconds = loop.time() + GONE_WITHIN_SECONDS
    told = False
    while True:
        try:
            return [step_for(one, await read(client, one)) for one in wanted]
        except BeingDeleted as error:
            if loop.time() >= deadline_seconds:
                raise
            if not told:
                told = True
                most = f"{GONE_WITHIN_SECONDS:.0f} s at most"
                tell(f"{error.what} is being deleted: waiting until it is gone, {most} ...")
        await asyncio.sleep(LOOK_SECONDS)


async def read(client: Client, wanted: Wanted) -> JsonObject | None:
    """The object as it is, None if there is none."""
    return await find(client, wanted.resource, wanted.name, wanted.namespace)


async def carry_out(client: Client, steps: Sequence[Step]) -> list[Step]:
    """Write what a plan says, in its order: what became of it. Raises `InstallError`, `KubeError`."""
    return [await _carried_out(client, step) for step in steps]


async def _carried_out(client: Client, step: Step) -> Step:
    for further in reversed(range(TRIES)):
        try:
            await _write(client, step)
        except Conflict:
            if not further:
                raise
            step = step_for(step.wanted, await read(client, step.wanted))
        else:
            break
    return step


async def _write(client: Client, step: Step) -> None:
    if step.result == "created":
        await client.create(step.wanted.resource, step.body)
    elif step.result == "replaced":
        with contextlib.suppress(NotFound):
            await client.delete(step.wanted.resource, step.wanted.name, namespace=step.wanted.namespace)
        await client.create(step.wanted.resource, step.body)
    elif step.result == "updated":
        await client.update(step.wanted.resource, step.body)
