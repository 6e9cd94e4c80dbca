"""Merges the exports of one service into the values that all clusters use.

A pure function of the set of records. The oldest export wins, by its own creationTimestamp; the cluster id
decides between exports of equal age (docs/decisions/0001-precedence.md, MCS-CON-01). If clusters own the
name, only their exports decide. Every cluster merges the same records and gets the same result, in whatever
order the records arrived (MCS-NS-09). `disputes.py` describes the conflicts.
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


def precedence(records: Collection[ExportRecord], owners: AbstractSet[str] = frozenset()) -> Precedence:
    """The order that `merge` decides by; `owners` are the clusters that own the name."""
    exporting_owners = sum(record.cluster in owners for record in records)
    return Precedence(tuple(by_precedence(records, owners)), exporting_owners)


def merge(records: Collection[ExportRecord], owners: AbstractSet[str] = frozenset()) -> MergedService:
    """The merge of one service's records: at least one, and at most one per cluster.

    `owners` are the clusters that own the name, whether or not they export it.
    """
    order = precedence(records, owners)
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
        owners=tuple(sorted(record.cluster for record in order.records[: order.owners])),
    )
