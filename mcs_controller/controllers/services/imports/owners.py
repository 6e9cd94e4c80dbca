"""Whether an import is still the object that is known, as far as that matters for what is made for it.

A derived Service and imported slices belong to their ServiceImport, by its UID. When a namespace is deleted
and made again while the API server cannot be reached, those kinds may be read again before ServiceImports.
What is made then belongs to an import that is no more, and the garbage collector deletes it: it would be made
and deleted again and again, as fast as the server allows, until ServiceImports are read.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from mcs_controller.clusterset.model import LocalImport, ServiceKey
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.kube.client import WATCH_INACTIVITY_SECONDS
from mcs_controller.kube.errors import Conflict
from mcs_controller.kube.store import Store

REMEMBERED_SECONDS: Final = WATCH_INACTIVITY_SECONDS + 30.0
"""A watch that is silent has been given up by then."""
_OTHER: Final = "the ServiceImport {}/{} that this was to belong to is gone, or is another object now"


class Owners:
    """Asked before anything is made for an import."""

    def __init__(
        self,
        imports: Store[LocalImport],
        writer: ObjectWriter[LocalImport],
        imports_current: Callable[[], bool],
    ) -> None:
        self._imports = imports
        self._writer = writer
        self._imports_current = imports_current
        # By namespace and name of what was made: for which UID, and when; the oldest first.
        self._made: dict[tuple[str, str], tuple[str, float]] = {}

    async def confirm(self, key: ServiceKey, uid: str, name: str) -> None:
        """Raise `Conflict` if the import is gone, or has another UID; the store then says so, too.

        `name` is that of the object that is to be made. As a rule the watch of imports tells. While they are
        to be listed again, or if the same was made for the same import a moment ago, the server is asked. If
        it does not answer, nothing is raised.
        """
        again = self._is_made_again((key.namespace, name), uid)
        if self._imports_current() and not again:
            return
        held = self._imports.get(*key)
        if held is None or held.uid != uid or await self._writer.is_gone(held):
            raise Conflict(409, "Conflict", _OTHER.format(*key))

    def _is_made_again(self, made: tuple[str, str], uid: str) -> bool:
        now = asyncio.get_running_loop().time()
        while self._made and self._made[oldest := next(iter(self._made))][1] <= now - REMEMBERED_SECONDS:
            del self._made[oldest]
        uid_before, _ = self._made.pop(made, ("", now))
        self._made[made] = (uid, now)
        return uid_before == uid
