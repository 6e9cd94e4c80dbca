"""What the commands that install something share: how they tell what they did, and what they wait for."""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from mcs_controller.api.resources import (
    BROKER_GROUP,
    BROKER_VERSION,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
)
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.output import as_document, table
from mcs_controller.install.planning import Step
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound
from mcs_controller.observe.visible import visible

SERVED_WITHIN_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.2
_KINDS: Final = (MEMBER_CLUSTERS, EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES)

Row = tuple[str, str, str, str]
"""Kind, namespace, name, and what became of it."""


def say(text: str) -> None:
    """Progress and advice, which are no result: a line, that may quote what others wrote."""
    print(visible(text), file=sys.stderr, flush=True)


def rows_of(steps: Iterable[Step]) -> list[Row]:
    """What became of each object."""
    return [
        (step.wanted.resource.kind, step.wanted.namespace, step.wanted.name, step.result) for step in steps
    ]


def result_text(output: str, rows: Sequence[Row], **more: Any) -> str:
    """The result of a command that writes objects; `more` is for programs only."""
    if output == "table":
        return table(
            ("KIND", "NAMESPACE", "NAME", "RESULT"),
            [(kind, namespace or "-", name, result) for kind, namespace, name, result in rows],
        )
    objects = [dict(zip(("kind", "namespace", "name", "result"), row, strict=True)) for row in rows]
    return as_document(output, {"objects": objects, **more})


async def serves_broker(client: Client) -> bool:
    """Whether the API server serves all kinds of a broker. Raises `KubeError`."""
    try:
        found = await client.get_raw(f"/apis/{BROKER_GROUP}/{BROKER_VERSION}")
    except NotFound:
        return False
    names = {one.get("name") for one in found.get("resources") or ()}
    return {kind.plural for kind in _KINDS} <= names


async def wait_until_served(client: Client) -> None:
    """Return when the broker's kinds can be used. Raises `CliError`, `KubeError`."""
    if await serves_broker(client):
        return
    say(f"waiting until the API server serves its new kinds, at most {SERVED_WITHIN_SECONDS:g} s ...")
    try:
        async with asyncio.timeout(SERVED_WITHIN_SECONDS):
            while not await serves_broker(client):  # noqa: ASYNC110 - nobody here to set an event
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise CliError(
            f"the broker's kinds are installed, but not served after {SERVED_WITHIN_SECONDS:g} s: look at "
            f"the conditions of the CustomResourceDefinitions of {BROKER_GROUP}, and run the command again"
        ) from None
