"""A real cluster whose MCS API is older than ours: only v1alpha1 is served, a status field is not known."""

from __future__ import annotations

import asyncio
import copy
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mcs_controller.api.crd import crds_of
from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    MCS_GROUP,
    Resource,
    service_exports,
    service_imports,
)
from tests.api.rbac import as_yaml
from tests.controllers.test_identity import about_crd, cluster_property
from tests.realkube import product, workloads
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane, ControlPlaneSpec
from tests.support.objects import export_body
from tests.support.reading import ready_addresses
from tests.support.waiting import eventually

pytestmark = [pytest.mark.realkube, pytest.mark.slow]

OLD = "v1alpha1"
EXPORTS, IMPORTS = service_exports(OLD), service_imports(OLD)


def older_crds() -> list[dict[str, Any]]:
    """Ours, as the released API has them (no `endpointSliceObjects`), with the older version only."""
    found = []
    for crd in copy.deepcopy(crds_of("member")):
        if crd["spec"]["group"] != MCS_GROUP:
            continue
        for version in crd["spec"]["versions"]:
            version["served"] = version["storage"] = version["name"] == OLD
            status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
            status.pop("endpointSliceObjects", None)
        found.append(crd)
    return found


async def install(plane: ControlPlane) -> None:
    for crd in older_crds():
        await plane.kubectl("apply", "-f", "-", stdin=json.dumps(crd))
    await plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    await plane.kubectl("apply", "-f", "-", stdin=as_yaml("agent"))


async def get(plane: ControlPlane, resource: Resource, name: str) -> dict[str, Any]:
    """Empty when there is none."""
    answer = await plane.request("GET", resource.path("shop", name))
    return dict(answer.body) if answer.status == 200 else {}


async def refuses_another_id(plane: ControlPlane, broker: ControlPlane, work_dir: Path) -> None:
    """With the agent's own rights the ClusterProperty is read; then it says the id that the agent has."""
    await plane.kubectl("apply", "-f", "-", stdin=json.dumps(about_crd("v1alpha1")))
    await plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    await plane.kubectl("apply", "-f", "-", stdin=json.dumps(cluster_property("v1alpha1", "another")))
    agent = await product.start_agent(plane, broker, work_dir)
    with product.killed_in_the_end(agent):
        await eventually(
            partial(asyncio.to_thread, agent.process.log_file.read_text),
            lambda log: (
                "--cluster-id is old, but ClusterProperty cluster.clusterset.k8s.io says another" in log
            ),
        )
    await plane.kubectl("apply", "-f", "-", stdin=json.dumps(cluster_property("v1alpha1", "old")))


def is_ready(imported: dict[str, Any]) -> bool:
    conditions = (imported.get("status") or {}).get("conditions") or ()
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


@pytest.mark.requirement(
    "MCS-API-14", "MCS-API-11", "MCS-API-03", "MCS-API-13", "MCS-API-06", "MCS-IMP-15", "MCS-NS-08"
)
async def test_an_older_api_is_served_and_its_missing_field_not_written_for_ever(tmp_path: Path) -> None:
    specs = [ControlPlaneSpec("broker", controller_manager=False), ControlPlaneSpec("old")]
    async with RealClusterset(tmp_path, specs) as real:
        old = real["old"]
        async with asyncio.TaskGroup() as group:
            group.create_task(product.install_broker(real["broker"], ["old"]))
            group.create_task(install(old))
        await refuses_another_id(old, real["broker"], tmp_path)
        agent = await product.start_agent(old, real["broker"], tmp_path)
        with product.killed_in_the_end(agent):
            await agent.wait_ready()
            await old.kubectl("create", "namespace", "shop")
            await workloads.service(
                old, "shop", "web", {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}
            )
            await workloads.ready_pod(old, "shop", "web-1", ips=["10.1.0.1"], labels={"app": "web"})
            await old.call("POST", EXPORTS.path("shop"), export_body("web", version=EXPORTS.version))

            imported = await eventually(lambda: get(old, IMPORTS, "web"), is_ready)
            slices = await eventually(
                lambda: workloads.endpoint_slices(
                    old, "shop", "multicluster.kubernetes.io/source-cluster=old"
                ),
                lambda found: ready_addresses(found) == {"10.1.0.1"},
            )
            assert "endpointSliceObjects" not in imported["status"]
            assert slices[0]["metadata"]["ownerReferences"][0]["apiVersion"] == IMPORTS.api_version
            assert ENDPOINT_SLICES.version == "v1"

            # The next change of endpoints is written, and no status for a field that is dropped each time.
            settled = await eventually(lambda: get(old, IMPORTS, "web"), is_ready)
            await workloads.ready_pod(old, "shop", "web-2", ips=["10.1.0.2"], labels={"app": "web"})
            await eventually(
                lambda: workloads.endpoint_slices(
                    old, "shop", "multicluster.kubernetes.io/source-cluster=old"
                ),
                lambda found: ready_addresses(found) == {"10.1.0.1", "10.1.0.2"},
            )
            await asyncio.sleep(1)
            again = await get(old, IMPORTS, "web")
            assert again["metadata"]["resourceVersion"] == settled["metadata"]["resourceVersion"]

            # What is as new as ours by its labels is not touched, though ours knows a field more.
            program = await asyncio.create_subprocess_exec(
                str(product.PROGRAM), "crds", "--apply", "--for=member", f"--kubeconfig={old.kubeconfig()}",
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            told, _ = await program.communicate()
            assert program.returncode == 0
            assert told.decode().count("as new as ours") == 2
            assert await get(old, IMPORTS, "web") == again
