"""Faults of the broker: what it loses, and what becomes of its servers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from mcs_controller.api.resources import (
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    Resource,
)
from tests.faults import administrator
from tests.faults.fault import Fault
from tests.faults.world import World
from tests.realkube import product

BACKUP_AGE_SECONDS: Final = 30.0
BUMP_REVISION: Final = 1_000_000_000
"""What etcd's guide proposes: more than was ever written since the snapshot."""
LOST_FOR_SECONDS: Final = 3.0
AWAY_SECONDS: Final = 15.0
HUNG_SECONDS: Final = 35.0


async def _restored(world: World, *, bump_revision: int = 0, agents_restart: bool = False) -> None:
    backup = await world.broker.back_up()
    await asyncio.sleep(BACKUP_AGE_SECONDS)
    async with world.broker.down() as etcd:
        await etcd.restore(backup, bump_revision=bump_revision)
        if agents_restart:
            await _restart_agents(world)


async def _restart_agents(world: World) -> None:
    """All of them are killed before the first starts again: nobody remembers anything."""
    for member in world.members.values():
        await member.kill_agents()
    for member in world.members.values():
        member.start_agents()


async def _wiped(world: World, *, agents_restart: bool = False) -> None:
    async with world.broker.down() as etcd:
        await etcd.restore(None)
        if agents_restart:
            await _restart_agents(world)
    await product.install_broker(world.broker.plane, tuple(world.members))
    for member in world.members.values():
        await member.renew_broker_credential()


async def _crds_remade(world: World, *, kinds: Sequence[Resource], agents_restart: bool = False) -> None:
    await administrator.uninstall(world.broker_api, *kinds)
    if agents_restart:
        await _restart_agents(world)
    await asyncio.sleep(LOST_FOR_SECONDS)
    await administrator.install(world.broker_api, *kinds)
    if MEMBER_CLUSTERS in kinds:
        await administrator.member_clusters(world)


async def _namespace_remade(world: World) -> None:
    await administrator.remove_namespace(world.broker_api, "mcs-member-east")
    await asyncio.sleep(LOST_FOR_SECONDS)
    await administrator.admit(world, "east")


async def _api_server_killed(world: World) -> None:
    async with world.broker.api_server_killed():
        await asyncio.sleep(AWAY_SECONDS)


async def _api_server_hung(world: World) -> None:
    async with world.broker.api_server_hung():
        await asyncio.sleep(HUNG_SECONDS)


async def _restarted(world: World) -> None:
    for _ in range(3):
        async with world.broker.down():
            """Nothing happens to its etcd."""
        await asyncio.sleep(LOST_FOR_SECONDS)


async def _etcd_killed(world: World) -> None:
    async with world.broker.etcd_killed():
        await asyncio.sleep(AWAY_SECONDS)


async def _etcd_hung(world: World) -> None:
    async with world.broker.etcd_hung():
        await asyncio.sleep(HUNG_SECONDS)


async def _etcd_restarted(world: World) -> None:
    for _ in range(3):
        async with world.broker.etcd_killed():
            """Started again at once."""
        await asyncio.sleep(LOST_FOR_SECONDS)


FAULTS: Final = (
    Fault(
        "broker-restored",
        "the broker is restored from a backup that is half a minute old",
        _restored,
        short=True,
    ),
    Fault(
        "broker-restored-bumped",
        "the same, with a revision far above all that it ever had (`--bump-revision --mark-compacted`)",
        partial(_restored, bump_revision=BUMP_REVISION),
    ),
    Fault(
        "broker-restored-agents-restarted",
        "it is restored from such a backup, and all agents are killed and started meanwhile",
        partial(_restored, agents_restart=True),
    ),
    Fault(
        "broker-wiped",
        "the broker loses everything and is rebuilt empty, with new credentials",
        _wiped,
        short=True,
    ),
    Fault(
        "broker-wiped-agents-restarted",
        "it is wiped and rebuilt, and all agents are killed and started meanwhile",
        partial(_wiped, agents_restart=True),
    ),
    Fault(
        "broker-crds-remade",
        "all CRDs of the broker are deleted and created again",
        partial(_crds_remade, kinds=administrator.BROKER_KINDS),
        short=True,
    ),
    Fault(
        "broker-crds-remade-agents-restarted",
        "all CRDs of the broker are remade, and all agents are killed and started meanwhile",
        partial(_crds_remade, kinds=administrator.BROKER_KINDS, agents_restart=True),
    ),
    Fault(
        "broker-records-crd-remade",
        "the broker's CRD of exported Services is deleted and created again",
        partial(_crds_remade, kinds=[EXPORTED_SERVICES]),
    ),
    Fault(
        "broker-slices-crd-remade",
        "the broker's CRD of exported EndpointSlices is deleted and created again",
        partial(_crds_remade, kinds=[EXPORTED_ENDPOINT_SLICES]),
    ),
    Fault(
        "broker-namespace-remade",
        "a member's namespace on the broker is deleted and created again, with a new credential",
        _namespace_remade,
        short=True,
    ),
    Fault(
        "broker-api-server-killed",
        "the broker's API server is killed, and back after 15 s",
        _api_server_killed,
    ),
    Fault("broker-api-server-hung", "the broker's API server hangs for 35 s", _api_server_hung),
    Fault(
        "broker-restarted", "the broker's API server and controllers are restarted three times", _restarted
    ),
    Fault("broker-etcd-killed", "the broker's etcd is killed, and back after 15 s", _etcd_killed),
    Fault("broker-etcd-hung", "the broker's etcd hangs for 35 s", _etcd_hung),
    Fault("broker-etcd-restarted", "the broker's etcd is killed and started three times", _etcd_restarted),
)
