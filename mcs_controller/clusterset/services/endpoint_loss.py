"""When the loss of ready endpoints is held: the rules of the endpoints' fuse (docs/decisions/0007-fuse.md).

Members that keep their exports, and of which the ready endpoints of many services vanish at once, more likely
have a fault than that many users who scaled to zero. Only a service counts that would be left without any
ready endpoint, in all clusters together: one that has endpoints elsewhere follows what its members say.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace

from mcs_controller.clusterset.fuse import would_trip
from mcs_controller.clusterset.model import (
    Endpoint,
    ExportRecord,
    ImportedSlice,
    MergedService,
    SliceContent,
)
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.clusterset.services.ownership import takes_part


def has_ready(content: SliceContent) -> bool:
    """Whether a slice has an endpoint that takes traffic."""
    # Every reconcile asks this, and the first endpoint mostly is ready: a generator costs more than that.
    for endpoint in content.endpoints:  # noqa: SIM110
        if endpoint.ready is not False:
            return True
    return False


def holds_loss(
    losers: Set[str],
    *,
    had: Mapping[str, int],
    lost: Mapping[str, int],
    had_in_all: int,
    lost_in_all: int,
    share: float,
    minimum: int,
) -> bool:
    """Whether the fuse holds the endpoints of a service whose last ones these clusters lost.

    `had` is for each cluster how many services had ready endpoints of it here, `lost` how many of these lost
    the last of all; `..._in_all` counts each service once. It holds if one of the losers lost too much, or
    all clusters together did, even without what any single other cluster lost.
    """
    if any(would_trip(had[one], lost[one], share=share, minimum=minimum) for one in losers):
        return True
    others = (number for cluster, number in lost.items() if cluster not in losers)
    without = max(others, default=0)
    return would_trip(had_in_all - without, lost_in_all - without, share=share, minimum=minimum)


def kept_slices(
    merged: MergedService,
    records_by_cluster: Mapping[str, ExportRecord],
    held: Iterable[ImportedSlice],
    clusters: Set[str],
    *,
    owner_uid: str,
    admit: Callable[[str, tuple[Endpoint, ...]], tuple[Endpoint, ...]],
) -> tuple[ImportedSlice, ...]:
    """The imported slices of `clusters` as they lie here, with what must follow the service all the same.

    `admit` leaves out the endpoints that a cluster may not have any more. Ports stay as they are: where the
    exporter has no endpoints, nothing says which port of theirs a new port of the service would be.
    """
    kept = []
    for slice_ in held:
        cluster = slice_.source_cluster
        if (
            cluster not in clusters
            or slice_.content.address_type not in merged.ip_families
            or not takes_part(merged, records_by_cluster[cluster])
        ):
            continue
        endpoints = admit(cluster, slice_.content.endpoints)
        if not endpoints and slice_.content.endpoints:
            continue
        kept.append(
            replace(
                slice_,
                content=replace(slice_.content, endpoints=endpoints),
                derived_service=derived_service_name(merged.service) if merged.type == "ClusterSetIP" else "",
                owner_uid=owner_uid,
            )
        )
    return tuple(kept)
