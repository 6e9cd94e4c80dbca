"""A member cluster as its users have it: what they write to its API server, and what they find there.

Simulated or real makes no difference here: all goes through the product's own client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    NAMESPACES,
    SERVICES,
    Resource,
    service_exports,
    service_imports,
)
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound
from tests.support import crds
from tests.support.objects import EXPORTS, Object, export_body, namespace_body, service_body
from tests.support.reading import addresses_in, conditions_of, ready_addresses
from tests.support.users import put

SERVICE_NAME = "multicluster.kubernetes.io/service-name"
SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster"
DERIVED_SERVICE = "multicluster.kubernetes.io/derived-service"


class Site:
    """One cluster; `mcs_version` is the version of the MCS API that its users speak."""

    def __init__(self, name: str, api: Client) -> None:
        self.name = name
        self.api = api
        self.mcs_version = "v1beta1"

    # What users and administrators write

    async def install(self, *names: str, edit: Callable[[Object], None] | None = None) -> None:
        """Install the CRDs of the MCS API, or those named, after `edit` has changed them."""
        await crds.install(self.api, *(names or crds.MCS_CRDS), edit=edit)

    async def namespace(self, name: str) -> None:
        await self.api.create(NAMESPACES, namespace_body(name))

    async def service(self, namespace: str, name: str, **spec: Any) -> Object:
        """A Service; `http` 80 to 8080/TCP unless `ports` says otherwise."""
        return await self.api.create(SERVICES, service_body(name, namespace, **spec))

    async def export(self, namespace: str, name: str, **spec: Any) -> Object:
        kind = service_exports(self.mcs_version)
        return await self.api.create(kind, export_body(name, namespace, self.mcs_version, **spec))

    async def unexport(self, namespace: str, name: str) -> None:
        await self.api.delete(EXPORTS, name, namespace=namespace)

    async def edit(self, resource: Resource, namespace: str, name: str, patch: Object) -> Object:
        return await self.api.patch(resource, name, patch, namespace=namespace)

    async def put(self, resource: Resource, body: Object) -> Object:
        return await put(self.api, resource, body)

    # What they find

    async def held(self, resource: Resource, namespace: str, name: str) -> Object | None:
        try:
            return await self.api.get(resource, name, namespace)
        except NotFound:
            return None

    async def all_of(self, resource: Resource, namespace: str = "", selector: str = "") -> list[Object]:
        return (await self.api.list(resource, namespace=namespace, label_selector=selector)).items

    async def export_of(self, namespace: str, name: str) -> Object | None:
        return await self.held(service_exports(self.mcs_version), namespace, name)

    async def import_of(self, namespace: str, name: str) -> Object | None:
        return await self.held(service_imports(self.mcs_version), namespace, name)

    async def derived_of(self, namespace: str, name: str) -> Object | None:
        """The Service that the import names as its derived one."""
        imported = await self.import_of(namespace, name)
        derived = (imported or {"metadata": {}})["metadata"].get("annotations", {}).get(DERIVED_SERVICE)
        return await self.held(SERVICES, namespace, derived) if derived else None

    async def slices_of(self, namespace: str, name: str, source: str = "") -> list[Object]:
        """The imported slices, by name."""
        selector = f"{SERVICE_NAME}={name},{SOURCE_CLUSTER}" + (f"={source}" if source else "")
        return await self.all_of(ENDPOINT_SLICES, namespace, selector)

    async def addresses_of(self, namespace: str, name: str, source: str = "") -> set[str]:
        """All addresses in the imported slices."""
        return addresses_in(await self.slices_of(namespace, name, source))

    async def ready_addresses_of(self, namespace: str, name: str) -> set[str]:
        """Those of endpoints that are ready."""
        return ready_addresses(await self.slices_of(namespace, name))

    async def conditions(self, namespace: str, name: str) -> dict[str, tuple[str, str]]:
        """Of the ServiceExport: type to (status, reason)."""
        return conditions_of(await self.export_of(namespace, name))

    async def condition(self, namespace: str, name: str, kind: str) -> tuple[str, str] | None:
        """(status, reason) of one condition of the ServiceExport."""
        return (await self.conditions(namespace, name)).get(kind)

    async def import_conditions(self, namespace: str, name: str) -> dict[str, tuple[str, str]]:
        return conditions_of(await self.import_of(namespace, name))
