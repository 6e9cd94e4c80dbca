"""A whole clusterset in one process and in virtual time: a broker, clusters, and an agent in each.

    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world["east"].export("shop", "web")
        await world["west"].until(imported("shop", "web"))

Verbs act on the API servers as users and their clusters do; questions are answered from what the API
servers hold. Nothing is asked of an agent itself but whether it is ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import yaml

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    SERVICES,
    Resource,
    service_exports,
    service_imports,
)
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound
from mcs_controller.simcluster.cluster import SimCluster
from tests.controllers.processes import AgentProcess, LoopClock

Object = dict[str, Any]

CRDS = Path(__file__).resolve().parents[2] / "crds"
MCS_CRDS = ("serviceexports.multicluster.x-k8s.io", "serviceimports.multicluster.x-k8s.io")
BROKER_CRDS = tuple(
    f"{plural}.broker.mcs-controller.io"
    for plural in ("memberclusters", "exportedservices", "exportedendpointslices")
)
MEMBERS = ("east", "west", "north")
PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.05
QUIET_SECONDS = 30.0
SECOND_LOOK_SECONDS = 6.0
EXPORTS, IMPORTS = service_exports(), service_imports()


@cache
def _crd(name: str) -> Object:
    body: Object = yaml.safe_load((CRDS / f"{name}.yaml").read_text())
    return body


class Cluster:
    """One member cluster: its API server, its users and controllers, and its agent."""

    def __init__(
        self, world: Clusterset, name: str, service_cidrs: Sequence[str], skew_seconds: float
    ) -> None:
        self.name = name
        self.world = world
        self.clock = LoopClock(skew_seconds)
        self.sim = SimCluster(
            name,
            service_cidrs=service_cidrs,
            clock=LoopClock(skew_seconds),
            random=Random(f"{world.seed}{name}"),
        )
        self.api: Client = self.sim.client()
        self.process: AgentProcess | None = None
        self.settings: dict[str, Any] = {}
        self.mcs_version = "v1beta1"
        self._starts = 0

    # The agent

    @property
    def agent(self) -> AgentProcess:
        assert self.process is not None, f"no agent runs in {self.name}"
        return self.process

    def start(self, **settings: Any) -> AgentProcess:
        assert self.process is None
        self._starts += 1
        self.process = AgentProcess(
            AgentConfig(**{"cluster_id": self.name, **self.settings, **settings}),
            local=self.sim.transport("agent"),
            broker=self.world.broker.transport(f"member-{self.name}"),
            clock=self.clock,
            seed=self.world.seed + self._starts,
        )
        return self.process

    async def kill(self) -> list[str]:
        """What it wrote in its life."""
        process, self.process = self.agent, None
        await process.kill()
        return process.wire.writes

    async def restart(self, **settings: Any) -> AgentProcess:
        await self.kill()
        return self.start(**settings)

    async def ready(self) -> None:
        await self.world.until(self._is_ready, what=lambda: self.agent.agent.problems())

    async def _is_ready(self) -> bool:
        if self.agent.task.done():
            await self.agent.task
        return self.agent.agent.synced()

    # What users and the cluster's own controllers do

    async def install(self, *names: str, edit: Callable[[Object], None] | None = None) -> None:
        """Install CRDs, after `edit` has changed them."""
        for name in names or MCS_CRDS:
            body = yaml.safe_load(yaml.safe_dump(_crd(name))) if edit else _crd(name)
            if edit:
                edit(body)
            await self.api.create(CUSTOM_RESOURCE_DEFINITIONS, body)

    async def namespace(self, name: str) -> None:
        await self.api.create(NAMESPACES, {"metadata": {"name": name}})

    async def service(self, namespace: str, name: str, **spec: Any) -> Object:
        """A Service; `http` 80/TCP unless `ports` says otherwise."""
        spec.setdefault("ports", [{"name": "http", "port": 80, "targetPort": 8080}])
        body = {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"app": name}, **spec},
        }
        return await self.api.create(SERVICES, body)

    async def endpoints(
        self,
        namespace: str,
        service: str,
        *addresses: str,
        name: str = "",
        ports: Sequence[Object] = ({"name": "http", "port": 8080, "protocol": "TCP"},),
        labels: Object | None = None,
        **endpoint: Any,
    ) -> Object:
        """The slice of a Service as the cluster's endpoint controller would make it, created or replaced."""
        name = name or f"{service}-abc"
        body: Object = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {
                    "kubernetes.io/service-name": service,
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    **(labels or {}),
                },
            },
            "addressType": "IPv6" if any(":" in address for address in addresses) else "IPv4",
            "ports": list(ports),
            "endpoints": [
                {
                    "addresses": [address],
                    "conditions": {"ready": True, "serving": True, "terminating": False},
                    "nodeName": f"{self.name}-node",
                    "targetRef": {"kind": "Pod", "namespace": namespace, "name": f"{service}-{address}"},
                    **endpoint,
                }
                for address in addresses
            ],
        }
        try:
            held = await self.api.get(ENDPOINT_SLICES, name, namespace)
        except NotFound:
            return await self.api.create(ENDPOINT_SLICES, body)
        body["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
        return await self.api.update(ENDPOINT_SLICES, body)

    async def export(self, namespace: str, name: str, **spec: Any) -> Object:
        kind = service_exports(self.mcs_version)
        metadata = {"name": name, "namespace": namespace}
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec}
        return await self.api.create(kind, body)

    async def deploy(self, namespace: str, name: str, *addresses: str, **spec: Any) -> None:
        """A Service, its slice and its export."""
        await self.service(namespace, name, **spec)
        await self.endpoints(namespace, name, *(addresses or self.addresses()))
        await self.export(namespace, name)

    def addresses(self) -> tuple[str, ...]:
        """Two pods, in a network that tells the clusters apart."""
        number = self.world.names.index(self.name) + 1
        return f"10.{number}.0.1", f"10.{number}.0.2"

    async def unexport(self, namespace: str, name: str) -> None:
        await self.api.delete(EXPORTS, name, namespace=namespace)

    async def edit(self, resource: Resource, namespace: str, name: str, patch: Object) -> Object:
        return await self.api.patch(resource, name, patch, namespace=namespace)

    # What the API server holds

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
        annotations = (imported or {"metadata": {}})["metadata"].get("annotations", {})
        derived = annotations.get("multicluster.kubernetes.io/derived-service")
        return await self.held(SERVICES, namespace, derived) if derived else None

    async def slices_of(self, namespace: str, name: str, source: str = "") -> list[Object]:
        """The imported slices, by name."""
        selector = f"multicluster.kubernetes.io/service-name={name}"
        if source:
            selector += f",multicluster.kubernetes.io/source-cluster={source}"
        return [
            one
            for one in await self.all_of(ENDPOINT_SLICES, namespace, selector)
            if one["metadata"]["labels"].get("multicluster.kubernetes.io/source-cluster")
        ]

    async def addresses_of(self, namespace: str, name: str, source: str = "") -> set[str]:
        """All addresses in the imported slices."""
        return {
            address
            for one in await self.slices_of(namespace, name, source)
            for endpoint in one.get("endpoints") or ()
            for address in endpoint["addresses"]
        }

    async def conditions(self, namespace: str, name: str) -> dict[str, tuple[str, str]]:
        """Of the ServiceExport: type to (status, reason)."""
        return _conditions(await self.export_of(namespace, name))

    async def import_conditions(self, namespace: str, name: str) -> dict[str, tuple[str, str]]:
        return _conditions(await self.import_of(namespace, name))

    async def contents(self) -> Object:
        """All that an agent may write, without what no two runs share."""
        found: Object = {}
        for resource in (EXPORTS, IMPORTS, SERVICES, ENDPOINT_SLICES):
            for body in await self.all_of(resource):
                found[_id(resource, body)] = _plain(body)
        return found


