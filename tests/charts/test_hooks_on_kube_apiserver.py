"""The hooks of the charts have the rights for their work on a real kube-apiserver, and none besides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from mcs_controller.api.crd import Place, crds_of
from mcs_controller.api.names import INSTALLED_BY, LABEL_INSTALLED_BY
from mcs_controller.clusterset.properties.keeping import property_body
from tests.api.rbac import Right, granted_by
from tests.charts.conftest import ON_EMPTY_CLUSTER
from tests.charts.rendering import (
    BROKER,
    CHARTS,
    MEMBER,
    Ended,
    JsonObject,
    helm,
    of_kind,
    one_of_kind,
    render,
)
from tests.charts.test_hooks import hooks_of
from tests.charts.test_on_kube_apiserver import SERVICE, restricted_namespace
from tests.cli.program import run
from tests.install.cluster_dns.corefiles import KUBEADM
from tests.realkube.audit import AuditLog
from tests.realkube.controlplane import ControlPlane

pytestmark = [pytest.mark.realkube, ON_EMPTY_CLUSTER, pytest.mark.usefixtures("helm_program")]


@asynccontextmanager
async def applied(plane: ControlPlane, objects: list[JsonObject]) -> AsyncIterator[None]:
    """They are there while the block runs: the names of some are those of another test's."""
    await plane.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(objects))
    try:
        yield
    finally:
        kinds = of_kind(objects, "CustomResourceDefinition")
        others = [one for one in objects if one not in kinds]
        await plane.kubectl("delete", "--ignore-not-found", "--filename=-", stdin=yaml.safe_dump_all(others))
        if kinds:
            await plane.delete_crds(*(one["metadata"]["name"] for one in kinds))


def asked_by(audit: AuditLog, account: str) -> tuple[set[Right], set[Right]]:
    """What the account was allowed to do, and what not, since the log was looked at last."""
    asked = [one for one in audit.more() if one.account == account]
    allowed, refused = (
        {Right(one.group, one.resource, one.verb) for one in asked if one.allowed is is_allowed}
        for is_allowed in (True, False)
    )
    return allowed, refused


@pytest.mark.parametrize(("chart", "role"), [(MEMBER, "member"), (BROKER, "broker")])
async def test_the_job_brings_the_kinds_up_to_date_and_does_all_that_its_rules_allow(
    empty_cluster: ControlPlane, chart: str, role: Place
) -> None:
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    before = hooks_of(chart, {}, "pre-install", namespace=namespace)
    hooks = [one for one in before if one["kind"] != "Job"]
    kinds = crds_of(role)
    names = [crd["metadata"]["name"] for crd in kinds]
    label = next(key for key in kinds[0]["metadata"]["labels"] if key.endswith("crd-schema-revision"))
    (account,) = (one["metadata"]["name"] for one in of_kind(hooks, "ServiceAccount"))
    async with applied(empty_cluster, hooks):
        kubeconfig = await empty_cluster.service_account_kubeconfig(namespace, account)
        command: tuple[str | Path, ...] = ("crds", "--apply", "--for", role, "--kubeconfig", kubeconfig)
        audit = AuditLog(empty_cluster.audit_log)
        try:
            installed = await run(*command)
            assert installed.exit_code == 0, installed.stderr
            assert installed.stdout.splitlines() == [f"{name}: installed" for name in names]
            await empty_cluster.kubectl("label", "--overwrite", "crd", names[0], f"{label}-")
            updated = await run(*command)
            assert updated.exit_code == 0, updated.stderr
            assert f"{names[0]}: updated" in updated.stdout
        finally:
            await empty_cluster.delete_crds(*names)
    rules = granted_by(account.removeprefix("mcs-"))
    assert asked_by(audit, f"{namespace}:{account}") == (rules, set())


async def test_the_jobs_for_the_clusters_dns_do_all_that_their_rules_allow(
    empty_cluster: ControlPlane,
) -> None:
    namespace, place = f"mcs-{uuid4().hex[:8]}", f"dns-{uuid4().hex[:8]}"
    for name in (namespace, place):
        await restricted_namespace(empty_cluster, name)
    found = render(MEMBER, {"clusterDns": {"install": True, "dnsNamespace": place}}, namespace=namespace)
    ours = [
        one
        for one in found
        if "cluster-dns" in one["metadata"]["name"] or (one["kind"], one["metadata"]["name"]) == SERVICE
    ]
    corefile = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "coredns", "namespace": place},
        "data": {"Corefile": KUBEADM},
    }
    made = [one for one in ours if one["kind"] != "Job"]
    async with applied(empty_cluster, [*made, corefile]):
        kubeconfig = await empty_cluster.service_account_kubeconfig(namespace, "mcs-cluster-dns")
        audit = AuditLog(empty_cluster.audit_log)

        async def does(action: str) -> None:
            pod = one_of_kind(ours, "Job", f"mcs-cluster-dns-{action}")["spec"]["template"]["spec"]
            ended = await run(*pod["containers"][0]["args"], "--kubeconfig", kubeconfig)
            assert ended.exit_code == 0, ended.stderr

        async def maps() -> dict[str, JsonObject]:
            listed = await empty_cluster.call("GET", f"/api/v1/namespaces/{place}/configmaps")
            return {one["metadata"]["name"]: one["data"] for one in listed["items"]}

        before = await maps()
        await does("install")
        assert "clusterset.local" in (await maps())["coredns"]["Corefile"]
        await does("uninstall")
        assert await maps() == before
    rules = granted_by("cluster-dns") | granted_by("cluster-dns-service")
    assert asked_by(audit, f"{namespace}:mcs-cluster-dns") == (rules, set())


