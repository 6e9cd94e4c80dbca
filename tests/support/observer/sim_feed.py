"""Shows the observer each state of simulated clusters: every write is a look, as it is done.

It costs each write what the one service has, and lists nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.storage.versions import Bucket, Event
from tests.support.observer.observer import Observer
from tests.support.observer.picture import IMPORTS, SERVICES, SLICES, Picture

_BUCKETS: dict[Bucket, str] = {
    ("multicluster.x-k8s.io", IMPORTS): IMPORTS,
    ("discovery.k8s.io", SLICES): SLICES,
    ("", SERVICES): SERVICES,
}


class SimFeed:
    """From now on, for as long as the clusters live; what they hold already is the first look."""

    def __init__(self, observer: Observer, clusters: Mapping[str, SimCluster]) -> None:
        self._clusters = clusters
        self._pictures = {name: Picture(name, observer) for name in clusters}
        for name, sim in clusters.items():
            self.look_again(name)
            # A test sees every moment, as the server's own controllers do; programs have watches.
            sim._storage.subscribe_all(partial(_wrote, self._pictures[name]))

    def look_again(self, cluster: str) -> None:
        """After a restore of the cluster, which is no write."""
        objects = self._clusters[cluster].snapshot().objects
        for bucket, plural in _BUCKETS.items():
            held = objects.get(bucket, {})
            self._pictures[cluster].replace(plural, [stored.object for stored in held.values()])


def _wrote(picture: Picture, bucket: Bucket, event: Event) -> None:
    if (plural := _BUCKETS.get(bucket)) is None:
        return
    if event.after is not None:
        picture.put(plural, event.after.object)
    else:
        picture.remove(plural, event.last.object)
