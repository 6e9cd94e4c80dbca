"""Writes the ClusterProfiles: only what differs, and no profile more often than CP-14 allows.

All is applied server-side, with a field manager of its own, so that other writers keep what is theirs. What
was applied last is remembered: what is no longer wanted of it has to be applied away.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter

from mcs_controller.api.resources import Resource
from mcs_controller.clusterset.inventory.profile import Held, Wanted, decode_profile, differs, has_more
from mcs_controller.controllers.runtime.pace import Pace
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import (
    ApiError,
    KubeError,
    NotFound,
    NotLeading,
    ServerError,
    TransportError,
)
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.store import Entry

FIELD_MANAGER: Final = "mcs-controller-hub"
BURST: Final = 10
INTERVAL_SECONDS: Final = 30.0


class ProfileWriter:
    """Writes profiles of one manager; `resource` says in which version, and `profiles` is told of each."""

    def __init__(
        self,
        client: Client,
        profiles: Informer[Held],
        resource: Callable[[], Resource],
        manager: str,
        registry: CollectorRegistry,
    ) -> None:
        self._client = client
        self._profiles = profiles
        self._resource = resource
        self._manager = manager
        self._pace: Pace[str] = Pace(burst=BURST, interval_seconds=INTERVAL_SECONDS)
        self._applied: dict[str, Wanted] = {}
        # Members whose last write had no answer.
        self._unanswered: set[str] = set()
        self._writes = Counter(
            "mcs_hub_profile_writes",
            "Writes of ClusterProfiles that the API server confirmed, by what was written: head (labels and "
            "spec), status or delete.",
            ["what"],
            registry=registry,
        )
        for what in ("head", "status", "delete"):
            self._writes.labels(what)

    async def bring_up(self, member: str, target: Wanted, entry: Entry[Held] | None) -> float | None:
        """Write what is missing of `target`; how many seconds to wait if it is too soon for that.

        Raises `KubeError`.
        """
        held = entry.value if entry is not None else None
        head, status = differs(held, target) if held is not None else (True, True)
        if held is not None:
            # What others added stays, and is no reason to write; what we wrote once has to go.
            head_more, status_more = has_more(held, target)
            applied = self._applied.get(member)
            head = head or (head_more and (applied is None or applied.profile != target.profile))
            status = status or (status_more and (applied is None or applied.status != target.status))
        if (head or status) and (wait_seconds := self._pace.wait_seconds(member)):
            return wait_seconds
        if head:
            # What is written next is of the object that was made, and of no other that took its place since.
            entry = await self._apply(member, "head", target.profile, entry)
        if status:
            await self._apply(member, "status", target.status, entry)
        self._applied[member] = target
        return None

    async def delete(self, member: str, entry: Entry[Held]) -> None:
        """Delete the profile as it was read. Raises `KubeError`, `Conflict` if it was written meanwhile."""
        # Where it is gone already, all is well.
        with contextlib.suppress(NotFound):
            await self._client.delete(
                self._resource(),
                entry.name,
                namespace=entry.namespace,
                uid=entry.uid,
                resource_version=entry.resource_version,
            )
            self._writes.labels("delete").inc()
        self._applied.pop(member, None)
        self._unanswered.discard(member)

    async def _apply(
        self, member: str, what: str, body: Mapping[str, Any], entry: Entry[Held] | None
    ) -> Entry[Held]:
        resource = self._resource()
        # A profile that is known is ours, and fields of it are taken back from whoever changed them. One that
        # is not known is created: where somebody else was quicker, the server says that it conflicts.
        known = {"metadata": {**body["metadata"], "uid": entry.uid}} if entry is not None else {}
        self._pace.wrote(member)
        try:
            answer = await self._client.apply(
                resource,
                {"apiVersion": resource.api_version, "kind": resource.kind, **body, **known},
                manager=FIELD_MANAGER,
                subresource="status" if what == "status" else "",
                force=entry is not None,
            )
        except KubeError as error:
            self._not_written(member, error)
            raise
        self._unanswered.discard(member)
        self._writes.labels(what).inc()
        metadata, value = answer["metadata"], decode_profile(answer, self._manager)
        found = Entry(
            metadata["namespace"], metadata["name"], metadata["uid"], metadata["resourceVersion"], value
        )
        # The next look must not be at what was before this write.
        self._profiles.apply(found, silent=True)
        return found

    def _not_written(self, member: str, error: KubeError) -> None:
        """A refused write counts as an attempt only. One without an answer may have been made; the next ones
        to a server that is away have not.
        """
        if isinstance(error, TransportError | ServerError):
            if member in self._unanswered:
                self._pace.refused(member)
            self._unanswered.add(member)
        elif isinstance(error, NotLeading | ApiError):
            self._pace.refused(member)
