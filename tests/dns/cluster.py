"""A simulated cluster with the MCS API installed, and the objects that an importing agent would write."""

from typing import Any

from mcs_controller.api.names import (
    LABEL_SERVICE_NAME,
    LABEL_SLICE_MANAGED_BY,
    LABEL_SOURCE_CLUSTER,
    MANAGED_BY,
)
from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    MCS_GROUP,
    NAMESPACES,
    service_imports,
)
from mcs_controller.kube.client import Client
from tests.support import crds
from tests.support.objects import Object, body, namespace_body
from tests.support.users import put


class Importer:
    """Writes ServiceImports and slices as an agent does; services are `namespace/name`."""

    def __init__(self, client: Client, version: str = "v1beta1") -> None:
        self.client = client
        self.imports = service_imports(version)

    async def install(self, *, versions: tuple[str, ...] = ("v1alpha1", "v1beta1")) -> None:
        """The CRD of ServiceImports, with only some of its versions served, and the namespace shop."""

        def serve(crd: Object) -> None:
            for version in crd["spec"]["versions"]:
                version["served"] = version["name"] in versions

        await crds.install(self.client, f"serviceimports.{MCS_GROUP}", edit=serve)
        await self.client.create(NAMESPACES, namespace_body("shop"))

    async def vip(self, service: str, *ips: str) -> None:
        """A ClusterSetIP import; written over if it exists."""
        families = ["IPv6" if ":" in ip else "IPv4" for ip in ips]
        await self._put(service, {"type": "ClusterSetIP", "ips": list(ips), "ipFamilies": families})

    async def headless(self, service: str) -> None:
        """A headless import."""
        await self._put(service, {"type": "Headless", "ipFamilies": ["IPv4"]})

    async def forget(self, service: str) -> None:
        """No import any more."""
        namespace, _, name = service.partition("/")
        await self.client.delete(self.imports, name, namespace=namespace)

    async def slice(self, name: str, service: str, cluster: str, *addresses: str) -> None:
        """An imported slice with ready endpoints; written over if it exists."""
        namespace, _, service_name = service.partition("/")
        made = body(
            ENDPOINT_SLICES,
            name,
            namespace,
            addressType="IPv4",
            ports=[{"name": "pg", "port": 5432, "protocol": "TCP"}],
            endpoints=[{"addresses": [ip], "conditions": {"ready": True}} for ip in addresses],
        )
        made["metadata"]["labels"] = {
            LABEL_SERVICE_NAME: service_name,
            LABEL_SOURCE_CLUSTER: cluster,
            LABEL_SLICE_MANAGED_BY: MANAGED_BY,
        }
        await put(self.client, ENDPOINT_SLICES, made)

    async def drop_slice(self, name: str) -> None:
        """No such slice any more."""
        await self.client.delete(ENDPOINT_SLICES, name, namespace="shop")

    async def _put(self, service: str, spec: dict[str, Any]) -> None:
        namespace, _, name = service.partition("/")
        ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
        await put(
            self.client, self.imports, body(self.imports, name, namespace, spec={"ports": ports, **spec})
        )
