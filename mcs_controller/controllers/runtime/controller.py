"""The base class of controllers. A controller is one capability of the agent, independent of others."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from mcs_controller.kube.queue.work_queue import WorkQueue


class Controller(ABC):
    """Its `__init__` asks for informers, subscribes to them, and registers metrics, before anything runs.

    `name` is its name in `--controllers`. The manager runs the informers, the `queues`, and `run`.
    """

    name: str
    queues: Sequence[WorkQueue[Any]] = ()

    @abstractmethod
    async def run(self) -> None:
        """Do all that the queues do not do, until cancelled. Raises a `FatalError`."""

    def problems(self) -> Mapping[str, str]:
        """Why the controller is not ready, by name; without its informers' problems, empty when ready."""
        return {}
