"""Which Services can be exported, what an export carries, and what its user is told: simulated and real."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from mcs_controller.api.resources import SERVICES
from tests.integration.conftest import World
from tests.integration.sites import EAST, Backend
from tests.support.objects import EXPORTS, Object
from tests.support.site import DERIVED_SERVICE
from tests.support.users import write_status
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.mark.requirement("MCS-EXP-04", "MCS-EXP-07", "MCS-EXP-08", "MCS-EXP-09", "MCS-EXP-13", "MCS-LIFE-01")
async def test_every_kind_of_service_that_has_endpoints_can_be_exported(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    kinds: dict[str, Object] = {
        "cluster-ip": {},
        "node-port": {"type": "NodePort"},
        "load-balancer": {"type": "LoadBalancer"},
        "headless": {"clusterIP": "None"},
    }
    for number, (name, spec) in enumerate(kinds.items()):
        await east.service(namespace, name, Backend(f"{name}-1", f"10.1.7.{number + 1}"), **spec)
        await east.export(namespace, name)
    for name in kinds:
        imported = await world["west"].ready_import(namespace, name, ["east"])
        assert imported["spec"]["type"] == ("Headless" if name == "headless" else "ClusterSetIP")
        await east.is_told(namespace, name, "Valid", "True", "Valid")
        await east.is_told(namespace, name, "Ready", "True", "Exported")
        await east.is_told(namespace, name, "Conflict", "False", "NoConflicts")
        await east.unexport(namespace, name)
    for site in world:
        for name in kinds:
            await site.no_import(namespace, name)
            await eventually(partial(site.slices_of, namespace, name), lambda x: not x)


@pytest.mark.requirement("MCS-EXP-05", "MCS-EXP-06", "MCS-CON-08")
async def test_what_cannot_be_exported_says_why_and_is_never_imported(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    body = {"metadata": {"name": "elsewhere", "namespace": namespace}}
    await east.api.create(SERVICES, {**body, "spec": {"type": "ExternalName", "externalName": "example.com"}})
    for name in ("elsewhere", "missing"):
        await east.export(namespace, name)
    await east.is_told(namespace, "elsewhere", "Valid", "False", "InvalidServiceType")
    await east.is_told(namespace, "missing", "Valid", "False", "NoService")
    await asyncio.sleep(1)
    for site in world:
        for name in ("elsewhere", "missing"):
            assert await site.import_of(namespace, name) is None

    await east.service(namespace, "missing", *EAST)
    await east.is_told(namespace, "missing", "Valid", "True", "Valid")
    await world["west"].ready_import(namespace, "missing", ["east"])
    await east.api.delete(SERVICES, "missing", namespace=namespace)
    await east.is_told(namespace, "missing", "Valid", "False", "NoService")
    for site in world:
        await site.no_import(namespace, "missing")


@pytest.mark.requirement("MCS-EXP-11", "MCS-IMP-16", "MCS-IMP-17", "MCS-EXP-10")
async def test_only_what_the_exports_spec_names_is_on_the_import_and_goes_when_it_is_taken_back(
    world: World,
) -> None:
    namespace, east, west = world.namespace, world["east"], world["west"]
    await east.service(namespace, "web", *EAST)
    await east.api.patch(SERVICES, "web", {"metadata": {"labels": {"own": "service"}}}, namespace=namespace)
    await east.export(
        namespace, "web", exportedLabels={"team": "shop"}, exportedAnnotations={"example.com/note": "hello"}
    )
    imported = await west.ready_import(namespace, "web", ["east"])
    labels, annotations = imported["metadata"]["labels"], imported["metadata"]["annotations"]
    assert labels["team"] == "shop"
    assert annotations["example.com/note"] == "hello"
    assert "own" not in labels

    await east.api.patch(EXPORTS, "web", {"spec": {"exportedLabels": None}}, namespace=namespace)
    await eventually(
        lambda: west.import_of(namespace, "web"),
        lambda seen: seen is not None and "team" not in seen["metadata"]["labels"],
    )


@pytest.mark.requirement("MCS-API-12", "MCS-EXP-15", "MCS-API-07")
async def test_conditions_of_other_controllers_are_kept(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    await east.export(namespace, "web")
    await east.is_told(namespace, "web", "Valid", "False", "NoService")
    foreign = {
        "type": "example.com/Audited",
        "status": "True",
        "reason": "Seen",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }

    async def add() -> bool:
        export = await east.api.get(EXPORTS, "web", namespace)
        export["status"]["conditions"].append(foreign)
        await write_status(east.api, EXPORTS, export)
        return True

    await add()
    await east.service(namespace, "web", *EAST)
    await east.is_told(namespace, "web", "Valid", "True", "Valid")
    await east.is_told(namespace, "web", "example.com/Audited", "True", "Seen")


@pytest.mark.requirement("MCS-EXP-18")
async def test_a_derived_service_cannot_be_exported_again(world: World) -> None:
    namespace, east = world.namespace, world["east"]
    await east.service(namespace, "web", *EAST)
    await east.export(namespace, "web")
    imported = await east.ready_import(namespace, "web", ["east"])
    derived = imported["metadata"]["annotations"][DERIVED_SERVICE]
    await east.export(namespace, derived)
    await eventually(
        lambda: east.condition(namespace, derived, "Valid"),
        lambda found: found is not None and found[0] == "False",
    )
    await asyncio.sleep(1)
    for site in world:
        assert await site.import_of(namespace, derived) is None
