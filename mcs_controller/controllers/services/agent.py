"""One cluster's agent: its stores, its two reconcilers, and its membership, started and stopped as one.

Which change wakes which reconciler is said here and nowhere else. Everything is told by service key; a
reconciler that cannot act yet (a store not complete, a Service not read) returns, and is woken again by
what it lacked. An agent keeps nothing that could not be rebuilt from the two API servers.
"""

import asyncio
import logging
import random as randomness
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from mcs_controller.clusterset.model import LocalService, ServiceKey
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.former_ids import FormerIds
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.runtime.evidence import Evidence
from mcs_controller.controllers.services.confirmation import Confirmation
from mcs_controller.controllers.services.enqueueing import member_of, tell_by_name, tell_by_service
from mcs_controller.controllers.services.exports.export_status import ExportStatus
from mcs_controller.controllers.services.exports.exporter import Exporter
from mcs_controller.controllers.services.exports.mirror import OwnMirror
from mcs_controller.controllers.services.exports.own_limits import OwnLimits
from mcs_controller.controllers.services.imports.derived_services import DerivedServices
from mcs_controller.controllers.services.imports.import_cap import ImportCap
from mcs_controller.controllers.services.imports.import_fuse import ImportFuse
from mcs_controller.controllers.services.imports.import_status import ImportStatus
from mcs_controller.controllers.services.imports.importer import Importer
from mcs_controller.controllers.services.metrics import AgentMetrics, StateCollector
from mcs_controller.controllers.services.stores.broker import BrokerState
from mcs_controller.controllers.services.stores.local import LocalState
from mcs_controller.controllers.services.stores.retained import Retained
from mcs_controller.controllers.services.stores.view import ClustersetView
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.events.sink import EventSink
from mcs_controller.kube.metrics import KubeMetrics
from mcs_controller.kube.pacing.backoff import Backoff
from mcs_controller.kube.queue.ready import Lane, working_for
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.store import Entry
from mcs_controller.kube.tasks import Tasks

_log = logging.getLogger(__name__)

BREAKS_TOGETHER_SECONDS = 5.0
"""What shows within so long after a break of the broker's history is part of it."""


_EVERYBODY: Lane = "*"
"""A look at everything must not hold up what changes just then."""


