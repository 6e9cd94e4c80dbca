"""The two servers that every test of this folder runs against, and a namespace of its own in each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from mcs_controller.kube.connection.config import load_kubeconfig
from mcs_controller.simcluster.cluster import SimCluster
from tests.contract.api import WIDGETS, Api, widget_crd
from tests.realkube.clusterset import RealClusterset
from tests.realkube.controlplane import ControlPlane
from tests.worlds import ON_CLUSTERSET

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def dual_stack() -> bool:
    """Whether the servers give Services addresses of both families; tests may say otherwise."""
    return True


@pytest.fixture(params=["simcluster", pytest.param("realkube", marks=[pytest.mark.realkube, ON_CLUSTERSET])])
def real_plane(request: pytest.FixtureRequest, dual_stack: bool) -> ControlPlane | None:
    """The real server to run against; None for the simulated one."""
    if request.param == "simcluster":
        return None
    planes: RealClusterset = request.getfixturevalue("real_clusterset")
    return planes["east" if dual_stack else "north"]


@pytest.fixture
async def api(real_plane: ControlPlane | None, dual_stack: bool) -> AsyncIterator[Api]:
    if real_plane is not None:
        real = load_kubeconfig(real_plane.kubeconfig())
        yield Api(real, lambda: None)
        await real.close()
        return
    cidrs = ("10.96.0.0/16", "fd00:10:96::/108")
    async with SimCluster("sim", service_cidrs=cidrs[: 1 + dual_stack], random=Random(1)) as cluster:
        transport = cluster.transport()
        yield Api(transport, cluster.faults.compact)
        await transport.close()


@pytest.fixture
async def namespace(api: Api) -> AsyncIterator[str]:
    """The path of a new namespace, as a prefix of paths in the core group; deleted afterwards."""
    made = await api.ok("POST", "/api/v1/namespaces", {"metadata": {"generateName": "contract-"}})
    name = made["metadata"]["name"]
    yield name
    await api.send("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
async def core(namespace: str) -> str:
    """The path under which the core group's resources of the test's namespace lie."""
    return f"/api/v1/namespaces/{namespace}"


@pytest.fixture
async def widgets(api: Api, namespace: str) -> str:
    """The path of a custom resource's collection in the test's namespace."""
    answer = await api.send("POST", CRDS, widget_crd())
    assert answer.status in (201, 409), answer.body
    await api.until(f"{WIDGETS}/widgets", lambda one: one.status == 200)
    return f"{WIDGETS}/namespaces/{namespace}/widgets"
