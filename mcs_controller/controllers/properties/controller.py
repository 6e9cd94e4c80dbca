"""Cluster properties: reads the two well-known ones, and reports them to the broker and to Prometheus.

The CRD of ClusterProperty is optional: nothing is reported before it is installed. With --manage-properties
they are also written (`keeper.py`).
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.api.names import CONDITION_PROPERTIES
from mcs_controller.api.resources import ABOUT_API, ABOUT_GROUP, cluster_properties
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.properties.well_known import Property, decode_property, properties_condition
from mcs_controller.controllers.membership.conditions import MemberConditions
from mcs_controller.controllers.membership.controller import MembershipController
from mcs_controller.controllers.properties.keeper import PropertyKeeper
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.controllers.runtime.informers import Kind
from mcs_controller.kube.client import Client
from mcs_controller.kube.discovery import served_resource
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.reflector import ResourceOrResolver

_REPORT: Final = "report"
"""The one key of the queue: both properties are reported together."""
CHECK_REPORT_SECONDS: Final = 60.0
"""How often the report is compared with the broker, where somebody may have edited or lost it."""


class PropertiesController(Controller, Collector):
    """Keeps the report on the MemberCluster equal to what the ClusterProperties say."""

    name = "properties"

    def __init__(self, context: Context, membership: MembershipController) -> None:
        self._properties: Informer[Property] = context.local.get(_CLUSTER_PROPERTIES)
        self._members = membership.members
        self._conditions = MemberConditions(context)
        self._keeper = PropertyKeeper(context, self._properties) if context.config.manage_properties else None
        self._reports: WorkQueue[str] = WorkQueue(
            "properties", self._report, workers=1, random=context.random, work_clock=context.work_clock
        )
        self.queues = ((self._reports, context.broker.client),)
        self._properties.subscribe(lambda old, new: self._reports.add(_REPORT))
        context.registry.register(self)

    async def run(self) -> None:
        """Report once, as soon as the properties have been read and this cluster is a member.

        With --manage-properties also before: that their kind is missing.
        """
        await self._members.wait_observed()
        if self._keeper is not None:
            self._reports.add(_REPORT)
        await self._properties.wait_synced()
        self._reports.add(_REPORT)

    def describe(self) -> Iterable[Metric]:
        """Names only: the values are read at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The properties, as labels."""
        info = GaugeMetricFamily(
            "mcs_cluster_property_info",
            "The well-known cluster properties of this cluster (always 1).",
            labels=["name", "value"],
        )
        for name, found in self._found().items():
            if found.is_valid:
                info.add_metric([name, cut(found.value)], 1)
        yield info

    async def _report(self, key: str) -> float:
        if not self._members.verified:
            return CHECK_REPORT_SECONDS
        if self._keeper is not None:
            await self._keep(self._keeper)
            return self._keeper.wait_seconds or CHECK_REPORT_SECONDS
        if self._properties.synced():
            await self._tell()
        return CHECK_REPORT_SECONDS

    async def _keep(self, keeper: PropertyKeeper) -> None:
        if self._properties.synced():
            await self._conditions.write(properties_condition(*await keeper.look()))
        elif (trouble := await keeper.missing()) is not None:
            await self._conditions.write(properties_condition({}, trouble))

    async def _tell(self) -> None:
        found = self._found()
        if found:
            await self._conditions.write(properties_condition(found))
        else:
            # A cluster that sets neither lacks nothing.
            await self._conditions.remove(CONDITION_PROPERTIES)

    def _found(self) -> dict[str, Property]:
        return {entry.name: entry.value for entry in self._properties}


def _served(client: Client) -> ResourceOrResolver:
    return partial(served_resource, client, ABOUT_API, cluster_properties)


_CLUSTER_PROPERTIES: Final = Kind("clusterproperties", _served, decode_property, optional_group=ABOUT_GROUP)
