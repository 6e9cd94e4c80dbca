"""A whole clusterset in one process and in virtual time: a broker, clusters, and an agent in each.

    async with Clusterset() as world:
        await world.exported_by("east")

Verbs act on the API servers as users and their clusters do; questions are answered from what the API
servers hold. Nothing is asked of an agent itself but whether it is ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Self

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    SERVICES,
    Resource,
)
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.cluster import SimCluster
from tests.support import crds, waiting
from tests.support.agents import LoopClock, no_time
from tests.support.cluster import SLOW_AFTER_SECONDS, Cluster
from tests.support.objects import (
    Object,
    body,
    member_cluster,
)
from tests.support.reading import id_of, plain
from tests.support.site import SERVICE_NAME
from tests.support.waiting import PATIENCE_SECONDS

MEMBERS = ("east", "west", "north")
EAST, WEST, NORTH = ({f"10.{number}.0.1", f"10.{number}.0.2"} for number in (1, 2, 3))
"""The addresses that `deploy` gives to the endpoints of each of the three."""
SECOND_LOOK_SECONDS = 6.0


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
        self.broker = SimCluster(
            "broker", clock=LoopClock(), random=Random(f"{seed}broker"), work_clock=no_time
        )
        self.broker_api = self.broker.client()
        self.clusters = {
            name: Cluster(
                name,
                self.broker,
                number=number,
                seed=seed,
                service_cidrs=(service_cidrs or {}).get(name, ()),
                skew_seconds=(skew_seconds or {}).get(name, 0.0),
            )
            for number, name in enumerate(self.names, start=1)
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
        await crds.install(self.broker_api, *(names or crds.BROKER_CRDS), edit=self._edit_broker_crds)

    async def admit(self, name: str, spec: Object | None = None, *, with_namespace: bool = True) -> None:
        """What the broker's administrator does for a new member."""
        namespace = f"mcs-member-{name}"
        if with_namespace:
            await self.broker_api.create(NAMESPACES, {"metadata": {"name": namespace}})
        await self.broker_api.create(MEMBER_CLUSTERS, member_cluster(name, spec))

    async def publish(self, member: str, kind: Resource, name: str, **spec: Any) -> Object:
        """Write an object into a member's namespace on the broker, as that member could."""
        return await self.broker_api.create(kind, body(kind, name, f"mcs-member-{member}", spec=spec))

    async def everywhere(self, namespace: str) -> None:
        """A namespace in every cluster."""
        for cluster in self:
            await cluster.namespace(namespace)

    async def exported_by(self, *clusters: str, namespace: str = "shop", name: str = "web") -> None:
        """These deploy and export a service of a new namespace, one after the other, and all import it."""
        await self.everywhere(namespace)
        for cluster in clusters:
            await self[cluster].deploy(namespace, name)
        addresses = [self[cluster].addresses() for cluster in clusters]
        await self.imported(namespace, name, set().union(*addresses))

    async def until(
        self,
        holds: Callable[[], Awaitable[Any]],
        *,
        within_seconds: float = PATIENCE_SECONDS,
        what: Callable[[], object] = str,
    ) -> Any:
        """What `holds` gives, once it is true; `what` is asked for the words when it is not."""
        return await waiting.eventually(
            holds, within_seconds=within_seconds, slow_after_seconds=SLOW_AFTER_SECONDS, what=what
        )

    async def always(self, holds: Callable[[], Awaitable[Any]], *, for_seconds: float) -> None:
        """It is true, and stays so."""
        await waiting.always(holds, for_seconds=for_seconds)

    async def imported(
        self, namespace: str, name: str, addresses: set[str], *, within_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Every cluster has the import, ready, with exactly these endpoints."""
        for cluster in self:

            async def has(cluster: Cluster = cluster) -> bool:
                ready = (await cluster.import_conditions(namespace, name)).get("Ready")
                return ready == ("True", "Ready") and await cluster.addresses_of(namespace, name) == addresses

            await self.until(has, within_seconds=within_seconds, what=partial(_place, cluster))

    async def serves(
        self, cluster: str, addresses: set[str], *, within_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """In this cluster the import shop/web has exactly these endpoints."""

        async def has() -> bool:
            return await self[cluster].addresses_of("shop", "web") == addresses

        await self.until(has, within_seconds=within_seconds, what=partial(_place, self[cluster]))

    async def gone(self, namespace: str, name: str, *, within_seconds: float = PATIENCE_SECONDS) -> None:
        """No cluster has anything left of the import."""
        for cluster in self:

            async def lacks(cluster: Cluster = cluster) -> bool:
                selector = f"{SERVICE_NAME}={name}"
                return (
                    await cluster.import_of(namespace, name) is None
                    and not await cluster.all_of(ENDPOINT_SLICES, namespace, selector)
                    and not await cluster.all_of(SERVICES, namespace, selector)
                )

            await self.until(lacks, within_seconds=within_seconds, what=partial(_place, cluster))

    async def records(self) -> dict[str, Object]:
        """What the members hold on the broker, heartbeats left out."""
        return {
            id_of(resource, held): plain(held)
            for resource in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES)
            for held in (await self.broker_api.list(resource)).items
        }

    async def contents(self) -> Object:
        """All that agents may write anywhere."""
        found: Object = {"broker": await self.records()}
        for cluster in self:
            found[cluster.name] = await cluster.contents()
        return found

    async def settle(self) -> None:
        """Let time pass until nothing can be under way any more."""
        await waiting.settle()

    async def settled(self) -> Object:
        """The contents, once nothing is under way any more."""
        await self.settle()
        return await self.contents()


def _place(cluster: Cluster) -> str:
    return f"in {cluster.name}"
