"""`mcs-controller broker remove-member` among running agents, in virtual time."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from mcs_controller.api.names import CHART_OF_BROKER, INSTALLED_BY, LABEL_CHART, LABEL_INSTALLED_BY
from mcs_controller.api.resources import (
    CLUSTER_ROLE_BINDINGS,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    ROLE_BINDINGS,
    SERVICE_ACCOUNTS,
)
from mcs_controller.cli.broker_remove import Removal
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.install_settings import RemoveMemberSettings
from mcs_controller.controllers.membership.withdrawal import withdraw_exports
from mcs_controller.install.errors import NotOurs
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound
from tests.controllers.mars import record
from tests.support.agents import LoopClock
from tests.support.clusterset import Clusterset
from tests.support.objects import IMPORTS

pytestmark = pytest.mark.looptime

OURS = {LABEL_INSTALLED_BY: INSTALLED_BY}
CHARTS = {LABEL_INSTALLED_BY: "Helm", LABEL_CHART: CHART_OF_BROKER}


async def installed(world: Clusterset, labels: dict[str, str]) -> None:
    """The place of east, as the commands or the chart made it."""
    body = {"metadata": {"labels": labels}}
    await world.broker_api.patch(NAMESPACES, "mcs-member-east", body)
    account = {"metadata": {"name": "member", "namespace": "mcs-member-east", "labels": labels}}
    await world.broker_api.create(SERVICE_ACCOUNTS, account)
    binding = {
        "metadata": {"name": "mcs-member-east", "labels": labels},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "mcs-broker-reader",
        },
    }
    await world.broker_api.create(CLUSTER_ROLE_BINDINGS, binding)


async def remove(world: Clusterset, **given: Any) -> None:
    await removal(world.broker_api, **given).run()


def removal(broker: Client, **given: Any) -> Removal:
    usual: dict[str, Any] = {
        "gone": False,
        "wait_seconds": 120.0,
        "dry_run": False,
        "output": "json",
        "kubeconfig": None,
        "broker_kubeconfig": None,
        "broker_context": None,
    }
    settings = RemoveMemberSettings(**{**usual, **given})
    return Removal(settings, broker, "east", program="mcs", clock=LoopClock())


def told(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, str], dict[str, str], str]:
    out, error = capsys.readouterr()
    document = json.loads(out)
    objects = {f"{one['kind']} {one['name']}": one["result"] for one in document["objects"]}
    return objects, {one["name"]: one["state"] for one in document["members"]}, error


async def is_gone(world: Clusterset) -> None:
    """Nothing is left of the place of east."""

    async def gone() -> bool:
        try:
            await world.broker_api.get(NAMESPACES, "mcs-member-east")
        except NotFound:
            return True
        return False

    await world.until(gone)


async def left(world: Clusterset) -> None:
    """As after `leave`."""
    await world["east"].kill()
    async for _ in withdraw_exports(world.broker_api, "mcs-member-east"):
        pass
    leaving = {"status": {"leaving": "2026-01-01T00:01:00.000000Z"}}
    await world.broker_api.patch(
        MEMBER_CLUSTERS, "east", leaving, namespace="mcs-member-east", subresource="status"
    )
    await asyncio.sleep(30)


@pytest.mark.parametrize("labels", [OURS, CHARTS], ids=["commands", "chart"])
async def test_who_has_left_is_removed_and_once_more_is_no_error(
    labels: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with Clusterset("east", "west") as world:
        await installed(world, labels)
        await left(world)
        before = world.broker.snapshot()
        await remove(world, dry_run=True)
        planned, _, _ = told(capsys)
        assert world.broker.snapshot() == before
        await remove(world)
        objects, members, said = told(capsys)
        expected = ("MemberCluster east", "ClusterRoleBinding mcs-member-east", "Namespace mcs-member-east")
        assert planned == dict.fromkeys(expected, "to be deleted")
        assert objects == dict.fromkeys(expected, "deleted")
        assert members == {"west": "let go"}
        assert ("`members` of the broker's chart" in said) == (labels == CHARTS)
        assert "warning" not in said
        await is_gone(world)
        await remove(world)
        assert told(capsys)[0] == {}


async def test_who_has_not_left_is_refused_and_nothing_is_written() -> None:
    async with Clusterset("east", "west") as world:
        await installed(world, OURS)
        await world.exported_by("east")
        before = await world.records()
        with pytest.raises(CliError, match="member east has not left, it exports 1 services: run `mcs"):
            await remove(world)
        assert await world.records() == before


async def test_who_was_never_there_is_removed_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", "west", start=False) as world:
        await installed(world, OURS)
        await remove(world)
        assert "Namespace mcs-member-east" in told(capsys)[0]


async def test_a_place_that_others_made_is_not_touched() -> None:
    async with Clusterset("east", "west", start=False) as world:
        before = world.broker.snapshot()
        with pytest.raises(NotOurs, match="Namespace mcs-member-east was made neither by"):
            await remove(world)
        assert world.broker.snapshot() == before


async def test_who_said_that_it_leaves_and_exports_all_the_same_has_not_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset() as world:
        await installed(world, OURS)
        await left(world)
        await world.publish("east", EXPORTED_SERVICES, "shop.web", **record("web"))
        with pytest.raises(CliError, match="member east has not left, it exports 1 services"):
            await remove(world)
        assert await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")


async def test_a_namespace_that_a_finalizer_holds_is_told_of_each_time_and_not_removed_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", start=False) as world:
        await installed(world, OURS)
        held = {"metadata": {"finalizers": ["example.com/keep"]}}
        await world.broker_api.patch(NAMESPACES, "mcs-member-east", held)
        complaint = r"still there after 60 s.*Namespace mcs-member-east \(finalizers: example.com/keep\)"
        with pytest.raises(CliError, match=complaint) as caught:
            await remove(world)
        assert "`kubectl patch namespaces mcs-member-east --type merge -p '{" in str(caught.value)
        assert told(capsys)[0]["Namespace mcs-member-east"] == "still there"
        with pytest.raises(CliError, match=complaint):
            await remove(world)
        assert told(capsys)[0] == {}
        await world.broker_api.patch(NAMESPACES, "mcs-member-east", {"metadata": {"finalizers": None}})
        await remove(world)


async def test_a_member_that_put_finalizers_on_its_objects_is_told_by_their_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", "west") as world:
        await installed(world, OURS)
        await world.exported_by("east")
        await world["east"].kill()
        held = {"metadata": {"finalizers": ["example.com/mine", "example.com/for-ever"]}}
        await world.broker_api.patch(EXPORTED_SERVICES, "shop.web", held, namespace="mcs-member-east")
        (exported,) = (await world.broker_api.list(EXPORTED_ENDPOINT_SLICES)).items
        slice_name = exported["metadata"]["name"]
        await world.broker_api.patch(EXPORTED_ENDPOINT_SLICES, slice_name, held, namespace="mcs-member-east")
        with pytest.raises(CliError) as caught:
            await remove(world, gone=True)
        error = str(caught.value)
        assert "ExportedService shop.web (finalizers: example.com/mine, example.com/for-ever)" in error
        assert f"ExportedEndpointSlice {slice_name} (finalizers:" in error
        command = re.search(
            r"`kubectl patch (\S+)\.broker\.mcs-controller\.io shop\.web -n mcs-member-east", error
        )
        assert command is not None
        assert command[1] == "exportedservices"
        # Nobody imports what is held: it was withdrawn before.
        assert not await world["west"].all_of(IMPORTS)
        for resource, name in ((EXPORTED_SERVICES, "shop.web"), (EXPORTED_ENDPOINT_SLICES, slice_name)):
            without = {"metadata": {"finalizers": None}}
            await world.broker_api.patch(resource, name, without, namespace="mcs-member-east")
        await remove(world)
        await is_gone(world)


async def test_a_namespace_that_is_gone_soon_is_waited_for_without_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", start=False) as world:
        await installed(world, OURS)
        held = {"metadata": {"finalizers": ["example.com/keep"]}}
        await world.broker_api.patch(NAMESPACES, "mcs-member-east", held)
        removing = asyncio.create_task(remove(world))
        await asyncio.sleep(5)
        assert not removing.done()
        await world.broker_api.patch(NAMESPACES, "mcs-member-east", {"metadata": {"finalizers": None}})
        await removing
        objects, _, said = told(capsys)
        assert objects["Namespace mcs-member-east"] == "deleted"
        assert said == ""


async def test_of_a_cluster_that_is_gone_the_rights_go_before_anything_is_withdrawn(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", "west") as world:
        await installed(world, OURS)
        metadata = {"name": "member", "namespace": "mcs-member-east", "labels": OURS}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "mcs-broker-member"}
        await world.broker_api.create(ROLE_BINDINGS, {"metadata": metadata, "roleRef": role})
        await world.exported_by("east")
        await world["east"].kill()
        await remove(world, gone=True)
        objects = list(told(capsys)[0])
        assert objects[:3] == ["RoleBinding member", "ServiceAccount member", "ExportedService shop.web"]


async def test_an_api_server_that_is_no_broker_is_named_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", start=False) as world:
        with pytest.raises(CliError, match="serves no MemberClusters: give the broker's kubeconfig"):
            await removal(world["east"].api).run()
        assert capsys.readouterr().out == ""


async def test_a_binding_that_others_made_stays(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", start=False) as world:
        await installed(world, OURS)
        body = {"metadata": {"labels": {LABEL_INSTALLED_BY: None}}}
        await world.broker_api.patch(CLUSTER_ROLE_BINDINGS, "mcs-member-east", body)
        await remove(world)
        assert set(told(capsys)[0]) == {"MemberCluster east", "Namespace mcs-member-east"}


async def test_of_a_cluster_that_is_gone_everything_is_withdrawn_however_much_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset() as world:
        await installed(world, OURS)
        await world.everywhere("shop")
        for number in range(12):
            await world["east"].deploy("shop", f"s{number}")

        async def imported() -> bool:
            return all([len(await world[name].all_of(IMPORTS)) == 12 for name in ("west", "north")])

        await world.until(imported)
        await world["east"].kill()
        await world["north"].kill()
        await remove(world, gone=True)
        objects, members, said = told(capsys)
        assert members == {"west": "let go", "north": "silent"}
        assert [name.split()[0] for name in objects][-3:] == [
            "MemberCluster",
            "ClusterRoleBinding",
            "Namespace",
        ]
        assert "ServiceAccount member" in objects
        assert "warning: member north does not renew its heartbeat" in said
        assert not await world["west"].all_of(IMPORTS)
        await is_gone(world)
        world["north"].start()

        async def none_left() -> bool:
            return not await world["north"].all_of(IMPORTS)

        await world.until(none_left, within_seconds=630)


async def test_who_holds_on_is_named_and_the_member_is_removed_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", "west") as world:
        await installed(world, OURS)
        await world.exported_by("east")
        await world["east"].kill()
        world["west"].sim.faults.fail(403, verbs=("delete", "update"), resources=("serviceimports",))
        await remove(world, gone=True, wait_seconds=40.0)
        _, members, said = told(capsys)
        assert members == {"west": "holds"}
        assert "warning: west have not said" in said
        assert (await world.broker_api.list(EXPORTED_SERVICES)).items == []
        await is_gone(world)
