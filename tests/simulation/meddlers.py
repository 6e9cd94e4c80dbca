"""Who writes what agents would write: objects in the way, and objects of ours that are deleted by hand."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

from mcs_controller.api.resources import (
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    SERVICES,
    Resource,
)
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.kube.errors import KubeError
from mcs_controller.simcluster.cluster import SimCluster
from tests.simulation.rules import IMPORTS, held
from tests.simulation.story import NAMESPACE, Story
from tests.support.objects import Object, import_by_hand, service_body

EXCUSED_SECONDS = 30.0
"""What somebody deletes in a cluster by hand is back there after so long, unless the cluster is ill, too."""


class Meddlers:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._world = story.world

    # Objects of users where ours would be

    async def block_import(self, random: Random) -> None:
        name = self._new_name()
        await self._block(random, IMPORTS, import_by_hand(NAMESPACE, name), name)

    async def block_service(self, random: Random) -> None:
        name = self._new_name()
        derived = derived_service_name(ServiceKey(NAMESPACE, name))
        await self._block(random, SERVICES, service_body(derived, NAMESPACE), name)

    def _new_name(self) -> str:
        self._story.number += 1
        return f"new-{self._story.number}"

    async def _block(self, random: Random, kind: Resource, body: Object, name: str) -> None:
        """A user's object stands in one cluster when another one begins to export; later it is deleted."""
        place, exporter = self._story.some_cluster(random), self._story.some_cluster(random)
        if self._story.busy & {place, exporter}:
            return
        self._story.note(f"{place}: a user makes {kind.kind} {body['metadata']['name']}, which {name} needs")
        self._story.blocked.add((place, name))
        self._story.expected.excused(place=place, service=f"{NAMESPACE}/{name}")
        await self._world[place].api.create(kind, body)
        await self._story.export(exporter, name)
        if random.random() < 0.5:
            return
        await asyncio.sleep(random.choice((1.0, 10.0, 40.0)))
        self._story.note(f"{place}: the user deletes {kind.kind} {body['metadata']['name']}")
        with contextlib.suppress(KubeError):
            await self._world[place].api.delete(kind, body["metadata"]["name"], namespace=NAMESPACE)
        self._story.unblock(place, name)

    # Objects of ours, deleted by hand

    async def delete_import(self, random: Random) -> None:
        await self._delete_in_cluster(random, IMPORTS)

    async def delete_derived(self, random: Random) -> None:
        """Made anew it has the same clusterset IP (MCS-LIFE-12)."""
        before = {cluster.name: _ips(cluster.sim) for cluster in self._world}
        await self._delete_in_cluster(random, SERVICES)
        for cluster in self._world:
            now, services = _ips(cluster.sim), _service_ips(cluster.sim)
            for import_, ips in before[cluster.name].items():
                if (changed := now.get(import_)) and changed != ips and ips not in services:
                    text = f"{cluster.name}: {import_[0]} has the clusterset IP {changed}, had {ips}"
                    self._story.fault("I-IP", f"{text}, which is free")

    async def delete_slices(self, random: Random) -> None:
        await self._delete_in_cluster(random, ENDPOINT_SLICES)

    async def _delete_in_cluster(self, random: Random, kind: Resource) -> None:
        place = self._story.some_cluster(random)
        ours = {"endpointslice.kubernetes.io/managed-by", "mcs-controller.io/managed-by"}
        found = [
            body["metadata"]
            for body in held(self._world[place].sim, kind)
            if any((body["metadata"].get("labels") or {}).get(one) == "mcs-controller.io" for one in ours)
        ]
        if not found:
            return
        metadata = random.choice(found)
        labels = metadata["labels"]
        name = labels.get("multicluster.kubernetes.io/service-name", metadata["name"])
        service = f"{NAMESPACE}/{name}"
        self._story.note(f"{place}: somebody deletes {kind.kind} {metadata['name']} of {name}")
        self._story.expected.excused(place=place, service=service)
        with contextlib.suppress(KubeError):
            await self._world[place].api.delete(kind, metadata["name"], namespace=metadata["namespace"])
        await asyncio.sleep(EXCUSED_SECONDS)
        self._story.expected.expected_again(place=place, service=service)

    async def lose_record(self, random: Random) -> None:
        """An administrator's slip: something that a member exports is deleted on the broker."""
        found = [
            (kind, body["metadata"])
            for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES)
            for body in held(self._world.broker, kind)
        ]
        if found:
            kind, metadata = random.choice(found)
            self._story.note(
                f"broker: somebody deletes {kind.kind} {metadata['namespace']}/{metadata['name']}"
            )
            self._story.struck.add("")
            with contextlib.suppress(KubeError):
                await self._world.broker_api.delete(kind, metadata["name"], namespace=metadata["namespace"])


def _ips(server: SimCluster) -> dict[tuple[str, str], str]:
    """The first clusterset IP of each import, by its name and UID."""
    return {
        (body["metadata"]["name"], body["metadata"]["uid"]): body["spec"]["ips"][0]
        for body in held(server, IMPORTS)
        if body["spec"].get("ips")
    }


def _service_ips(server: SimCluster) -> set[str]:
    return {body["spec"].get("clusterIP", "") for body in held(server, SERVICES)}
