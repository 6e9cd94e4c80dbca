"""What the DNS servers of the benchmark serve: services of two kinds, and the questions about them.

Half are ClusterSetIP, half headless. For throughput a headless service has one slice of 20 endpoints; for the
large zone every service has two slices of 10.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import aiohttp

from mcs_controller.api.names import LABEL_SERVICE_NAME, LABEL_SLICE_MANAGED_BY, LABEL_SOURCE_CLUSTER
from mcs_controller.api.resources import ENDPOINT_SLICES, service_imports

NAMESPACE: Final = "bench"
ZONE: Final = "clusterset.local"
QUESTIONS: Final = 10_000
WRITES_AT_ONCE: Final = 16
_PORTS: Final = [{"name": "http", "protocol": "TCP", "port": 80}]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """How many services there are, and what each has."""

    services: int
    slices_per_headless: int = 1
    slices_per_clusterset_ip: int = 0
    endpoints_per_slice: int = 20

    def names(self, kind: str) -> list[str]:
        """`vip` or `db`, half of the services each."""
        return [f"{kind}-{number:05d}" for number in range(self.services // 2)]

    def imports(self) -> Iterator[Json]:
        """A ServiceImport for each service."""
        for kind, type_ in (("vip", "ClusterSetIP"), ("db", "Headless")):
            for number, name in enumerate(self.names(kind)):
                spec: Json = {"type": type_, "ports": _PORTS}
                if type_ == "ClusterSetIP":
                    spec["ips"] = [f"10.97.{number >> 8}.{number & 255}"]
                yield {
                    "apiVersion": "multicluster.x-k8s.io/v1beta1",
                    "kind": "ServiceImport",
                    "metadata": {"name": name},
                    "spec": spec,
                }

    def slices(self) -> Iterator[Json]:
        """The EndpointSlices of each service."""
        number = 0
        for kind, count in (("vip", self.slices_per_clusterset_ip), ("db", self.slices_per_headless)):
            for name in self.names(kind):
                for part in range(count):
                    yield endpoint_slice(f"{name}-{part}", name, number, self.endpoints_per_slice)
                    number += 1


def endpoint_slice(name: str, service: str, number: int, endpoints: int) -> Json:
    """A slice of ready endpoints; `number` makes their addresses."""
    first = number * endpoints
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "labels": {
                LABEL_SERVICE_NAME: service,
                LABEL_SOURCE_CLUSTER: "east",
                LABEL_SLICE_MANAGED_BY: "bench.invalid",
            },
        },
        "addressType": "IPv4",
        "ports": _PORTS,
        "endpoints": [
            {
                "addresses": [f"10.{128 + (at >> 16)}.{at >> 8 & 255}.{at & 255}"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
            }
            for at in range(first, first + endpoints)
        ],
    }


async def create(session: aiohttp.ClientSession, shape: Shape) -> None:
    """Write everything to an API server."""
    limit = asyncio.Semaphore(WRITES_AT_ONCE)

    async def post(path: str, body: Json) -> None:
        async with limit, session.post(path, json=body) as answer:
            await answer.read()
            answer.raise_for_status()

    for path, bodies in (
        (service_imports("v1beta1").path(NAMESPACE), shape.imports()),
        (ENDPOINT_SLICES.path(NAMESPACE), shape.slices()),
    ):
        async with asyncio.TaskGroup() as group:
            for body in bodies:
                group.create_task(post(path, body))


CLASSES: Final = {
    "clusterset IP, A": "A vip-?",
    "AAAA, NODATA": "AAAA vip-?",
    "headless, 20 A": "A db-?",
    "SRV": "SRV _http._tcp.vip-?",
    "NXDOMAIN": "A nope-?",
    "mix": "",
}
CODES: Final = {name: frozenset({"NOERROR"}) for name in CLASSES} | {
    "NXDOMAIN": frozenset({"NXDOMAIN"}),
    "mix": frozenset({"NOERROR", "NXDOMAIN"}),
}
"""The response codes that each class of questions has; an answer with another one is none."""

_MIX: Final = (
    ("clusterset IP, A", 50),
    ("AAAA, NODATA", 20),
    ("headless, 20 A", 15),
    ("SRV", 10),
    ("NXDOMAIN", 5),
)


def questions(class_name: str, shape: Shape, random: Random) -> str:
    """dnsperf's input: one question a line, names in no order."""
    if class_name == "mix":
        kinds = [name for name, _ in _MIX]
        chosen = random.choices(kinds, weights=[weight for _, weight in _MIX], k=QUESTIONS)
    else:
        chosen = [class_name] * QUESTIONS
    lines = []
    for kind in chosen:
        rtype, pattern = CLASSES[kind].split()
        service = pattern.replace("?", f"{random.randrange(shape.services // 2):05d}")
        lines.append(f"{service}.{NAMESPACE}.svc.{ZONE} {rtype}\n")
    return "".join(lines)
