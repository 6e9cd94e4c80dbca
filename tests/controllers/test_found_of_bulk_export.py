"""A ServiceExportPolicy does not do what its writer wanted, and `kubectl describe` alone says why.

Each test breaks one thing, as it breaks in life, and asks for the words by which it is found.
"""

from __future__ import annotations

import pytest

from mcs_controller.api.resources import SERVICE_EXPORT_POLICIES
from tests.controllers.bulking import bulk, exports_of, public, with_bulk_export
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.objects import Object

pytestmark = pytest.mark.looptime

WRONG_LETTER: Object = {"matchLabels": {"pubic": "yes"}}


async def described(cluster: Cluster, name: str = "public") -> str:
    """Conditions and Events of the policy, as in the end of `kubectl describe`."""
    held = await cluster.api.get(SERVICE_EXPORT_POLICIES, name, "shop")
    lines = [
        f"{one['type']} {one['status']} {one['reason']}: {one['message']}"
        for one in held["status"]["conditions"]
    ]
    return "\n".join(
        [
            *lines,
            *(
                f"{type} {reason}"
                for kind, about, type, reason in cluster.agent.told.events
                if (kind, about) == ("ServiceExportPolicy", name)
            ),
        ]
    )


def says(text: str, *pieces: str) -> None:
    """All of them, with the whole text in view if one is missing."""
    assert [piece for piece in pieces if piece not in text] == [], text


async def test_the_selector_of_a_new_policy_has_a_wrong_letter() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east)
        await public(east, "web")
        await east.api.create(SERVICE_EXPORT_POLICIES, bulk(selector=WRONG_LETTER), namespace="shop")
        await world.settle()
        says(
            await described(east),
            "Ready True NothingSelected: it selects no Service of namespace shop: compare its selector with",
            "kubectl get services -n shop --show-labels",
            "Normal NothingSelected",
        )


async def test_the_selector_of_a_policy_that_exports_much_gets_a_wrong_letter() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        await public(east, *(f"web-{number:02}" for number in range(12)))
        await world.settle()
        await east.edit(
            SERVICE_EXPORT_POLICIES, "shop", "public", {"spec": {"serviceSelector": WRONG_LETTER}}
        )
        await world.settle()
        assert len(await exports_of(east)) == 12
        says(
            await described(east),
            "Ready True NothingSelected: ",
            "mcs-controller.io/Held True TooManyAtOnce: 12 of 12 ServiceExports that it made would be",
            "correct the policy or the labels",
            "by the annotation mcs-controller.io/withdraw on the policy",
            "Warning TooManyAtOnce",
        )


async def test_a_quota_is_full() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk())
        full = east.sim.faults.fail(403, verbs=("create",), resources=("serviceexports",))
        await public(east, "web", "api")
        await world.settle()
        says(
            await described(east),
            "Ready False Failed: 2 of 2 Services that it selects are not exported yet: shop/api (and 1 ",
            "Warning Failed",
        )
        full.lift()
        await world.until(lambda: _is_ready(east))
        says(await described(east), "Ready True AllExported: Services selected: 2;", "Normal AllExported")


async def test_a_service_that_is_selected_has_no_endpoints_of_its_own() -> None:
    async with Clusterset("east") as world:
        east = world["east"]
        await world.everywhere("shop")
        await with_bulk_export(east, bulk(selector={}))
        await public(east, "web")
        await east.service("shop", "mail", type="ExternalName", externalName="example.com", ports=[])
        await world.settle()
        says(
            await described(east),
            "Ready True AllExported: Services selected: 1;",
            "left out: shop/mail: it is of type ExternalName, which has no endpoints",
        )


async def _is_ready(cluster: Cluster) -> bool:
    return "Ready True" in await described(cluster)
