"""The harness proven on itself: what later tests take for granted about real control planes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.realkube.binaries import locate_binaries
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import REPEATS_MAX, ControlPlane, ControlPlaneSpec, KubectlError
from tests.realkube.process import ServerProcess, StartError
from tests.realkube.rest import ApiError, Response
from tests.realkube.workloads import delete_pod, endpoint_slices, ready_pod, service, set_pod_ready
from tests.support.reading import ready_addresses
from tests.support.waiting import eventually

pytestmark = pytest.mark.realkube

WIDGET_CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.test.example}
spec:
  group: test.example
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties: {size: {type: integer, maximum: 9}}
"""
WIDGET = {"apiVersion": "test.example/v1", "kind": "Widget", "metadata": {"name": "one"}}


async def read_configmap(plane: ControlPlane, namespace: str, name: str) -> int:
    path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
    return (await plane.request("GET", path)).status


async def create_configmap(plane: ControlPlane, namespace: str, name: str) -> None:
    await plane.kubectl("create", "configmap", name, "--namespace", namespace)


async def test_clusters_share_an_etcd_but_no_objects(
    real_clusterset: RealClusterset, real_namespace: str
) -> None:
    east, west = real_clusterset["east"], real_clusterset["west"]
    await create_configmap(east, real_namespace, "here")
    assert await read_configmap(east, real_namespace, "here") == 200
    assert await read_configmap(west, real_namespace, "here") == 404


async def test_clusters_have_identities_of_their_own(real_clusterset: RealClusterset) -> None:
    systems = [await plane.call("GET", "/api/v1/namespaces/kube-system") for plane in real_clusterset]
    assert len({one["metadata"]["uid"] for one in systems}) == 4


async def test_the_programs_report_the_version_that_is_pinned(real_cluster: ControlPlane) -> None:
    told = json.loads((await real_cluster.kubectl("version", "--output=json")).stdout)
    versions = {told[side]["gitVersion"] for side in ("clientVersion", "serverVersion")}
    assert versions == {"v1.36.4"}


async def test_rbac_denies_a_user_who_was_given_nothing(real_cluster: ControlPlane) -> None:
    with pytest.raises(KubectlError, match='User "nobody" cannot list resource "services"'):
        await real_cluster.kubectl("get", "services", user="nobody")
    denied = await real_cluster.request("GET", "/api/v1/services", user="nobody")
    assert denied.status == 403


async def test_rights_given_by_rbac_hold_at_once_for_that_user_only(
    real_cluster: ControlPlane, real_namespace: str
) -> None:
    within = ("--namespace", real_namespace)
    may = ("--verb=list", "--resource=services")
    await real_cluster.kubectl("create", "role", "reader", *may, *within)
    await real_cluster.kubectl("create", "rolebinding", "reader", "--role=reader", "--user=dns", *within)

    async def list_as(user: str) -> int:
        path = f"/api/v1/namespaces/{real_namespace}/services"
        return (await real_cluster.request("GET", path, user=user)).status

    assert await eventually(lambda: list_as("dns"), lambda status: status == 200) == 200
    assert await list_as("agent") == 403


async def test_a_service_account_gets_a_token_that_the_cluster_knows_it_by(
    real_cluster: ControlPlane, real_namespace: str
) -> None:
    await real_cluster.kubectl("create", "serviceaccount", "robot", "-n", real_namespace)
    kubeconfig = await real_cluster.service_account_kubeconfig(real_namespace, "robot")
    asked = await real_cluster.kubectl("auth", "whoami", "--kubeconfig", str(kubeconfig))
    assert f"system:serviceaccount:{real_namespace}:robot" in asked.stdout


async def test_a_crd_is_served_validated_and_pruned(real_cluster: ControlPlane, real_namespace: str) -> None:
    await real_cluster.kubectl("apply", "-f", "-", stdin=WIDGET_CRD)
    try:
        await real_cluster.kubectl("wait", "--for=condition=Established", "crd/widgets.test.example")
        path = f"/apis/test.example/v1/namespaces/{real_namespace}/widgets"
        too_big = await real_cluster.request("POST", path, {**WIDGET, "spec": {"size": 10}})
        assert too_big.status == 422
        made = await real_cluster.call("POST", path, {**WIDGET, "spec": {"size": 9, "odd": 1}})
        assert made["spec"] == {"size": 9}
    finally:
        await real_cluster.delete_crds("widgets.test.example")


async def test_a_pod_whose_status_is_set_becomes_an_endpoint_with_zone_and_hostname(
    real_cluster: ControlPlane, real_namespace: str
) -> None:
    port = {"name": "http", "port": 80, "targetPort": "http"}
    spec = {"selector": {"app": "web"}, "clusterIP": "None", "ports": [port]}
    await service(real_cluster, real_namespace, "web", spec)
    await ready_pod(
        real_cluster,
        real_namespace,
        "web-0",
        ips=["10.1.0.1"],
        labels={"app": "web"},
        ports={"http": 8080},
        hostname="web-0",
        subdomain="web",
        node_name="node-zone-a",
        zone="zone-a",
    )
    (only,) = await eventually(
        lambda: endpoint_slices(real_cluster, real_namespace, "kubernetes.io/service-name=web"),
        lambda slices: ready_addresses(slices) == {"10.1.0.1"},
    )
    (endpoint,) = only["endpoints"]
    assert (endpoint["hostname"], endpoint["zone"]) == ("web-0", "zone-a")
    assert [(one["name"], one["port"]) for one in only["ports"]] == [("http", 8080)]


