"""On a real API server the CRD of ServiceExportPolicies goes with all of them, and no ServiceExport does.

The API server deletes the policies one by one, so that a watch shows each as if somebody had deleted it, and
only then ends the watch. That this is known in time depends on how it really does so.
"""

from __future__ import annotations

import contextlib
from uuid import uuid4

import pytest

from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS, SERVICE_EXPORT_POLICIES, SERVICES
from tests.integration.conftest import Product, real
from tests.integration.real_site import RealSite
from tests.realkube import rest
from tests.support import crds
from tests.support.objects import EXPORTS, body, service_body
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.slow]

NAMES = ("one", "two", "three")
CRD = SERVICE_EXPORT_POLICIES.crd_name


async def metric(site: RealSite, name: str) -> str:
    """Its value as the agent serves it."""
    assert site.agent is not None
    told = str((await rest.send(site.agent.http, "GET", "/metrics")).body)
    return next(
        (line.split()[1] for line in told.splitlines() if line.startswith(f"mcs_policy_exports_{name} ")), ""
    )


async def exports(site: RealSite, namespace: str) -> dict[str, str]:
    found = (await site.api.list(EXPORTS, namespace=namespace)).items
    return {one["metadata"]["name"]: one["metadata"]["uid"] for one in found}


async def select_all(site: RealSite, namespace: str) -> None:
    policy = body(SERVICE_EXPORT_POLICIES, "all", namespace, spec={"serviceSelector": {}})
    await crds.create_once_served(site.api, SERVICE_EXPORT_POLICIES, policy)


@pytest.mark.timeout(300)
async def test_policies_that_go_with_their_crd_take_no_export_along(real_product: Product) -> None:
    async with contextlib.AsyncExitStack() as stack:
        world = await stack.enter_async_context(real(real_product, f"bulk-{uuid4().hex[:8]}"))
        east, namespace = world["east"], world.namespace
        assert isinstance(east, RealSite)
        stack.push_async_callback(crds.remove, east.api, CRD)
        await east.install(CRD)
        await select_all(east, namespace)
        for name in NAMES:
            await east.api.create(SERVICES, service_body(name, namespace))
        east.agent_options = (*east.agent_options, "--service-export-policies")
        await east.restart_agent()
        made = await eventually(lambda: exports(east, namespace), lambda found: set(found) == set(NAMES), 60)

        await east.api.delete(CUSTOM_RESOURCE_DEFINITIONS, CRD)
        await eventually(lambda: metric(east, "unreadable"), lambda value: value == "1.0", 60)
        await east.install(CRD)
        await select_all(east, namespace)
        await eventually(lambda: metric(east, "unreadable"), lambda value: value == "0.0", 90)
        await east.api.create(SERVICES, service_body("new", namespace))
        found = await eventually(lambda: exports(east, namespace), lambda found: "new" in found, 60)
        assert {name: uid for name, uid in found.items() if name in made} == made

        # And one that somebody deletes does.
        await east.api.delete(SERVICE_EXPORT_POLICIES, "all", namespace=namespace)
        await eventually(lambda: exports(east, namespace), lambda found: not found, 90)
