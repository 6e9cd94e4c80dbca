"""What an import remembers of the merge that it was written from.

An agent that has not reached the broker since it started knows no other cluster's records, yet has to keep
its own endpoints fresh in imports that exist (MCS-LIFE-07). The import itself then stands for the merge.
"""

from mcs_controller.clusterset.model import LocalImport, MergedService


def merge_behind(imported: LocalImport) -> MergedService:
    """The merge as the ServiceImport recorded it; who won, and over what, it does not record."""
    spec = imported.spec
    return MergedService(
        service=imported.service,
        type=spec.type,
        ports=spec.ports,
        affinity=spec.affinity,
        internal_traffic_policy=spec.internal_traffic_policy or "Cluster",
        traffic_distribution=spec.traffic_distribution,
        ip_families=spec.ip_families,
        labels=imported.labels,
        annotations=imported.annotations,
        clusters=imported.clusters,
        winner="",
    )
