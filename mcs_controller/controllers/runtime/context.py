"""What every controller of one process gets: settings, API servers, clock, randomness, metrics.

An agent's controllers get a `Context`, those of a hub a `HubContext`. The manager needs of either only what
`Surroundings` names.
"""

import random as randomness
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from prometheus_client import CollectorRegistry

from mcs_controller.controllers.config import AgentConfig, HubConfig
from mcs_controller.controllers.runtime.informers import Informers
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.events.sink import EventSink
from mcs_controller.kube.pacing.turns import WorkClock


class Surroundings(Protocol):
    """What a manager needs: a name for its tasks, the informers of each API server, and where metrics go."""

    @property
    def name(self) -> str: ...

    @property
    def sides(self) -> tuple[Informers, ...]: ...

    @property
    def registry(self) -> CollectorRegistry: ...


@dataclass(frozen=True, slots=True)
class HubContext:
    """One hub's context. `broker` are the informers of the broker's API server, with its client."""

    config: HubConfig
    broker: Informers
    clock: Clock
    random: randomness.Random
    registry: CollectorRegistry
    work_clock: WorkClock = perf_counter
    name: str = "hub"

    @property
    def sides(self) -> tuple[Informers, ...]:
        """The one API server."""
        return (self.broker,)


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

    @property
    def name(self) -> str:
        """The agent, by its cluster."""
        return f"agent-{self.config.cluster_id}"

    @property
    def sides(self) -> tuple[Informers, ...]:
        """Both API servers."""
        return (self.local, self.broker)

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