class Agent:
    """Mirrors this cluster's exports to the broker and builds its imports from there.

    `presence` renews the membership and is run by the caller, for longer than the agent; without it the
    agent has one of its own.
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        local: Client,
        broker: Client,
        clock: Clock,
        random: randomness.Random,
        registry: CollectorRegistry,
        events: EventSink,
        presence: Presence | None = None,
    ) -> None:
        cluster = config.cluster_id
        self.cluster_id = cluster
        self.local = LocalState(cluster, local, clock=clock, random=random)
        self._own_presence = presence is None
        self.presence = presence or Presence(config, local, broker, clock=clock, random=random)
        self.membership = Membership(config, self.presence, broker, random=random)
        self.broker = BrokerState(cluster, broker, self.membership, random=random)
        self._retained = Retained(self.broker, self.membership)
        self._own_limits = OwnLimits(cluster, broker, self.broker, self.membership, clock)
        self._view = ClustersetView(
            self.local, self.broker, self._retained, self.membership, self._own_limits
        )
        self._metrics = AgentMetrics(registry)
        evidence = Evidence()
        mirror = OwnMirror(self.broker, clock)
        self._export_status = ExportStatus(self.local, clock=clock, random=random, events=events)
        self._import_status = ImportStatus(self.local, clock=clock, random=random, events=events)
        self._exporter = Exporter(
            self.local,
            self.broker,
            self._view,
            self.membership,
            evidence,
            self._own_limits,
            self._export_status,
            mirror,
            clock,
        )
        self._fuse = ImportFuse(
            self.local,
            self._view,
            self.membership,
            share=config.fuse_share,
            minimum=config.fuse_minimum,
        )
        self._import_cap = ImportCap(self.local, self.membership)
        importer = Importer(
            self.local,
            self._view,
            self._retained,
            self.membership,
            evidence,
            self._fuse,
            self._import_cap,
            self._import_status,
            DerivedServices(self.local, clock),
            self._metrics,
            clock,
            exclude_metadata=config.exclude_metadata,
        )
        self.exports: WorkQueue[ServiceKey] = WorkQueue(
            "exports",
            self._exporter.reconcile,
            workers=config.workers,
            random=random,
            describe=ServiceKey._asdict,
            lanes=True,
        )
        self.imports: WorkQueue[ServiceKey] = WorkQueue(
            "imports",
            importer.reconcile,
            workers=config.workers,
            random=random,
            describe=ServiceKey._asdict,
            lanes=True,
        )
        for status in (self._export_status, self._import_status):
            status.keys_ahead = lambda: len(self.exports) + len(self.imports)
        self._queues = (self.exports, self.imports, self._export_status.queue, self._import_status.queue)
        self._confirmation = Confirmation(
            self.local,
            self.broker,
            self.membership,
            evidence,
            config.confirm_delay_seconds,
            Backoff(1.0, 30.0, random=random),
            self._look_at_everything,
        )
        self._former_ids = FormerIds(
            self.membership, broker, interval_seconds=config.heartbeat_interval_seconds
        )
        StateCollector(
            self.local,
            self.broker,
            self._view,
            self._retained,
            self.membership,
            self._fuse,
            self._import_cap,
            self._former_ids,
            registry,
        )
        self._changed_namespaces: set[str] = set()
        mirror.listen(changed=lambda key: None, broke=self._history_broke)
        self._broke_at_seconds = -BREAKS_TOGETHER_SECONDS
        self._connect(KubeMetrics(registry))

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            FatalError: going on could harm another cluster.
        """
        end = self._lead()
        try:
            await self._work()
        finally:
            end()

    def _lead(self) -> Callable[[], None]:
        """State what is exported, and listen for a history that broke; the answer ends both."""
        self.presence.exported = self._exporter.written
        self.presence.newest_version = self.broker.newest_version
        end_listening = self.presence.listen(changed=lambda: None, broke=self._history_broke)

        def end() -> None:
            self.presence.exported = lambda: None
            self.presence.newest_version = lambda: "0"
            end_listening()

        return end

    async def _work(self) -> None:
        async with Tasks(f"agent-{self.cluster_id}") as tasks:
            if self._own_presence:
                tasks.start(self.presence.run(), name="presence")
            tasks.start(self.local.run(), name="local")
            tasks.start(self.broker.run(), name="broker")
            tasks.start(self.membership.run(), name="membership")
            for queue in self._queues:
                tasks.start(queue.run(), name=queue.name)
            tasks.start(self._announce_sync(), name="sync")
            tasks.start(self._confirmation.run(), name="confirmation")
            tasks.start(self._former_ids.run(), name="former ids")
            tasks.start(self._own_limits.run(), name="own limits")

    def synced(self) -> bool:
        """Whether both API servers have been read completely and this cluster's membership is known."""
        return not self.problems()

    def problems(self) -> dict[str, str]:
        """What keeps the agent from being ready, by name; empty when nothing does."""
        found = {}
        for side, state in (("local", self.local), ("broker", self.broker)):
            for reflector in state.reflectors:
                if reflector.problem is not None:
                    found[f"{side}: {reflector.name}"] = reflector.problem
                elif not reflector.synced():
                    found[f"{side}: {reflector.name}"] = "not read completely yet"
        if self.membership.problem is not None:
            found["membership"] = self.membership.problem
        return found

    async def _announce_sync(self) -> None:
        """Once a side has been read completely, everything that waited for it gets its look."""
        await self.local.wait_synced()
        self._look_at_everything()
        await self.broker.wait_synced()
        await self.membership.wait_observed()
        self._exporter.recheck(self._own_services())
        self._look_at_everything()

    def _history_broke(self, reason: str) -> None:
        """The broker was restored, wiped or rebuilt: take everything anew, and believe no absence."""
        now_seconds = asyncio.get_running_loop().time()
        if now_seconds < self._broke_at_seconds + BREAKS_TOGETHER_SECONDS:
            return
        self._broke_at_seconds = now_seconds
        self._metrics.history_breaks.inc()
        _log.error(
            "the broker has lost something or track of something: %s. Everything is read anew, and what is "
            "missing stays until its exporter says that it is gone",
            reason,
        )
        self.presence.hurry()
        self.broker.relist()
        self.membership.distrust()
        self._exporter.recheck(self._own_services())
        self._look_at_everything()

    def _look_at_everything(self) -> None:
        with working_for(_EVERYBODY):
            for key in self._view.services():
                self._look(key)

    def _look(self, key: ServiceKey) -> None:
        self.exports.add(key)
        self._look_at_import(key)

    def _look_at_import(self, key: ServiceKey) -> None:
        # The fuse counts at once, so that it knows of all that one list lacks before the first is withdrawn.
        self._fuse.look(key)
        self.imports.add(key)

    def _connect(self, metrics: KubeMetrics) -> None:
        local, broker = self.local, self.broker
        for queue in (*self._queues, local.loader):
            metrics.watch_queue(queue)
        # What could not be written is tried again as soon as who did not answer is heard of.
        broker.client.on_reached_again(self.exports.retry_unanswered)
        for queue in (self.imports, self._export_status.queue, self._import_status.queue, local.loader):
            local.client.on_reached_again(queue.retry_unanswered)
        for state in (local, broker):
            metrics.watch_client(state.client)
            for reflector in state.reflectors:
                metrics.watch_reflector(reflector, client=state.client.name)
        tell_by_name(local.exports, self._look)
        tell_by_name(local.imports, self._look_at_import)
        tell_by_service(local.source_slices, self._part_changed)
        tell_by_service(local.imported_slices, self.imports.add)
        tell_by_service(broker.records, self._record_changed, lane=member_of)
        tell_by_service(broker.slices, self._others_slice_changed, lane=member_of)
        tell_by_service(broker.own_records, self.exports.add)
        tell_by_service(broker.own_slices, self.exports.add)
        local.services.subscribe(self._service_changed)
        local.namespaces.subscribe(self._namespace_changed)
        local.on_loaded(self._look)
        self._import_cap.wake = self.imports.add
        self._own_limits.on_kept_back = self._look_at_import
        self._own_limits.on_change = self._look_at_own_exports
        self.membership.on_change(self._member_changed)
        self._retained.on_release(self._record_changed)
        self._retained.on_accounted(self._accounted_for)
        self.membership.on_sure(self._look_at_everything)

    def _accounted_for(self, cluster: str) -> None:
        """What waited for the word of a member, here or in part."""
        waiting = {
            ServiceKey(entry.namespace, entry.name)
            for entry in self.local.imports
            if not entry.value.clusters or cluster in entry.value.clusters
        }
        waiting.update(
            entry.value.service
            for entry in self.local.imported_slices
            if entry.value.source_cluster == cluster
        )
        for key in waiting:
            self._look_at_import(key)

    def _record_changed(self, key: ServiceKey) -> None:
        self._look_at_import(key)
        if self.local.exports.get(*key) is not None:
            self.exports.add(key)

    def _others_slice_changed(self, key: ServiceKey) -> None:
        """Of a service that nobody exports, and of which nothing is here, slices say nothing."""
        local = self.local
        if local.imports.get(*key) or local.imported_slices.indexed(key) or self._view.exported(key):
            self.imports.add(key)

    def _service_changed(self, old: Entry[LocalService] | None, new: Entry[LocalService] | None) -> None:
        for entry in (old, new):
            if entry is not None and entry.value.import_name:
                self.imports.add(ServiceKey(entry.namespace, entry.value.import_name))
        entry = new or old
        if entry is not None:
            self._part_changed(ServiceKey(entry.namespace, entry.name))

    def _part_changed(self, key: ServiceKey) -> None:
        """The Service of that name, or a slice of it: of no use to anybody but an export that was read.

        One that has not been read yet is looked at when it has been, and one that went was told itself.
        """
        if self.local.loaded(key):
            self._look(key)

    def _namespace_changed(self, old: Entry[bool] | None, new: Entry[bool] | None) -> None:
        if new is None or (old is not None and old.value == new.value):
            return
        if not self._changed_namespaces:
            # One look at all services for all namespaces of a list.
            asyncio.get_running_loop().call_soon(self._look_at_changed_namespaces)
        self._changed_namespaces.add(new.name)

    def _look_at_changed_namespaces(self) -> None:
        for key in self._view.services():
            if key.namespace in self._changed_namespaces:
                self.imports.add(key)
        self._changed_namespaces.clear()

    def _member_changed(self, cluster: str) -> None:
        self.broker.member_changed(cluster)
        if cluster == self.cluster_id:
            self._look_at_own_exports()
        with working_for(cluster):
            for entry in self.broker.records:
                if entry.value.cluster == cluster:
                    self._record_changed(entry.value.service)

    def _look_at_own_exports(self) -> None:
        for key in self._own_services():
            self._look(key)

    def _own_services(self) -> set[ServiceKey]:
        """What this cluster exports, what it has on the broker, and what waits to be looked at again."""
        found = self._exporter.unfinished()
        found.update(ServiceKey(export.namespace, export.name) for export in self.local.exports)
        for store in (self.broker.own_records, self.broker.own_slices):
            found.update(key for key in store.index_keys() if isinstance(key, ServiceKey))
        return found
