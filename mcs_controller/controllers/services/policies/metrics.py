"""What policies decide, in numbers; without policies all of them are 0."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.controllers.services.policies.gate import Gate


class PoliciesCollector(Collector):
    """Counts at scrape time; `gates` by what they decide about, None where policies are not asked."""

    def __init__(self, gates: Mapping[str, Gate[Any] | None]) -> None:
        self._gates = gates

    def describe(self) -> Iterable[Metric]:
        """Names only: the values are counted at scrape time."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        refused = GaugeMetricFamily(
            "mcs_policy_refused",
            "What policies of this cluster keep back: its exports (export); or what it would import, each "
            "exporter of each service (import).",
            labels=["policy"],
        )
        kept = GaugeMetricFamily(
            "mcs_policy_kept",
            "What goes on though no policy is known to allow it: policies cannot be read, there is none, or "
            "they would end too many at once.",
            labels=["policy"],
        )
        held = GaugeMetricFamily(
            "mcs_policy_held",
            "Whether policies would end too many at once (1), and somebody has to confirm it.",
            labels=["policy"],
        )
        unreadable = GaugeMetricFamily(
            "mcs_policy_unreadable",
            "Policies that cannot be read; at least 1 while the kind itself cannot.",
            labels=["policy"],
        )
        for name, gate in self._gates.items():
            actions = gate.actions() if gate is not None else {}
            refused.add_metric([name], actions.get("refuse", 0))
            kept.add_metric([name], actions.get("keep", 0))
            held.add_metric([name], float(gate is not None and gate.held != ""))
            unreadable.add_metric([name], gate.known.unreadable() if gate is not None else 0)
        yield refused
        yield kept
        yield held
        yield unreadable
