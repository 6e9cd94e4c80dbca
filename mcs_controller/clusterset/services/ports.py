"""Ports of a multi-cluster service: their union, which cluster declares which, and names for kube-proxy.

Invariants of the union: no two ports have the same name (the empty one counts as a name), no two have the
same protocol and number (MCS-CON-09), and there are at most as many as one export may have. kube-proxy joins
a Service with slices by port name, so a slice keeps only the ports that its own cluster declares exactly as
merged (MCS-CON-11, MCS-EPS-10).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from mcs_controller.clusterset.model import MAX_PORTS, ExportRecord, ServicePort


def merge_ports(records: Sequence[ExportRecord]) -> tuple[ServicePort, ...]:
    """The union, from records in order of precedence: one pass, oldest first (MCS-CON-10).

    While there is room, a port joins if no earlier one has its name or its (protocol, number).
    """
    merged: list[ServicePort] = []
    names: set[str] = set()
    numbers: set[tuple[str, int]] = set()
    for record in records:
        for port in record.ports:
            number = (port.protocol, port.port)
            if len(merged) < MAX_PORTS and port.name not in names and number not in numbers:
                merged.append(port)
                names.add(port.name)
                numbers.add(number)
    return tuple(merged)


def crowded_out(
    records: Sequence[ExportRecord], merged_ports: Sequence[ServicePort]
) -> tuple[tuple[str, int], ...]:
    """Ports left out only because the union is full: pairs of a cluster and how many of its ports."""
    names = {port.name for port in merged_ports}
    numbers = {(port.protocol, port.port) for port in merged_ports}
    left_out = (
        (
            record.cluster,
            sum(p.name not in names and (p.protocol, p.port) not in numbers for p in record.ports),
        )
        for record in records
    )
    return tuple((cluster, count) for cluster, count in left_out if count)


def declared(merged_ports: Sequence[ServicePort], record: ExportRecord) -> frozenset[ServicePort]:
    """The merged ports that the record declares, too: same name, protocol and number."""
    own = {(port.name, port.protocol, port.port) for port in record.ports}
    return frozenset(port for port in merged_ports if (port.name, port.protocol, port.port) in own)


def derived_ports(ports: Sequence[ServicePort]) -> tuple[ServicePort, ...]:
    """The ports as the derived Service has them, in the same order.

    A ServiceImport with several ports may have an unnamed one, a Service may not. So the derived Service
    names the unnamed port from the start, even while it is the only one: kube-proxy identifies a port by its
    name, and a second port from another cluster must not disturb running traffic (MCS-CON-06).
    """
    names = {port.name for port in ports}
    return tuple(port if port.name else replace(port, name=_synthetic_name(port, names)) for port in ports)


def ports_given_up(
    held: Collection[ServicePort], wanted: Collection[ServicePort]
) -> frozenset[tuple[str, str]]:
    """Name and protocol of each port of a Service (`held`) that `wanted` lacks or changes.

    Until the Service is written, kube-proxy looks for these ports in the slices.
    """
    staying = {(port.name, port.protocol, port.port) for port in wanted}
    return frozenset(
        (port.name, port.protocol) for port in held if (port.name, port.protocol, port.port) not in staying
    )


def _synthetic_name(port: ServicePort, taken: set[str]) -> str:
    wanted = name = f"{port.protocol.lower()}-{port.port}"
    suffix = 2
    while name in taken:
        name = f"{wanted}-{suffix}"
        suffix += 1
    return name
