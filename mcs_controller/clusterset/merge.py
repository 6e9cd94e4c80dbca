"""Merges the exports of one service into what the clusterset agrees on, and says what they dispute.

A pure function of the set of records: the oldest export wins by its own creationTimestamp, and equal age is
decided by cluster id (architecture decision 1, MCS-CON-01). Every cluster runs this on the same records and
gets the same result, whatever the order in which they arrived (MCS-NS-09).
"""

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence

from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.model import (
    Conflict,
    ExportRecord,
    MergedService,
    ServicePort,
    StringMap,
)
from mcs_controller.clusterset.ports import MAX_PORTS, crowded_out, merge_ports

_SHOWN_ITEMS = 10


def by_precedence(records: Collection[ExportRecord]) -> list[ExportRecord]:
    """The records, the winner first."""
    return sorted(records, key=lambda record: (record.exported_at, record.cluster))


def merge(records: Collection[ExportRecord]) -> MergedService:
    """What the records of one service amount to; there is at least one, and one per cluster."""
    ordered = by_precedence(records)
    winner = ordered[0]
    ports = merge_ports(ordered)
    disputes = (
        _ports_conflict(ordered, ports),
        _conflict(ordered, "TypeConflict", "type", lambda r: r.type),
        *_affinity_conflicts(ordered),
        _conflict(ordered, "LabelsConflict", "exported labels", lambda r: r.labels, _labels),
        _conflict(
            ordered, "AnnotationsConflict", "exported annotations", lambda r: r.annotations, _annotations
        ),
        _conflict(
            ordered,
            "InternalTrafficPolicyConflict",
            "internalTrafficPolicy",
            lambda r: r.internal_traffic_policy,
        ),
        _conflict(
            ordered, "TrafficDistributionConflict", "trafficDistribution", lambda r: r.traffic_distribution
        ),
        _families_conflict(ordered),
    )
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
        conflicts=tuple(dispute for dispute in disputes if dispute is not None),
    )


def _conflict(
    ordered: Sequence[ExportRecord],
    reason: str,
    field: str,
    value: Callable[[ExportRecord], Hashable],
    shown: Callable[[ExportRecord], str] | None = None,
) -> Conflict | None:
    """The conflict over one field that the winner decides, None when all records agree on it."""
    winner = ordered[0]
    decided = value(winner)
    dissenters = sum(1 for record in ordered if value(record) != decided)
    if not dissenters:
        return None
    in_use = shown(winner) if shown else "none" if decided is None else str(decided)
    return Conflict(reason, _message(ordered, field, in_use, dissenters))


def _message(
    ordered: Sequence[ExportRecord], field: str, in_use: str, dissenters: int, note: str = ""
) -> str:
    """Field, value in use, who won and why, and how many disagree (MCS-CON-04)."""
    winner = ordered[0]
    if ordered[1].exported_at == winner.exported_at:
        why = f"as old as the export of {ordered[1].cluster}, and first by cluster id"
    else:
        why = f"the oldest export, of {winner.exported_at}"
    return (
        f"conflicting {field}: using {cut(in_use)}, by precedence of cluster {winner.cluster} ({why}); "
        f"{note}{dissenters} of {len(ordered)} clusters disagree"
    )


def _ports_conflict(ordered: Sequence[ExportRecord], union: Sequence[ServicePort]) -> Conflict | None:
    """Any difference counts, also one that the union can hold (trap 13)."""
    dissenters = sum(frozenset(record.ports) != frozenset(ordered[0].ports) for record in ordered)
    if not dissenters:
        return None
    in_use = "the union " + ", ".join(map(_port, union))
    note = ""
    if left_out := crowded_out(ordered, union):
        ports = _listed([f"{count} of {cluster}" for cluster, count in left_out])
        note = f"ports left out, since an import holds no more than {MAX_PORTS}: {ports}; "
    return Conflict("PortConflict", _message(ordered, "ports", in_use, dissenters, note))


def _affinity_conflicts(ordered: Sequence[ExportRecord]) -> Iterator[Conflict | None]:
    """Session affinity means nothing to a headless service, so nobody can be in conflict over it.

    Time-outs are compared among the exports that use ClientIP (MCS-CON-14).
    """
    if ordered[0].type == "Headless":
        return
    yield _conflict(
        ordered, "SessionAffinityConflict", "sessionAffinity", lambda record: record.affinity.affinity
    )
    timeouts = [r.affinity.timeout_seconds for r in ordered if r.affinity.affinity == "ClientIP"]
    dissenters = sum(1 for timeout in timeouts if timeout != timeouts[0])
    if dissenters:
        config = ordered[0].affinity
        in_use = f"{config.timeout_seconds} s" if config.affinity == "ClientIP" else "none"
        yield Conflict(
            "SessionAffinityConfigConflict", _message(ordered, "sessionAffinityConfig", in_use, dissenters)
        )


def _families_conflict(ordered: Sequence[ExportRecord]) -> Conflict | None:
    """Part of the backends cannot be reached over a family, which their users have to know (MCS-CON-12)."""
    families = ordered[0].ip_families
    others = [record.cluster for record in ordered if set(record.ip_families) != set(families)]
    if not others:
        return None
    message = _message(ordered, "ipFamilies", ", ".join(families), len(others))
    return Conflict("IPFamilyConflict", f"{message}: {_listed(others)}")


def _listed(items: Sequence[str]) -> str:
    """As many as a message can hold."""
    shown = ", ".join(items[:_SHOWN_ITEMS])
    left = len(items) - _SHOWN_ITEMS
    return f"{shown} and {left} more" if left > 0 else shown


def _port(port: ServicePort) -> str:
    name = f"{port.name} " if port.name else ""
    app_protocol = f" ({port.app_protocol})" if port.app_protocol else ""
    return f"{name}{port.port}/{port.protocol}{app_protocol}"


def _labels(record: ExportRecord) -> str:
    return _map(record.labels)


def _annotations(record: ExportRecord) -> str:
    return _map(record.annotations)


def _map(pairs: StringMap) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
