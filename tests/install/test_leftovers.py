"""What an agent left in its own cluster is found by its marks, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import pytest

from mcs_controller.api.names import INSTALLED_BY, LABEL_INSTALLED_BY
from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    LEASES,
    MCS_GROUP,
    NAMESPACES,
    SECRETS,
    SERVICES,
)
from mcs_controller.install.lease import LeaseName
from mcs_controller.install.leftovers import Leftover, credential, imported, lease, remove, reported
from mcs_controller.kube.discovery import served_versions
from mcs_controller.kube.errors import Conflict
from tests.support.cluster import Cluster
from tests.support.clusterset import Clusterset
from tests.support.crds import install
from tests.support.objects import EXPORTS, IMPORTS, import_by_hand

pytestmark = pytest.mark.looptime

AGENTS = LeaseName("mcs-system", "mcs-agent")
OURS = {"mcs-controller.io/managed-by": "mcs-controller.io"}
OUR_SLICE = {
    "multicluster.kubernetes.io/service-name": "web",
    "endpointslice.kubernetes.io/managed-by": "mcs-controller.io",
}


async def with_leftovers(world: Clusterset) -> Cluster:
    """Ours and the users', side by side."""
    east = world["east"]
    await east.namespace("shop")
    for name, labels in (("ours", OURS), ("theirs", {}), ("others", {"mcs-controller.io/managed-by": "me"})):
        await east.service("shop", name)
        await east.edit(SERVICES, "shop", name, {"metadata": {"labels": labels}})
    await east.endpoints("shop", "ours", "10.0.0.1", name="ours", labels=OUR_SLICE)
    await east.endpoints(
        "shop",
        "ours",
        "10.0.0.1",
        name="no-import",
        labels={"endpointslice.kubernetes.io/managed-by": "mcs-controller.io"},
    )
    await east.endpoints(
        "shop",
        "ours",
        "10.0.0.1",
        name="of-others",
        labels={"multicluster.kubernetes.io/service-name": "web"},
    )
    if await served_versions(east.api, MCS_GROUP):
        for name, labels in (("ours", OURS), ("by-hand", {})):
            await east.api.create(IMPORTS, import_by_hand("shop", name))
            await east.edit(IMPORTS, "shop", name, {"metadata": {"labels": labels}})
    return east


async def names(cluster: Cluster, kind: Any) -> set[str]:
    return {one["metadata"]["name"] for one in await cluster.all_of(kind, "shop")}


async def test_where_only_profiles_are_in_the_group_there_are_no_imports() -> None:
    async with Clusterset("east", start=False, installed=()) as world:
        await install(world["east"].api, "clusterprofiles.multicluster.x-k8s.io")
        assert await imported(world["east"].api) == []
        assert await reported(world["east"].api) == []


def rows(found: list[Leftover]) -> list[tuple[str, str, str]]:
    return [one.row for one in found]


@pytest.mark.parametrize("installed", [("east",), ()], ids=["with the MCS API", "without it"])
async def test_imports_are_found_first_then_slices_and_services_and_nothing_else(
    installed: tuple[str, ...],
) -> None:
    async with Clusterset("east", "west", start=False, installed=installed) as world:
        east = await with_leftovers(world)
        found = await imported(east.api)
        assert rows(found) == [
            *([("ServiceImport", "shop", "ours")] if installed else []),
            ("EndpointSlice", "shop", "ours"),
            ("Service", "shop", "ours"),
        ]
        for one in found:
            await remove(east.api, one)
        assert await names(east, SERVICES) == {"theirs", "others"}
        assert await names(east, ENDPOINT_SLICES) == {"no-import", "of-others"}
        if installed:
            assert await names(east, IMPORTS) == {"by-hand"}
        assert await imported(east.api) == []
        for one in found:
            await remove(east.api, one)


async def test_what_was_made_anew_meanwhile_is_not_deleted() -> None:
    async with Clusterset("east", start=False) as world:
        east = await with_leftovers(world)
        (service,) = [one for one in await imported(east.api) if one.resource == SERVICES]
        await east.api.delete(SERVICES, "ours", namespace="shop")
        await east.service("shop", "ours")
        with pytest.raises(Conflict):
            await remove(east.api, service)
        assert "ours" in await names(east, SERVICES)


def condition(kind: str) -> dict[str, str]:
    return {
        "type": kind,
        "status": "True",
        "reason": "Because",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


async def test_of_the_users_exports_only_what_the_agent_said_goes() -> None:
    async with Clusterset("east", start=False) as world:
        east = world["east"]
        await east.namespace("shop")
        for name, kinds in (
            ("ours", ("Valid", "Ready", "Conflict")),
            ("both", ("Ready", "example.com/Seen")),
            ("theirs", ("example.com/Seen",)),
            ("none", ()),
        ):
            await east.export("shop", name)
            status = {"status": {"conditions": [condition(kind) for kind in kinds]}}
            if kinds:
                await east.api.patch(EXPORTS, name, status, namespace="shop", subresource="status")
        before = await east.export_of("shop", "theirs")
        found = await reported(east.api)
        assert sorted(one.name for one in found) == ["both", "ours"]
        for one in found:
            await remove(east.api, one)
        assert set(await east.conditions("shop", "both")) == {"example.com/Seen"}
        assert await east.conditions("shop", "ours") == {}
        assert await east.export_of("shop", "theirs") == before
        assert await reported(east.api) == []
        await east.unexport("shop", "ours")
        for one in found:
            await remove(east.api, one)


async def test_without_the_api_there_are_no_exports() -> None:
    async with Clusterset("east", start=False, installed=()) as world:
        assert await reported(world["east"].api) == []


async def test_the_credential_goes_only_if_join_made_it() -> None:
    async with Clusterset("east", start=False) as world:
        api = world["east"].api
        assert await credential(api, "mcs-system") == ([], None)
        await api.create(NAMESPACES, {"metadata": {"name": "mcs-system"}})
        body = {"metadata": {"name": "mcs-broker", "namespace": "mcs-system"}}
        made = await api.create(SECRETS, body)
        assert await credential(api, "mcs-system") == ([], made)
        label = {"metadata": {"labels": {LABEL_INSTALLED_BY: INSTALLED_BY}}}
        await api.patch(SECRETS, "mcs-broker", label, namespace="mcs-system")
        found, _ = await credential(api, "mcs-system")
        assert rows(found) == [("Secret", "mcs-system", "mcs-broker")]


async def test_of_a_lease_it_is_said_who_holds_it() -> None:
    async with Clusterset("east", start=False) as world:
        api = world["east"].api
        await api.create(NAMESPACES, {"metadata": {"name": "mcs-system"}})
        assert await lease(api, AGENTS) == ([], "")
        body = {"metadata": {"name": "mcs-agent", "namespace": "mcs-system"}}
        made = await api.create(LEASES, {**body, "spec": {"holderIdentity": "a"}})
        found, holder = await lease(api, AGENTS)
        assert (rows(found), holder) == ([("Lease", "mcs-system", "mcs-agent")], "a")
        await api.update(LEASES, {**made, "spec": {"holderIdentity": ""}})
        assert (await lease(api, AGENTS))[1] == ""
