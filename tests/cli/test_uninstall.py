"""`mcs-controller uninstall`: what is left is listed, and removed when nobody needs it any more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcs_controller.api.names import (
    INSTALLED_BY,
    LABEL_CHART,
    LABEL_INSTALLED_BY,
)
from mcs_controller.api.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    LEASES,
    NAMESPACES,
    ROLE_BINDINGS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
)
from mcs_controller.cli.errors import CannotAsk, CliError
from mcs_controller.cli.install_settings import UninstallSettings
from mcs_controller.cli.uninstall import Uninstall
from mcs_controller.install.cluster_dns.config_maps import installing
from mcs_controller.install.cluster_dns.editing import config_maps, keep, write
from mcs_controller.install.cluster_dns.stub import Stub
from mcs_controller.install.rights import rights_of
from mcs_controller.kube.client import Client
from mcs_controller.kube.discovery import stored_resources
from tests.support.clusterset import Clusterset
from tests.support.objects import EXPORTS

pytestmark = pytest.mark.looptime

COREFILE = ".:53 {\n    errors\n    forward . /etc/resolv.conf\n    reload\n}\n"
STUB = "clusterset.local:53"
OURS = {LABEL_INSTALLED_BY: INSTALLED_BY}


async def uninstall(world: Clusterset, **given: Any) -> int:
    usual: dict[str, Any] = {
        "check": False,
        "crds": False,
        "namespace": "mcs-system",
        "lease_namespace": None,
        "lease_name": "mcs-agent",
        "dns_namespace": "kube-system",
        "zone": "clusterset.local",
        "dry_run": False,
        "output": "json",
        "kubeconfig": None,
        "context": None,
    }
    settings = UninstallSettings(**{**usual, **given})
    return await Uninstall(settings, world["east"].api, program="mcs").run()


def told(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, str], str]:
    out, error = capsys.readouterr()
    rows = json.loads(out)["objects"]
    return {f"{one['kind']} {one['name']}": one["result"] for one in rows}, error


async def namespace(api: Client, labels: dict[str, str]) -> None:
    await api.create(NAMESPACES, {"metadata": {"name": "mcs-system", "labels": labels}})


async def in_it(api: Client, kind: Resource, name: str, labels: dict[str, str], **content: Any) -> None:
    await api.create(
        kind, {"metadata": {"name": name, "namespace": "mcs-system", "labels": labels}, **content}
    )


async def rights(api: Client) -> None:
    """As `mcs-controller rbac | kubectl apply -f -`; simcluster has no Roles."""
    kinds = (CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS, SERVICE_ACCOUNTS)
    by_kind = {kind.kind: kind for kind in kinds}
    for body in rights_of("agent", "dns"):
        if body["kind"] in by_kind:
            await api.create(by_kind[body["kind"]], body)


async def test_in_a_cluster_without_any_of_it_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", start=False, installed=()) as world:
        assert await uninstall(world, check=True) == 0
        assert told(capsys) == ({}, "")
        assert await uninstall(world, output="table") == 0
        assert capsys.readouterr().out == "nothing is left\n"


async def test_everything_is_listed_removed_and_then_nothing_is_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", start=False) as world:
        api = world["east"].api
        await namespace(api, OURS)
        await rights(api)
        await in_it(api, LEASES, "mcs-agent", {}, spec={})
        await in_it(
            api,
            SERVICES,
            "derived",
            {"mcs-controller.io/managed-by": "mcs-controller.io"},
            spec={"ports": [{"port": 80}]},
        )
        expected = {
            *("Service derived", "Lease mcs-agent", "Namespace mcs-system"),
            *("ClusterRole mcs-agent", "ClusterRoleBinding mcs-agent"),
            *("RoleBinding mcs-agent", "ServiceAccount mcs-agent", "ServiceAccount mcs-dns"),
            *("ClusterRole mcs-dns", "ClusterRoleBinding mcs-dns"),
        }
        filled = world["east"].sim.snapshot()
        assert await uninstall(world, check=True) == 1
        assert told(capsys)[0] == dict.fromkeys(expected, "left")
        assert await uninstall(world, dry_run=True) == 0
        assert told(capsys)[0] == dict.fromkeys(expected, "left")
        assert world["east"].sim.snapshot() == filled

        assert await uninstall(world) == 0
        assert told(capsys)[0] == dict.fromkeys(expected, "deleted")
        assert await uninstall(world, check=True) == 0
        objects, said = told(capsys)
        assert objects == {}
        assert "definitions of the Multicluster Services API stay, with 0 ServiceExports" in said


async def test_a_cluster_that_is_a_member_or_whose_agent_runs_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", start=False) as world:
        api = world["east"].api
        await namespace(api, OURS)
        await in_it(api, SECRETS, "mcs-broker", OURS)
        before = world["east"].sim.snapshot()
        with pytest.raises(CliError, match=r"still a member .* Run `mcs leave` first"):
            await uninstall(world)
        assert world["east"].sim.snapshot() == before
        await in_it(api, LEASES, "mcs-agent", {}, spec={"holderIdentity": "agent-1"})
        with pytest.raises(CliError, match="an agent of this cluster runs, as agent-1: nothing was removed"):
            await uninstall(world)
        await api.delete(LEASES, "mcs-agent", namespace="mcs-system")
        await api.create(NAMESPACES, {"metadata": {"name": "leases"}})
        held = {
            "metadata": {"name": "mcs-agent", "namespace": "leases"},
            "spec": {"holderIdentity": "agent-2"},
        }
        await api.create(LEASES, held)
        with pytest.raises(CliError, match="an agent of this cluster runs, as agent-2: nothing was removed"):
            await uninstall(world, lease_namespace="leases")


async def test_what_helm_made_is_left_to_helm_and_what_others_made_is_only_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", start=False) as world:
        api = world["east"].api
        await namespace(api, {})
        chart = {LABEL_CHART: "mcs-controller", LABEL_INSTALLED_BY: "Helm"}
        await in_it(api, SERVICE_ACCOUNTS, "mcs-agent", chart)
        await in_it(api, SECRETS, "mcs-broker", {})
        before = world["east"].sim.snapshot()
        assert await uninstall(world) == 1
        objects, said = told(capsys)
        assert objects == {"ServiceAccount mcs-agent": "of the chart: helm uninstall"}
        assert "Secret mcs-broker stays" in said
        assert "Namespace mcs-system stays" in said
        assert world["east"].sim.snapshot() == before


async def test_a_namespace_with_something_of_others_in_it_stays(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", start=False) as world:
        api = world["east"].api
        await namespace(api, OURS)
        await in_it(api, CONFIG_MAPS, "theirs", {})
        assert await uninstall(world) == 1
        objects, said = told(capsys)
        assert objects == {"Namespace mcs-system": "left"}
        assert "namespace mcs-system stays, it still holds ConfigMap theirs" in said


async def test_the_kinds_go_with_the_users_exports_only_when_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", start=False) as world:
        east = world["east"]
        await east.namespace("shop")
        await east.export("shop", "web")
        assert await uninstall(world) == 0
        assert "stay, with 1 ServiceExports of users: --crds removes them" in told(capsys)[1]
        assert await uninstall(world, check=True, crds=True) == 1
        kinds = {
            "CustomResourceDefinition serviceexports.multicluster.x-k8s.io",
            "CustomResourceDefinition serviceimports.multicluster.x-k8s.io",
        }
        assert set(told(capsys)[0]) == kinds
        assert await uninstall(world, crds=True) == 0
        assert await uninstall(world, check=True, crds=True) == 0
        left = (await east.api.list(CUSTOM_RESOURCE_DEFINITIONS)).items
        assert [one for one in left if "multicluster" in one["metadata"]["name"]] == []


async def test_what_the_agent_said_of_exports_and_the_stub_in_the_clusters_dns_go_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", start=False) as world:
        east = world["east"]
        await east.namespace("shop")
        await east.export("shop", "web")
        conditions = [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Exported",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ]
        status = {"status": {"conditions": conditions}}
        await east.api.patch(EXPORTS, "web", status, namespace="shop", subresource="status")
        metadata = {"name": "coredns", "namespace": "kube-system"}
        await east.api.create(CONFIG_MAPS, {"metadata": metadata, "data": {"Corefile": COREFILE}})
        maps = await config_maps(east.api, "kube-system")
        edits = installing(maps, Stub("clusterset.local", ("10.0.0.53",)))
        await keep(east.api, "kube-system", edits)
        await write(east.api, "kube-system", maps, edits)
        assert STUB in (await east.api.get(CONFIG_MAPS, "coredns", "kube-system"))["data"]["Corefile"]
        assert await uninstall(world, check=True) == 1
        assert told(capsys)[0] == {
            "ServiceExport web": "has conditions of ours",
            "ConfigMap coredns": "Corefile forwards to ours",
            "ConfigMap mcs-controller-dns-backup": "left",
        }
        assert await uninstall(world) == 0
        assert told(capsys)[0] == {
            "ConfigMap coredns": "Corefile restored",
            "ServiceExport web": "conditions removed",
        }
        assert (await east.api.get(CONFIG_MAPS, "coredns", "kube-system"))["data"] == {"Corefile": COREFILE}
        assert await uninstall(world, check=True) == 0


async def test_what_something_holds_is_still_being_removed(capsys: pytest.CaptureFixture[str]) -> None:
    async with Clusterset("east", start=False) as world:
        held = {"metadata": {"name": "mcs-system", "labels": OURS, "finalizers": ["example.com/keep"]}}
        await world["east"].api.create(NAMESPACES, held)
        assert await uninstall(world) == 1
        objects, said = told(capsys)
        assert objects == {"Namespace mcs-system": "left"}
        assert "waiting until they are gone, 60 s at most: Namespace mcs-system" in said
        assert "still being removed after 60 s: Namespace mcs-system. Its conditions and finalizers" in said


async def test_a_kind_that_goes_while_it_is_looked_at_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Discovery names a kind for a moment longer than it can be listed."""
    looks = 0

    async def late(client: Client) -> tuple[list[Resource], list[str]]:
        nonlocal looks
        looks += 1
        kinds, away = await stored_resources(client)
        if looks == 2:
            kinds.append(Resource("multicluster.x-k8s.io", "v1beta1", "gone", "Gone", namespaced=True))
        return kinds, ["multicluster.x-k8s.io: 404"] if looks == 3 else away

    monkeypatch.setattr("mcs_controller.install.installation.stored_resources", late)
    async with Clusterset("east", start=False) as world:
        assert await uninstall(world, crds=True) == 0
        assert told(capsys)[1] == ""
        assert looks == 4


