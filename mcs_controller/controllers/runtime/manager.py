"""Starts and stops controllers as one, and reports their readiness and metrics.

The manager knows no capability. All its state could be rebuilt from the API servers at any time.
"""

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from mcs_controller.controllers.runtime.context import Surroundings
from mcs_controller.controllers.runtime.controller import Controller
from mcs_controller.kube.client import Client
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.metrics import KubeMetrics
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.tasks import Tasks


class Manager:
    """Runs `controllers`, and the informers of `context` that they have asked for.

    All controllers must exist before, each with a name of its own: informers cannot be asked for later.
    """

    def __init__(self, context: Surroundings, controllers: Sequence[Controller]) -> None:
        self.controllers = {controller.name: controller for controller in controllers}
        if len(self.controllers) < len(controllers):
            raise ValueError("two controllers have the same name")
        self._name = context.name
        self._sides = context.sides
        self._show(KubeMetrics(context.registry))

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            ExceptionGroup: what a controller raised, a `FatalError` if going on could harm another cluster.
        """
        async with contextlib.AsyncExitStack() as stack:
            # The clients live longer than this manager, which must not live on in them.
            for queue, client in self._queues():
                stack.callback(client.contact.on_reached_again(queue.retry_unanswered))
            tasks = await stack.enter_async_context(Tasks(self._name))
            for side in self._sides:
                tasks.start(side.run(), name=side.side)
            for controller in self.controllers.values():
                tasks.start(controller.run(), name=controller.name)
            for queue, _ in self._queues():
                tasks.start(queue.run(), name=queue.name)

    def synced(self) -> bool:
        """Whether everything has been read completely and nothing is wrong."""
        return not self.problems()

    def problems(self) -> dict[str, str]:
        """Why the process is not ready, by name; empty when it is ready."""
        found: dict[str, str] = {}
        for side in self._sides:
            found.update(side.problems())
        for controller in self.controllers.values():
            found.update(controller.problems())
        return found

    def _show(self, metrics: KubeMetrics) -> None:
        for side in self._sides:
            metrics.watch_client(side.client)
            show = partial(_show_informer, metrics, side.client.name)
            for informer in side.required:
                show(informer)
            side.on_optional = show
        for queue, _ in self._queues():
            metrics.watch_queue(queue)

    def _queues(self) -> Iterator[tuple[WorkQueue[Any], Client]]:
        for controller in self.controllers.values():
            yield from controller.queues


def _show_informer(metrics: KubeMetrics, client: str, informer: Informer[Any]) -> None:
    metrics.watch_reflector(informer.reflector, client=client)
