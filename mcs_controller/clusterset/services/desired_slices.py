"""The wanted imported EndpointSlices of a merged service in an importing cluster (MCS-EPS-01..15).

There is one for each source slice of each exporting cluster. It is built from the slice's content and never
from its labels or annotations, since some of those would make kube-proxy ignore the slice. A function of the
whole service: hints only help if every endpoint of the service has one.
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
"""The ports that a cluster's slices keep: maps (name, protocol) in the slice to the names on import."""


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

    Left out are slices of clusters that do not export the service, or whose endpoints are `withdrawn`; of a
    family that the merged service does not have; and of an export that does not fit the owners' exports.
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
            changed_at_seconds=slice_.changed_at_seconds,
        )
        for slice_ in chosen
    )


def with_ports_in_use(
    wanted: ImportedSlice, held: ImportedSlice | None, given_up: Collection[tuple[str, str]]
) -> ImportedSlice:
    """The slice as it must be while the derived Service still has the ports `given_up` (name, protocol).

    These ports of the held slice stay, beside or instead of the wanted ones. So a change of ports leaves no
    moment without endpoints: slices get the new names, then the Service, and then the old names are removed.
    """
    in_use = [port for port in held.content.ports if (port.name, port.protocol) in given_up] if held else []
    if not in_use:
        return wanted
    taken = {port.name for port in in_use}
    ports = (*(port for port in wanted.content.ports if port.name not in taken), *in_use)
    return replace(wanted, content=replace(wanted.content, ports=ports))


def _deciding(merged: MergedService, chosen: Sequence[SourceSlice]) -> Sequence[SourceSlice]:
    """The slices that decide whether there can be hints: the owners', if they have any endpoints."""
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
        # The name on the derived Service, and the name on the import for readers of the import (MCS-EPS-09).
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
    """The endpoints with their hints; only our own cluster's endpoints keep their node.

    A node of another cluster may have the name of one of ours and must not be confused with it. Where
    endpoints have hints, one without a zone is left out: kube-proxy would ignore the hints of all. Only an
    endpoint that a non-owner adds to an owned name can be without a zone there.
    """
    if not hinted:
        for endpoint in endpoints:
            if endpoint.hint_zones or (endpoint.node_name and not own):
                break
        else:
            return endpoints
    return tuple(
        endpoint
        if endpoint.hint_zones == (hints := (endpoint.zone,) if hinted else ())
        and (own or not endpoint.node_name)
        else replace(endpoint, node_name=endpoint.node_name if own else "", hint_zones=hints)
        for endpoint in (filter(_zone, endpoints) if hinted else endpoints)
    )
