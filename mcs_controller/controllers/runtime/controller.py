"""What a controller is: one capability of the agent, at work beside others that do not know it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from mcs_controller.kube.queue.work_queue import WorkQueue


class Controller(ABC):
    """Made before anything runs: it asks for its informers, subscribes to them, and registers its metrics.

    `name` is what `--controllers` calls it. The manager runs the informers, the `queues`, and `run`.
    """

    name: str
    queues: Sequence[WorkQueue[Any]] = ()

    @abstractmethod
    async def run(self) -> None:
        """Do what is not done by the queues, until cancelled. Raises `FatalError`s of the room."""

    def problems(self) -> Mapping[str, str]:
        """What keeps it from being ready besides its informers, by name; empty when nothing does."""
        return {}
