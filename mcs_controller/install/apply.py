"""Brings a cluster to what is wanted: reads everything first, so that a refusal comes before any write.

Each update names the version that was read. Whoever runs the command again gets the rest done.
"""

import contextlib
from collections.abc import Sequence

from mcs_controller.install.planning import JsonObject, Step, Wanted, step_for
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound


async def plan(client: Client, wanted: Sequence[Wanted]) -> list[Step]:
    """What has to be written. Raises `InstallError`, `KubeError`."""
    return [step_for(one, await read(client, one)) for one in wanted]


async def read(client: Client, wanted: Wanted) -> JsonObject | None:
    """The object as it is, None if there is none."""
    try:
        return await client.get(wanted.resource, wanted.name, wanted.namespace)
    except NotFound:
        return None


async def carry_out(client: Client, steps: Sequence[Step]) -> None:
    """Write what a plan says, in its order. Raises `KubeError`."""
    for step in steps:
        if step.result == "created":
            await client.create(step.wanted.resource, step.body)
        elif step.result == "replaced":
            with contextlib.suppress(NotFound):
                await client.delete(step.wanted.resource, step.wanted.name, namespace=step.wanted.namespace)
            await client.create(step.wanted.resource, step.body)
        elif step.result == "updated":
            await client.update(step.wanted.resource, step.body)
