"""The inventory: one ClusterProfile for each member of the clusterset (KEP-4322).

A reconcile computes the whole profile of one member from what was read, and `writer.py` applies what is
missing of it: nothing while nothing differs, and no profile more often than once in half a minute on average
(CP-14).
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.api.resources import (
    MEMBER_REPORTS,
    NAMESPACES,
    PROFILE_API,
    Resource,
    cluster_profiles,
)
from mcs_controller.clusterset.identity import cluster_of_namespace, member_namespace
from mcs_controller.clusterset.inventory.profile import (
    LABEL_CLUSTERSET,
    LABEL_MEMBER_ID,
    Held,
    Known,
    decode_profile,
    is_joined,
    profile_name,
    repeated,
    wanted,
)
from mcs_controller.clusterset.inventory.report import REPORT_NAME, Listed, Report, decode_report
from mcs_controller.clusterset.model import Member
from mcs_controller.controllers.inventory.members import Members
from mcs_controller.controllers.inventory.writer import ProfileWriter
from mcs_controller.controllers.runtime.context import HubContext
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.kube.clock import rfc3339
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.errors import NotFound
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.store import Entry

_log = logging.getLogger(__name__)

REPORT_KEPT_SECONDS: Final = 180.0
"""How long a report that vanished counts on: an agent looks after its report every minute."""
NAMESPACE_KEY: Final = ""
"""The key of the inventory's namespace, among those of members."""


