"""The whole way on real API servers: from a ClusterProfile on a hub to what kubectl gets from the member.

The consumer has the rights of its own ServiceAccount on the hub, and those of a visitor in the member: what
would need more fails here.
"""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcs_controller.api.resources import MEMBER_CLUSTERS, cluster_profiles
from tests.access.profiles import ARGS, CONFIG, ENVS, ca_data, entry, file_text, offer, profile
from tests.cli.program import PROGRAM, run
from tests.cli.registry_file import REGISTRY
from tests.realkube.binaries import locate_binaries
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.realkube.tokens import requested

pytestmark = pytest.mark.realkube

CRD = Path(__file__).resolve().parents[2] / "crds" / f"{cluster_profiles().crd_name}.yaml"

OF_THE_CONSUMER = """
apiVersion: v1
kind: Namespace
metadata: {name: mcs-inventory}
---
apiVersion: v1
kind: Namespace
metadata: {name: consumer}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: consumer, namespace: consumer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: consumer, namespace: mcs-inventory}
rules: [{apiGroups: [multicluster.x-k8s.io], resources: [clusterprofiles], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: consumer, namespace: mcs-inventory}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: consumer}
subjects: [{kind: ServiceAccount, name: consumer, namespace: consumer}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: consumer, namespace: consumer}
rules: [{apiGroups: [""], resources: [secrets], resourceNames: [east, east-config], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: consumer, namespace: consumer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: consumer}
subjects: [{kind: ServiceAccount, name: consumer, namespace: consumer}]
"""
MEMBER = """
apiVersion: v1
kind: Namespace
metadata: {name: mcs-member-east}
---
apiVersion: broker.mcs-controller.io/v1alpha1
kind: MemberCluster
metadata: {name: east, namespace: mcs-member-east}
"""
OF_THE_VISITOR = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: visitor, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: visitor}
rules: [{apiGroups: [""], resources: [nodes, namespaces], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: visitor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: visitor}
subjects: [{kind: ServiceAccount, name: visitor, namespace: default}]
"""


async def kubectl(file: Path, *words: str) -> tuple[int, str, str]:
    """The real one, with nothing of ours but the kubeconfig; it finds our program in its PATH."""
    path = f"{PROGRAM.parent}{os.pathsep}{os.defpath}"
    process = await asyncio.create_subprocess_exec(
        locate_binaries().kubectl,
        f"--kubeconfig={file}",
        *words,
        env={"PATH": path, "HOME": str(file.parent)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), complaint.decode()


async def store(hub: ControlPlane, name: str, **data: str) -> None:
    """A Secret of the consumer's."""
    encoded = {key: b64encode(value.encode()).decode() for key, value in data.items()}
    body = {"metadata": {"name": name}, "data": encoded}
    await hub.call("POST", "/api/v1/namespaces/consumer/secrets", body)


async def publish(hub: ControlPlane, body: dict[str, Any]) -> None:
    """A profile, as a cluster manager writes it: its status apart."""
    path = "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/mcs-inventory/clusterprofiles"
    await hub.call("POST", path, body)
    await hub.call(
        "PATCH",
        f"{path}/{body['metadata']['name']}/status",
        {"status": body["status"]},
        content_type="application/merge-patch+json",
    )


async def ways_of_member(hub: ControlPlane, east: ControlPlane) -> list[dict[str, Any]]:
    """What a MemberCluster holds, for which `broker set-access` has said all that it can say."""
    await hub.kubectl("apply", "-f", str(CRD.with_name(f"{MEMBER_CLUSTERS.crd_name}.yaml")))
    await hub.kubectl("wait", "--for=condition=Established", "crd", MEMBER_CLUSTERS.crd_name)
    await hub.kubectl("apply", "-f", "-", stdin=MEMBER)
    words = ("broker", "set-access", "east", "--broker-kubeconfig", hub.kubeconfig(), "--server", east.url)
    more = ("--tls-server-name", "east.test", "--proxy-url", "http://proxy.example:3128")
    for way in (
        (
            "--provider",
            "secretreader",
            "--certificate-authority",
            east.ca_file,
            "--disable-compression",
            *more,
        ),
        ("--provider", "insecure", "--insecure-skip-tls-verify"),
    ):
        config = () if "insecure" in way else ("--exec-config", '{"clusterName": "east"}')
        ended = await run(*words, *way, *config)
        assert ended.exit_code == 0, ended
    member = await hub.call("GET", MEMBER_CLUSTERS.path("mcs-member-east", "east"))
    found: list[dict[str, Any]] = member["spec"]["access"]
    return found


@pytest.mark.requirement("CP-15", "CP-20", "CP-22", "CP-23", "CP-27", "CP-31", "CP-32", "CR-05")
async def test_kubectl_reaches_a_member_by_the_kubeconfig_of_its_profile_and_by_both_plugins(
    tmp_path: Path,
) -> None:
    async with RealClusterset(tmp_path, [ControlPlaneSpec("hub"), ControlPlaneSpec("east")]) as real:
        hub, east = real["hub"], real["east"]
        await hub.kubectl("apply", "-f", str(CRD))
        await hub.kubectl("wait", "--for=condition=Established", "crd", cluster_profiles().crd_name)
        await hub.kubectl("apply", "-f", "-", stdin=OF_THE_CONSUMER)
        await east.kubectl("apply", "-f", "-", stdin=OF_THE_VISITOR)
        token = await requested(east, "default", "visitor")
        await store(hub, "east", token=token)
        of_hub = await hub.service_account_kubeconfig("consumer", "consumer")
        config = yaml.safe_load(of_hub.read_text())
        config["contexts"][0]["context"]["namespace"] = "consumer"
        of_hub.write_text(yaml.safe_dump(config))
        of_visitor = yaml.safe_load((await east.service_account_kubeconfig("default", "visitor")).read_text())
        await store(hub, "east-config", config=yaml.safe_dump(of_visitor))

        ca = ca_data(east.ca_file.read_bytes())
        by_token = offer(
            "secretreader",
            east.url,
            {CONFIG: {"clusterName": "east"}, ENVS: {"HTTPS_PROXY": "http://127.0.0.1:9"}},
            certificate_authority_data=ca,
        )
        by_kubeconfig = offer(
            "kubeconfig-secretreader",
            east.url,
            {CONFIG: {"name": "east-config", "key": "config"}},
            certificate_authority_data=ca,
        )
        await publish(hub, profile(by_token, by_kubeconfig))

        for plugin in ("secretreader", "kubeconfig-secretreader"):
            providers = tmp_path / f"{plugin}.json"
            args = ["credentials", plugin, "--kubeconfig", str(of_hub)]
            providers.write_bytes(
                file_text(entry(plugin, "mcs-controller", args=args, provideClusterInfo=True))
            )
            made = tmp_path / f"{plugin}.kubeconfig"
            ended = await run(
                *("clusters", "kubeconfig", "prod-east", "--check", "--kubeconfig", of_hub),
                *("--clusterprofile-provider-file", providers, "--output-file", made),
                environment={"PATH": f"{PROGRAM.parent}{os.pathsep}{os.defpath}"},
            )
            assert ended.exit_code == 0, ended
            assert "cluster prod-east answers: Kubernetes v1." in ended.stderr
            assert token not in made.read_text() + ended.stdout + ended.stderr
            code, out, complaint = await kubectl(made, "get", "namespaces", "-o", "name")
            assert (code, "namespace/kube-system" in out) == (0, True), complaint
            code, out, complaint = await kubectl(made, "get", "nodes")
            assert code == 0, complaint
            code, out, _ = await kubectl(made, "auth", "whoami", "-o", "json")
            assert json.loads(out)["status"]["userInfo"]["username"] == (
                "system:serviceaccount:default:visitor"
            )
            code, _, complaint = await kubectl(made, "get", "secrets")
            assert (code, "Forbidden" in complaint) == (1, True)

        # CP-24: the type of the field does not let a list through, so nobody can rely on it.
        refused = await hub.request(
            "PATCH",
            "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/mcs-inventory/clusterprofiles/prod-east/status",
            {"status": {"accessProviders": [offer("x", east.url, {ARGS: ["--evil"]})]}},
            content_type="application/merge-patch+json",
        )
        assert refused.status == 422

        ways = await ways_of_member(hub, east)
        assert ways == [
            {
                "name": "secretreader",
                "server": east.url,
                "certificateAuthorityData": ca,
                "tlsServerName": "east.test",
                "proxyUrl": "http://proxy.example:3128",
                "disableCompression": True,
                "extensions": [{"name": CONFIG, "extension": {"clusterName": "east"}}],
            },
            {"name": "insecure", "server": east.url, "insecureSkipTLSVerify": True},
        ]

        registry = tmp_path / "registry.yaml"
        registry.write_text(REGISTRY)
        imported = (await run("clusters", "import", registry, "--cluster-manager", "old")).stdout
        await hub.kubectl("apply", "-f", "-", stdin=imported)
        await hub.kubectl("apply", "--server-side", "--subresource=status", "-f", "-", stdin=imported)
        listed = await run("clusters", "--kubeconfig", of_hub)
        assert [line.split()[0] for line in listed.stdout.splitlines()] == [
            "NAME",
            "old.east",
            "old.west",
            "prod-east",
        ]
