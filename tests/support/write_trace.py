"""All writes of the API servers of a simulation, and their times, as one hash: equal runs, equal hashes."""

from __future__ import annotations

import asyncio
from hashlib import sha256

from mcs_controller.simcluster.cluster import SimCluster
from mcs_controller.simcluster.storage.versions import Bucket, Event
from tests.support.clusterset import Clusterset


class WriteTrace:
    """Of all servers of a clusterset, in the order in which they wrote, from now on."""

    def __init__(self, world: Clusterset) -> None:
        self.writes = 0
        self._sum = sha256()
        for sim in (world.broker, *(cluster.sim for cluster in world)):
            self._follow(sim)

    def digest(self) -> str:
        return self._sum.hexdigest()

    def _follow(self, sim: SimCluster) -> None:
        loop = asyncio.get_running_loop()

        def wrote(bucket: Bucket, event: Event) -> None:
            self.writes += 1
            done = "gone" if event.after is None else "is"
            self._sum.update(f"\n{loop.time():.6f} {sim.name} {bucket[1]} {done} ".encode())
            self._sum.update(event.last.encoded)

        sim._storage.subscribe_all(wrote)
