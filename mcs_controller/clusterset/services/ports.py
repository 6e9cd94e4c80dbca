"""Ports of a multi-cluster service: their union, who declares which, and what kube-proxy can take.

Invariants of the union: no two ports share a name (the empty one counts as a name), no two share protocol
and number (MCS-CON-09), and there are no more than one export may have. kube-proxy joins a Service with
slices by port name, so a slice may only keep the ports that its own cluster declares exactly as merged
(MCS-CON-11, MCS-EPS-10).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from mcs_controller.clusterset.model import MAX_PORTS, ExportRecord, ServicePort


def merge_ports(records: Sequence[ExportRecord]) -> tuple[ServicePort, ...]:
    """The union, from records in order of precedence: one pass, oldest first (MCS-CON-10).

    While there is room a port joins if neither its name nor its (protocol, number) is taken by one before it.
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
    """How many ports of which cluster are not in the full union although they collide with none in it."""
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

    A Service with several ports may have no unnamed one, a ServiceImport may. The unnamed port has a name
    there from the start, also while it is the only one: kube-proxy knows a port by its name, and traffic
    that runs must not notice that another cluster brings a second port (MCS-CON-06).
    """
    names = {port.name for port in ports}
    return tuple(port if port.name else replace(port, name=_synthetic_name(port, names)) for port in ports)


def ports_given_up(
    held: Collection[ServicePort], wanted: Collection[ServicePort]
) -> frozenset[tuple[str, str]]:
    """Name and protocol of each port that a Service has now (`held`) and will not have, or not as it is.

    Until the Service is written, kube-proxy looks for them in the slices.
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
