"""The base class of controllers. A controller is one capability of an agent or a hub."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from mcs_controller.kube.client import Client
from mcs_controller.kube.queue.work_queue import WorkQueue


class Controller(ABC):
    """Its `__init__` asks for informers, subscribes to them, and registers metrics, before anything runs.

    `name` is its name in `--controllers`. The manager runs the informers, the `queues`, and `run`. Each queue
    is named with the API server that its reconciles write to: keys that failed because it did not answer are
    retried when it answers again.
    """

    name: str
    queues: Sequence[tuple[WorkQueue[Any], Client]] = ()

    @abstractmethod
    async def run(self) -> None:
        """Do all that the queues do not do, until cancelled; it may return when there is nothing more to do.

        Whatever it raises ends the process: `FatalError` if going on could harm another cluster.
        """

    def problems(self) -> Mapping[str, str]:
        """Why the controller is not ready, by name; without its informers' problems, empty when ready."""
        return {}
