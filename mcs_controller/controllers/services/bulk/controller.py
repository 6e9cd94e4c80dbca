"""Bulk export: makes the ServiceExports that ServiceExportPolicies ask for, and removes what it made.

It only creates and deletes ServiceExports; what becomes of them is the business of the controller `services`,
as of those that users made. There is one only with --service-export-policies.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from mcs_controller.api.names import EXPORT_NEVER, LABEL_EXPORT
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.bulk.conditions import Wait
from mcs_controller.clusterset.services.policies.bulk.plan import Decision, decide
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    PolicyKey,
    Present,
    ServicePolicy,
    decode_present,
    export_body,
)
from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.controllers.services.bulk.metrics import BulkCollector
from mcs_controller.controllers.services.bulk.removals import Removals
from mcs_controller.controllers.services.bulk.status import BulkStatus
from mcs_controller.controllers.services.bulk.stores import BulkStores
from mcs_controller.kube.errors import AlreadyExists, ApiError, KubeError
from mcs_controller.kube.events.sink import ObjectRef
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.store import Entry

LOOK_AGAIN_SECONDS: Final = 30.0
"""How often what has to wait for something without an event is looked at: a doubt, a hold, a limit."""

LISTED_AFTER_SECONDS: Final = 5.0

AGAIN_FIRST_SECONDS: Final = 10.0
AGAIN_LONGEST_SECONDS: Final = 600.0
"""How long the ServiceExport that somebody deletes is not made again: twice as long each time, until it has
been there for the longest of these times."""

DELETED_BY_OTHERS: Final = (
    "somebody deleted its ServiceExport, which is made again, later each time: label the Service "
    f"{LABEL_EXPORT}={EXPORT_NEVER} to keep it from being exported"
)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Again:
    """A ServiceExport that others deleted: how often, and when it is made again, by the loop's time.

    `is_due`: it has not been made since.
    """

    times: int
    at_seconds: float
    is_due: bool = True


class BulkExportController(Controller):
    """ServiceExportPolicies of one cluster."""

    name = "service-export-policies"

    def __init__(self, context: Context, membership: MembershipController) -> None:
        self._cluster_id = context.config.cluster_id
        self._members = membership.members
        self._events = context.events
        self.stores = stores = BulkStores(context)
        self._removals = Removals(context)
        self._exports = ObjectWriter(stores.client, stores.exports_resource, stores.exports, decode_present)
        self._again: dict[ServiceKey, _Again] = {}
        self._removing: set[ServiceKey] = set()
        # By their uid, those of which nobody knows whether the deletion was carried out, or still will be.
        self._unanswered: dict[ServiceKey, str] = {}
        self._waits: dict[ServiceKey, Wait] = {}
        self._must_count = True
        self.services: WorkQueue[ServiceKey] = WorkQueue(
            "service-export-policies",
            self._reconcile,
            workers=context.config.workers,
            random=context.random,
            describe=ServiceKey._asdict,
            lanes=True,
            work_clock=context.work_clock,
        )
        self.status = BulkStatus(context, stores, self._removals, self._waits)
        self.queues = ((self.services, stores.client), (self.status.queue, stores.client))
        stores.on_service = self._service_changed
        stores.on_policies = self._policies_changed
        stores.on_export_gone = self._export_gone
        context.registry.register(BulkCollector(stores, self.status, self._waits))

    async def run(self) -> None:
        """Enqueue everything once all has been read; write the conditions of policies, until cancelled."""
        await self.stores.wait_synced()
        await self._members.wait_observed()
        for key in self.stores.services_of():
            self.services.add(key, lane=key.namespace)
        await self.status.run()

    def held(self) -> frozenset[PolicyKey]:
        """The policies of whose ServiceExports none is removed for now, since that would be too many."""
        return self._removals.held(self.stores.releases())

    async def _reconcile(self, key: ServiceKey) -> float | None:
        stores = self.stores
        if not self._is_ready():
            return None
        if stores.is_listing():
            return LISTED_AFTER_SECONDS
        if not stores.is_kind_sure():
            await stores.read_kind()
            self.status.changed()
        entry = stores.exports.get(*key)
        decision = self._decide(key)
        self._removals.put(key, entry.value if entry is not None else None, decision)
        if decision.action != "make":
            self._stops_waiting(key)
        match decision.action:
            case "make":
                return await self._make(key, decision)
            case "remove" if entry is not None:
                return await self._remove(key, entry, decision)
        # That a doubt ends is no event.
        is_in_doubt = decision.why == stores.known().doubt or decision.action == "keep"
        return LOOK_AGAIN_SECONDS if decision.why and is_in_doubt else None

    def _decide(self, key: ServiceKey) -> Decision:
        stores = self.stores
        service, export = stores.services.get(*key), stores.exports.get(*key)
        return decide(
            key,
            service.value if service is not None else None,
            export.value if export is not None else None,
            stores.known(),
            is_active=stores.namespace_is_active(key.namespace),
        )

    async def _make(self, key: ServiceKey, decision: Decision) -> float | None:
        policy = decision.policy
        if policy is None:
            raise AssertionError("what is made is made for a policy")
        again = self._again.get(key)
        left_seconds = again.at_seconds - asyncio.get_running_loop().time() if again is not None else 0.0
        if left_seconds > 0:
            self._put_off(key, Wait(DELETED_BY_OTHERS, failed=False))
            return left_seconds
        services_max = self._members.limits(self._cluster_id).services
        if len(self.stores.exports) >= services_max:
            why = f"this cluster may export {services_max} services, and has as many ServiceExports"
            self._put_off(key, Wait(why))
            return LOOK_AGAIN_SECONDS
        body = export_body(key, policy, self.stores.exports_resource().api_version)
        try:
            made = await self._exports.create(body)
        except AlreadyExists:
            # Somebody else was faster; what is there has been read now, if it can be.
            self._stops_waiting(key)
            return 0.0 if self.stores.exports.get(*key) is not None else LOOK_AGAIN_SECONDS
        except ApiError as error:
            self._put_off(key, Wait(str(error)))
            raise
        self._stops_waiting(key)
        self._removals.put(key, made.value, decision)
        self.status.changed()
        _log.info("exported by ServiceExportPolicy %s", policy.key)
        if again is not None and again.is_due:
            again.is_due = False
            self._tell_again(made, policy)
        return None

    async def _remove(self, key: ServiceKey, entry: Entry[Present], decision: Decision) -> float | None:
        stores, removals = self.stores, self._removals
        wait_seconds = removals.wait_seconds(key, decision, stores.removals)
        if wait_seconds:
            return min(wait_seconds, LOOK_AGAIN_SECONDS)
        if await stores.read_kind():
            # What went with its CRD was deleted by nobody.
            self._must_count = True
            self.status.changed()
            return LOOK_AGAIN_SECONDS
        await stores.read_again(key)
        if self._decide(key).action != "remove":
            return 0.0
        stores.has_seen_through()
        self._count_all()
        maker = entry.value.maker
        if maker in self.held():
            self.status.changed()
            return LOOK_AGAIN_SECONDS
        self._removing.add(key)
        try:
            await self._exports.delete(entry)
        except KubeError:
            if not await self._exports.is_gone(entry):
                self._unanswered[key] = entry.uid
                raise
        finally:
            self._removing.discard(key)
        self._unanswered.pop(key, None)
        removals.removed(key)
        self.status.changed()
        _log.info("no longer exported by ServiceExportPolicy %s: %s", maker, decision.why)
        return None

    def _count_all(self) -> None:
        """Before anything is removed, all that is to be removed is known."""
        if not self._must_count:
            return
        self._must_count = False
        there = {ServiceKey(*one.key) for one in self.stores.exports if one.value.maker is not None}
        for key in there.union(self._removals.made()):
            export = self.stores.exports.get(*key)
            self._removals.put(key, export.value if export is not None else None, self._decide(key))

    def _is_ready(self) -> bool:
        return all(one.synced() for one in (self.stores.services, self.stores.exports, self.stores.policies))

    def _put_off(self, key: ServiceKey, wait: Wait) -> None:
        self._waits[key] = wait
        self.status.changed()

    def _stops_waiting(self, key: ServiceKey) -> None:
        if self._waits.pop(key, None) is not None:
            self.status.changed()

    def _tell_again(self, made: Entry[Present], policy: ServicePolicy) -> None:
        resource = self.stores.exports_resource()
        regarding = ObjectRef(resource.api_version, resource.kind, made.namespace, made.name, made.uid)
        note = (
            f"somebody deleted it, and ServiceExportPolicy {policy.key} selects the Service: label that "
            f"{LABEL_EXPORT}={EXPORT_NEVER} to keep it from being exported"
        )
        self._events.event(regarding, "Warning", "ExportedAgain", note)

    def _service_changed(self, key: ServiceKey) -> None:
        if key not in self._removing:
            self._must_count = True
        if self.stores.services.get(*key) is None:
            self._again.pop(key, None)
        self.services.add(key, lane=key.namespace)
        self.status.changed()

    def _policies_changed(self, namespace: str) -> None:
        self._must_count = True
        for key in self.stores.services_of(namespace):
            self.services.add(key, lane=namespace)
        self.status.changed()

    def _export_gone(self, key: ServiceKey, export: Entry[Present]) -> None:
        """A ServiceExport is gone; what others than this controller deleted is made again later."""
        if key in self._removing:
            return
        if self._unanswered.pop(key, None) == export.uid:
            self._removals.removed(key)
            return
        if export.value.maker is None or self.stores.services.get(*key) is None:
            return
        now_seconds = asyncio.get_running_loop().time()
        last = self._again.get(key)
        times = 0
        if last is not None and now_seconds - last.at_seconds <= AGAIN_LONGEST_SECONDS:
            times = last.times + 1
        wait_seconds = min(AGAIN_FIRST_SECONDS * 2**times, AGAIN_LONGEST_SECONDS)
        self._again[key] = _Again(times, now_seconds + wait_seconds)
