"""From a member to the inventory: what an agent reports stands in the profile that a hub makes of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.api.resources import NAMESPACES, cluster_profiles, cluster_properties
from mcs_controller.cli.hub import make_hub
from mcs_controller.controllers.config import HubConfig
from mcs_controller.kube.client import Client
from mcs_controller.kube.lookup import find
from tests.support import crds
from tests.support.agents import LoopClock, no_time
from tests.support.clusterset import Clusterset
from tests.support.objects import Object
from tests.support.waiting import eventually

pytestmark = pytest.mark.looptime

INVENTORY = "mcs-inventory"
ABOUT = "clusterproperties.about.k8s.io"
PROPERTIES = cluster_properties("v1beta1")
KINDS = ("memberreports.broker.mcs-controller.io", "clusterprofiles.multicluster.x-k8s.io")
WITHIN_SECONDS = 200


@contextlib.asynccontextmanager
async def inventory_of(*names: str) -> AsyncIterator[Clusterset]:
    """A clusterset whose agents report, with a hub beside its broker."""
    async with Clusterset(*names, start=False) as world:
        await crds.install(world.broker_api, *KINDS)
        await world.broker_api.create(NAMESPACES, {"metadata": {"name": INVENTORY}})
        for cluster in world:
            await cluster.install(ABOUT)
            cluster.start(report_to_inventory=True)
        hub = make_hub(
            HubConfig(),
            Client(world.broker.transport("hub"), name="broker", work_clock=no_time),
            clock=LoopClock(),
            random=Random(1),
            registry=CollectorRegistry(),
        )
        running = asyncio.create_task(hub.run())
        try:
            yield world
        finally:
            running.cancel()
            await asyncio.wait([running])


async def status(world: Clusterset, member: str) -> Object:
    found = await find(world.broker_api, cluster_profiles(), f"mcs-controller.{member}", INVENTORY)
    said: Object = (found or {}).get("status") or {}
    return said


async def mirrored(world: Clusterset, member: str) -> dict[str, str]:
    said = await status(world, member)
    return {one["name"]: one["value"] for one in said.get("properties", ())}


async def condition(world: Clusterset, member: str, type: str) -> str:
    said = await status(world, member)
    return next((one["status"] for one in said.get("conditions", ()) if one["type"] == type), "")


async def until(asked: Any, wanted: Any) -> None:
    await eventually(asked, lambda found: found == wanted, WITHIN_SECONDS, slow_after_seconds=2)


async def set_property(world: Clusterset, member: str, name: str, value: str) -> None:
    body = {"apiVersion": PROPERTIES.api_version, "kind": PROPERTIES.kind, "metadata": {"name": name}}
    await world[member].put(PROPERTIES, {**body, "spec": {"value": value}})


@pytest.mark.requirement("CP-09", "CP-10")
async def test_a_property_that_is_added_or_edited_in_a_member_is_followed_in_its_profile() -> None:
    async with inventory_of("east", "west") as world:
        await set_property(world, "east", "region.example.com", "eu west, Zürich")
        await set_property(world, "east", "notes.example.com", "x" * 1025)
        await until(lambda: mirrored(world, "east"), {"region.example.com": "eu west, Zürich"})
        assert await condition(world, "east", "mcs-controller.io/PropertiesMirrored") == "False"
        await set_property(world, "east", "region.example.com", "us")
        await set_property(world, "east", "notes.example.com", "x" * 1024)
        both = {"region.example.com": "us", "notes.example.com": "x" * 1024}
        await until(lambda: mirrored(world, "east"), both)
        await until(lambda: condition(world, "east", "mcs-controller.io/PropertiesMirrored"), "True")
        assert await mirrored(world, "west") == {}


@pytest.mark.requirement("CP-12", "CP-16")
async def test_the_profile_says_how_the_member_is_until_nobody_reports_of_it_any_more() -> None:
    async with inventory_of("east", "west") as world:
        for member in ("east", "west"):
            await until(lambda member=member: condition(world, member, "ControlPlaneHealthy"), "True")
        version = (await world["east"].api.get_raw("/version"))["gitVersion"]
        assert (await status(world, "east"))["version"] == {"kubernetes": version}
        await world["east"].kill()
        await until(lambda: condition(world, "east", "ControlPlaneHealthy"), "Unknown")
        assert await condition(world, "west", "ControlPlaneHealthy") == "True"
        world["east"].start(report_to_inventory=True)
        await until(lambda: condition(world, "east", "ControlPlaneHealthy"), "True")
