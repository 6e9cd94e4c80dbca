"""One simulated cluster: storage, rules, controllers, server, faults, and the ways to reach it.

    async with SimCluster("east").serve() as url:
        ...

It has what a new cluster has: the namespaces default, kube-system and kube-public, and the Service
default/kubernetes.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network
from random import Random
from time import perf_counter
from types import TracebackType
from typing import Self

import yaml

from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock, SystemClock
from mcs_controller.kube.pacing.turns import WorkClock
from mcs_controller.simcluster.faults import Faults
from mcs_controller.simcluster.kinds.builtin import BUILTIN_KINDS
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.kinds.served import ServedKinds
from mcs_controller.simcluster.kinds.service_ips import ServiceIpAllocator
from mcs_controller.simcluster.lifecycles.background import Background
from mcs_controller.simcluster.lifecycles.custom_resources import CustomResources
from mcs_controller.simcluster.lifecycles.garbage import GarbageCollector
from mcs_controller.simcluster.lifecycles.namespaces import IMMORTAL, Namespaces
from mcs_controller.simcluster.serving.http import HttpFrontEnd
from mcs_controller.simcluster.serving.server import ApiServer
from mcs_controller.simcluster.serving.transport import InProcessTransport
from mcs_controller.simcluster.serving.watches import BOOKMARK_INTERVAL_SECONDS
from mcs_controller.simcluster.storage.objects import Objects
from mcs_controller.simcluster.storage.versions import HISTORY_EVENTS_PER_RESOURCE, Object, Snapshot, Storage

ADMIN = "admin"
CONTROLLER_DELAY_SECONDS = 0.02


class SimCluster:
    """A cluster in memory; needs a running event loop once it is written to."""

    def __init__(
        self,
        name: str,
        *,
        service_cidrs: Sequence[str] = ("10.96.0.0/16",),
        clock: Clock | None = None,
        random: Random | None = None,
        controller_delay_seconds: float = CONTROLLER_DELAY_SECONDS,
        bookmark_interval_seconds: float = BOOKMARK_INTERVAL_SECONDS,
        history_events: int = HISTORY_EVENTS_PER_RESOURCE,
        work_clock: WorkClock = perf_counter,
    ) -> None:
        self.name = name
        self._work_clock = work_clock
        clock = clock or SystemClock()
        random = random or Random()
        self._storage = Storage(history_events=history_events)
        self._service_ips = ServiceIpAllocator(service_cidrs)
        self._objects = Objects(self._storage, self._service_ips, clock=clock, random=random)
        self._background = Background(controller_delay_seconds)
        self._served = ServedKinds(BUILTIN_KINDS)
        self._namespaces = Namespaces(
            self._objects, self._kind("", "namespaces"), self._served.of_bucket, self._background
        )
        self._garbage = GarbageCollector(self._objects, self._served.of_bucket, self._background)
        self.faults = Faults(random, self._storage.compact)
        self.server = ApiServer(
            self._objects,
            self._served,
            self.faults,
            clock=clock,
            random=random,
            bookmark_interval_seconds=bookmark_interval_seconds,
        )
        CustomResources(
            self._objects,
            self._kind("apiextensions.k8s.io", "customresourcedefinitions"),
            self._served,
            self._background,
            clock,
            self.server.close_watches,
        )
        self._front_end: HttpFrontEnd | None = None
        self._seed(str(ip_network(service_cidrs[0])[1]))

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """How often each (verb, plural) was asked for."""
        return self.server.requests

    def transport(self, user: str = ADMIN) -> InProcessTransport:
        """A transport without sockets, as this user."""
        return InProcessTransport(self.server, user=user)

    def client(self, user: str = ADMIN, *, name: str = "") -> Client:
        """A client without sockets, as this user."""
        return Client(self.transport(user), name=name or self.name, work_clock=self._work_clock)

    @contextlib.asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Serve HTTP on loopback for as long as the block runs; gives the URL."""
        front_end = HttpFrontEnd(self.server, self.faults)
        async with front_end.serve(port):
            self._front_end = front_end
            try:
                yield front_end.url
            finally:
                self._front_end = None

    def kubeconfig(self, user: str = ADMIN) -> str:
        """A kubeconfig in YAML, valid while the cluster is served."""
        if self._front_end is None:
            raise RuntimeError(f"cluster {self.name} is not being served")
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.name, "cluster": {"server": self._front_end.url}}],
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": user}}],
            "current-context": self.name,
        }
        return yaml.safe_dump(config, sort_keys=False)

    def snapshot(self) -> Snapshot:
        """A backup of all objects."""
        return self._storage.snapshot()

    def restore(self, snapshot: Snapshot, *, bump_revision: int = 0, in_order: bool = False) -> None:
        """Go back to a backup of this cluster with the same kinds, as after a restore of etcd.

        Every watch ends, because the server restarts: the connection breaks, or with `in_order` the stream
        ends properly. Without `bump_revision`, versions go back. The cluster's own controllers restart, too.
        """
        self._storage.restore(snapshot, bump_revision=bump_revision)
        self._namespaces.begin_anew()
        self._garbage.begin_anew()
        specs = [one.object["spec"] for one in self._storage.select(("", "services"))]
        self._service_ips.hold_only(
            (ip for spec in specs for ip in spec.get("clusterIPs", ()) if ip != "None"),
            (port["nodePort"] for spec in specs for port in spec.get("ports", ()) if port.get("nodePort")),
        )
        self.faults.cut_watches(in_order=in_order)

    def close(self) -> None:
        """Stop background steps and end open watches."""
        self._background.close()
        self.faults.cut_watches(in_order=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _kind(self, group: str, plural: str) -> Kind:
        kind = self._served.find(group, "v1", plural)
        assert kind is not None
        return kind

    def _seed(self, first_ip: str) -> None:
        for namespace in IMMORTAL:
            self._objects.create(self._kind("", "namespaces"), "", {"metadata": {"name": namespace}})
        service: Object = {
            "metadata": {
                "name": "kubernetes",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "clusterIP": first_ip,
                "ports": [{"name": "https", "port": 443, "targetPort": 6443}],
            },
        }
        self._objects.create(self._kind("", "services"), "default", service)
