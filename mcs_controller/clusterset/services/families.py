"""IP families of a multi-cluster service (MCS-CON-12; docs/decisions/0003-ip-families.md).

The winner's families are used unchanged. A younger export removes no family, and adds none: clients that
prefer the added family would all go to that one cluster. Endpoints of other families are left out, and
the exporters see an IPFamilyConflict.
"""

from collections.abc import Sequence

from mcs_controller.clusterset.model import AddressFamily


def servable(families: Sequence[AddressFamily], served: Sequence[AddressFamily]) -> tuple[AddressFamily, ...]:
    """The families of a service that a cluster can serve; empty `served` means unknown."""
    return tuple(family for family in families if not served or family in served)
