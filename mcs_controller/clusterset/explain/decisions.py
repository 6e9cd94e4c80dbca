"""Who decided each field of a service, and who would have it otherwise."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from mcs_controller.clusterset.model import ExportRecord, MergedService, ServicePort
from mcs_controller.clusterset.services.disputes import Precedence, map_text, port_text, why_it_decides
from mcs_controller.clusterset.services.ports import declared


@dataclass(frozen=True, slots=True)
class Dissent:
    """A cluster whose export has another value."""

    cluster: str
    value: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A field that can have one value only: the value, whose it is and why, and who has another."""

    field: str
    value: str
    decided_by: str
    why: str
    dissent: tuple[Dissent, ...]


@dataclass(frozen=True, slots=True)
class PortUse:
    """A port of the service, which clusters serve it, and which declare something else in its place."""

    port: str
    clusters: tuple[str, ...]
    otherwise: tuple[Dissent, ...]


_FIELDS: tuple[tuple[str, Callable[[ExportRecord], Hashable], Callable[[ExportRecord], str]], ...] = (
    ("type", lambda one: one.type, lambda one: one.type),
    ("ipFamilies", lambda one: frozenset(one.ip_families), lambda one: ", ".join(one.ip_families)),
    ("sessionAffinity", lambda one: one.affinity, lambda one: _affinity(one)),
    (
        "internalTrafficPolicy",
        lambda one: one.internal_traffic_policy,
        lambda one: one.internal_traffic_policy,
    ),
    (
        "trafficDistribution",
        lambda one: one.traffic_distribution,
        lambda one: one.traffic_distribution or "none",
    ),
    ("exportedLabels", lambda one: one.labels, lambda one: map_text(one.labels)),
    ("exportedAnnotations", lambda one: one.annotations, lambda one: map_text(one.annotations)),
)


def decisions(order: Precedence) -> Iterator[Decision]:
    """Every field of which the winner's value is used; also where all agree."""
    why = why_it_decides(order) if len(order.records) > 1 else "the only export"
    for field, value, shown in _FIELDS:
        dissent = tuple(
            Dissent(one.cluster, shown(one)) for one in order.records if value(one) != value(order.winner)
        )
        yield Decision(field, shown(order.winner), order.winner.cluster, why, dissent)


def port_uses(order: Precedence, merged: MergedService) -> Iterator[PortUse]:
    """Every port of the service: the union of all exports, or of the owners' ones."""
    by_cluster = {one.cluster: declared(merged.ports, one) for one in order.records}
    for port in merged.ports:
        yield PortUse(
            port_text(port),
            tuple(sorted(cluster for cluster, ports in by_cluster.items() if port in ports)),
            tuple(
                Dissent(one.cluster, ", ".join(map(port_text, others)))
                for one in order.records
                if port not in by_cluster[one.cluster] and (others := _instead_of(port, one))
            ),
        )


def _instead_of(port: ServicePort, record: ExportRecord) -> list[ServicePort]:
    """The ports of an export that cannot be beside this one: of its name, or of its number."""
    return [
        one
        for one in record.ports
        if one.name == port.name or (one.protocol, one.port) == (port.protocol, port.port)
    ]


def _affinity(record: ExportRecord) -> str:
    config = record.affinity
    timeout = f", {config.timeout_seconds} s" if config.timeout_seconds is not None else ""
    return f"{config.affinity}{timeout}"
