"""What the condition Held of a ServiceImport says: for people who list what is held, and release it."""

from typing import NamedTuple

from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.model import LocalImport, ServiceKey


class Held(NamedTuple):
    """An import of which something is held.

    `clusters` are those that exported it. `since` and `ends_at` are times as texts; `ends_at` is "" if the
    hold does not end by itself. `released`: its release is written, and the agent has not read it yet.
    """

    service: ServiceKey
    reason: str
    clusters: tuple[str, ...]
    since: str
    ends_at: str
    message: str
    released: bool

    @property
    def takes_release(self) -> bool:
        """Whether a release of the import ends it; silent members are released on the broker."""
        return self.reason != fuse.MEMBERS_SILENT


def held_of(imported: LocalImport) -> Held | None:
    """What is held of an import of ours; None if nothing is."""
    if not imported.managed or imported.deleting:
        return None
    for one in imported.conditions:
        if (one.type, one.status) == (CONDITION_HELD, "True"):
            return Held(
                imported.service,
                one.reason,
                imported.clusters,
                one.last_transition_at,
                fuse.ends_at(one),
                one.message,
                fuse.is_released(imported.annotations),
            )
    return None
