"""The services that run in the demo, and what their owners do with them.

`web` (one clusterset IP), `db` (headless, its pods known by host name) and `cart` (whose two exporters do not
agree on a port) run in the first two clusters. A simulated cluster has no pods and no endpointslice
controller, so the EndpointSlices are written here, as kube-controller-manager would write them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mcs_controller.api.names import LABEL_KUBERNETES_SERVICE_NAME, LABEL_SLICE_MANAGED_BY
from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES, service_exports
from mcs_controller.cli.demo.cluster import DemoCluster
from mcs_controller.cli.demo.sites import NAMESPACE, Site

_ENDPOINT_SLICE_CONTROLLER: Final = "endpointslice-controller.k8s.io"
_HEADLESS_LABEL: Final = "service.kubernetes.io/headless"


@dataclass(frozen=True, slots=True)
class Workload:
    """One service of the demo; its port is 'TCP', its pods have addresses of their own in each cluster."""

    name: str
    number: int
    """Third byte of its pods' addresses."""
    port_name: str
    target_port: int
    pods: int
    ports: Mapping[str, int]
    """The Service's port where it is not the same in every cluster; else under the empty name."""
    headless: bool = False

    def port(self, cluster: str) -> int:
        """The Service's port in a cluster."""
        return self.ports.get(cluster, self.ports[""])

    def pod_names(self, count: int | None = None) -> list[str]:
        """web-0, web-1 and so on."""
        return [f"{self.name}-{ordinal}" for ordinal in range(self.pods if count is None else count)]

    def addresses(self, site: Site, count: int | None = None) -> tuple[str, ...]:
        """Its pods' addresses in a cluster."""
        pods = self.pods if count is None else count
        return tuple(f"{site.pod_network}.{self.number}.{10 + ordinal}" for ordinal in range(pods))

    def slice_name(self, site: Site) -> str:
        """What its EndpointSlice is called in a cluster."""
        return f"{self.name}-{site.name}"


WEB: Final = Workload("web", number=1, port_name="http", target_port=8080, pods=2, ports={"": 80})
DB: Final = Workload(
    "db", number=2, port_name="postgres", target_port=5432, pods=2, ports={"": 5432}, headless=True
)
CART: Final = Workload(
    "cart", number=3, port_name="http", target_port=8080, pods=1, ports={"": 80, "west": 8080}
)
WORKLOADS: Final = (WEB, DB, CART)


def service(workload: Workload, site: Site) -> dict[str, Any]:
    """The Service, as its owner would apply it."""
    port = {"name": workload.port_name, "port": workload.port(site.name), "targetPort": workload.target_port}
    spec: dict[str, Any] = {"selector": {"app": workload.name}, "ports": [port]}
    if workload.headless:
        spec["clusterIP"] = "None"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": workload.name, "namespace": NAMESPACE, "labels": {"app": workload.name}},
        "spec": spec,
    }


def endpoint_slice(workload: Workload, site: Site, owner_uid: str) -> dict[str, Any]:
    """Its EndpointSlice, as kube-controller-manager would make it of ready pods."""
    labels = {
        "app": workload.name,
        LABEL_KUBERNETES_SERVICE_NAME: workload.name,
        LABEL_SLICE_MANAGED_BY: _ENDPOINT_SLICE_CONTROLLER,
    }
    if workload.headless:
        labels[_HEADLESS_LABEL] = ""
    owner = {
        "apiVersion": "v1",
        "kind": "Service",
        "name": workload.name,
        "uid": owner_uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": ENDPOINT_SLICES.kind,
        "metadata": {
            "name": workload.slice_name(site),
            "namespace": NAMESPACE,
            "labels": labels,
            "ownerReferences": [owner],
        },
        "addressType": "IPv4",
        "ports": [{"name": workload.port_name, "port": workload.target_port, "protocol": "TCP"}],
        "endpoints": endpoints(workload, site),
    }


def endpoints(workload: Workload, site: Site, count: int | None = None) -> list[dict[str, Any]]:
    """Ready ones; those of a headless service have their pod's host name, as in a StatefulSet."""
    names, addresses = workload.pod_names(count), workload.addresses(site, count)
    return [
        {
            "addresses": [address],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": f"{site.name}-node-{1 + ordinal % 2}",
            "zone": f"{site.name}-{'ab'[ordinal % 2]}",
            "targetRef": {"kind": "Pod", "name": name, "namespace": NAMESPACE},
            **({"hostname": name} if workload.headless else {}),
        }
        for ordinal, (name, address) in enumerate(zip(names, addresses, strict=True))
    ]


def service_export(name: str) -> dict[str, Any]:
    """The ServiceExport, as its owner would apply it."""
    resource = service_exports()
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
    }


async def deploy(cluster: DemoCluster, workloads: Sequence[Workload] = WORKLOADS) -> None:
    """Create Services and their EndpointSlices in a cluster."""
    admin = cluster.api.admin
    for workload in workloads:
        created = await admin.create(SERVICES, service(workload, cluster.site))
        uid = created["metadata"]["uid"]
        await admin.create(ENDPOINT_SLICES, endpoint_slice(workload, cluster.site, uid))


async def scale(cluster: DemoCluster, workload: Workload, pods: int) -> None:
    """As many ready endpoints, as after `kubectl scale`."""
    wanted = {"endpoints": endpoints(workload, cluster.site, pods)}
    name = workload.slice_name(cluster.site)
    await cluster.api.admin.patch(ENDPOINT_SLICES, name, wanted, namespace=NAMESPACE)


async def export(cluster: DemoCluster, workload: Workload) -> None:
    """Create the ServiceExport."""
    await cluster.api.admin.create(service_exports(), service_export(workload.name))


async def unexport(cluster: DemoCluster, workload: Workload) -> None:
    """Delete the ServiceExport."""
    await cluster.api.admin.delete(service_exports(), workload.name, namespace=NAMESPACE)
