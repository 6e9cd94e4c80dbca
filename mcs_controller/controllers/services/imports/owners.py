"""Whether an import is still the object that is known, as far as that matters for what is made for it.

A derived Service and imported slices belong to their ServiceImport, by its UID. When a namespace is deleted
and made again while the API server cannot be reached, those kinds may be read again before ServiceImports.
What is made then belongs to an import that is no more, and the garbage collector deletes it: it would be made
and deleted again and again, as fast as the server allows, until ServiceImports are read.
"""

from typing import Final

from mcs_controller.clusterset.model import LocalImport, ServiceKey
from mcs_controller.controllers.runtime.object_writer import ObjectWriter
from mcs_controller.kube.errors import Conflict
from mcs_controller.kube.informer import Informer

_OTHER: Final = "the ServiceImport {}/{} that this was to belong to is gone, or is another object now"


class Owners:
    """Asked before anything is made for an import."""

    def __init__(self, imports: Informer[LocalImport], writer: ObjectWriter[LocalImport]) -> None:
        self._imports = imports
        self._writer = writer

    async def confirm(self, key: ServiceKey, uid: str) -> None:
        """Raise `Conflict` if the import is gone, or has another UID; the store then says so, too.

        While imports can be read, their watch tells. While they cannot, the server is asked; if it does not
        answer that either, nothing is raised.
        """
        if self._imports.reflector.problem is None:
            return
        held = self._imports.get(*key)
        if held is None or held.uid != uid or await self._writer.is_gone(held):
            raise Conflict(409, "Conflict", _OTHER.format(*key))
