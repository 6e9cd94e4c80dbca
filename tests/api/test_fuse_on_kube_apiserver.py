"""`mcs-controller fuse` on a real kube-apiserver, with no rights but those that the page asks for."""

import json
from uuid import uuid4

import pytest

from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_kubeconfig
from tests.cli.program import run
from tests.cli.test_fuse import annotation, imported
from tests.realkube.controlplane import ControlPlane
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.slow]


@pytest.mark.requirement("MCS-RBAC-01")
async def test_a_user_with_rights_on_imports_alone_lists_and_releases_on_a_real_api_server(
    crds: ControlPlane, namespace: str
) -> None:
    role = f"fuse-operator-{uuid4().hex[:8]}"
    admin = Client(load_kubeconfig(crds.kubeconfig()), name="admin")
    paths = {
        kind: f"/apis/rbac.authorization.k8s.io/v1/{kind}" for kind in ("clusterroles", "clusterrolebindings")
    }
    rules = [
        {
            "apiGroups": ["multicluster.x-k8s.io"],
            "resources": ["serviceimports"],
            "verbs": ["get", "list", "patch"],
        }
    ]
    binding = {
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": namespace}],
    }
    try:
        await imported(admin, "web", "east", reason="MassWithdrawal", namespace=namespace)
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        await crds.call("POST", accounts, {"metadata": {"name": "operator"}})
        config = await crds.service_account_kubeconfig(namespace, "operator")
        refused = await run("fuse", "status", "--kubeconfig", config)
        assert refused.exit_code == 1
        assert "forbidden" in refused.stderr.lower()

        await crds.call("POST", paths["clusterroles"], {"metadata": {"name": role}, "rules": rules})
        await crds.call("POST", paths["clusterrolebindings"], binding)
        listed = await eventually(
            lambda: run("fuse", "status", "-o", "json", "--kubeconfig", config),
            lambda ended: ended.exit_code == 0,
        )
        names = [one["name"] for one in json.loads(listed.stdout)["imports"] if one["namespace"] == namespace]
        assert names == ["web"]
        ended = await run("fuse", "release", "--import", f"{namespace}/web", "--kubeconfig", config)
        assert ended.exit_code == 0, ended.stderr
        assert await annotation(admin, "web", namespace) == "allowed"
    finally:
        await admin.close()
        for path in paths.values():
            await crds.request("DELETE", f"{path}/{role}")