async def test_endpoints_follow_readiness_and_deletion_of_pods(
    real_cluster: ControlPlane, real_namespace: str
) -> None:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    await service(real_cluster, real_namespace, "web", spec)
    for number in (1, 2):
        await ready_pod(
            real_cluster,
            real_namespace,
            f"web-{number}",
            ips=[f"10.1.0.{number}"],
            labels={"app": "web"},
        )

    async def ready() -> set[str]:
        selector = "kubernetes.io/service-name=web"
        return ready_addresses(await endpoint_slices(real_cluster, real_namespace, selector))

    await eventually(ready, lambda seen: seen == {"10.1.0.1", "10.1.0.2"})
    await set_pod_ready(real_cluster, real_namespace, "web-1", False)
    await eventually(ready, lambda seen: seen == {"10.1.0.2"})
    await delete_pod(real_cluster, real_namespace, "web-2")
    await eventually(ready, lambda seen: seen == set())


async def test_services_get_addresses_of_the_families_that_their_cluster_has(
    real_clusterset: RealClusterset, real_namespace: str
) -> None:
    async def families(cluster: str) -> list[str]:
        spec = {"ports": [{"port": 80}], "ipFamilyPolicy": "PreferDualStack"}
        made = await service(real_clusterset[cluster], real_namespace, "web", spec)
        found: list[str] = made["spec"]["ipFamilies"]
        return found

    assert await families("east") == ["IPv4", "IPv6"]
    assert await families("north") == ["IPv4"]


async def test_a_deleted_namespace_goes_and_takes_its_objects_along(
    real_cluster: ControlPlane, real_namespace: str
) -> None:
    await create_configmap(real_cluster, real_namespace, "inside")
    await real_cluster.call("DELETE", f"/api/v1/namespaces/{real_namespace}")

    async def status() -> int:
        path = f"/api/v1/namespaces/{real_namespace}"
        return (await real_cluster.request("GET", path)).status

    await eventually(status, lambda found: found == 404)
    assert await read_configmap(real_cluster, real_namespace, "inside") == 404


async def test_an_outage_refuses_connections_and_loses_nothing(
    real_clusterset: RealClusterset, real_namespace: str
) -> None:
    north = real_clusterset["north"]
    await create_configmap(north, real_namespace, "kept")
    url, kubeconfig = north.url, north.kubeconfig().read_text()
    await north.stop_api_server()
    try:
        with pytest.raises(ConnectionRefusedError):
            await north.request("GET", "/version")
    finally:
        await north.start_api_server()
    assert (north.url, north.kubeconfig().read_text()) == (url, kubeconfig)
    assert await read_configmap(north, real_namespace, "kept") == 200


async def test_a_paused_server_accepts_and_stays_silent_until_it_is_resumed(
    real_clusterset: RealClusterset,
) -> None:
    north = real_clusterset["north"]
    north.pause()
    try:
        silent = await north.kubectl("get", "namespaces", "--request-timeout=500ms", check=False)
        assert silent.returncode != 0
        assert "refused" not in silent.stderr
    finally:
        north.resume()
    assert (await north.request("GET", "/readyz")).status == 200


async def test_a_failed_start_shows_the_log_and_leaves_no_process_and_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    start = ServerProcess.start

    def start_and_note(self: ServerProcess) -> None:
        start(self)
        assert self.pid is not None
        started.append(self.pid)

    monkeypatch.setattr(ServerProcess, "start", start_and_note)
    broken = ControlPlaneSpec("broken")
    monkeypatch.setattr("tests.realkube.controlplane.write_token_file", lambda *_: None)
    with pytest.raises(StartError, match=r"(?s)kube-apiserver ended.*tokens\.csv: no such file"):
        async with RealClusterset(tmp_path, [broken], locate_binaries()):
            pass
    assert len(started) == 2
    assert [str(pid) for pid in started if str(pid) in os.listdir("/proc")] == []
    assert sorted(os.listdir(tmp_path)) == ["broken", "etcd.log"]


async def test_a_server_that_says_when_to_ask_again_is_asked_again_and_no_other(
    real_cluster: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"kind": "Status", "details": {"retryAfterSeconds": 0}}
    answers = [Response(429, refused), Response(429, refused), Response(200, "served")]

    async def next_answer(method: str, path: str, body: object = None) -> Response:
        return answers.pop(0)

    monkeypatch.setattr(real_cluster, "request", next_answer)
    assert await real_cluster.call("GET", "/x") == "served"
    for once in (Response(429, "text"), Response(429, {"kind": "Status"}), Response(503, refused)):
        answers.append(once)
        with pytest.raises(ApiError):
            await real_cluster.call("GET", "/x")
    answers.extend(Response(429, refused) for _ in range(REPEATS_MAX + 1))
    with pytest.raises(ApiError):
        await real_cluster.call("GET", "/x")
    assert not answers
