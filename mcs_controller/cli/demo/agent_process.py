"""One cluster's agent as a process of its own would run it, but killable and startable within the demo.

Each life of it has its own connections, its own metrics and its own memory, so that nothing but what is on
the API servers survives. Intervals are short, so that a member's death shows within seconds.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from mcs_controller.cli.connecting import connect
from mcs_controller.cli.controllers import make_manager
from mcs_controller.cli.terms import leading
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.metrics import HeartbeatCollector
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.events.recorder import EventRecorder
from mcs_controller.kube.tasks import Tasks
from mcs_controller.observe.log_context import log_context
from mcs_controller.page.source import Agent, Replica

HEARTBEAT_INTERVAL_SECONDS: Final = 0.5
MEMBER_TIMEOUT_SECONDS: Final = 2.5
CONFIRM_DELAY_SECONDS: Final = 0.5
SERVICE_METRICS: Final = 100


class AgentProcess(Collector):
    """Runs an agent for `cluster`; on the broker it is the user of that name."""

    def __init__(self, cluster: str, kubeconfig: Path, broker_kubeconfig: Path) -> None:
        self._config = AgentConfig(
            cluster_id=cluster,
            heartbeat_interval_seconds=HEARTBEAT_INTERVAL_SECONDS,
            member_timeout_seconds=MEMBER_TIMEOUT_SECONDS,
            confirm_delay_seconds=CONFIRM_DELAY_SECONDS,
            service_metrics=SERVICE_METRICS,
            manage_properties=True,
            report_to_inventory=True,
        )
        self._kubeconfig = kubeconfig
        self._broker_kubeconfig = broker_kubeconfig
        self._present: tuple[Manager, CollectorRegistry] | None = None

    async def run(self) -> None:
        """One life: until cancelled."""
        log_context.set({"cluster": self._config.cluster_id})
        local = connect(self._kubeconfig, None, name="local")
        try:
            broker = connect(self._broker_kubeconfig, self._config.cluster_id, name="broker")
            try:
                await self._work(local, broker)
            finally:
                await broker.close()
        finally:
            await local.close()

    async def _work(self, local: Client, broker: Client) -> None:
        registry, clock, random = CollectorRegistry(), SystemClock(), Random()
        recorder = EventRecorder(
            local,
            component="mcs-controller.io/agent",
            instance=f"mcs-agent-{self._config.cluster_id}",
            clock=clock,
            registry=registry,
        )
        presence = Presence(self._config, local, broker, clock=clock, random=random)
        registry.register(HeartbeatCollector(presence))
        context = Context.of(
            self._config,
            local=local,
            broker=broker,
            clock=clock,
            random=random,
            registry=registry,
            events=recorder,
        )
        manager = make_manager(context, presence=presence)
        self._present = manager, registry
        try:
            async with Tasks(f"agent-{self._config.cluster_id}") as tasks:
                tasks.start(recorder.run(), name="events", essential=False)
                tasks.start(presence.run(), name="presence")
                tasks.start(manager.run(), name="agent")
        finally:
            self._present = None

    @property
    def shown(self) -> Agent:
        """What its status page shows."""
        replica = Replica(self._config.cluster_id, f"mcs-agent-{self._config.cluster_id}", "", "")
        return Agent(self._config, lambda: replica, lambda: self._present and self._present[0])

    def problems(self) -> Mapping[str, str]:
        """What keeps it from being ready, by name."""
        return {"process": "is not running"} if self._present is None else self._present[0].problems()

    def collect(self) -> Iterator[Metric]:
        """Whether there is a life, and its metrics; without an election it leads as long as it lives."""
        yield leading(self._present is not None)
        if self._present is not None:
            yield from self._present[1].collect()
