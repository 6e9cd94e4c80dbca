"""Merges the exports of one service into what the clusterset agrees on.

A pure function of the set of records: the oldest export wins by its own creationTimestamp, and equal age is
decided by cluster id (docs/decisions/0001-precedence.md, MCS-CON-01). Where the name belongs to some of the
clusters only their exports decide. Every cluster runs this on the same records and gets the same result,
whatever the order in which they arrived (MCS-NS-09). What is disputed is told by `disputes.py`.
"""

from collections.abc import Collection
from collections.abc import Set as AbstractSet

from mcs_controller.clusterset.model import ExportRecord, MergedService
from mcs_controller.clusterset.services.disputes import Precedence, conflicts
from mcs_controller.clusterset.services.ports import merge_ports


def by_precedence(
    records: Collection[ExportRecord], owners: AbstractSet[str] = frozenset()
) -> list[ExportRecord]:
    """The records, the winner first."""
    return sorted(records, key=lambda one: (one.cluster not in owners, one.exported_at, one.cluster))


def merge(records: Collection[ExportRecord], owners: AbstractSet[str] = frozenset()) -> MergedService:
    """What the records of one service amount to; there is at least one, and one per cluster.

    `owners` are the clusters to which the name belongs, whether they export it or not.
    """
    exporting_owners = frozenset(record.cluster for record in records if record.cluster in owners)
    order = Precedence(tuple(by_precedence(records, owners)), len(exporting_owners))
    winner = order.winner
    ports = merge_ports(order.deciding)
    return MergedService(
        service=winner.service,
        type=winner.type,
        ports=ports,
        affinity=winner.affinity,
        internal_traffic_policy=winner.internal_traffic_policy,
        traffic_distribution=winner.traffic_distribution,
        ip_families=winner.ip_families,
        labels=winner.labels,
        annotations=winner.annotations,
        clusters=tuple(sorted(record.cluster for record in records)),
        winner=winner.cluster,
        conflicts=conflicts(order, ports),
        owners=tuple(sorted(exporting_owners)),
    )
