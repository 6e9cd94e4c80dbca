"""IP families of a multi-cluster service (MCS-CON-12; docs/decisions/0003-ip-families.md).

They are the winner's, as they are: a younger export takes no family away from anybody, and adds none, which
would send all clients that prefer it to that one cluster. Endpoints of another family are left out, and
whoever differs is told by an IPFamilyConflict.
"""

from collections.abc import Sequence

from mcs_controller.clusterset.model import AddressFamily


def servable(families: Sequence[AddressFamily], served: Sequence[AddressFamily]) -> tuple[AddressFamily, ...]:
    """The families that a cluster can offer of a service, given those it serves; none means unknown."""
    return tuple(family for family in families if not served or family in served)
