"""Which policies of a kind are in force: what was read, and what may not be forgotten yet.

A policy that cannot be read any more stays in force as it was. One that was deleted does, too, until it is
clear that somebody deleted it: a CRD that goes takes its objects with it, and for that moment this looks the
same. It is clear when the kind has been read for `DOUBT_SECONDS` since the last deletion, and its CRD is not
being deleted; where the CRD may not be read, when the kind has been watched for that time without a break.
While the CRD is being deleted, which a finalizer may hold up for ever, nothing is known of new policies.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mcs_controller.api.resources import Resource
from mcs_controller.clusterset.model import StringMap
from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.services.policies.verdict import Policies, Words
from mcs_controller.controllers.runtime.informers import Informers, Kind
from mcs_controller.controllers.services.policies.kind_life import ending_text, is_ending
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.informer import Informer
from mcs_controller.kube.store import Entry

_log = logging.getLogger(__name__)

SETTLE_SECONDS: Final = 10.0
"""So long after a start the first list is waited for: until then nothing is said about any service."""

DOUBT_SECONDS: Final = 10.0
"""So long after its last object a CRD that is being deleted may still be served, and watched."""

READ_AGAIN_SECONDS: Final = 5.0


class KnownPolicies:
    """The policies of one kind. `on_change` is called when another verdict may follow.

    `labels` are those of the namespaces, without which nothing is said either.
    """

    def __init__(
        self,
        informers: Informers,
        kind: Kind[Policy],
        resource: Resource,
        words: Words,
        labels: Informer[StringMap],
    ) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.objects = informers.get(kind)
        self.words = words
        self._labels = labels
        self._answered = False
        self._in_force: dict[str, Policy] = {}
        self._unreadable: dict[str, str] = {}
        self._vanished: set[str] = set()
        self._removals = 0
        self._removed = asyncio.Event()
        # Whether the CRD is being deleted; None: it may not be read.
        self._is_ending: bool | None = False
        self._is_kind_read = False
        self._client = informers.client
        self._resource = resource
        self.objects.subscribe(self._changed)

    def answered(self) -> bool:
        """Whether something can be said, if only that the policies cannot be read."""
        return self._answered or (self.objects.synced() and self._labels.synced() and self._is_kind_read)

    def rules(self) -> Policies:
        """The policies that are in force now."""
        return Policies(tuple(self._in_force.values()), self._doubt())

    def unreadable(self) -> int:
        """How many policies cannot be read; at least one while the kind cannot."""
        is_unread = (
            not self.objects.synced() or self.objects.reflector.problem is not None or bool(self._is_ending)
        )
        return max(len(self._unreadable), int(is_unread))

    async def read_again(self) -> None:
        """Read the policies and the labels of namespaces now: watches may be late. Raises `KubeError`."""
        await self.objects.reflector.fetch()
        await self._labels.reflector.fetch()

    async def run(self) -> None:
        """Say what is so after a while, until cancelled."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._labels.wait_synced()
                await self.objects.wait_synced()
                await self._read_kind()
        except TimeoutError:
            pass
        self._answered = True
        self.on_change()
        if not self._is_kind_read:
            await self.objects.wait_synced()
            await self._read_kind()
            self.on_change()
        while True:
            if not self._is_ending:
                await self._removed.wait()
            self._removed.clear()
            await self._read_kind()
            await self._certain()
            for name in self._vanished:
                self._in_force.pop(name, None)
                self._unreadable.pop(name, None)
            self._vanished.clear()
            self.on_change()

    async def _certain(self) -> None:
        reflector = self.objects.reflector
        while True:
            lists, removals = reflector.lists, self._removals
            await asyncio.sleep(DOUBT_SECONDS)
            await self._read_kind()
            is_read = reflector.current() and reflector.problem is None and removals == self._removals
            if is_read and (
                self._is_ending is False or (self._is_ending is None and lists == reflector.lists)
            ):
                return

    async def _read_kind(self) -> None:
        """Read whether the CRD is being deleted, however long that takes."""
        while True:
            try:
                found = await is_ending(self._client, self._resource)
            except KubeError:
                await asyncio.sleep(READ_AGAIN_SECONDS)
                continue
            break
        is_changed = found != self._is_ending
        if is_changed and found:
            _log.warning(
                "%s; policies that vanish count on, and nothing new is let through",
                ending_text(self._resource),
            )
        self._is_ending, self._is_kind_read = found, True
        if is_changed:
            self.on_change()

    def _doubt(self) -> str:
        kind = self.words.kind
        if not self.objects.synced():
            problem = self.objects.reflector.problem
            return f"the kind {kind} cannot be read: {problem or 'its CRD is not installed'}"
        if self._answered and not self._is_kind_read:
            return f"it cannot be read whether the kind {kind} is being deleted"
        if self._is_ending:
            return ending_text(self._resource)
        for name, problem in self._unreadable.items():
            if name not in self._in_force:
                return f"{kind} {name} cannot be read: {problem}"
        return ""

    def _changed(self, old: Entry[Policy] | None, new: Entry[Policy] | None) -> None:
        if new is None:
            if old is not None:
                self._vanished.add(old.name)
                self._removals += 1
                self._removed.set()
            return
        self._vanished.discard(new.name)
        if new.value.problem:
            self._unreadable[new.name] = new.value.problem
        else:
            self._unreadable.pop(new.name, None)
            self._in_force[new.name] = new.value
        if old is None or replace(old.value, conditions=()) != replace(new.value, conditions=()):
            self.on_change()
