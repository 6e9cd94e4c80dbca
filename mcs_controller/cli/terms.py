"""The terms of leadership of one process: while it leads, it has a manager, and metrics of its controllers.

Nothing of a lost term, a half-read store or a stale count, lives on in the next.
"""

import gc
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from mcs_controller.cli.process import freeze_after_sync
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.kube.tasks import Tasks


def leading(leads: bool, part: str = "agent") -> Metric:
    """The metric that says so, of an agent or a hub."""
    return GaugeMetricFamily(
        f"mcs_{part}_leading",
        "Whether this replica does the work (1) or another one does (0).",
        value=float(leads),
    )


class Terms(Collector):
    """One manager after the other, one for each time that this process leads."""

    def __init__(self, make_manager: Callable[[CollectorRegistry], Manager], *, part: str = "agent") -> None:
        self._make_manager = make_manager
        self._part = part
        self._present: tuple[Manager, CollectorRegistry] | None = None

    async def serve(self) -> None:
        """One term: until cancelled, or until the controllers cannot go on."""
        registry = CollectorRegistry()
        manager = self._make_manager(registry)
        self._present = manager, registry
        try:
            async with Tasks("term") as tasks:
                tasks.start(freeze_after_sync(manager.synced), name="settle", essential=False)
                await manager.run()
                tasks.stop()
        finally:
            self._present = None
            gc.unfreeze()

    @property
    def manager(self) -> Manager | None:
        """The present one; None while another replica leads."""
        return None if self._present is None else self._present[0]

    def problems(self) -> dict[str, str]:
        """The present manager's; none while another replica leads."""
        return {} if self._present is None else self._present[0].problems()

    def collect(self) -> Iterator[Metric]:
        """Whether this process leads, and the present term's metrics."""
        yield leading(self._present is not None, self._part)
        if self._present is not None:
            yield from self._present[1].collect()
