"""The tables of docs/metrics.md, made from the metrics that the agent and the DNS server really register.

`python -m tests.cli.metrics_reference` writes them into the page; the test fails when the page differs.
"""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from random import Random

import yaml
from prometheus_client import CollectorRegistry, Metric

from mcs_controller.cli.controllers import make_manager
from mcs_controller.cli.hub import make_hub
from mcs_controller.cli.terms import Terms
from mcs_controller.controllers.config import AgentConfig, HubConfig, SecretName
from mcs_controller.controllers.membership.credential import MountedCredential
from mcs_controller.controllers.membership.metrics import HeartbeatCollector
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.connection.transport import LineStream, Request, Response
from mcs_controller.kube.errors import Unreachable
from mcs_controller.kube.events.recorder import EventRecorder
from mcs_controller.kube.metrics import KubeMetrics
from mcs_controller.observe.health import Health
from mcs_controller.observe.metrics import ProcessMetrics, ReadinessCollector
from tests.cli.pages import DOCS, with_table

PAGE = DOCS / "metrics.md"
ALERTS = DOCS.parent / "charts" / "mcs-controller" / "files" / "alerts.yaml"


class NowhereTransport:
    """An API server that nobody ever reaches."""

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        raise Unreachable("nowhere")

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        raise Unreachable("nowhere")

    async def renew_credential(self) -> bool:
        return False

    async def close(self) -> None:
        pass


def agent_registry() -> CollectorRegistry:
    """What `mcs-controller agent` registers."""
    registry, clock = CollectorRegistry(), SystemClock()
    ProcessMetrics(registry, version="x")
    registry.register(ReadinessCollector(Health()))
    local, broker = Client(NowhereTransport(), name="local"), Client(NowhereTransport(), name="broker")
    config = AgentConfig(
        cluster_id="east", service_metrics=1, service_export_policies=True, report_to_inventory=True
    )
    presence = Presence(config, local, broker, clock=clock, random=Random(1))
    registry.register(HeartbeatCollector(presence))
    recorder = EventRecorder(local, component="x/y", instance="z", clock=clock, registry=registry)
    manager = make_manager(
        Context.of(
            config,
            local=local,
            broker=broker,
            clock=clock,
            random=Random(1),
            registry=registry,
            events=recorder,
        ),
        presence=presence,
        credential=MountedCredential(Path("kubeconfig"), None, SecretName("mcs-system", "mcs-broker")),
    )
    registry.register(Terms(lambda _: manager))
    return registry


def hub_registry() -> CollectorRegistry:
    """What `mcs-controller hub` registers."""
    registry = CollectorRegistry()
    ProcessMetrics(registry, version="x")
    registry.register(ReadinessCollector(Health()))
    client = Client(NowhereTransport(), name="broker")
    manager = make_hub(HubConfig(), client, clock=SystemClock(), random=Random(1), registry=registry)
    registry.register(Terms(lambda _: manager, part="hub"))
    return registry


def dns_registry() -> CollectorRegistry:
    """What `mcs-controller dns` registers."""
    registry = CollectorRegistry()
    ProcessMetrics(registry, version="x")
    registry.register(ReadinessCollector(Health()))
    client = Client(NowhereTransport(), name="local")
    server = DnsServer(DnsConfig(service_metrics=1), client, registry=registry, random=Random(1))
    registry.register(server._collector)
    metrics = KubeMetrics(registry)
    metrics.watch_client(client)
    for reflector in server.source.reflectors:
        metrics.watch_reflector(reflector, client=client.name)
    return registry


def alerts_by_metric() -> dict[str, list[str]]:
    """Which alerts of ours ask for a metric, by its name."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    found: dict[str, list[str]] = {}
    for rule in (rule for group in groups for rule in group["rules"]):
        for metric in sorted(set(re.findall(r"\bmcs_\w+", rule["expr"]))):
            found.setdefault(metric, []).append(rule["alert"])
    return found


def with_tables(page: str) -> str:
    """The page with the present tables. Call it from an event loop."""
    page = with_table(page, "metrics:agent", _table(agent_registry()))
    page = with_table(page, "metrics:hub", _table(hub_registry()))
    return with_table(page, "metrics:dns", _table(dns_registry()))


def _table(registry: CollectorRegistry) -> str:
    alerts = alerts_by_metric()
    rows = sorted(_row(family, labels, alerts) for family, labels in families(registry))
    return "\n".join(["| metric | type | labels | meaning | what to do |", "|---|---|---|---|---|", *rows])


def families(registry: CollectorRegistry) -> Iterable[tuple[Metric, tuple[str, ...]]]:
    """Each metric family with its label names, also those that have no sample yet."""
    for collector in set(registry._collector_to_names):
        for family in collector.collect():
            owner = collector if hasattr(collector, "_labelnames") else family
            yield family, tuple(getattr(owner, "_labelnames", ()))


def _row(family: Metric, labels: tuple[str, ...], alerts: dict[str, list[str]]) -> str:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    shown = ", ".join(f"`{label}`" for label in labels)
    parts = [name, f"{name}_bucket", f"{name}_count", f"{name}_sum"]
    watching = dict.fromkeys(alert for part in parts for alert in alerts.get(part, ()))
    todo = ", ".join(f"[{alert}](operations.md#{alert.lower()})" for alert in watching)
    return f"| `{name}` | {family.type} | {shown} | {family.documentation} | {todo} |"


async def _write() -> None:
    PAGE.write_text(with_tables(PAGE.read_text()))


if __name__ == "__main__":
    asyncio.run(_write())
