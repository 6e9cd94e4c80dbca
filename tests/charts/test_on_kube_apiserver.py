"""A real kube-apiserver takes what the charts make, and holds it to the restricted Pod Security level."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from mcs_controller.api.crd import all_crds
from tests.charts.rendering import (
    BROKER,
    CHARTS,
    MEMBER,
    JsonObject,
    helm,
    is_hook,
    of_kind,
    one_of_kind,
    pod_templates,
    render,
)
from tests.charts.values import BROKER_CASES, CASES
from tests.cli.program import Ended, run
from tests.install.cluster_dns.corefiles import KUBEADM
from tests.realkube.contents import everything
from tests.realkube.controlplane import ControlPlane, KubectlError

pytestmark = [pytest.mark.realkube, pytest.mark.usefixtures("helm_program")]

SERVICE = ("Service", "mcs-dns")
MONITORING = ("ServiceMonitor", "PrometheusRule")
"""Kinds of the Prometheus operator, which this API server does not have from the start."""


async def restricted_namespace(plane: ControlPlane, name: str) -> None:
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    metadata = {"name": name, "labels": labels}
    await plane.call("POST", "/api/v1/namespaces", {"metadata": metadata})


async def dry_run(plane: ControlPlane, objects: list[JsonObject]) -> str:
    """What the API server says of them; raises if it refuses one, or does not know a field."""
    command = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-")
    done = await plane.kubectl(*command, stdin=yaml.safe_dump_all(objects))
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", CASES)
async def test_an_api_server_takes_every_manifest_of_a_member(empty_cluster: ControlPlane, name: str) -> None:
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    found = render(MEMBER, CASES[name], namespace=namespace)
    for other in ("leases", "dns-system"):
        await empty_cluster.kubectl("create", "namespace", other, check=False)
    known = [one for one in found if one["kind"] not in MONITORING]
    told = await dry_run(empty_cluster, known)
    assert len(told.splitlines()) == len(known)


async def test_an_api_server_with_the_operators_kinds_takes_what_it_is_to_read(
    empty_cluster: ControlPlane, operator_kinds: tuple[Path, ...]
) -> None:
    for path in operator_kinds:
        await empty_cluster.kubectl("create", f"--filename={path}")
    try:
        names = [f"crd/{kind.lower()}s.monitoring.coreos.com" for kind in MONITORING]
        await empty_cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
        namespace = f"mcs-{uuid4().hex[:8]}"
        await restricted_namespace(empty_cluster, namespace)
        found = of_kind(render(MEMBER, CASES["everything"], namespace=namespace), *MONITORING)
        told = await dry_run(empty_cluster, found)
        assert len(told.splitlines()) == len(found) == len(MONITORING)
        monitor, rule = (one_of_kind(found, kind, "mcs-controller") for kind in MONITORING)
        (endpoint,) = monitor["spec"]["endpoints"]
        for refused, reason in (
            ({**monitor, "spec": {**monitor["spec"], "endpoints": [{**endpoint, "prot": "http"}]}}, "prot"),
            ({**rule, "spec": {"groups": [{"name": "mcs", "rules": [{"alert": "NoExpression"}]}]}}, "expr"),
        ):
            with pytest.raises(KubectlError, match=reason):
                await dry_run(empty_cluster, [refused])
    finally:
        for path in operator_kinds:
            await empty_cluster.kubectl("delete", f"--filename={path}")


@pytest.mark.parametrize("name", BROKER_CASES)
async def test_an_api_server_takes_every_manifest_of_a_broker(empty_cluster: ControlPlane, name: str) -> None:
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    found = render(BROKER, BROKER_CASES[name], namespace=namespace)
    for made in of_kind(found, "Namespace"):
        await empty_cluster.kubectl("create", "namespace", made["metadata"]["name"])
    told = await dry_run(empty_cluster, found)
    assert len(told.splitlines()) == len(found)


@pytest.mark.parametrize("name", CASES)
async def test_pods_are_let_into_a_restricted_namespace(empty_cluster: ControlPlane, name: str) -> None:
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    found = render(MEMBER, CASES[name], namespace=namespace)
    for account in of_kind(found, "ServiceAccount"):
        made = {"metadata": {"name": account["metadata"]["name"]}}
        await empty_cluster.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", made)
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template["metadata"], "name": f"pod-{number}", "namespace": namespace},
            "spec": template["spec"],
        }
        for number, template in enumerate(pod_templates(found))
    ]
    told = await dry_run(empty_cluster, pods)
    assert told.splitlines() == [
        f"pod/pod-{number} serverside-applied (server dry run)" for number in range(len(pods))
    ]
    with pytest.raises(KubectlError, match='violates PodSecurity "restricted'):
        await dry_run(empty_cluster, [{**pods[0], "spec": {**pods[0]["spec"], "securityContext": {}}}])


@pytest.mark.parametrize("chart", [MEMBER, BROKER])
async def test_a_second_install_changes_nothing_and_an_uninstall_leaves_nothing(
    empty_cluster: ControlPlane, chart: str
) -> None:
    """Without the hooks: no node here could run their Job."""
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    where = ("--namespace", namespace, "--kubeconfig", empty_cluster.kubeconfig())

    async def done(*command: str | Path) -> None:
        ended = await asyncio.to_thread(helm, *command, *where)
        assert ended.exit_code == 0, ended.stderr

    before = await everything(empty_cluster)
    await done("install", "mcs", CHARTS / chart, "--no-hooks")
    installed = await everything(empty_cluster)
    made = {(one["kind"], one["metadata"]["name"]) for one in render(chart, {}) if not is_hook(one)}
    assert made <= {(kind, name) for kind, _, name in set(installed) - set(before)}

    await done("upgrade", "mcs", CHARTS / chart, "--no-hooks")
    upgraded = await everything(empty_cluster)
    assert {key: upgraded[key] for key in installed if key[0] != "Secret"} == {
        key: version for key, version in installed.items() if key[0] != "Secret"
    }
    await done("uninstall", "mcs", "--no-hooks")
    assert set(await everything(empty_cluster)) == set(before)


@pytest.mark.parametrize(("chart", "role"), [(MEMBER, "member"), (BROKER, "broker")])
async def test_the_job_can_do_its_work_and_needs_every_rule_for_it(
    empty_cluster: ControlPlane, chart: str, role: str
) -> None:
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    hooks = [one for one in render(chart, {}, namespace=namespace) if is_hook(one) and one["kind"] != "Job"]
    await empty_cluster.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(hooks))
    (account,) = (one["metadata"]["name"] for one in of_kind(hooks, "ServiceAccount"))
    kubeconfig = await empty_cluster.service_account_kubeconfig(namespace, account)
    command: tuple[str | Path, ...] = ("crds", "--apply", "--for", role, "--kubeconfig", kubeconfig)
    names = [
        crd["metadata"]["name"]
        for crd in all_crds()
        if crd["spec"]["group"].startswith("broker.") == (role == "broker")
    ]

    installed = await run(*command)
    assert installed.exit_code == 0, installed.stderr
    assert installed.stdout.splitlines() == [f"{name}: installed" for name in names]
    label = next(
        key
        for crd in all_crds()
        if crd["metadata"]["name"] == names[0]
        for key in crd["metadata"]["labels"]
        if key.endswith("crd-schema-revision")
    )
    await empty_cluster.kubectl("label", "--overwrite", "crd", names[0], f"{label}-")
    updated = await run(*command)
    assert updated.exit_code == 0, updated.stderr
    assert f"{names[0]}: updated" in updated.stdout

    (granted,) = of_kind(hooks, "ClusterRole")
    await empty_cluster.kubectl("label", "crd", names[0], f"{label}-")
    await empty_cluster.kubectl("delete", "crd", names[1])
    for number in range(len(granted["rules"])):
        less = {**granted, "rules": [rule for at, rule in enumerate(granted["rules"]) if at != number]}
        await empty_cluster.kubectl("replace", "--filename=-", stdin=yaml.safe_dump(less))
        refused = await run(*command)
        assert refused.exit_code == 1
        assert "forbidden" in refused.stderr


async def test_the_jobs_for_the_clusters_dns_need_every_rule_for_their_work(
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
    await empty_cluster.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all([*made, corefile]))
    kubeconfig = await empty_cluster.service_account_kubeconfig(namespace, "mcs-cluster-dns")

    async def does(action: str) -> Ended:
        pod = one_of_kind(ours, "Job", f"mcs-cluster-dns-{action}")["spec"]["template"]["spec"]
        return await run(*pod["containers"][0]["args"], "--kubeconfig", kubeconfig)

    async def maps() -> dict[str, JsonObject]:
        listed = await empty_cluster.call("GET", f"/api/v1/namespaces/{place}/configmaps")
        return {one["metadata"]["name"]: one["data"] for one in listed["items"]}

    before = await maps()
    for role, number, action in (
        ("mcs-cluster-dns", 0, "install"),
        ("mcs-cluster-dns", 1, "install"),
        ("mcs-cluster-dns-service", 0, "install"),
        ("mcs-cluster-dns", 2, "uninstall"),
    ):
        granted = one_of_kind(ours, "Role", role)
        less = {**granted, "rules": [rule for at, rule in enumerate(granted["rules"]) if at != number]}
        if action == "uninstall":
            assert (await does("install")).exit_code == 0
            assert "clusterset.local" in (await maps())["coredns"]["Corefile"]
        await empty_cluster.kubectl("replace", "--filename=-", stdin=yaml.safe_dump(less))
        refused = await does(action)
        assert refused.exit_code == 1
        assert "forbidden" in refused.stderr
        await empty_cluster.kubectl("replace", "--filename=-", stdin=yaml.safe_dump(granted))
    assert (await does("uninstall")).exit_code == 0
    assert await maps() == before
