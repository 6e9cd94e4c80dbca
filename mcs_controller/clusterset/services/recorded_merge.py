"""Reads a merge back from the ServiceImport that was written from it.

An agent that has not reached the broker since it started knows no records of other clusters. It must still
keep its own endpoints fresh in existing imports (MCS-LIFE-07). It then uses the import in place of the merge.
"""

from mcs_controller.clusterset.model import LocalImport, MergedService


def merge_behind(imported: LocalImport) -> MergedService:
    """The merge that the ServiceImport records. Winner and conflicts are not recorded.

    An import that waits for its clusterset IP records no family: then no family is left out.
    """
    spec = imported.spec
    return MergedService(
        service=imported.service,
        type=spec.type,
        ports=spec.ports,
        affinity=spec.affinity,
        internal_traffic_policy=spec.internal_traffic_policy or "Cluster",
        traffic_distribution=spec.traffic_distribution,
        ip_families=spec.ip_families or ("IPv4", "IPv6"),
        labels=imported.labels,
        annotations=imported.annotations,
        clusters=imported.clusters,
        winner="",
    )