async def test_who_is_killed_while_the_clusters_dns_is_restored_gets_rid_of_the_kept_texts_by_a_second_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", start=False) as world:
        api = world["east"].api
        for name in ("coredns", "node-local-dns"):
            metadata = {"name": name, "namespace": "kube-system"}
            await api.create(CONFIG_MAPS, {"metadata": metadata, "data": {"Corefile": COREFILE}})
        maps = await config_maps(api, "kube-system")
        edits = installing(maps, Stub("clusterset.local", ("10.0.0.53",)))
        await keep(api, "kube-system", edits)
        # Of both, only the first was restored.
        await write(api, "kube-system", maps, edits[1:])
        assert await uninstall(world) == 0
        assert told(capsys)[0] == {"ConfigMap node-local-dns": "Corefile restored"}
        assert await uninstall(world, check=True) == 0


async def test_kept_texts_that_are_not_what_is_there_now_stay_and_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Clusterset("east", start=False) as world:
        metadata = {"name": "mcs-controller-dns-backup", "namespace": "kube-system"}
        kept = {"metadata": metadata, "data": {"coredns.Corefile": COREFILE}}
        await world["east"].api.create(CONFIG_MAPS, kept)
        assert await uninstall(world) == 1
        objects, said = told(capsys)
        assert objects == {"ConfigMap mcs-controller-dns-backup": "left"}
        assert "mcs-controller-dns-backup stays: it holds what was there before" in said


async def test_what_does_not_answer_is_no_proof(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def some_away(client: Client) -> tuple[list[Resource], list[str]]:
        return [SERVICE_ACCOUNTS], ["metrics.example.com: 503"]

    monkeypatch.setattr("mcs_controller.install.installation.stored_resources", some_away)
    async with Clusterset("east", start=False) as world:
        with pytest.raises(CannotAsk, match="no proof"):
            await uninstall(world, check=True)
        objects, said = told(capsys)
        assert objects == {}
        assert "warning: not looked at, since it does not answer: metrics.example.com: 503" in said


async def test_only_kinds_that_are_stored_are_looked_at() -> None:
    async with Clusterset("east", start=False) as world:
        kinds, away = await stored_resources(world["east"].api)
        assert {"ConfigMap", "ServiceImport", "ClusterRole"} <= {kind.kind for kind in kinds}
        assert away == []
