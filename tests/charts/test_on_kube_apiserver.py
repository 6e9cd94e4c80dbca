"""A real kube-apiserver takes what the charts make, and holds it to the restricted Pod Security level."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from tests.charts.conftest import ON_EMPTY_CLUSTER
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
from tests.realkube.contents import everything
from tests.realkube.controlplane import ControlPlane, KubectlError
from tests.realkube.product import PROGRAM

pytestmark = [pytest.mark.realkube, ON_EMPTY_CLUSTER, pytest.mark.usefixtures("helm_program")]

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
        # Several cases have the same inventory.
        await empty_cluster.kubectl("create", "namespace", made["metadata"]["name"], check=False)
    known = [one for one in found if one["kind"] not in MONITORING]
    told = await dry_run(empty_cluster, known)
    assert len(told.splitlines()) == len(known)


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


async def test_the_chart_takes_over_what_broker_init_made(empty_cluster: ControlPlane) -> None:
    """Who began with the command gets the hub by the chart, as the page about the inventory says."""
    namespace = f"mcs-{uuid4().hex[:8]}"
    await restricted_namespace(empty_cluster, namespace)
    broker = empty_cluster.kubeconfig()
    where = ("--namespace", namespace, "--kubeconfig", broker, "--no-hooks")
    values = ("--set", "hub.enabled=true", "--set", "clusterset=prod")
    before = await everything(empty_cluster)
    init = (PROGRAM, "broker", "init", "--clusterset", "prod", "--broker-kubeconfig", broker)
    made = await asyncio.create_subprocess_exec(*init, stdout=asyncio.subprocess.DEVNULL)
    assert await made.wait() == 0
    install = ("install", "mcs", CHARTS / BROKER, *values, *where)
    refused = await asyncio.to_thread(helm, *install)
    assert "cannot be imported into the current release" in refused.stderr
    taken = await asyncio.to_thread(helm, *install, "--take-ownership", "--force-conflicts")
    assert taken.exit_code == 0, taken.stderr
    found = {(kind, name) for kind, _, name in await everything(empty_cluster)}
    assert ("Deployment", "mcs-hub") in found

    gone = await asyncio.to_thread(helm, "uninstall", "mcs", *where)
    assert gone.exit_code == 0, gone.stderr
    left = set(await everything(empty_cluster)) - set(before)
    kinds = [name for kind, _, name in left if kind == "CustomResourceDefinition"]
    assert len(kinds) == 5
    await empty_cluster.delete_crds(*kinds)
