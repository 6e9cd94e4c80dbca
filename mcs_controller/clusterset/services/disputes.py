"""The conflicts between the exports of one service, as messages to its exporters (MCS-CON-03 to 05).

A conflict names the field, the value in use, the cluster it comes from and why, and how many clusters
disagree. `merge.py` decides which value is in use; this module only describes the result.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.model import MAX_PORTS, Conflict, ExportRecord, ServicePort, StringMap
from mcs_controller.clusterset.services.ownership import ports_fit
from mcs_controller.clusterset.services.ports import crowded_out

_SHOWN_ITEMS: Final = 10


@dataclass(frozen=True, slots=True)
class Precedence:
    """The records of one service in order of precedence; the first `owners` of them are the owners'."""

    records: tuple[ExportRecord, ...]
    owners: int

    @property
    def winner(self) -> ExportRecord:
        """The record whose values are used."""
        return self.records[0]

    @property
    def deciding(self) -> tuple[ExportRecord, ...]:
        """The records that take part in the decision: the owners', if there are any, else all."""
        return self.records[: self.owners] or self.records

    @property
    def guests(self) -> tuple[ExportRecord, ...]:
        """The records that only add endpoints."""
        return self.records[len(self.deciding) :]


def conflicts(order: Precedence, union: tuple[ServicePort, ...]) -> tuple[Conflict, ...]:
    """All conflicts, in the order of MCS-CON-05; `union` are the merged ports."""
    found = (
        _ports_conflict(order, union),
        _type_conflict(order),
        *_affinity_conflicts(order),
        _conflict(order, "LabelsConflict", "exported labels", lambda r: r.labels, _labels),
        _conflict(
            order, "AnnotationsConflict", "exported annotations", lambda r: r.annotations, _annotations
        ),
        _conflict(
            order,
            "InternalTrafficPolicyConflict",
            "internalTrafficPolicy",
            lambda r: r.internal_traffic_policy,
        ),
        _conflict(
            order, "TrafficDistributionConflict", "trafficDistribution", lambda r: r.traffic_distribution
        ),
        _families_conflict(order),
    )
    return tuple(conflict for conflict in found if conflict is not None)


def _conflict(
    order: Precedence,
    reason: str,
    field: str,
    value: Callable[[ExportRecord], Hashable],
    shown: Callable[[ExportRecord], str] | None = None,
) -> Conflict | None:
    """The conflict over one field that the winner decides, None if all records agree."""
    decided = value(order.winner)
    dissenters = [record.cluster for record in order.records if value(record) != decided]
    if not dissenters:
        return None
    in_use = shown(order.winner) if shown else "none" if decided is None else str(decided)
    return Conflict(reason, _message(order, field, in_use, dissenters))


def _message(order: Precedence, field: str, in_use: str, dissenters: Sequence[str], note: str = "") -> str:
    """Field, value in use, the winner and why it won, and how many disagree (MCS-CON-04)."""
    return (
        f"conflicting {field}: using {cut(in_use)}, by precedence of cluster {order.winner.cluster} "
        f"({why_it_decides(order)}); {note}{len(dissenters)} of {len(order.records)} clusters disagree: "
        f"{_listed(dissenters)}"
    )


def why_it_decides(order: Precedence) -> str:
    """Why the winner's values are used, as it stands in messages: its age, or that it owns the name."""
    winner, *others = order.deciding
    if not others:
        return f"the owner of {winner.service}"
    if others[0].exported_at == winner.exported_at:
        age = f"as old as the export of {others[0].cluster}, and first by cluster id"
    else:
        age = f"the oldest export, of {winner.exported_at}"
    if not order.owners:
        return age
    return f"one of {len(others) + 1} owners of {winner.service}, and of these {age}"


def _ports_conflict(order: Precedence, union: tuple[ServicePort, ...]) -> Conflict | None:
    """Any difference is a conflict, even if the union has room for all ports."""
    in_winner = frozenset(order.winner.ports)
    dissenters = [record.cluster for record in order.records if frozenset(record.ports) != in_winner]
    if not dissenters:
        return None
    note = ""
    if left_out := crowded_out(order.deciding, union):
        ports = _listed([f"{count} of {cluster}" for cluster, count in left_out])
        note = f"ports left out, since an import holds no more than {MAX_PORTS}: {ports}; "
    kind = order.winner.type
    unfit = [one.cluster for one in order.guests if one.type == kind and not ports_fit(kind, union, one)]
    if unfit:
        note += f"endpoints left out, since their ports do not fit: {_listed(unfit)}; "
    in_use = "the union " + ", ".join(map(port_text, union))
    return Conflict("PortConflict", _message(order, "ports", in_use, dissenters, note))


def _type_conflict(order: Precedence) -> Conflict | None:
    kind = order.winner.type
    others = [record.cluster for record in order.records if record.type != kind]
    if not others:
        return None
    unfit = [one.cluster for one in order.guests if one.type != kind]
    note = f"endpoints left out: {_listed(unfit)}; " if unfit else ""
    return Conflict("TypeConflict", _message(order, "type", kind, others, note))


def _affinity_conflicts(order: Precedence) -> Iterator[Conflict | None]:
    """The conflicts over session affinity; none for a headless service, where it has no effect.

    Time-outs are compared among the exports that use ClientIP (MCS-CON-14).
    """
    if order.winner.type == "Headless":
        return
    yield _conflict(
        order, "SessionAffinityConflict", "sessionAffinity", lambda record: record.affinity.affinity
    )
    sticky = [record for record in order.records if record.affinity.affinity == "ClientIP"]
    first = sticky[0].affinity.timeout_seconds if sticky else None
    dissenters = [record.cluster for record in sticky if record.affinity.timeout_seconds != first]
    if dissenters:
        config = order.winner.affinity
        in_use = f"{config.timeout_seconds} s" if config.affinity == "ClientIP" else "none"
        yield Conflict(
            "SessionAffinityConfigConflict", _message(order, "sessionAffinityConfig", in_use, dissenters)
        )


def _families_conflict(order: Precedence) -> Conflict | None:
    """Some backends cannot be reached over a family; their users must know that (MCS-CON-12)."""
    families = order.winner.ip_families
    others = [record.cluster for record in order.records if set(record.ip_families) != set(families)]
    if not others:
        return None
    return Conflict("IPFamilyConflict", _message(order, "ipFamilies", ", ".join(families), others))


def _listed(items: Sequence[str]) -> str:
    """The items, shortened to what fits a message."""
    shown = ", ".join(items[:_SHOWN_ITEMS])
    left = len(items) - _SHOWN_ITEMS
    return f"{shown} and {left} more" if left > 0 else shown


def port_text(port: ServicePort) -> str:
    """A port as messages show it: `http 80/TCP`."""
    name = f"{port.name} " if port.name else ""
    app_protocol = f" ({port.app_protocol})" if port.app_protocol else ""
    return f"{name}{port.port}/{port.protocol}{app_protocol}"


def _labels(record: ExportRecord) -> str:
    return map_text(record.labels)


def _annotations(record: ExportRecord) -> str:
    return map_text(record.annotations)


def map_text(pairs: StringMap) -> str:
    """Labels or annotations as messages show them."""
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