async def test_check_reads_all_that_its_rules_allow_and_nothing_else(empty_cluster: ControlPlane) -> None:
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    hooks = hooks_of(MEMBER, {}, "test", namespace=namespace)
    kinds = crds_of("member")
    async with applied(empty_cluster, [*kinds, *(one for one in hooks if one["kind"] != "Pod")]):
        names = [f"crd/{crd['metadata']['name']}" for crd in kinds]
        await empty_cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
        kubeconfig = await empty_cluster.service_account_kubeconfig(namespace, "mcs-check")
        arguments = one_of_kind(hooks, "Pod", "mcs-check")["spec"]["containers"][0]["args"]
        audit = AuditLog(empty_cluster.audit_log)
        await run(*arguments, "--kubeconfig", kubeconfig, "--again-after-seconds=0")
        allowed, refused = asked_by(audit, f"{namespace}:mcs-check")
    assert allowed == granted_by("check")
    # Its pod has the credential for the broker as a file.
    assert refused == {Right("", "secrets", "get")}


async def test_the_job_that_leaves_does_all_that_its_rules_allow(empty_cluster: ControlPlane) -> None:
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    values: JsonObject = {"leave": {"onUninstall": True}}
    hooks = hooks_of(MEMBER, values, "pre-delete", namespace=namespace)
    found = render(MEMBER, values, namespace=namespace)
    metadata = {"name": "mcs-broker", "namespace": namespace, "labels": {LABEL_INSTALLED_BY: INSTALLED_BY}}
    credential = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    made = [one for one in hooks if one["kind"] != "Job"]
    agent = [one_of_kind(found, kind, "mcs-agent") for kind in ("ClusterRole", "Deployment")]
    (kind,) = (one for one in crds_of("member") if one["spec"]["group"] == "about.k8s.io")
    async with applied(empty_cluster, [*agent, *made, credential, kind]):
        await empty_cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        clusterset = property_body("about.k8s.io/v1beta1", "clusterset.k8s.io", "prod")
        await empty_cluster.kubectl("create", "--filename=-", stdin=yaml.safe_dump(clusterset))
        kubeconfig = await empty_cluster.service_account_kubeconfig(namespace, "mcs-leave")
        job = one_of_kind(hooks, "Job", "mcs-leave")["spec"]["template"]["spec"]
        audit = AuditLog(empty_cluster.audit_log)
        # On the broker it has the member's rights, and no others.
        left = await run(*job["containers"][0]["args"], "--local-only", "--kubeconfig", kubeconfig)
        assert left.exit_code == 0, left.stderr
        allowed, refused = asked_by(audit, f"{namespace}:mcs-leave")
        deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/mcs-agent"
        assert (await empty_cluster.call("GET", deployment))["spec"]["replicas"] == 0
        for gone in (
            f"/api/v1/namespaces/{namespace}/secrets/mcs-broker",
            f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/mcs-agent",
            "/apis/about.k8s.io/v1beta1/clusterproperties/clusterset.k8s.io",
        ):
            assert (await empty_cluster.request("GET", gone)).status == 404
    assert refused == set()
    own = granted_by("leave") | granted_by("leave-lease") | granted_by("leave-properties")
    assert own <= allowed
    assert allowed - own <= granted_by("agent")


async def test_an_uninstall_whose_job_does_not_leave_removes_nothing_and_can_be_taken_back(
    empty_cluster: ControlPlane,
) -> None:
    """No node here runs the Job. The agent is stopped, as `leave` does it first of all."""
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    release = ("mcs", "--namespace", namespace, "--kubeconfig", empty_cluster.kubeconfig())
    chart = CHARTS / MEMBER

    async def told(command: str, *words: str | Path) -> Ended:
        return await asyncio.to_thread(helm, command, *release[:1], *words, *release[1:])

    async def scale(replicas: int) -> None:
        agent = ("--namespace", namespace, "deployment/mcs-agent")
        await empty_cluster.kubectl("scale", f"--replicas={replicas}", *agent)

    installed = await told("install", chart, "--no-hooks", "--set=leave.onUninstall=true")
    assert installed.exit_code == 0, installed.stderr
    try:
        await scale(0)
        refused = await told("uninstall", "--timeout=2s")
        assert refused.exit_code == 1
        assert "Job/" in refused.stderr
        # All is there still.
        await scale(2)
        again = await told("rollback", "1")
        assert again.exit_code == 0, again.stderr
        assert "STATUS: deployed" in (await told("status")).stdout
    finally:
        gone = await told("uninstall", "--no-hooks")
    assert gone.exit_code == 0, gone.stderr
