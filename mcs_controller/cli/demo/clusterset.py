"""The whole clusterset of the demo, from nothing to a broker with members, and back to nothing.

What an administrator does in a real one is done here in the same order and through the same API: the CRDs,
a namespace and a MemberCluster for each member on the broker, the namespace `shop` in every cluster. Agents
come last and go first; the hub is there before them.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcs_controller.api.crd import crds_of
from mcs_controller.api.resources import (
    ABOUT_GROUP,
    BROKER_GROUP,
    BROKER_VERSION,
    CUSTOM_RESOURCE_DEFINITIONS,
    MCS_GROUP,
    MEMBER_CLUSTERS,
    NAMESPACES,
)
from mcs_controller.cli.demo.cluster import DemoCluster, demo_cluster, end
from mcs_controller.cli.demo.hub_process import HUB, run_hub
from mcs_controller.cli.demo.kubeconfigs import KubeconfigFolder
from mcs_controller.cli.demo.servers import ApiServer, api_server
from mcs_controller.cli.demo.sites import BROKER, BROKER_SERVICE_CIDR, CLUSTERSET, NAMESPACE, Site
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.install import rights
from mcs_controller.install.kubeconfigs import MemberKubeconfig, read_member_kubeconfig
from mcs_controller.install.objects import join_objects
from mcs_controller.kube.client import Client
from mcs_controller.kube.tasks import Tasks


@dataclass(frozen=True, slots=True)
class DemoClusterset:
    """A running one, of two clusters at least."""

    broker: ApiServer
    clusters: tuple[DemoCluster, ...]

    @property
    def exporters(self) -> tuple[DemoCluster, DemoCluster]:
        """The clusters in which the services run: east and west."""
        return self.clusters[0], self.clusters[1]

    @property
    def importer(self) -> DemoCluster:
        """A cluster in which they do not run; west, if there are only two."""
        return self.clusters[-1]


@asynccontextmanager
async def demo_clusterset(sites: Sequence[Site], folder: KubeconfigFolder) -> AsyncIterator[DemoClusterset]:
    """Start everything, and stop it in reverse when the block ends."""
    names = [site.name for site in sites]
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(
            api_server(BROKER, BROKER_SERVICE_CIDR, folder, users=[*names, HUB])
        )
        await _install(broker.admin, crds_of("broker"), BROKER_GROUP, MCS_GROUP)
        await broker.admin.create(NAMESPACES, _named(rights.INVENTORY))
        for name in names:
            await _admit(broker.admin, name)
        credentials = _text(broker.kubeconfig)
        servers = []
        for site in sites:
            server = await stack.enter_async_context(api_server(site.name, site.service_cidr, folder))
            await _install(server.admin, crds_of("member"), MCS_GROUP, ABOUT_GROUP)
            await server.admin.create(NAMESPACES, _named(NAMESPACE))
            await _join(server.admin, read_member_kubeconfig(credentials, site.name))
            servers.append(server)
        tasks = await stack.enter_async_context(Tasks("demo"))
        stack.push_async_callback(end, tasks.start(run_hub(broker.kubeconfig), name="hub"))
        clusters = [
            await stack.enter_async_context(demo_cluster(site, server, broker.kubeconfig, tasks))
            for site, server in zip(sites, servers, strict=True)
        ]
        yield DemoClusterset(broker, tuple(clusters))


async def _install(admin: Client, crds: list[dict[str, Any]], *groups: str) -> None:
    """What `mcs-controller crds | kubectl apply -f -` does, for some groups."""
    for crd in crds:
        if crd["spec"]["group"] in groups:
            await admin.create(CUSTOM_RESOURCE_DEFINITIONS, crd)


async def _admit(admin: Client, cluster: str) -> None:
    """Let a cluster join, as the broker's administrator."""
    namespace = member_namespace(cluster)
    await admin.create(NAMESPACES, _named(namespace))
    member = {
        "apiVersion": f"{BROKER_GROUP}/{BROKER_VERSION}",
        "kind": "MemberCluster",
        "metadata": {"name": cluster},
        "spec": {"clusterset": CLUSTERSET},
    }
    await admin.create(MEMBER_CLUSTERS, member, namespace=namespace)


def _text(file: Path) -> str:
    return file.read_text()


async def _join(admin: Client, credential: MemberKubeconfig) -> None:
    """What `mcs-controller join` writes: the cluster's credential for the broker, in its Secret."""
    for wanted in join_objects(rights.NAMESPACE, credential.text):
        await admin.create(wanted.resource, wanted.body)


def _named(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
