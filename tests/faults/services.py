"""What users do that is hard to follow: exports remade, types changed, namespaces deleted, mass unexports."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from mcs_controller.api.resources import SERVICES, service_imports
from tests.faults import administrator
from tests.faults.fault import Fault
from tests.faults.member import Member
from tests.faults.users import Offer, Place, spec_of
from tests.faults.world import World
from tests.realkube.product import PROGRAM
from tests.support.objects import EXPORTS, HTTP, Object, body
from tests.support.reading import conditions_of
from tests.support.waiting import eventually

REMADE: Final = 50
ON_THE_BROKER_SECONDS: Final = 30.0
ON_ITS_WAY_SECONDS: Final = 0.3
"""From the broker to all importers, on a busy machine."""
FLIPS: Final = 5
DELETED: Final = 24
"""So many that every cluster holds some: a little more than half of the 30 may go first (decision 7)."""
MISTAKE_SECONDS: Final = 15.0
GONE_SECONDS: Final = 30.0
LOST_FOR_SECONDS: Final = 3.0


async def _export_remade(world: World) -> None:
    """One that this cluster alone exports, and one that others export, too."""
    users = world.users
    east = users.services_of("east")
    chosen: list[Place] = [
        ("east", next(service for service in east if (len(users.exporters(service)) == 1) is alone))
        for alone in (True, False)
    ]
    async with users.leaving_alone(*chosen):
        for _ in range(REMADE):
            for place in chosen:
                await users.unexport(*place)
                await users.export(*place)
            # Else several removals are on their way at once, and each may be seen after a later addition.
            for place in chosen:
                await _on_the_broker(world, place)
            await asyncio.sleep(ON_ITS_WAY_SECONDS)


async def _on_the_broker(world: World, place: Place) -> None:
    cluster, service = place
    namespace, name = service.split("/")

    async def ready() -> bool:
        conditions = conditions_of(await world.apis[cluster].get(EXPORTS, name, namespace))
        return conditions.get("Ready", ("", ""))[0] == "True"

    await eventually(ready, within_seconds=ON_THE_BROKER_SECONDS)


async def _types_changed(world: World) -> None:
    """A Service of a service that nobody else exports: deleted and made as another type, and in place.

    In place it becomes headless, or ceases to be, by way of ExternalName: an API server takes no other way.
    """
    users, service = world.users, "shop/flips"
    offer = Offer(("10.1.200.1", "10.1.200.2"))
    await users.offer("east", service, offer)
    async with users.leaving_alone(("east", service)):
        for number in range(FLIPS):
            await asyncio.sleep(LOST_FOR_SECONDS)
            await users.withdraw("east", service)
            offer = replace(offer, headless=number % 2 == 0)
            await users.offer("east", service, offer)
            await asyncio.sleep(LOST_FOR_SECONDS)
            await _to_external_name(world, service)
            await asyncio.sleep(LOST_FOR_SECONDS)
            await _from_external_name(world, service, replace(offer, headless=not offer.headless))
        await users.withdraw("east", service)


async def _to_external_name(world: World, service: str) -> None:
    """Such a Service is not exported, whatever its ServiceExport says, which stays."""
    world.expected.unexported("east", service)
    await _write_service(
        world, service, {"type": "ExternalName", "externalName": "example.com", "ports": [HTTP]}
    )


async def _from_external_name(world: World, service: str, offer: Offer) -> None:
    await _write_service(world, service, spec_of(offer))
    world.users.offers["east", service] = offer
    world.expected.exported("east", service, offer.addresses, headless=offer.headless)


async def _write_service(world: World, service: str, spec: Object) -> None:
    namespace, name = service.split("/")
    await world.users.write("east", SERVICES, body(SERVICES, name, namespace, spec=spec))


async def _namespace_remade(world: World) -> None:
    """With all that is in it; the garbage collector and the namespace controller of the member are real."""
    users, namespace = world.users, "staff"
    places = [place for place in users.offers if place[0] == "east" and place[1].startswith(f"{namespace}/")]
    async with users.leaving_alone(*places):
        offers = {place: users.offers.pop(place) for place in places}
        for place in places:
            world.expected.unexported(*place)
        world.expected.namespace_gone("east", namespace)
        await administrator.remove_namespace(world.apis["east"], namespace)
        await asyncio.sleep(LOST_FOR_SECONDS)
        await users.namespace("east", namespace)
        for place, offer in offers.items():
            await users.offer(*place, offer)


async def _deleted_by_mistake(world: World) -> None:
    """The first go, as any unexport does; then the fuse holds the rest until the exports are back."""
    places = _exports_of(world, DELETED)
    async with world.users.leaving_alone(*places):
        await _unexport_at_once(world, places)
        await asyncio.sleep(MISTAKE_SECONDS)
        await _some_are_held(world, places)
        for place in places:
            await world.users.export(*place)


async def _deleted_on_purpose(world: World) -> None:
    """The administrator of each cluster releases what its fuse holds; later other users export again."""
    places = _exports_of(world, DELETED)
    async with world.users.leaving_alone(*places):
        await _unexport_at_once(world, places)
        await asyncio.sleep(MISTAKE_SECONDS)
        await _some_are_held(world, places)
        for member in world.members.values():
            await _release_all(member)
        services = {service for _, service in places}
        await eventually(lambda: _left(world, services), lambda left: not left, GONE_SECONDS)
        for place in places:
            await world.users.export(*place)


def _exports_of(world: World, number: int) -> list[Place]:
    """All exports of so many services."""
    services = sorted({service for (_, service) in world.users.offers})[:number]
    return [place for place in world.users.offers if place[1] in services]


async def _unexport_at_once(world: World, places: list[Place]) -> None:
    async with asyncio.TaskGroup() as group:
        for place in places:
            if world.users.offers[place].exported:
                group.create_task(world.users.unexport(*place))


async def _some_are_held(world: World, places: list[Place]) -> None:
    left = await _left(world, {service for _, service in places})
    assert {cluster for cluster, _ in left} == set(world.members), left


async def _release_all(member: Member) -> None:
    """With the command that operators have."""
    kubeconfig = member.servers.plane.kubeconfig()
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "fuse", "release", "--all", f"--kubeconfig={kubeconfig}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def _left(world: World, services: set[str]) -> set[tuple[str, str]]:
    """The imports of these that some cluster still has."""
    left = set()
    for cluster in world.members:
        for one in (await world.apis[cluster].list(service_imports())).items:
            service = f"{one['metadata']['namespace']}/{one['metadata']['name']}"
            if service in services:
                left.add((cluster, service))
    return left


FAULTS: Final = (
    Fault("exports-remade", "two exports are deleted and created again 50 times", _export_remade),
    Fault(
        "types-changed",
        "an exported Service becomes ClusterIP, headless and ExternalName in turn, remade and in place",
        _types_changed,
    ),
    Fault(
        "namespace-remade",
        "a namespace with a third of the services is deleted in a member, and created again",
        _namespace_remade,
    ),
    Fault(
        "exports-deleted-by-mistake",
        f"{DELETED} of 30 services lose all their exports at once, and have them again after 15 s",
        _deleted_by_mistake,
    ),
    Fault(
        "exports-deleted-on-purpose",
        f"{DELETED} of 30 services lose all their exports at once, and the administrators release the fuse",
        _deleted_on_purpose,
    ),
)
