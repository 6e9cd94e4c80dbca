"""What a look at an import made sure of, so that the next one has only the slices to look at.

Endpoints change far more often than all else, and to find again that nothing but them has costs more than to
write them. So a look that found import, derived Service and status as they must be notes what it went by
(`Ground`). The next look goes by the same if these are the very same objects, and then all that is a function
of them alone is as it was found: it is what the API server held when that object was read, and whatever
somebody does to one of them, an edit, a deletion, another version after a conflict, a new list, makes it
another object, or none.

What is a function of anything else is never noted: slices and their sources, what is retained and what is
told of it (time goes on), who is a member, the fuse and the places. A note is taken out before each look and
put back by one that ends well, so that a look that failed or went another way leaves none
(docs/decisions/0023-endpoint-changes.md).
"""

from collections.abc import Set
from typing import NamedTuple

from mcs_controller.clusterset.model import AddressFamily, ImportSpec, LocalImport, MergedService
from mcs_controller.controllers.services.imports.derived_services import Ground
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.store import Entry


class ImportGround(NamedTuple):
    """What import, derived Service and status follow from.

    `withdrawn` and `silent` are the exporters whose endpoints are not used, and those that count as alive
    though nothing is heard of them; `wants_ip` whether there is to be a clusterset IP;
    `slice_objects_pruned` whether the API server drops that field of the status.
    """

    imported: Entry[LocalImport]
    derived: Ground
    merged: MergedService
    withdrawn: Set[str]
    silent: Set[str]
    wants_ip: bool
    slice_objects_pruned: bool

    def is_same(self, other: "ImportGround | None") -> bool:
        """Whether a look would go by the same."""
        return (
            other is not None
            and self.imported is other.imported
            and self.merged is other.merged
            and self.derived.is_same(other.derived)
            and self[3:] == other[3:]
        )


class Settled(NamedTuple):
    """Import, derived Service and status are what they must be; `slices_exist` is what the status says."""

    ground: ImportGround
    slices_exist: bool


class Done(NamedTuple):
    """What a look has come to: the import as it is now, the spec that it is to have, what went wrong first.

    `served` are the families that this cluster is known to serve; `is_final` says that there was nothing to
    wait for. `rested_seconds` is when to look at a derived Service that rests.
    """

    imported: LocalImport
    spec: ImportSpec
    served: tuple[AddressFamily, ...]
    problem: KubeError | None = None
    rested_seconds: float | None = None
    is_final: bool = True
