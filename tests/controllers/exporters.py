"""East and west export web to north: what tests of a broken history begin with."""

from __future__ import annotations

from mcs_controller.api.resources import Resource
from tests.support.clusterset import Clusterset

RIGHT_WITHIN_SECONDS = 30.0


async def two_exporters(world: Clusterset) -> None:
    """east and west export web, north only imports it."""
    await world.exported_by("east", "west")
    await world.settle()


async def delete_all_of(world: Clusterset, member: str, kind: Resource) -> None:
    """All objects of the kind that the member has on the broker."""
    for one in (await world.broker_api.list(kind, namespace=f"mcs-member-{member}")).items:
        await world.broker_api.delete(kind, one["metadata"]["name"], namespace=f"mcs-member-{member}")


async def has(world: Clusterset, addresses: set[str]) -> bool:
    return await world["north"].addresses_of("shop", "web") == addresses
