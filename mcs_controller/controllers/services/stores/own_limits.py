"""Applies the limits of one member to this member's own exports, before they are published.

The member knows the exact size of its objects on the broker, and its own limits. Objects that importers would
leave out are not published: the ServiceExport says why, and a condition of the MemberCluster sums it up.
Importers may have other settings than this agent; limits stated in a MemberCluster apply to all.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from mcs_controller.api.names import CONDITION_WITHIN_LIMITS
from mcs_controller.clusterset.membership.limits import SERVICES, SLICES, published_bytes, sum_up
from mcs_controller.clusterset.model import Condition, ExportRecord, ServiceKey, SourceSlice
from mcs_controller.clusterset.services.naming import exported_service_name, exported_slice_name
from mcs_controller.controllers.membership.conditions import MemberConditions
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.stores.broker import BrokerStores
from mcs_controller.controllers.services.stores.intake import Intake
from mcs_controller.kube.errors import KubeError

LOOK_AGAIN_SECONDS: Final = 60.0
"""How often an export that does not fit is tried again: other exports may be withdrawn by then."""

CHECK_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class OwnLimits:
    """Says what may be published, and writes the condition of the MemberCluster."""

    def __init__(self, context: Context, broker: BrokerStores, membership: Membership) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.on_kept_back: Callable[[ServiceKey], None] = lambda key: None
        self._cluster_id = context.config.cluster_id
        self._broker = broker
        self._membership = membership
        self._conditions = MemberConditions(context)
        self._unpublished: dict[ServiceKey, list[tuple[str, str]]] = {}
        self._written: Condition | None = None

    def forget(self, key: ServiceKey) -> None:
        """The service is not exported."""
        self._unpublished.pop(key, None)

    def refuses_record(self, record: ExportRecord, body: Mapping[str, Any]) -> str | None:
        """Why the record, as in `body`, may not be published; None if it may."""
        was_kept_back = self.kept_back(record.service)
        self.forget(record.service)
        name = exported_service_name(record.service)
        refusal = self._ask(self._broker.own_record_intake, record.service, SERVICES, name, body, 0)
        if self.kept_back(record.service) != was_kept_back:
            self.on_kept_back(record.service)
        return refusal

    def refuses_slice(self, slice_: SourceSlice, body: Mapping[str, Any]) -> str | None:
        """Why the slice, as in `body`, may not be published; None if it may."""
        name = exported_slice_name(slice_.service.namespace, slice_.name)
        endpoints = sum([len(endpoint["addresses"]) for endpoint in body["spec"]["endpoints"]])
        return self._ask(self._broker.own_slice_intake, slice_.service, SLICES, name, body, endpoints)

    def kept_back(self, key: ServiceKey) -> bool:
        """Whether the whole export is not published, and so has no part in the clusterset."""
        return any(what == SERVICES for what, _ in self._unpublished.get(key, ()))

    def unpublished(self, key: ServiceKey) -> bool:
        """Whether a part of the service's export is not published, since it does not fit."""
        return key in self._unpublished

    def keeps_back(self) -> bool:
        """Whether any part of any export is not published, since it does not fit."""
        return bool(self._unpublished)

    def waits(self, record: ExportRecord) -> str:
        """The message for an export that importers may have no place for; "" if they have."""
        places = self._membership.limits(self._cluster_id).imports
        records = self._broker.own_records
        if len(records) <= places:
            return ""
        age = (record.exported_at, record.service)
        older = sum((one.value.exported_at, one.value.service) < age for one in records)
        if older < places:
            return ""
        return (
            f"each cluster imports at most {places} services of this cluster, but {len(records)} are "
            "exported: this one may have to wait until others are unexported, or the broker's administrator "
            "allows more (spec.limits.imports)"
        )

    def write_again(self) -> None:
        """The broker may have lost the condition: compare it again."""
        self._written = None

    async def run(self) -> None:
        """Keep the condition up to date, until cancelled."""
        await self._broker.wait_synced()
        while True:
            await self.step()
            await asyncio.sleep(CHECK_SECONDS)

    async def step(self) -> None:
        """Write the condition if it differs from the one written last."""
        if self._unpublished:
            for intake in (self._broker.own_record_intake, self._broker.own_slice_intake):
                intake.settle()
        wanted = self.condition()
        if wanted == self._written or not self._membership.verified:
            return
        try:
            await self._conditions.write(wanted)
        except KubeError as error:
            _log.warning("cannot write the condition WithinLimits of this MemberCluster: %s", error)
            return
        self._written = wanted
        if wanted.message:
            _log.warning("this cluster exceeds its limits: %s", wanted.message)
        self.on_change()

    def condition(self) -> Condition:
        """The condition that says whether all exports of this cluster are within limits."""
        problems = sum_up(
            Counter(refusal for refusals in self._unpublished.values() for refusal in refusals),
            exported=len(self._broker.own_records),
            limits=self._membership.limits(self._cluster_id),
        )
        if not problems:
            return Condition(CONDITION_WITHIN_LIMITS, "True", "WithinLimits")
        return Condition(CONDITION_WITHIN_LIMITS, "False", "OverLimits", problems)

    def _ask(
        self, intake: Intake, key: ServiceKey, what: str, name: str, body: Mapping[str, Any], endpoints: int
    ) -> str | None:
        size_bytes = published_bytes(body)
        reason = intake.refuses(self._cluster_id, name, size_bytes, endpoints)
        if reason is None:
            # Count it now: the next object is checked before the echo of this one arrives.
            intake.reserve(self._cluster_id, name, size_bytes, endpoints)
            return None
        self._unpublished.setdefault(key, []).append((what, reason))
        return sum_up({(what, reason): 1}, exported=0, limits=self._membership.limits(self._cluster_id))
