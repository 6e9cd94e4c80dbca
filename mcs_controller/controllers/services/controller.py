"""Services: mirrors this cluster's exports to the broker, and builds its imports from the broker.

There are two reconcilers, exporter and importer. Each has a work queue of services; both read the same
stores. All their state could be rebuilt from the two API servers.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from mcs_controller.api.resources import EXPORT_POLICIES, IMPORT_POLICIES, Resource
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.controllers.runtime.proof import Confirmation, Evidence
from mcs_controller.controllers.services.enqueueing import Enqueueing
from mcs_controller.controllers.services.exports.exporter import Exporter
from mcs_controller.controllers.services.exports.mirror import OwnMirror
from mcs_controller.controllers.services.imports.importer import Importer
from mcs_controller.controllers.services.let_go import LetGo
from mcs_controller.controllers.services.metrics import ServicesCollector, ServicesMetrics
from mcs_controller.controllers.services.one_by_one import OneByOneCollector
from mcs_controller.controllers.services.policies.gate import Gate
from mcs_controller.controllers.services.policies.metrics import PoliciesCollector
from mcs_controller.controllers.services.policies.status import PolicyStatus
from mcs_controller.controllers.services.stores.stores import Stores
from mcs_controller.kube.client import Client
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.tasks import Tasks


class ServicesController(Controller):
    """Exports and imports of one cluster."""

    name = "services"

    def __init__(self, context: Context, membership: MembershipController) -> None:
        members = membership.members
        self.stores = stores = Stores.of(context, members)
        self._membership = membership
        evidence = Evidence()
        mirror = OwnMirror(stores.broker)
        self.metrics = ServicesMetrics(context.registry)
        self._exporter = Exporter(context, stores, members, evidence, mirror)
        importer = Importer(context, stores, members, evidence, self.metrics)
        self.exports = _queue("exports", self._exporter.reconcile, context)
        self.imports = _queue("imports", importer.reconcile, context)
        statuses = (self._exporter.status, importer.status)
        behind_exports = importer.behind_exports
        behind_exports.keys_ahead = lambda: len(self.exports) + stores.local.unread_exports()
        for status in statuses:
            status.keys_ahead = lambda: len(self.exports) + len(self.imports) + len(behind_exports)
        local, broker = context.local.client, context.broker.client
        self.queues: tuple[tuple[WorkQueue[Any], Client], ...] = (
            (self.exports, broker),
            (self.imports, local),
            *((status.queue, local) for status in statuses),
            (stores.local.loader, local),
        )
        self._gates: list[Gate[Any]] = []
        if stores.export_gate is not None:
            self._add_gate(context, stores.export_gate, EXPORT_POLICIES)
        imports = stores.import_policies.gate if stores.import_policies is not None else None
        if imports is not None:
            self._add_gate(context, imports, IMPORT_POLICIES)
        self._enqueueing = Enqueueing(stores, members, self._exporter, importer, self.exports, self.imports)
        self._let_go = LetGo(stores, members)
        self._confirmation = Confirmation(
            evidence,
            first_read=[stores.local.wait_synced, stores.broker.wait_synced, members.wait_observed],
            read_again=[stores.local.confirm, members.confirm],
            delay_seconds=context.config.confirm_delay_seconds,
            random=context.random,
        )
        mirror.listen(changed=lambda key: None, broke=membership.history.broke)
        membership.history.on_break(self._read_everything_again)
        context.registry.register(PoliciesCollector({"export": stores.export_gate, "import": imports}))
        context.registry.register(
            ServicesCollector(
                stores,
                importer.fuse,
                importer.endpoint_fuse,
                importer.cap,
                importer.reserved,
                members,
                importer.locality,
            )
        )
        if (services_max := context.config.service_metrics) > 0:
            context.registry.register(OneByOneCollector(stores.local, services_max))

    async def run(self) -> None:
        """Give `presence` what it states, and run all that no queue does, until cancelled."""
        presence = self._membership.presence
        presence.exported = self._exporter.written
        presence.let_go = self._let_go.answers
        presence.newest_version = self.stores.broker.newest_version
        try:
            async with Tasks(self.name) as tasks:
                tasks.start(self.stores.local.run(), name="local")
                tasks.start(self.stores.broker.run(), name="broker")
                tasks.start(self.stores.own_limits.run(), name="own limits")
                for gate in self._gates:
                    tasks.start(gate.known.run(), name=gate.known.words.kind)
                    tasks.start(gate.run(), name=f"{gate.known.words.kind} refusals")
                tasks.start(self._enqueue_when_synced(), name="sync")
                tasks.start(self._enqueue_when_confirmed(), name="confirmation")
        finally:
            presence.exported = lambda: None
            presence.let_go = lambda: None
            presence.newest_version = lambda: "0"

    def _add_gate(self, context: Context, gate: Gate[Any], resource: Resource) -> None:
        status = PolicyStatus(context, gate, resource)
        self.queues = (*self.queues, (status.queue, context.local.client))
        gate.report = status.update
        self._gates.append(gate)

    async def _enqueue_when_synced(self) -> None:
        """Enqueue everything when a side has been read completely."""
        await self.stores.local.wait_synced()
        self._enqueueing.enqueue_everything()
        await self.stores.broker.wait_synced()
        await self._membership.members.wait_observed()
        self._exporter.recheck(self._enqueueing.own_exports())
        self._enqueueing.enqueue_everything()

    async def _enqueue_when_confirmed(self) -> None:
        """Enqueue everything when absence is proof: what an earlier agent left can be withdrawn."""
        await self._confirmation.run()
        self._enqueueing.enqueue_everything()

    def _read_everything_again(self) -> None:
        """The broker's history broke: what is held of it may be wrong."""
        self.stores.broker.relist()
        self.stores.own_limits.write_again()
        self._exporter.recheck(self._enqueueing.own_exports())
        self._enqueueing.enqueue_everything()


def _queue(
    name: str, reconcile: Callable[[ServiceKey], Awaitable[float | None]], context: Context
) -> WorkQueue[ServiceKey]:
    return WorkQueue(
        name,
        reconcile,
        workers=context.config.workers,
        random=context.random,
        describe=ServiceKey._asdict,
        lanes=True,
        work_clock=context.work_clock,
    )
