"""Metrics of single services, for their owners: who exports one, with how many endpoints, in which condition.

They are off unless `--service-metrics` says how many services may have them, since each has a dozen series:
first those that this cluster exports, so that no other member can take their places with names of its own;
each in alphabetical order, so that the same ones do after a restart. The number of the others is told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.clusterset.model import Condition, Endpoint, LocalImport, ServiceKey
from mcs_controller.clusterset.services.locality import is_left_out, was_preferred
from mcs_controller.controllers.services.stores.local import LocalStores
from mcs_controller.observe.service_metrics import SERVICE_LABELS

READY, LEFT_OUT, NOT_READY = "ready", "left_out", "not_ready"
EXPORT_CONDITIONS: Final = {"Valid": "Valid", "Ready": "Ready", "Conflict": "Conflict"}
IMPORT_CONDITIONS: Final = {"Ready": "Ready", CONDITION_HELD: "Held"}
"""The types of conditions that are told, and the values of the label: others may write more of them."""

_ONLY: Final = "Only with --service-metrics."


class OneByOneCollector(Collector):
    """Tells of `services_max` services at most that this cluster exports or imports."""

    def __init__(self, local: LocalStores, services_max: int) -> None:
        self._local = local
        self._services_max = services_max

    def describe(self) -> Iterable[Metric]:
        """Names only: the values are counted at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        exported = {ServiceKey(*entry.key) for entry in self._local.exports}
        imported = {entry.value.service for entry in self._local.imports if entry.value.managed} - exported
        told = nsmallest(self._services_max, exported)
        told += nsmallest(self._services_max - len(told), imported)
        yield GaugeMetricFamily(
            "mcs_service_metrics_left_out",
            f"Services that are exported or imported here and have no metrics of their own. {_ONLY}",
            value=len(exported) + len(imported) - len(told),
        )
        yield self._endpoints(told)
        yield self._export_conditions(told)
        yield self._import_conditions(told)

    def _endpoints(self, told: Sequence[ServiceKey]) -> Metric:
        family = GaugeMetricFamily(
            "mcs_service_import_endpoints",
            "Endpoints of an imported service by exporting member and by state: ready, left_out (for nearer "
            f"ones), not_ready. {_ONLY}",
            labels=[*SERVICE_LABELS, "member", "state"],
        )
        for key in told:
            if (imported := self._import(key)) is not None:
                for member, states in self._by_member(imported).items():
                    for state, number in states.items():
                        family.add_metric([*key, member, state], number)
        return family

    def _by_member(self, imported: LocalImport) -> Mapping[str, Mapping[str, int]]:
        """By member and state; a pod that has an endpoint for each of two families counts once."""
        found = {member: _none() for member in imported.clusters}
        near_first = was_preferred(imported)
        tally: dict[tuple[str, str], dict[str, int]] = {}
        for entry in self._local.imported_slices.indexed(imported.service):
            family = tally.setdefault((entry.value.source_cluster, entry.value.content.address_type), _none())
            for endpoint in entry.value.content.endpoints:
                family[_state(endpoint, near_first=near_first)] += 1
        for (member, _), counts in tally.items():
            states = found.setdefault(member, dict(counts))
            states.update({state: max(states[state], number) for state, number in counts.items()})
        return found

    def _export_conditions(self, told: Sequence[ServiceKey]) -> Metric:
        family = GaugeMetricFamily(
            "mcs_service_export_condition",
            f"Whether a condition of the ServiceExport here is True (1): Valid, Ready, Conflict. {_ONLY}",
            labels=[*SERVICE_LABELS, "condition"],
        )
        for key in told:
            if (entry := self._local.exports.get(*key)) is not None:
                _add(family, key, entry.value.conditions, EXPORT_CONDITIONS)
        return family

    def _import_conditions(self, told: Sequence[ServiceKey]) -> Metric:
        family = GaugeMetricFamily(
            "mcs_service_import_condition",
            f"Whether a condition of the ServiceImport here is True (1): Ready, Held. {_ONLY}",
            labels=[*SERVICE_LABELS, "condition"],
        )
        for key in told:
            if (imported := self._import(key)) is not None:
                _add(family, key, imported.conditions, IMPORT_CONDITIONS)
        return family

    def _import(self, key: ServiceKey) -> LocalImport | None:
        entry = self._local.imports.get(*key)
        return None if entry is None or not entry.value.managed else entry.value


def _none() -> dict[str, int]:
    return dict.fromkeys((READY, LEFT_OUT, NOT_READY), 0)


def _state(endpoint: Endpoint, *, near_first: bool) -> str:
    if endpoint.ready is not False:
        return READY
    # Only where near endpoints are preferred does an agent mark any: else it is the exporter's own word.
    return LEFT_OUT if near_first and is_left_out(endpoint) else NOT_READY


def _add(
    family: GaugeMetricFamily, key: ServiceKey, conditions: Iterable[Condition], told: Mapping[str, str]
) -> None:
    """One that has not been written yet is not True."""
    true = {one.type for one in conditions if one.status == "True"}
    for kind, name in told.items():
        family.add_metric([*key, name], float(kind in true))
