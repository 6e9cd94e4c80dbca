"""IP families of a multi-cluster service (MCS-CON-12; architecture decision 3).

With a clusterset IP a family is offered only if every cluster's endpoints can be reached over it: the
intersection, so that traffic never finds only part of the backends. Headless services are the union, since
clients see the addresses themselves. Both in the winner's order.
"""

from collections.abc import Sequence

from mcs_controller.clusterset.model import AddressFamily, ExportRecord, ImportType


def merge_families(
    records: Sequence[ExportRecord], import_type: ImportType
) -> tuple[tuple[AddressFamily, ...], bool]:
    """The merged families of records in order of precedence, and whether they are in conflict."""
    winner = records[0].ip_families
    if import_type == "Headless":
        union = tuple(dict.fromkeys(family for record in records for family in record.ip_families))
        return union, any(set(record.ip_families) != set(union) for record in records)
    common = tuple(family for family in winner if all(family in record.ip_families for record in records))
    return common or winner, not common


def servable(families: Sequence[AddressFamily], served: Sequence[AddressFamily]) -> tuple[AddressFamily, ...]:
    """The families that a cluster can offer of a service, given those it serves; none means unknown."""
    return tuple(family for family in families if not served or family in served)
