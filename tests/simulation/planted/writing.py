"""Bugs of writing: preconditions, conflicts, changes that come meanwhile, and who may write at all."""

from __future__ import annotations

from typing import Any

from mcs_controller.api.resources import LEASES
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Conflict, ServerError
from mcs_controller.kube.fence import LeaseFence
from mcs_controller.kube.queue.work_queue import WorkQueue
from tests.simulation.planted.patching import Patch, always, bug


def _no_precondition(original: Any) -> Any:
    async def delete(self: Any, resource: Any, name: str, *, namespace: str = "", **options: Any) -> None:
        await original(self, resource, name, namespace=namespace, propagation=options.get("propagation"))

    return delete


def _no_version(original: Any) -> Any:
    async def update(self: Any, resource: Any, body: Any) -> Any:
        if resource != LEASES:
            metadata = {key: one for key, one in body["metadata"].items() if key != "resourceVersion"}
            body = {**body, "metadata": metadata}
        return await original(self, resource, body)

    return update


def _conflicts_are_final(original: Any) -> Any:
    def retry(self: Any, key: Any, error: BaseException) -> None:
        if not isinstance(error, Conflict):
            original(self, key, error)

    return retry


def _errors_end_it(original: Any) -> Any:
    def retry(self: Any, key: Any, error: BaseException) -> None:
        if isinstance(error, ServerError):
            raise error
        original(self, key, error)

    return retry


def _once_at_a_time(original: Any) -> Any:
    def add(self: Any, key: Any, lane: Any = None) -> None:
        if key not in self._running:
            original(self, key, lane)

    return add


def _open(original: Any) -> Any:
    async def opened(self: Any) -> None:
        return

    return opened


BUGS = {
    "delete-whatever-has-the-name": bug(
        "a deletion does not name the UID that it is for",
        Patch(Client, "delete", _no_precondition),
    ),
    "update-whatever-is-there": bug(
        "an update does not name the version that it replaces",
        Patch(Client, "update", _no_version),
    ),
    "forget-conflicts": bug(
        "a reconcile that met a conflict is not requeued",
        Patch(WorkQueue, "_retry", _conflicts_are_final),
    ),
    "errors-end-the-agent": bug(
        "a reconcile that the server fails (500, 503) ends the agent",
        Patch(WorkQueue, "_retry", _errors_end_it),
    ),
    "lose-changes-meanwhile": bug(
        "a key that is enqueued while it is worked on is forgotten",
        Patch(WorkQueue, "add", _once_at_a_time),
    ),
    "write-after-the-lease": bug(
        "who lost the Lease goes on writing",
        Patch(LeaseFence, "check", always(None)),
        Patch(LeaseFence, "opened", _open),
    ),
}
