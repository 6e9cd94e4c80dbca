"""A simulated cluster with the MCS API installed, and the objects that an importing agent would write."""

import asyncio
from collections.abc import Callable
from typing import Any

from mcs_controller.api.crd import all_crds
from mcs_controller.api.names import (
    LABEL_SERVICE_NAME,
    LABEL_SLICE_MANAGED_BY,
    LABEL_SOURCE_CLUSTER,
    MANAGED_BY,
)
from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    ENDPOINT_SLICES,
    MCS_GROUP,
    NAMESPACES,
    service_imports,
)
from mcs_controller.kube.client import Client


class Importer:
    """Writes ServiceImports and slices as an agent does; services are `namespace/name`."""

    def __init__(self, client: Client, version: str = "v1beta1") -> None:
        self.client = client
        self.imports = service_imports(version)

    async def install(self, *, versions: tuple[str, ...] = ("v1alpha1", "v1beta1")) -> None:
        """The CRD of ServiceImports, with only some of its versions served, and the namespace shop."""
        (crd,) = (crd for crd in all_crds() if crd["metadata"]["name"] == f"serviceimports.{MCS_GROUP}")
        for version in crd["spec"]["versions"]:
            version["served"] = version["name"] in versions
        await self.client.create(CUSTOM_RESOURCE_DEFINITIONS, crd)
        await self.client.create(NAMESPACES, {"metadata": {"name": "shop"}})

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
        labels = {
            LABEL_SERVICE_NAME: service_name,
            LABEL_SOURCE_CLUSTER: cluster,
            LABEL_SLICE_MANAGED_BY: MANAGED_BY,
        }
        await self._replace(
            ENDPOINT_SLICES,
            {
                "metadata": {"namespace": namespace, "name": name, "labels": labels},
                "addressType": "IPv4",
                "ports": [{"name": "pg", "port": 5432, "protocol": "TCP"}],
                "endpoints": [{"addresses": [ip], "conditions": {"ready": True}} for ip in addresses],
            },
        )

    async def drop_slice(self, name: str) -> None:
        """No such slice any more."""
        await self.client.delete(ENDPOINT_SLICES, name, namespace="shop")

    async def _put(self, service: str, spec: dict[str, Any]) -> None:
        namespace, _, name = service.partition("/")
        metadata = {"namespace": namespace, "name": name}
        ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
        await self._replace(self.imports, {"metadata": metadata, "spec": {"ports": ports, **spec}})

    async def _replace(self, resource: Any, body: dict[str, Any]) -> None:
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        metadata = body["metadata"]
        held = await self.client.list(
            resource, namespace=metadata["namespace"], field_selector=f"metadata.name={metadata['name']}"
        )
        if not held.items:
            await self.client.create(resource, body)
        else:
            metadata["resourceVersion"] = held.items[0]["metadata"]["resourceVersion"]
            await self.client.update(resource, body)


async def until(condition: Callable[[], bool], within_seconds: float = 60.0) -> None:
    """Wait, in the loop's time, until something holds."""
    async with asyncio.timeout(within_seconds):
        while not condition():  # noqa: ASYNC110 - conditions here are questions asked of a server
            await asyncio.sleep(0.01)


async def settled(number: Callable[[], int]) -> int:
    """What a number comes to when it changes no more for a while."""
    last = number() - 1
    while last != (last := number()):  # noqa: ASYNC110 - that nothing happens can only be waited for
        await asyncio.sleep(0.05)
    return last
