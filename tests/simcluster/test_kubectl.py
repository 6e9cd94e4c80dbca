"""What people do with kubectl works on a simulated cluster, with the kubectl that is there."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from mcs_controller.simcluster.cluster import SimCluster
from tests.realkube.binaries import BinariesMissingError, locate_binaries

pytestmark = pytest.mark.slow

CRDS = Path(__file__).parents[2] / "crds"
EXPORT = """
apiVersion: multicluster.x-k8s.io/v1beta1
kind: ServiceExport
metadata: {name: web, namespace: shop}
spec: {exportedLabels: {tier: front}}
"""


def find_kubectl() -> str | None:
    try:
        return str(locate_binaries().kubectl)
    except BinariesMissingError:
        return shutil.which("kubectl")


class Kubectl:
    """kubectl for one cluster; gives what it prints."""

    def __init__(self, program: str, folder: Path) -> None:
        self._command = (program, f"--kubeconfig={folder}/kubeconfig", f"--cache-dir={folder}/cache")
        self._environment = {"HOME": str(folder), "PATH": os.environ.get("PATH", os.defpath)}

    async def start(self, *args: str, **environment: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            *args,
            env=self._environment | environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *args: str, stdin: str = "", fails: bool = False, **environment: str) -> str:
        process = await self.start(*args, **environment)
        out, err = await process.communicate(stdin.encode())
        assert (process.returncode != 0) == fails, err.decode()
        return err.decode() if fails else out.decode()


@pytest.fixture
async def kubectl(cluster: SimCluster, tmp_path: Path) -> AsyncIterator[Kubectl]:
    program = find_kubectl()
    if program is None:
        pytest.skip("there is no kubectl: run `make kube`, or install one")
    async with cluster.serve():
        (tmp_path / "kubeconfig").write_text(cluster.kubeconfig())
        run = Kubectl(program, tmp_path)
        await run("apply", "-f", str(CRDS))
        await run("create", "namespace", "shop")
        yield run


async def test_apply_edit_label_and_delete(kubectl: Kubectl) -> None:
    assert "created" in await kubectl("apply", "-f", "-", stdin=EXPORT)
    assert "unchanged" in await kubectl("apply", "-f", "-", stdin=EXPORT)
    changed = EXPORT.replace("front", "back")
    assert "configured" in await kubectl("apply", "-f", "-", stdin=changed)
    assert "edited" in await kubectl(
        "edit", "serviceexport", "web", "-n", "shop", KUBE_EDITOR="sed -i 's/tier: back/tier: middle/'"
    )
    await kubectl("label", "serviceexport", "web", "-n", "shop", "a=b")
    await kubectl("annotate", "serviceexport", "web", "-n", "shop", "c=d")
    shown = await kubectl("get", "serviceexport", "web", "-n", "shop", "-o", "yaml")
    assert "tier: middle" in shown
    assert "a: b" in shown
    assert "c: d" in shown
    assert "serverside-applied" in await kubectl(
        "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=EXPORT
    )
    assert "deleted" in await kubectl("delete", "serviceexport", "web", "-n", "shop")
    assert "NotFound" in await kubectl("get", "serviceexport", "web", "-n", "shop", fails=True)


async def test_a_list_of_objects_is_applied_and_each_object_in_it_is_checked(kubectl: Kubectl) -> None:
    export = yaml.safe_load(EXPORT)
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}}
    objects = {"apiVersion": "v1", "kind": "List", "items": [export, settings]}
    for command, expected in (("create", "created"), ("apply", "configured"), ("apply", "unchanged")):
        said = await kubectl(command, "-f", "-", stdin=json.dumps(objects))
        assert [line.split()[-1] for line in said.splitlines()] == [expected] * 2
    settings["dat"] = {}
    assert 'unknown field "dat"' in await kubectl("apply", "-f", "-", stdin=json.dumps(objects), fails=True)
    await kubectl("delete", "-f", "-", stdin=json.dumps(objects))


async def test_get_describe_and_explain(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=EXPORT)
    resources = "serviceexports,serviceimports,endpointslices"
    assert "serviceexport.multicluster.x-k8s.io/web" in await kubectl("get", resources, "-A")
    assert "Tier:" in await kubectl("describe", "serviceexport", "web", "-n", "shop")
    assert "exportedLabels" in await kubectl("explain", "serviceexport.spec")
    assert "addressType" in await kubectl("explain", "endpointslice")
    assert "serviceexports" in await kubectl("api-resources", "--api-group=multicluster.x-k8s.io")
    assert "10.96.0.1" in await kubectl("get", "services", "-A")
    assert "serviceexports" in await kubectl("get", "crd")


async def test_one_category_lists_everything_with_its_columns(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=EXPORT)
    condition = {"type": "Ready", "status": "False", "reason": "Pending", "message": "not yet"}
    condition["lastTransitionTime"] = "2026-11-22T10:00:00Z"
    status = json.dumps({"status": {"conditions": [condition]}})
    patch = ("patch", "serviceexport", "web", "-n", "shop", "--subresource=status", "--type=merge")
    await kubectl(*patch, "-p", status)
    # Else kubectl may remember what was served before the definitions were applied.
    await kubectl("api-resources", "--categories=multicluster")
    header, row = (line.split() for line in (await kubectl("get", "multicluster", "-A")).splitlines())
    assert header == ["NAMESPACE", "NAME", "VALID", "READY", "CONFLICT", "AGE"]
    assert row[:4] == ["shop", "serviceexport.multicluster.x-k8s.io/web", "False", row[3]]


async def test_get_watches(kubectl: Kubectl) -> None:
    process = await kubectl.start("get", "serviceexports", "-A", "-w", "--output-watch-events")
    assert process.stdout is not None
    try:
        await kubectl("apply", "-f", "-", stdin=EXPORT)
        await kubectl("delete", "serviceexport", "web", "-n", "shop")
        async with asyncio.timeout(20):
            seen = b""
            while b"DELETED" not in seen:
                line = await process.stdout.readline()
                assert line, "kubectl ended"
                seen += line
        assert b"ADDED" in seen
    finally:
        process.terminate()
        await process.communicate()


async def test_the_three_forms_of_patch(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=EXPORT)
    patch = ("patch", "serviceexport", "web", "-n", "shop")
    await kubectl(*patch, "--type=merge", "-p", '{"spec":{"exportedLabels":{"a":"b"}}}')
    await kubectl(*patch, "--type=json", "-p", '[{"op":"remove","path":"/spec/exportedLabels/tier"}]')
    assert await kubectl("get", *patch[1:], "-o", "jsonpath={.spec.exportedLabels}") == '{"a":"b"}'
    await kubectl("create", "service", "clusterip", "web", "--tcp=80:8080", "-n", "shop")
    strategic = '{"spec":{"ports":[{"port":81,"name":"more"}]}}'
    await kubectl("patch", "service", "web", "-n", "shop", "-p", strategic)
    ports = await kubectl("get", "service", "web", "-n", "shop", "-o", "jsonpath={.spec.ports[*].port}")
    assert sorted(ports.split()) == ["80", "81"]


async def test_a_mistake_is_pointed_out(kubectl: Kubectl) -> None:
    wrong = EXPORT.replace("exportedLabels", "exportedLables")
    assert 'unknown field "spec.exportedLables"' in await kubectl(
        "create", "-f", "-", stdin=wrong, fails=True
    )
    assert "exportedLables" in await kubectl("apply", "-f", "-", stdin=wrong, fails=True)
    assert "NotFound" in await kubectl(
        "create", "-f", "-", stdin=EXPORT.replace("shop", "nowhere"), fails=True
    )


async def test_a_namespace_is_made_waited_for_and_deleted(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=EXPORT)
    await kubectl("create", "configmap", "settings", "--from-literal=a=b", "-n", "shop")
    await kubectl("wait", "--for=jsonpath={.status.phase}=Active", "namespace/shop", "--timeout=5s")
    await kubectl("delete", "namespace", "shop", "--timeout=20s")
    assert "shop" not in await kubectl("get", "namespaces")
    assert "web" not in await kubectl("get", "serviceexports", "-A")