class Clusterset:
    """A broker and member clusters; every agent runs unless `start` is False."""

    def __init__(
        self,
        *names: str,
        seed: int = 1,
        start: bool = True,
        service_cidrs: Mapping[str, Sequence[str]] | None = None,
        skew_seconds: dict[str, float] | None = None,
        members: Mapping[str, Object] | None = None,
        installed: Collection[str] | None = None,
        edit_broker_crds: Callable[[Object], None] | None = None,
        **settings: Any,
    ) -> None:
        self.names = names or MEMBERS
        self.seed = seed
        self._start = start
        self._members = members or {}
        self._installed = installed
        self._edit_broker_crds = edit_broker_crds
        self.broker = SimCluster("broker", clock=LoopClock(), random=Random(f"{seed}broker"))
        self.broker_api = self.broker.client()
        self.clusters = {
            name: Cluster(
                self,
                name,
                (service_cidrs or {}).get(name, (f"10.{96 + number}.0.0/16",)),
                (skew_seconds or {}).get(name, 0.0),
            )
            for number, name in enumerate(self.names)
        }
        for cluster in self.clusters.values():
            cluster.settings = settings

    @property
    def apis(self) -> dict[str, Client]:
        """A way to each cluster's API server."""
        return {cluster.name: cluster.api for cluster in self}

    def __getitem__(self, name: str) -> Cluster:
        return self.clusters[name]

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self.clusters.values())

    async def __aenter__(self) -> Self:
        await self.install_broker()
        self.empty_broker = self.broker.snapshot()
        for cluster in self:
            if self._installed is None or cluster.name in self._installed:
                await cluster.install()
            await self.admit(cluster.name, self._members.get(cluster.name))
        if self._start:
            for cluster in self:
                cluster.start()
            for cluster in self:
                await cluster.ready()
            # The second look after a start reads everything anew, and would mend what a test is to find.
            await asyncio.sleep(SECOND_LOOK_SECONDS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for cluster in self:
            if cluster.process is not None and not cluster.process.task.done():
                await cluster.kill()
            cluster.sim.close()
        self.broker.close()

    async def install_broker(self, *names: str) -> None:
        """The broker's CRDs, all of them unless some are named."""
        for name in names or BROKER_CRDS:
            body = yaml.safe_load(yaml.safe_dump(_crd(name)))
            if self._edit_broker_crds is not None:
                self._edit_broker_crds(body)
            await self.broker_api.create(CUSTOM_RESOURCE_DEFINITIONS, body)

    async def admit(self, name: str, spec: Object | None = None, *, with_namespace: bool = True) -> None:
        """What the broker's administrator does for a new member."""
        namespace = f"mcs-member-{name}"
        if with_namespace:
            await self.broker_api.create(NAMESPACES, {"metadata": {"name": namespace}})
        await self.broker_api.create(MEMBER_CLUSTERS, member_cluster(name, spec))

    async def publish(self, member: str, kind: Resource, name: str, **spec: Any) -> Object:
        """Write an object into a member's namespace on the broker, as that member could."""
        metadata = {"name": name, "namespace": f"mcs-member-{member}"}
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec}
        return await self.broker_api.create(kind, body)

    async def everywhere(self, namespace: str) -> None:
        """A namespace in every cluster."""
        for cluster in self:
            await cluster.namespace(namespace)

    async def until(
        self,
        holds: Callable[[], Awaitable[Any]],
        *,
        within_seconds: float = PATIENCE_SECONDS,
        what: Callable[[], object] = str,
    ) -> Any:
        """What `holds` gives, once it is true; `what` is asked for the words when it is not."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not (found := await holds()):
            waited = loop.time() - started
            assert waited < within_seconds, f"not within {within_seconds:g} s {what()}"
            await asyncio.sleep(POLL_SECONDS if waited < 2.0 else 20 * POLL_SECONDS)
        return found

    async def always(self, holds: Callable[[], Awaitable[Any]], *, for_seconds: float) -> None:
        """It is true, and stays so."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + for_seconds
        while loop.time() < deadline:
            assert await holds(), f"no longer so, {deadline - loop.time():.2f} s before the end"
            await asyncio.sleep(max(POLL_SECONDS, for_seconds / 100))

    async def imported(
        self, namespace: str, name: str, addresses: set[str], *, within_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Every cluster has the import, ready, with exactly these endpoints."""
        for cluster in self:

            async def has(cluster: Cluster = cluster) -> bool:
                ready = (await cluster.import_conditions(namespace, name)).get("Ready")
                return ready == ("True", "Ready") and await cluster.addresses_of(namespace, name) == addresses

            await self.until(has, within_seconds=within_seconds, what=partial(_place, cluster))

    async def gone(self, namespace: str, name: str, *, within_seconds: float = PATIENCE_SECONDS) -> None:
        """No cluster has anything left of the import."""
        for cluster in self:

            async def lacks(cluster: Cluster = cluster) -> bool:
                selector = f"multicluster.kubernetes.io/service-name={name}"
                return (
                    await cluster.import_of(namespace, name) is None
                    and not await cluster.all_of(ENDPOINT_SLICES, namespace, selector)
                    and not await cluster.all_of(SERVICES, namespace, selector)
                )

            await self.until(lacks, within_seconds=within_seconds, what=partial(_place, cluster))

    async def records(self) -> dict[str, Object]:
        """What the members hold on the broker, heartbeats left out."""
        return {
            _id(resource, body): _plain(body)
            for resource in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES)
            for body in (await self.broker_api.list(resource)).items
        }

    async def contents(self) -> Object:
        """All that agents may write anywhere."""
        found: Object = {"broker": await self.records()}
        for cluster in self:
            found[cluster.name] = await cluster.contents()
        return found

    async def settle(self) -> None:
        """Let time pass until nothing can be under way any more."""
        await asyncio.sleep(QUIET_SECONDS)

    async def settled(self) -> Object:
        """The contents, once nothing is under way any more."""
        await self.settle()
        return await self.contents()


def _place(cluster: Cluster) -> str:
    return f"in {cluster.name}"


def member_cluster(name: str, spec: Object | None = None) -> Object:
    """What the broker's administrator writes for a member."""
    return {
        "apiVersion": MEMBER_CLUSTERS.api_version,
        "kind": "MemberCluster",
        "metadata": {"name": name, "namespace": f"mcs-member-{name}"},
        "spec": spec or {},
    }


def import_by_hand(namespace: str, name: str, **spec: Any) -> Object:
    """A ServiceImport that some user wrote."""
    return {
        "apiVersion": IMPORTS.api_version,
        "kind": IMPORTS.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "ClusterSetIP", "ports": [], **spec},
    }


def _conditions(body: Object | None) -> dict[str, tuple[str, str]]:
    found = ((body or {}).get("status") or {}).get("conditions", ())
    return {one["type"]: (one["status"], one["reason"]) for one in found}


def _id(resource: Resource, body: Object) -> str:
    metadata = body["metadata"]
    return f"{resource.kind} {metadata['namespace']}/{metadata['name']}"


_PRIVATE = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation")


def _plain(body: Object) -> Object:
    """Without identity, versions and times."""

    def strip(value: Any) -> Any:
        if isinstance(value, list):
            return [strip(one) for one in value]
        if isinstance(value, dict):
            dropped = (*_PRIVATE, "lastTransitionTime", "observedGeneration", "changedAt", "exportedAt")
            return {key: strip(one) for key, one in value.items() if key not in dropped}
        return value

    plain: Object = strip(body)
    return plain