class InventoryController(Controller, Collector):
    """Keeps the profiles of one inventory equal to what is known of the members."""

    name = "inventory"

    def __init__(self, context: HubContext) -> None:
        self._config = context.config
        self._client = context.broker.client
        self._clock = context.clock
        # In which version they are served. It is asked for before each list.
        self._profile = cluster_profiles()
        self._profiles: Informer[Held] = context.broker.add(
            "clusterprofiles",
            self._served_profiles,
            partial(decode_profile, manager=context.config.cluster_manager),
            namespace=context.config.inventory_namespace,
        )
        self._reports: Informer[Report] = context.broker.add(
            "memberreports",
            MEMBER_REPORTS,
            decode_report,
            # A member may create any number of other names: they are not even sent.
            field_selector=f"metadata.name={REPORT_NAME}",
        )
        self._members = Members(
            context.config,
            self._client,
            with_profiles=self._with_profiles,
            joined=self._joined,
            on_read=self._enqueue_all,
            random=context.random,
        )
        self._queue: WorkQueue[str] = WorkQueue(
            self.name, self._reconcile, workers=4, random=context.random, work_clock=context.work_clock
        )
        self.queues = ((self._queue, self._client),)
        self._missing_since_seconds: dict[str, float] = {}
        self._in_the_way: dict[str, str] = {}
        self._namespace_problem: str | None = None
        self._writer = ProfileWriter(
            self._client,
            self._profiles,
            lambda: self._profile,
            context.config.cluster_manager,
            context.registry,
        )
        context.registry.register(self)
        self._profiles.subscribe(self._profile_changed)
        self._reports.subscribe(self._report_changed)

    async def run(self) -> None:
        """Read the members at an interval, once all else has been read."""
        await self._profiles.wait_synced()
        await self._reports.wait_synced()
        await self._members.run()

    def problems(self) -> Mapping[str, str]:
        """What keeps the inventory from being right."""
        found = {}
        if self._members.problem is not None:
            found["members"] = self._members.problem
        if self._namespace_problem is not None:
            found["inventory namespace"] = self._namespace_problem
        return found

    def describe(self) -> Iterable[Metric]:
        """Names only: the values are counted at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The members, their heartbeats, and names that are taken."""
        yield GaugeMetricFamily(
            "mcs_hub_members", "Members of the clusterset.", value=len(self._members.listed)
        )
        yield GaugeMetricFamily(
            "mcs_hub_members_silent",
            "Members whose heartbeat has stopped, so that nobody knows how they are.",
            value=len(self._members.silent),
        )
        yield GaugeMetricFamily(
            "mcs_hub_profiles",
            "ClusterProfiles of this manager.",
            value=sum(one.value.ours for one in self._profiles),
        )
        yield GaugeMetricFamily(
            "mcs_hub_profile_names_taken",
            "Members without a profile, since an object of another manager has its name.",
            value=len(self._in_the_way),
        )
        age = GaugeMetricFamily(
            "mcs_hub_heartbeat_age_seconds",
            "Time since the hub last saw a member's heartbeat change, by its own clock.",
            labels=["member"],
        )
        for member, seconds in sorted(self._members.ages_seconds().items()):
            age.add_metric([member], seconds)
        yield age

    async def _served_profiles(self) -> Resource:
        self._profile = await served_resource(self._client, PROFILE_API, cluster_profiles)
        return self._profile

    def _profile_changed(self, old: Entry[Held] | None, new: Entry[Held] | None) -> None:
        entry = new or old
        if entry is not None:
            self._queue.add(_member_of(entry.name))

    def _report_changed(self, old: Entry[Report] | None, new: Entry[Report] | None) -> None:
        entry = new or old
        member = cluster_of_namespace(entry.namespace) if entry is not None else None
        if member is not None:
            self._queue.add(member)

    def _with_profiles(self) -> set[str]:
        return {_member_of(one.name) for one in self._profiles if self._is_named_by_us(one)}

    def _joined(self) -> set[str]:
        return {
            _member_of(one.name)
            for one in self._profiles
            if self._is_named_by_us(one) and is_joined(one.value)
        }

    def _is_named_by_us(self, entry: Entry[Held]) -> bool:
        expected = profile_name(self._config.cluster_manager, _member_of(entry.name))
        return entry.value.ours and entry.name == expected

    def _enqueue_all(self) -> None:
        for member in {NAMESPACE_KEY, *self._members.known, *self._with_profiles()}:
            self._queue.add(member)

    async def _reconcile(self, member: str) -> float | None:
        if not self._members.observed:
            return None
        if member == NAMESPACE_KEY:
            await self._label_namespace()
            return None
        if self._namespace_problem is not None:
            # Looked after by its own key, at each read of the members.
            return None
        name = profile_name(self._config.cluster_manager, member)
        entry = self._profiles.get(self._config.inventory_namespace, name)
        if entry is not None and not entry.value.ours:
            self._report_taken(member, name, entry.value.manager)
            return None
        self._in_the_way.pop(member, None)
        if entry is not None and self._members.forgotten(member):
            await self._delete(member, entry)
            return None
        known = self._known(member, entry)
        if known is None:
            return None
        return await self._bring_up(member, known, entry)

    def _known(self, member: str, entry: Entry[Held] | None) -> Known | None:
        """What is known of a member; None if nothing is to be done."""
        listed = self._members.known.get(member)
        if member in self._members.listed:
            if listed is None:
                return None
            return Known(
                listed,
                self._report(listed.member, entry),
                silent=member in self._members.silent,
                leaderless=member in self._members.leaderless,
                unproven=member in self._members.unproven,
            )
        if entry is None or not self._members.removed(member):
            return None
        # After a start only the profile remembers a member that was removed meanwhile.
        gone = listed or Listed(Member(member, object_uid=_member_id(entry.value)), entry.value.display_name)
        return Known(gone, removed=True)

    def _report(self, member: Member, entry: Entry[Held] | None) -> Report | None:
        """The member's report. One that is missing may be back soon, as when its kind is deleted and created
        again: what it said stays for a while, since others may have placed work by it.
        """
        name = member.cluster
        report = self._reports.get(member_namespace(name), REPORT_NAME)
        if report is not None:
            self._missing_since_seconds.pop(name, None)
            return report.value
        now_seconds = asyncio.get_running_loop().time()
        since_seconds = self._missing_since_seconds.setdefault(name, now_seconds)
        same = entry is not None and _member_id(entry.value) == member.object_uid
        if entry is None or not same or now_seconds - since_seconds >= REPORT_KEPT_SECONDS:
            return None
        return repeated(entry.value)

    async def _bring_up(self, member: str, known: Known, entry: Entry[Held] | None) -> float | None:
        target = wanted(
            known,
            entry.value if entry is not None else None,
            manager=self._config.cluster_manager,
            namespace=self._config.inventory_namespace,
            now_text=rfc3339(self._clock.now()),
        )
        try:
            return await self._writer.bring_up(member, target, entry)
        except NotFound:
            # The first who meets with a namespace that is missing tells it, for all.
            await self._label_namespace()
            if self._namespace_problem is None:
                raise
            return None

    async def _delete(self, member: str, entry: Entry[Held]) -> None:
        # The member may have joined again since all were read, and others act upon a profile that goes.
        if entry.value.ending or await self._members.is_back(member):
            return
        _log.warning("member %s was removed: deleting its profile %s", member, entry.name)
        await self._writer.delete(member, entry)
        self._missing_since_seconds.pop(member, None)

    def _report_taken(self, member: str, name: str, manager: str) -> None:
        if self._in_the_way.get(member) != manager:
            _log.warning(
                "member %s has no profile: %s/%s is one of manager %r, or has lost our label; it is left as "
                "it is. Delete it, or choose another --cluster-manager",
                member,
                self._config.inventory_namespace,
                name,
                manager,
            )
        self._in_the_way[member] = manager

    async def _label_namespace(self) -> None:
        """Label the inventory with the clusterset of all members, where nobody else did (CP-07)."""
        namespace = self._config.inventory_namespace
        try:
            found = await self._client.get(NAMESPACES, namespace)
        except NotFound:
            problem = (
                f"--inventory-namespace: namespace {namespace} does not exist: create it "
                f"(kubectl create namespace {namespace}), or name another"
            )
            if problem != self._namespace_problem:
                _log.warning("%s", problem)
            self._namespace_problem = problem
            return
        if self._namespace_problem is not None:
            _log.info("namespace %s is there", namespace)
            self._namespace_problem = None
            self._enqueue_all()
        names = {one.member.clusterset for one in self._members.known.values()}
        labels = found["metadata"].get("labels") or {}
        if len(names) == 1 and "" not in names and LABEL_CLUSTERSET not in labels:
            labelled = {"metadata": {"labels": {LABEL_CLUSTERSET: names.pop()}}}
            await self._client.patch(NAMESPACES, namespace, labelled)


def _member_of(name: str) -> str:
    """The member whose profile has this name."""
    return name.rpartition(".")[2]


def _member_id(held: Held) -> str:
    return held.labels.get(LABEL_MEMBER_ID, "")
