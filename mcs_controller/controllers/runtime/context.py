"""What every controller of one agent gets: settings, two API servers, clock, randomness, metrics, events."""

import random as randomness
from dataclasses import dataclass
from time import perf_counter

from prometheus_client import CollectorRegistry

from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.runtime.informers import Informers
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.events.sink import EventSink
from mcs_controller.kube.pacing.turns import WorkClock


@dataclass(frozen=True, slots=True)
class Context:
    """One agent's context. `local` and `broker` are the informers of each API server, with its client."""

    config: AgentConfig
    local: Informers
    broker: Informers
    clock: Clock
    random: randomness.Random
    registry: CollectorRegistry
    events: EventSink
    work_clock: WorkClock

    @classmethod
    def of(
        cls,
        config: AgentConfig,
        *,
        local: Client,
        broker: Client,
        clock: Clock,
        random: randomness.Random,
        registry: CollectorRegistry,
        events: EventSink,
        work_clock: WorkClock = perf_counter,
    ) -> "Context":
        """A context without informers yet: controllers ask for those they need."""
        return cls(
            config,
            Informers("local", local, random),
            Informers("broker", broker, random),
            clock,
            random,
            registry,
            events,
            work_clock,
        )
