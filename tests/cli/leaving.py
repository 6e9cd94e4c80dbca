"""`mcs-controller leave` run in east, whose agent has been stopped, on a clusterset in virtual time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mcs_controller.api.names import INSTALLED_BY, LABEL_INSTALLED_BY
from mcs_controller.api.resources import LEASES, NAMESPACES, SECRETS
from mcs_controller.cli.install_settings import LeaveSettings
from mcs_controller.cli.leave import Leaving
from tests.support.agents import LoopClock
from tests.support.clusterset import Clusterset


@asynccontextmanager
async def agent_stopped(
    *clusters: str, exports: Sequence[str] = ("east",), **given: Any
) -> AsyncIterator[Clusterset]:
    """East has joined, all import shop/web of these exporters, and the agent of east was stopped."""
    async with Clusterset(*clusters, **given) as world:
        await installed(world)
        await world.exported_by(*exports)
        await world["east"].kill()
        yield world


def settings(**given: Any) -> LeaveSettings:
    usual: dict[str, Any] = {
        "wait_seconds": 120.0,
        "ignore_importers": False,
        "local_only": False,
        "namespace": "mcs-system",
        "lease_namespace": None,
        "lease_name": "mcs-agent",
        "dry_run": False,
        "output": "json",
        "cluster_id": "east",
        "kubeconfig": None,
        "context": None,
        "broker_kubeconfig": None,
        "broker_context": None,
    }
    return LeaveSettings(**{**usual, **given})


async def installed(world: Clusterset) -> None:
    """What `join` made in east."""
    api = world["east"].api
    await api.create(NAMESPACES, {"metadata": {"name": "mcs-system"}})
    labels = {LABEL_INSTALLED_BY: INSTALLED_BY}
    metadata = {"name": "mcs-broker", "namespace": "mcs-system", "labels": labels}
    await api.create(SECRETS, {"metadata": metadata, "data": {"kubeconfig": ""}})


async def leave(world: Clusterset, *, broker: bool = True, **given: Any) -> None:
    api = world.broker.client("member-east") if broker else None
    leaving = Leaving(settings(**given), world["east"].api, program="mcs", clock=LoopClock())
    await leaving.run(api, "east" if broker else "")


def told(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, str], dict[str, str], str]:
    """What became of each object, the state of each member, and what else was said."""
    out, error = capsys.readouterr()
    document = json.loads(out)
    objects = {
        f"{one['kind']} {one['namespace']}/{one['name']}": one["result"] for one in document["objects"]
    }
    return objects, {one["name"]: one["state"] for one in document["members"]}, error


async def left(world: Clusterset) -> set[str]:
    """What is in the namespaces of users in east."""
    return {name for name in await world["east"].contents() if " shop/" in name}


async def agents_things(world: Clusterset) -> list[str]:
    found = [*await world["east"].all_of(LEASES), *await world["east"].all_of(SECRETS, "mcs-system")]
    return [one["metadata"]["name"] for one in found]
