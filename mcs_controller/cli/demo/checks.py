"""What can be seen of a running demo from outside, and waiting until it is as it should be.

Everything is looked at as a user would: objects through the API servers, names through the DNS servers,
metrics over HTTP. `eventually` polls against a deadline, so that nothing waits longer than it must, and
says what it last saw when the deadline passes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from mcs_controller.api.names import LABEL_SERVICE_NAME, LABEL_SOURCE_CLUSTER
from mcs_controller.api.resources import ENDPOINT_SLICES, service_exports, service_imports
from mcs_controller.cli.demo.cluster import DemoCluster
from mcs_controller.cli.demo.sites import NAMESPACE, ZONE
from mcs_controller.dnscheck.client import QueryFailed, query
from mcs_controller.kube.errors import KubeError, NotFound

POLL_SECONDS: Final = 0.03
WAIT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 3.0
"""Time for one answer, and for all of one look."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PerCluster:
    """What is wanted where it is not the same in every cluster."""

    by_name: Mapping[str, object]


class NotAsExpected(Exception):
    """The deadline passed; the text says what was expected and what was seen last."""

    def __init__(self, expected: str, last_seen: str) -> None:
        self.expected = expected
        self.last_seen = last_seen
        super().__init__(f"expected that {expected}; last seen: {last_seen}")


async def eventually(
    expected: str,
    look: Callable[[], Awaitable[T]],
    holds: Callable[[T], bool],
    *,
    within_seconds: float = WAIT_SECONDS,
) -> T:
    """Look until what is seen `holds`, and return it. Raises `NotAsExpected`."""
    deadline_seconds = asyncio.get_running_loop().time() + within_seconds
    while True:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                seen = await look()
        except (KubeError, QueryFailed) as error:
            last_seen = f"{type(error).__name__}: {error}"
        except TimeoutError:
            last_seen = f"no answer within {LOOK_SECONDS:g} s"
        else:
            if holds(seen):
                return seen
            last_seen = str(seen)
        if asyncio.get_running_loop().time() > deadline_seconds:
            raise NotAsExpected(expected, last_seen)
        await asyncio.sleep(POLL_SECONDS)


async def becomes(
    subject: str,
    look: Callable[[], Awaitable[object]],
    wanted: object,
    *,
    within_seconds: float = WAIT_SECONDS,
) -> None:
    """Look until exactly `wanted` is seen. Raises `NotAsExpected`."""
    await eventually(
        f"{subject} is {wanted}", look, lambda seen: seen == wanted, within_seconds=within_seconds
    )


async def everywhere(
    clusters: Iterable[DemoCluster],
    subject: str,
    look: Callable[[DemoCluster], Awaitable[object]],
    wanted: object | PerCluster,
    *,
    within_seconds: float = WAIT_SECONDS,
) -> None:
    """Look in each of the clusters until what is wanted is seen there. Raises `NotAsExpected`."""
    for cluster in clusters:
        here = wanted.by_name[cluster.name] if isinstance(wanted, PerCluster) else wanted
        await becomes(
            f"in {cluster.name} {subject}", partial(look, cluster), here, within_seconds=within_seconds
        )


@dataclass(frozen=True, slots=True)
class SeenImport:
    """What a ServiceImport says."""

    type: str
    ips: tuple[str, ...]
    clusters: tuple[str, ...]
    ports: tuple[int, ...]


async def import_of(cluster: DemoCluster, service: str) -> SeenImport | None:
    """The ServiceImport in a cluster, None when there is none."""
    try:
        found = await cluster.api.admin.get(service_imports(), service, NAMESPACE)
    except NotFound:
        return None
    spec, status = found["spec"], found.get("status") or {}
    return SeenImport(
        spec["type"],
        tuple(spec.get("ips") or ()),
        tuple(entry["cluster"] for entry in status.get("clusters") or ()),
        tuple(port["port"] for port in spec.get("ports") or ()),
    )


async def export_conditions(cluster: DemoCluster, service: str) -> Mapping[str, str]:
    """The conditions of the ServiceExport in a cluster, as `True PortConflict` by type."""
    found = await cluster.api.admin.get(service_exports(), service, NAMESPACE)
    conditions = (found.get("status") or {}).get("conditions") or ()
    return {one["type"]: f"{one['status']} {one['reason']}" for one in conditions}


async def imported_endpoints(cluster: DemoCluster, service: str) -> Mapping[str, tuple[str, ...]]:
    """Addresses in the imported EndpointSlices of a service, by the cluster that they are from."""
    listed = await cluster.api.admin.list(
        ENDPOINT_SLICES, namespace=NAMESPACE, label_selector=f"{LABEL_SERVICE_NAME}={service}"
    )
    found: dict[str, tuple[str, ...]] = {}
    for item in listed.items:
        source = item["metadata"]["labels"].get(LABEL_SOURCE_CLUSTER, "")
        addresses = [address for each in item.get("endpoints") or () for address in each["addresses"]]
        if addresses:
            found[source] = tuple(sorted((*found.get(source, ()), *addresses)))
    return found


@dataclass(frozen=True, slots=True)
class Resolved:
    """A DNS answer without what changes from one to the next."""

    rcode: str
    data: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.rcode, *self.data))


NO_SUCH_NAME: Final = Resolved("NXDOMAIN")


async def resolve(cluster: DemoCluster, name: str, type: str = "A", *, tcp: bool = False) -> Resolved:
    """What a cluster's DNS server says of `name`, which is relative to the clusterset's services."""
    answer = await query(
        cluster.dns_address, f"{name}.{NAMESPACE}.svc.{ZONE}", type, tcp=tcp, timeout_seconds=ANSWER_SECONDS
    )
    return Resolved(answer.rcode, answer.data(type))


async def http_status(cluster: DemoCluster, path: str) -> tuple[int, str]:
    """Status and text of a page of a cluster's HTTP server."""
    response = await cluster.get(path, timeout_seconds=ANSWER_SECONDS)
    return response.status, response.body.decode("utf-8", "replace")


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def value(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels; 0.0 when there is none."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


async def scrape(cluster: DemoCluster) -> Metrics:
    """A cluster's metrics, as Prometheus gets them."""
    _, text = await http_status(cluster, "/metrics")
    return Metrics(text)
