"""What each cluster and the broker must hold once all is quiet, by the pure rules alone (I-QUIET-EXACT).

Read from what users wrote: ServiceExports, Services and EndpointSlices without our markers. Nothing that an
agent wrote takes part, but for what no rule decides: UIDs and the clusterset IPs that a cluster allocated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    NAMESPACES,
    SERVICES,
    Resource,
    service_exports,
    service_imports,
)
from mcs_controller.clusterset.model import (
    ExportRecord,
    LocalExport,
    LocalService,
    MergedService,
    ServiceKey,
    SourceSlice,
)
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.export import ExportEvaluation, evaluate_export, published_slice
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.storage.versions import Object

EXPORTS, IMPORTS = service_exports(), service_imports()


def held(server: SimCluster, resource: Resource) -> Iterator[Object]:
    """All objects of a kind, in the order of their keys; read only."""
    return (one.object for one in server._storage.select((resource.group, resource.plural)))


@dataclass(frozen=True)
class Wanted:
    """All that the rules say: by service, and by cluster where clusters differ."""

    merged: Mapping[ServiceKey, MergedService]
    records: Mapping[ServiceKey, Mapping[str, ExportRecord]]
    slices: Mapping[ServiceKey, list[SourceSlice]]
    """As in their own cluster."""
    exports: Mapping[tuple[str, ServiceKey], tuple[LocalExport, ExportEvaluation]]
    services: Mapping[tuple[str, ServiceKey], LocalService]
    namespaces: Mapping[str, frozenset[str]]

    def seen_from(self, place: str, key: ServiceKey) -> list[SourceSlice]:
        """The slices of a service as a cluster gets them: its own with all that other clusters do not see."""
        return [one if one.cluster == place else published_slice(one) for one in self.slices.get(key, ())]


def wanted(members: Mapping[str, SimCluster]) -> Wanted:
    exports: dict[tuple[str, ServiceKey], tuple[LocalExport, ExportEvaluation]] = {}
    records: dict[ServiceKey, dict[str, ExportRecord]] = {}
    slices: dict[ServiceKey, list[SourceSlice]] = {}
    all_services: dict[tuple[str, ServiceKey], LocalService] = {}
    namespaces = {}
    for cluster, server in members.items():
        namespaces[cluster] = frozenset(one["metadata"]["name"] for one in held(server, NAMESPACES))
        services = {one.service: one for one in map(decode.service, held(server, SERVICES))}
        all_services |= {(cluster, key): one for key, one in services.items()}
        for export in map(decode.service_export, held(server, EXPORTS)):
            evaluation = evaluate_export(export, services.get(export.service), cluster)
            exports[cluster, export.service] = export, evaluation
            if evaluation.record is not None:
                records.setdefault(export.service, {})[cluster] = evaluation.record
        for body in held(server, ENDPOINT_SLICES):
            source = decode.source_slice(body, cluster)
            if source is not None and cluster in records.get(source.service, ()):
                slices.setdefault(source.service, []).append(source)
    merged = {key: merge(list(of.values())) for key, of in records.items()}
    return Wanted(merged, records, slices, exports, all_services, namespaces)
