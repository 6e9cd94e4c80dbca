"""What imported EndpointSlices a merged service must have in an importing cluster (MCS-EPS-01..15).

One for each source slice of each exporting cluster, built from what the slice says and never from its
labels or annotations, among which are some that would blind kube-proxy. A function of the whole
service: hints only help if every endpoint of it has one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from operator import attrgetter
from typing import Final

from mcs_controller.clusterset.model import (
    Endpoint,
    ExportRecord,
    ImportedSlice,
    MergedService,
    SliceContent,
    SlicePort,
    SourceSlice,
)
from mcs_controller.clusterset.services.naming import derived_service_name, imported_slice_name
from mcs_controller.clusterset.services.ownership import takes_part
from mcs_controller.clusterset.services.ports import declared, derived_ports

ZONE_DISTRIBUTIONS: Final = frozenset({"PreferClose", "PreferSameZone"})

_zone = attrgetter("zone")

_PortNames = Mapping[tuple[str, str], tuple[str, ...]]
"""The ports that a cluster's slices keep: (name, protocol) in the slice to the names on import."""


def imported_slices(
    merged: MergedService,
    records_by_cluster: Mapping[str, ExportRecord],
    slices: Iterable[SourceSlice],
    *,
    own_cluster: str,
    owner_uid: str,
    withdrawn: AbstractSet[str] = frozenset(),
) -> tuple[ImportedSlice, ...]:
    """The imported slices, in order of cluster and name.

    Slices of clusters that do not export the service, or whose endpoints are `withdrawn`, have no part in
    it, nor have those of a family that the merged service does not offer, or of an export that does not fit
    what the name's owners export.
    """
    chosen = sorted(
        (
            slice_
            for slice_ in slices
            if slice_.cluster in records_by_cluster
            and slice_.cluster not in withdrawn
            and slice_.content.address_type in merged.ip_families
            and takes_part(merged, records_by_cluster[slice_.cluster])
        ),
        key=lambda slice_: (slice_.cluster, slice_.name),
    )
    port_names = {
        cluster: _port_names(merged, records_by_cluster[cluster])
        for cluster in {slice_.cluster for slice_ in chosen}
    }
    hinted = merged.type == "ClusterSetIP" and wants_zone_hints(merged, _deciding(merged, chosen))
    derived = derived_service_name(merged.service) if merged.type == "ClusterSetIP" else ""
    return tuple(
        ImportedSlice(
            service=merged.service,
            name=imported_slice_name(merged.service.name, slice_.cluster, slice_.name),
            source_cluster=slice_.cluster,
            content=SliceContent(
                slice_.content.address_type,
                _ports(slice_.content.ports, port_names[slice_.cluster]),
                _endpoints(slice_.content.endpoints, slice_.cluster == own_cluster, hinted),
            ),
            derived_service=derived,
            owner_uid=owner_uid,
        )
        for slice_ in chosen
    )


def with_ports_in_use(
    wanted: ImportedSlice, held: ImportedSlice | None, given_up: Collection[tuple[str, str]]
) -> ImportedSlice:
    """The slice as it must be while the derived Service still has the ports `given_up` (name, protocol).

    What the held slice says of those stays, beside or instead of what is wanted, so that a change of ports
    is no moment without endpoints: slices get the new names, then the Service, then the old names go.
    """
    in_use = [port for port in held.content.ports if (port.name, port.protocol) in given_up] if held else []
    if not in_use:
        return wanted
    taken = {port.name for port in in_use}
    ports = (*(port for port in wanted.content.ports if port.name not in taken), *in_use)
    return replace(wanted, content=replace(wanted.content, ports=ports))


def _deciding(merged: MergedService, chosen: Sequence[SourceSlice]) -> Sequence[SourceSlice]:
    """The slices that say whether there can be hints: the owners', if they have any endpoints."""
    owned = [one for one in chosen if one.cluster in merged.owners and one.content.endpoints]
    return owned or chosen


def wants_zone_hints(merged: MergedService, slices: Iterable[SourceSlice]) -> bool:
    """Whether endpoints get hints: the winner asks for it, and every endpoint has a zone (MCS-EPS-13).

    kube-proxy ignores all hints of a service when one endpoint has none.
    """
    return merged.traffic_distribution in ZONE_DISTRIBUTIONS and all(
        endpoint.zone for slice_ in slices for endpoint in slice_.content.endpoints
    )


def _port_names(merged: MergedService, record: ExportRecord) -> _PortNames:
    names = derived_ports(merged.ports) if merged.type == "ClusterSetIP" else merged.ports
    kept = declared(merged.ports, record)
    return {
        # As the derived Service calls it, and as the import does, for those who read that one (MCS-EPS-09).
        (port.name, port.protocol): tuple(dict.fromkeys((on_service.name, port.name)))
        for port, on_service in zip(merged.ports, names, strict=True)
        if port in kept
    }


def _ports(ports: Sequence[SlicePort], names: _PortNames) -> tuple[SlicePort, ...]:
    return tuple(
        port if name == port.name else replace(port, name=name)
        for port in ports
        for name in names.get((port.name, port.protocol), ())
    )


def _endpoints(endpoints: tuple[Endpoint, ...], own: bool, hinted: bool) -> tuple[Endpoint, ...]:
    """A node of another cluster may share its name with one of ours, and must not be taken for it.

    Where the others have hints an endpoint without a zone, which can only be one that adds to an owned name,
    has no part: it would take the hints away from all.
    """
    return tuple(
        endpoint
        if endpoint.hint_zones == (hints := (endpoint.zone,) if hinted else ())
        and (own or not endpoint.node_name)
        else replace(endpoint, node_name=endpoint.node_name if own else "", hint_zones=hints)
        for endpoint in (filter(_zone, endpoints) if hinted else endpoints)
    )
