"""Remembers the inputs of a reconcile that found nothing to write, so that the next checks only slices.

Endpoints change far more often than all else. To compare everything again costs more than to write the
endpoints. So a reconcile that found import, derived Service and status as wanted remembers its inputs
(`ImportGround`). If the next reconcile has the same inputs, by identity, all that depends only on them is
still as wanted: any change of such an object (an edit, a deletion, another version after a conflict, a new
list) makes a new object, or none.

What depends on anything else is never remembered: slices and their sources, retained objects and reports
about them (they change with time), membership, the fuse and the places for imports. The inputs are removed
before each reconcile and put back by one that succeeds. One that fails or goes another way leaves none
(docs/decisions/0023-endpoint-changes.md).
"""

from collections.abc import Set
from typing import NamedTuple

from mcs_controller.clusterset.model import AddressFamily, Condition, ImportSpec, LocalImport, MergedService
from mcs_controller.controllers.services.imports.derived_services import Ground
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.store import Entry


class ImportGround(NamedTuple):
    """All inputs of import, derived Service and status.

    `withdrawn` are the exporters whose endpoints are not used. `silent` are those that count as alive
    although they send no heartbeats. `wants_ip`: the import needs a clusterset IP. `slice_objects_pruned`:
    the API server prunes that field of the status. `locality` is what the status says of near endpoints.
    `note` is for the users of the import.
    """

    imported: Entry[LocalImport]
    derived: Ground
    merged: MergedService
    withdrawn: Set[str]
    silent: Set[str]
    wants_ip: bool
    slice_objects_pruned: bool
    locality: Condition | None = None
    note: str = ""

    def is_same(self, other: "ImportGround | None") -> bool:
        """Whether the inputs are the same; objects are compared by identity."""
        return (
            other is not None
            and self.imported is other.imported
            and self.merged is other.merged
            and self.derived.is_same(other.derived)
            and self[3:] == other[3:]
        )


class Settled(NamedTuple):
    """Import, derived Service and status are as wanted for `ground`; `slices_exist` is in the status."""

    ground: ImportGround
    slices_exist: bool


class Done(NamedTuple):
    """The outcome of a reconcile: the import as it is now, its wanted spec, and the first error.

    `served` are the families that this cluster is known to serve. `is_final`: nothing is left to wait for.
    `rested_seconds` is the time after which an idle derived Service must be checked again.
    """

    imported: LocalImport
    spec: ImportSpec
    served: tuple[AddressFamily, ...]
    problem: KubeError | None = None
    rested_seconds: float | None = None
    is_final: bool = True
