"""A client pod in each cluster, which opens connections to wherever a test says and tells who answered.

It is asked through its API server, so the way there proves nothing; what it then does is a pod's own
traffic: its resolver, its node's kube-proxy, a new connection for each try.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.realkube import rest
from tests.realnode.clusters import Cluster
from tests.realnode.workloads import HTTP_PORT, create, netexec_pod, pod_is_ready
from tests.support.waiting import eventually

NAMESPACE = "clients"
POD = "client"
READY_TIMEOUT_S = 60
DIAL_TIMEOUT_S = 60
# So that one of two, or of four, is hardly ever missed by chance.
TRIES = 30


@dataclass(frozen=True, slots=True)
class Answers:
    """Of so many tries: the host names that answered, and what went wrong."""

    hosts: Counter[str] = field(default_factory=Counter)
    errors: tuple[str, ...] = ()

    def clusters(self) -> set[str]:
        """The clusters whose pods answered: a pod's name says it, by `workloads.deployment`."""
        return {host.split("-")[1] for host in self.hosts}

    def __add__(self, other: Answers) -> Answers:
        return Answers(self.hosts + other.hosts, self.errors + other.errors)


async def start_clients(clusters: Sequence[Cluster]) -> None:
    async with asyncio.TaskGroup() as group:
        for cluster in clusters:
            group.create_task(_start_client(cluster))


async def _start_client(cluster: Cluster) -> None:
    await cluster.plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    await create(cluster.plane, NAMESPACE, netexec_pod(POD, {"app": POD}))
    await eventually(
        lambda: pod_is_ready(cluster.plane, NAMESPACE, POD), lambda ready: ready, READY_TIMEOUT_S
    )


async def dial(cluster: Cluster, host: str, port: int, *, protocol: str = "http", tries: int = 1) -> Answers:
    """What the client pod of that cluster gets from `host`, an address or a name, asking for host names."""
    query = urlencode(
        {"host": host, "port": port, "protocol": protocol, "request": "hostname", "tries": tries}
    )
    plane = cluster.plane
    answer = await rest.send(
        plane.url,
        "GET",
        f"/api/v1/namespaces/{NAMESPACE}/pods/{POD}:{HTTP_PORT}/proxy/dial?{query}",
        ca_file=plane.ca_file,
        token=plane.token(),
        timeout_s=DIAL_TIMEOUT_S,
        place=plane.place,
    )
    if answer.status != 200:
        # It could not be tried at all: the name does not resolve.
        return Answers(errors=(str(answer.body),) * tries)
    told = json.loads(answer.body) if isinstance(answer.body, str) else answer.body
    return Answers(Counter(told.get("responses", ())), tuple(told.get("errors", ())))


async def answered_by(
    cluster: Cluster, host: str, port: int, clusters: set[str], *, protocol: str = "http"
) -> Answers:
    """As soon as pods of exactly these clusters answer, and nothing goes wrong."""
    return await eventually(
        lambda: dial(cluster, host, port, protocol=protocol, tries=TRIES),
        lambda answers: answers.clusters() == clusters and not answers.errors,
    )


async def answered_by_pods(cluster: Cluster, host: str, port: int, pods: set[str]) -> None:
    """As soon as exactly these pods answer, and nothing goes wrong."""
    await eventually(
        lambda: dial(cluster, host, port, tries=TRIES),
        lambda answers: set(answers.hosts) == pods and not answers.errors,
    )
