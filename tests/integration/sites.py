"""A member cluster to tell a story on, whatever kind of API server it has.

Beside what its users write and read there is a way to run backends of a Service, the cluster's DNS server,
and what happens to clusters. `sim_site` has a simulated cluster with agent and DNS server in this process;
`real_site` a control plane with both as processes of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcs_controller.api.resources import SERVICES
from tests.integration.dig import Lookup
from tests.support.objects import Object
from tests.support.site import DERIVED_SERVICE, Site
from tests.support.waiting import eventually

HEARTBEAT_SECONDS = 1.0
MEMBER_TIMEOUT_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Backend:
    """A ready pod of a Service; the port is the one that it listens on."""

    name: str
    ip: str
    hostname: str = ""


EAST = (Backend("web-1", "10.1.0.1"), Backend("web-2", "10.1.0.2"))
WEST = (Backend("web-1", "10.2.0.1"),)


def port(name: str, number: int, protocol: str = "TCP", **more: Any) -> Object:
    """A port of a Service, whose backends listen on 8000 more."""
    return {"name": name, "port": number, "targetPort": 8000 + number, "protocol": protocol, **more}


class StorySite(Site, ABC):
    """One member cluster."""

    # What users do

    async def service(self, namespace: str, name: str, *backends: Backend, **spec: Any) -> Object:
        """A Service, `http` 80 to 8080/TCP unless said otherwise, with its backends."""
        created = await super().service(namespace, name, **spec)
        for backend in backends:
            await self.start_backend(namespace, name, backend)
        return created

    @abstractmethod
    async def start_backend(self, namespace: str, service: str, backend: Backend) -> None:
        """A pod of the Service is ready afterwards."""

    @abstractmethod
    async def stop_backend(self, namespace: str, service: str, name: str) -> None:
        """A pod of the Service is gone afterwards."""

    # What users see

    async def ready_import(self, namespace: str, name: str, exporters: Sequence[str]) -> Object:
        """The import, once it is ready and names these exporting clusters."""

        def is_ready(found: Object | None) -> bool:
            status = (found or {}).get("status") or {}
            ready = [one["status"] for one in status.get("conditions", ()) if one["type"] == "Ready"]
            return ready == ["True"] and [one["cluster"] for one in status["clusters"]] == list(exporters)

        found = await eventually(lambda: self.import_of(namespace, name), is_ready)
        assert found is not None
        return found

    async def has_addresses(self, namespace: str, name: str, *addresses: str) -> None:
        """The imported slices have exactly these ready endpoints."""
        await eventually(
            lambda: self.ready_addresses_of(namespace, name), lambda found: found == set(addresses)
        )

    async def is_told(self, namespace: str, name: str, kind: str, status: str, reason: str) -> None:
        """The export has this condition."""
        await eventually(
            lambda: self.condition(namespace, name, kind), lambda found: found == (status, reason)
        )

    async def derived_from(self, namespace: str, imported: Object) -> Object:
        """The Service that the import names as its derived one."""
        return await self.api.get(SERVICES, imported["metadata"]["annotations"][DERIVED_SERVICE], namespace)

    async def no_import(self, namespace: str, name: str) -> None:
        await eventually(lambda: self.import_of(namespace, name), lambda found: found is None)

    @abstractmethod
    async def lookup(self, name: str, kind: str = "A", *, tcp: bool = False) -> Lookup:
        """What this cluster's DNS server answers; `name` is below `svc.clusterset.local`."""

    async def answers(self, name: str, kind: str, *wanted: str, tcp: bool = False) -> None:
        """DNS answers exactly this."""
        expected = Lookup("NOERROR", tuple(sorted(wanted)))
        await eventually(lambda: self.lookup(name, kind, tcp=tcp), lambda seen: seen == expected)

    async def knows_nothing_of(self, name: str) -> None:
        await eventually(lambda: self.lookup(name), lambda seen: seen == Lookup("NXDOMAIN", ()))

    # What happens to clusters

    @abstractmethod
    async def restart_agent(self) -> None:
        """In order, as an upgrade does; the new one is ready afterwards."""

    @abstractmethod
    async def stop_agent(self) -> None: ...

    @abstractmethod
    async def start_agent(self) -> None:
        """It is ready afterwards."""

    @abstractmethod
    async def take_api_server_away(self) -> None: ...

    @abstractmethod
    async def bring_api_server_back(self) -> None: ...


async def new_namespace(sites: Sequence[StorySite], name: str) -> None:
    for site in sites:
        await site.namespace(name)
