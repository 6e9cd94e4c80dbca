"""Reports: what this cluster says of itself for the inventory, in its MemberReport on the broker.

Its control plane, its version and its ClusterProperties; there is one only with --report-to-inventory. How
old a report is nobody has to guess: it says since when things are so, and the heartbeat of the member, which
says more often than that, whether anybody still looks. Only the leader writes, as all that passes the fence.
"""

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import Final

from mcs_controller.api.inventory import MAX_PROPERTY_CHARS
from mcs_controller.api.resources import ABOUT_API, ABOUT_GROUP, cluster_properties
from mcs_controller.clusterset.reports.control_plane import ControlPlane, carried_over
from mcs_controller.clusterset.reports.report import (
    Seen,
    Since,
    Told,
    WhySkipped,
    decode_seen,
    own,
    report_of,
    told_of,
)
from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.reports.metrics import ReportsCollector
from mcs_controller.controllers.reports.probe import Probe
from mcs_controller.controllers.reports.writer import ReportWriter
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.controllers.runtime.informers import Kind
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import rfc3339
from mcs_controller.kube.discovery import served_resource, served_versions
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.events.sink import ObjectRef
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.pacing.rate import TokenBucket
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.reflector import ResourceOrResolver
from mcs_controller.kube.store import Entry
from mcs_controller.kube.tasks import Tasks

_log = logging.getLogger(__name__)

_REPORT: Final = "report"
"""The one key of the queue."""
PROBE_SECONDS: Final = 3.0
CHECK_REPORT_SECONDS: Final = 60.0
"""How often the report is compared with the broker, where somebody may have edited or lost it."""
WRITES_AT_ONCE: Final = 10
WRITE_SPACING_SECONDS: Final = 30.0
"""As many writes as the profile that is made of the report may cost (CP-14)."""
NOT_YET_SECONDS: Final = 2.0
"""How soon it is looked again until this cluster is a member; nobody is asked for that."""
LOOKS_AT_ONCE: Final = 20
LOOK_SPACING_SECONDS: Final = 2.0
"""How often the broker is asked at most, whatever changes here, as ten thousand properties may."""

_TOO_LONG: Final[WhySkipped] = "ValueTooLong"
_NOTE: Final = (
    f"its value has more than {MAX_PROPERTY_CHARS} characters, so that the inventory does not have this "
    "property: values are told as they are, or not at all"
)
_API_VERSION: Final = cluster_properties(ABOUT_API.versions[0]).api_version
_KIND: Final = cluster_properties(ABOUT_API.versions[0]).kind


class ReportsController(Controller):
    """Keeps the MemberReport of this cluster as the cluster is."""

    name = "reports"

    def __init__(self, context: Context, membership: MembershipController) -> None:
        self._members = membership.members
        self._presence = membership.presence
        self._clock = context.clock
        self._random = context.random
        self._events = context.events
        self._local = context.local.client
        self._properties: Informer[Seen] = context.local.get(_REPORTED_PROPERTIES)
        self._probe = Probe(self._local)
        self._writer = ReportWriter(context)
        self._looks = TokenBucket(LOOKS_AT_ONCE, 1 / LOOK_SPACING_SECONDS)
        self._writes = TokenBucket(WRITES_AT_ONCE, 1 / WRITE_SPACING_SECONDS)
        self._control_plane: ControlPlane | None = None
        self._observed: dict[str, Since] = {}
        self._announced: set[tuple[str, str]] = set()
        self._reports: WorkQueue[str] = WorkQueue(
            "reports", self._report, workers=1, random=context.random, work_clock=context.work_clock
        )
        self.queues = ((self._reports, context.broker.client),)
        self._properties.subscribe(self._changed)
        context.registry.register(ReportsCollector(lambda: self._control_plane, self._found, self._writer))

    async def run(self) -> None:
        """Look at the control plane again and again, until cancelled."""
        await self._members.wait_observed()
        async with Tasks(self.name) as tasks:
            tasks.start(self._announce_synced(), name="properties", essential=False)
            tasks.start(self._look_for_ever(), name="control plane")

    async def _announce_synced(self) -> None:
        await self._properties.wait_synced()
        self._reports.add(_REPORT)

    async def _look_for_ever(self) -> None:
        while True:
            before = self._probe.proven
            found = await self._probe.look()
            if self._probe.proven != before:
                self._reports.add(_REPORT)
            if found != self._control_plane:
                _log.info("control plane: %s: %s", found.reason, found.message)
                self._control_plane = found
                self._reports.add(_REPORT)
            await asyncio.sleep(PROBE_SECONDS * self._random.uniform(0.9, 1.1))

    def _changed(self, old: Entry[Seen] | None, new: Entry[Seen] | None) -> None:
        if new is None:
            self._observed.pop(old.name if old is not None else "", None)
        elif new.value.value is not None and (old is None or old.value != new.value):
            self._observed[new.name] = Since(new.value.value, rfc3339(self._clock.now()))
        self._reports.add(_REPORT)

    async def _report(self, key: str) -> float:
        if not self._members.verified or self._control_plane is None:
            return NOT_YET_SECONDS
        now_seconds = asyncio.get_running_loop().time()
        if not self._looks.take(now_seconds):
            return self._looks.wait_seconds(now_seconds)
        held = await self._writer.held()
        if held is None:
            return CHECK_REPORT_SECONDS
        uid = self._presence.uid
        mine = own(held, uid)
        wanted = report_of(
            self._probe.version,
            carried_over(self._control_plane, mine.control_plane, proven=self._probe.proven),
            await self._told(),
            self._observed,
            held=mine,
            now=rfc3339(self._clock.now()),
            cluster_uid=uid,
        )
        if held in (wanted, wanted if self._writer.takes_uid else replace(wanted, cluster_uid="")):
            self._writer.is_told()
            return CHECK_REPORT_SECONDS
        now_seconds = asyncio.get_running_loop().time()
        if not self._writes.take(now_seconds):
            return self._writes.wait_seconds(now_seconds)
        await self._writer.write(wanted)
        return CHECK_REPORT_SECONDS

    def _found(self) -> dict[str, Seen]:
        return {entry.name: entry.value for entry in self._properties}

    async def _told(self) -> Told | None:
        """What is told of the properties; None while they have not been read: then what was told stays."""
        if self._properties.synced():
            told = told_of(self._found())
            self._announce(told)
            return told
        try:
            return None if await served_versions(self._local, ABOUT_GROUP) else Told()
        except KubeError:
            return None

    def _announce(self, told: Told) -> None:
        """An Event for each that somebody would have to shorten, once."""
        entries = (self._properties.get("", name) for name, why in told.skipped.items() if why == _TOO_LONG)
        too_long = {(entry.name, entry.uid) for entry in entries if entry is not None}
        for name, uid in sorted(too_long - self._announced):
            regarding = ObjectRef(_API_VERSION, _KIND, "", name, uid)
            self._events.event(regarding, "Warning", "PropertyNotReported", _NOTE)
        self._announced = too_long


def _served(client: Client) -> ResourceOrResolver:
    return partial(served_resource, client, ABOUT_API, cluster_properties)


_REPORTED_PROPERTIES: Final = Kind("reported-properties", _served, decode_seen, optional_group=ABOUT_GROUP)
