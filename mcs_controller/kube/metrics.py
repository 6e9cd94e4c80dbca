"""The metrics of this room, for one registry: several agents may live in one process.

Requests and reconciles are counted as they end, on label children looked up once; whatever an object
counts itself, in plain numbers, is read at each scrape, which must happen in the event loop. Label
values are bounded: a client's and a queue's name, the verbs, the kinds that we use, HTTP statuses.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mcs_controller.kube.client import Client
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.reflector import Reflector

REQUEST_BUCKETS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
WORK_BUCKETS_SECONDS: Final = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    1,
    5,
    15,
)
RECONCILE_RESULTS: Final = ("ok", "again", "error")


class KubeMetrics:
    """Watches over the clients, reflectors and queues that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # By name: an object that is created again, as after a change of leader, replaces its predecessor.
        self._clients: dict[str, Client] = {}
        self._reflectors: dict[tuple[str, str], Reflector[Any]] = {}
        self._queues: dict[str, WorkQueue[Any]] = {}
        self._requests = Counter(
            "mcs_kube_requests",
            "Requests to an API server that ended, a watch when it was opened.",
            ("client", "verb", "kind", "result"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "mcs_kube_request_duration_seconds",
            "How long requests to an API server took.",
            ("client", "verb"),
            buckets=REQUEST_BUCKETS_SECONDS,
            registry=registry,
        )
        self._reconciles = Counter(
            "mcs_queue_reconciles",
            "Reconciles that ended.",
            ("queue", "result"),
            registry=registry,
        )
        self._waited_seconds = Histogram(
            "mcs_queue_wait_duration_seconds",
            "How long keys waited for a worker.",
            ("queue",),
            buckets=WORK_BUCKETS_SECONDS,
            registry=registry,
        )
        self._worked_seconds = Histogram(
            "mcs_queue_reconcile_duration_seconds",
            "How long reconciles took.",
            ("queue",),
            buckets=WORK_BUCKETS_SECONDS,
            registry=registry,
        )
        registry.register(_WhenScraped(self._collect))

    def watch_client(self, client: Client) -> None:
        """Count the requests of `client`, and show when it last heard of its server."""
        self._clients[client.name] = client
        counters: dict[tuple[str, str, str], Counter] = {}
        durations: dict[str, Histogram] = {}

        def observe(verb: str, kind: str, result: str, seconds: float) -> None:
            counter = counters.get((verb, kind, result))
            if counter is None:
                counter = counters[(verb, kind, result)] = self._requests.labels(
                    client.name, verb, kind, result
                )
            counter.inc()
            duration = durations.get(verb)
            if duration is None:
                duration = durations[verb] = self._request_seconds.labels(client.name, verb)
            duration.observe(seconds)

        client.contact.observer = observe

    def watch_reflector(self, reflector: Reflector[Any], *, client: str) -> None:
        """Show the state of the watches of `reflector`, on the client of that name."""
        self._reflectors[(client, reflector.name)] = reflector

    def watch_queue(self, queue: WorkQueue[Any]) -> None:
        """Count the reconciles of `queue` and show what waits in it."""
        self._queues[queue.name] = queue
        counters = {result: self._reconciles.labels(queue.name, result) for result in RECONCILE_RESULTS}
        waited, worked = self._waited_seconds.labels(queue.name), self._worked_seconds.labels(queue.name)

        def observe(waited_seconds: float, worked_seconds: float, result: str) -> None:
            counters[result].inc()
            waited.observe(waited_seconds)
            worked.observe(worked_seconds)

        queue.observer = observe

    def _collect(self) -> Iterator[Metric]:
        yield from self._collect_clients()
        yield from self._collect_reflectors()
        yield from self._collect_queues()

    def _collect_clients(self) -> Iterator[Metric]:
        reachable = GaugeMetricFamily(
            "mcs_kube_reachable", "Whether the API server answered the last request.", labels=["client"]
        )
        age = GaugeMetricFamily(
            "mcs_kube_last_contact_age_seconds",
            "Time since the API server last answered or sent something; absent before the first time.",
            labels=["client"],
        )
        issued = GaugeMetricFamily(
            "mcs_kube_credential_issued_timestamp_seconds",
            "When the token for the API server was issued; absent if it says nothing of its end.",
            labels=["client"],
        )
        expires = GaugeMetricFamily(
            "mcs_kube_credential_expires_timestamp_seconds",
            "When the token for the API server ends; absent if it says nothing of that.",
            labels=["client"],
        )
        for client in self._clients.values():
            reachable.add_metric([client.name], float(client.reachable))
            lifetime = client.credential_lifetime
            if lifetime is not None:
                issued.add_metric([client.name], lifetime.issued)
                expires.add_metric([client.name], lifetime.expires)
            if client.last_contact is not None:
                age.add_metric([client.name], _age(client.last_contact))
        yield from (reachable, age, issued, expires)
        left_out = CounterMetricFamily(
            "mcs_kube_objects_left_out",
            "Objects that an API server sent and that were left out, by reason.",
            labels=["client", "kind", "reason"],
        )
        for client in self._clients.values():
            for (kind, reason), number in client.left_out.counts.items():
                left_out.add_metric([client.name, kind, reason], number)
        yield left_out

    def _collect_reflectors(self) -> Iterator[Metric]:
        labels = ["client", "reflector"]
        restarts = CounterMetricFamily(
            "mcs_watch_restarts", "Watches that ended, by reason.", labels=[*labels, "reason"]
        )
        counted: tuple[tuple[CounterMetricFamily, Callable[[Reflector[Any]], int]], ...] = (
            (
                CounterMetricFamily("mcs_watch_lists", "Complete lists taken.", labels=labels),
                lambda reflector: reflector.lists,
            ),
            (
                CounterMetricFamily("mcs_watch_events", "Watch events, without bookmarks.", labels=labels),
                lambda reflector: reflector.events,
            ),
            (
                CounterMetricFamily(
                    "mcs_watch_decode_failures", "Objects that could not be read.", labels=labels
                ),
                lambda reflector: reflector.decode_failures,
            ),
        )
        synced = GaugeMetricFamily("mcs_watch_synced", "Whether a complete list was applied.", labels=labels)
        healthy = GaugeMetricFamily("mcs_watch_healthy", "Whether list and watch work now.", labels=labels)
        age = GaugeMetricFamily(
            "mcs_watch_last_contact_age_seconds",
            "Time since the last list page, event or bookmark; absent before the first.",
            labels=labels,
        )
        for key, reflector in self._reflectors.items():
            values = list(key)
            for reason, number in reflector.restarts.items():
                restarts.add_metric([*values, reason], number)
            for family, count in counted:
                family.add_metric(values, count(reflector))
            synced.add_metric(values, float(reflector.synced()))
            healthy.add_metric(values, float(reflector.problem is None))
            if reflector.last_contact is not None:
                age.add_metric(values, _age(reflector.last_contact))
        yield restarts
        yield from (family for family, _ in counted)
        yield from (synced, healthy, age)

    def _collect_queues(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("mcs_queue_depth_keys", "Keys that wait for a worker.", labels=["queue"])
        failing = GaugeMetricFamily(
            "mcs_queue_failing_keys", "Keys whose last reconcile failed.", labels=["queue"]
        )
        oldest = GaugeMetricFamily(
            "mcs_queue_oldest_age_seconds", "How long the first key in line waits.", labels=["queue"]
        )
        for queue in self._queues.values():
            depth.add_metric([queue.name], len(queue))
            failing.add_metric([queue.name], queue.failing)
            oldest.add_metric([queue.name], queue.oldest_seconds())
        yield from (depth, failing, oldest)


class _WhenScraped(Collector):
    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        return self._collect()

    def describe(self) -> list[Metric]:
        # Nothing to describe without the objects; registering must not call `collect` outside a loop.
        return []


def _age(moment: float) -> float:
    return max(0.0, asyncio.get_running_loop().time() - moment)
