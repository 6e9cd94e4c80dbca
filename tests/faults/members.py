"""Faults of one member: its servers, its CRDs, and the member as a whole."""

from __future__ import annotations

import asyncio
from typing import Final

from mcs_controller.api.resources import service_exports, service_imports
from tests.faults import administrator
from tests.faults.fault import Fault
from tests.faults.world import World

AWAY_SECONDS: Final = 15.0
HUNG_SECONDS: Final = 35.0
LOST_FOR_SECONDS: Final = 3.0
DEAD_FOR_SECONDS: Final = 45.0
"""Longer than the members' timeout: the others withdraw its endpoints."""


async def _api_server_killed(world: World) -> None:
    async with world["west"].servers.api_server_killed():
        await asyncio.sleep(AWAY_SECONDS)


async def _api_server_hung(world: World) -> None:
    async with world["west"].servers.api_server_hung():
        await asyncio.sleep(HUNG_SECONDS)


async def _etcd_killed(world: World) -> None:
    async with world["west"].servers.etcd_killed():
        await asyncio.sleep(AWAY_SECONDS)


async def _etcd_hung(world: World) -> None:
    async with world["west"].servers.etcd_hung():
        await asyncio.sleep(HUNG_SECONDS)


async def _crds_remade(world: World) -> None:
    """The users' exports are deleted with the kind; they create them again."""
    exported = world.users.services_of("west")
    async with world.users.leaving_alone(*(("west", service) for service in exported)):
        exported = world.users.services_of("west")
        world.expected.excused(place="west")
        for service in exported:
            world.expected.unexported("west", service)
        kinds = (service_exports(), service_imports())
        await administrator.uninstall(world.apis["west"], *kinds)
        await asyncio.sleep(LOST_FOR_SECONDS)
        await administrator.install(world.apis["west"], *kinds)
        for service in exported:
            await world.users.export("west", service)
        world.expected.expected_again(place="west")


async def _cut_off(world: World) -> None:
    """Servers and agent are gone for longer than the timeout; its DNS server answers what it knows."""
    west = world["west"]
    world.expected.excused(exporter="west")
    world.expected.excused(place="west")
    await west.kill_agents()
    async with west.servers.api_server_killed(), west.servers.etcd_killed():
        await asyncio.sleep(DEAD_FOR_SECONDS)
    west.start_agents()
    await west.wait_ready()
    world.expected.expected_again(exporter="west")
    world.expected.expected_again(place="west")


async def _returns_after_a_day(world: World) -> None:
    """Its agent is down, the others withdraw its endpoints, and everybody changes everything meanwhile."""
    west, users = world["west"], world.users
    world.expected.excused(exporter="west")
    world.expected.excused(place="west")
    await west.kill_agents()
    await asyncio.sleep(DEAD_FOR_SECONDS)
    for cluster in world.members:
        services = users.services_of(cluster)
        async with users.leaving_alone(*((cluster, service) for service in services)):
            services = users.services_of(cluster)
            for number, service in enumerate(services):
                if number % 4 == 0:
                    await users.unexport(cluster, service)
                else:
                    await users.endpoints(cluster, service, [])
            for service in services[::8]:
                await users.export(cluster, service)
    west.start_agents()
    await west.wait_ready()
    world.expected.expected_again(exporter="west")
    world.expected.expected_again(place="west")


FAULTS: Final = (
    Fault(
        "member-api-server-killed", "a member's API server is killed, and back after 15 s", _api_server_killed
    ),
    Fault("member-api-server-hung", "a member's API server hangs for 35 s", _api_server_hung),
    Fault("member-etcd-killed", "a member's etcd is killed, and back after 15 s", _etcd_killed),
    Fault("member-etcd-hung", "a member's etcd hangs for 35 s", _etcd_hung),
    Fault(
        "member-crds-remade",
        "a member's CRDs of the Multicluster Services API are deleted and created again, then its exports",
        _crds_remade,
    ),
    Fault("member-cut-off", "all of a member is dead and cut off for 45 s, and returns", _cut_off),
    Fault(
        "member-returns",
        "a member returns whose agent was away while everything changed; it had counted as dead",
        _returns_after_a_day,
    ),
)
