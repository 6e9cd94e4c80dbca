"""A real Prometheus scrapes a running agent, DNS server and hub, with the rules that we ship."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES, MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.clusterset.membership.limits import OBJECT_MAX_BYTES
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import Running, running
from tests.monitoring.prometheus import SCRAPED_WITHIN_SECONDS, Json, Prometheus, Target
from tests.monitoring.shipped import alert_rules, panels, promtool, selectors
from tests.support import crds
from tests.support.kubeconfigs import write
from tests.support.objects import body, member_cluster, namespace_body
from tests.support.site import Site
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

TOO_LONG = {f"example.com/a{number:02}": "x" * 16_000 for number in range(OBJECT_MAX_BYTES // 16_000 + 1)}
TOLD_HERE = {"McsImportsWaiting", "McsMemberOverLimits", "McsServiceWithoutEndpoints"}
"""What the scene gives reason for, by what east exports."""
BUSY_MACHINE = {"McsEventLoopLag"}
"""What the machine that runs the tests may give reason for."""


class Scene:
    """The broker with a hub, and west with its agent and its DNS server; of east there are only exports."""

    agent: Running
    dns: Running
    hub: Running

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._broker, self._west = SimCluster("broker"), SimCluster("west")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Scene]:
        async with AsyncExitStack() as stack:
            for cluster in (self._broker, self._west):
                await stack.enter_async_context(cluster)
                await stack.enter_async_context(cluster.serve())
            await self._prepare()
            west = write(self._folder, "west.kubeconfig", self._west.kubeconfig())
            broker = write(self._folder, "broker.kubeconfig", self._broker.kubeconfig(token()))
            agent: list[str | Path] = ["agent", "--cluster-id", "west", "--member-max-imports", "1"]
            agent += ["--kubeconfig", west, "--broker-kubeconfig", broker]
            agent += ["--broker-renew-in", "mcs-system/mcs-broker", "--service-metrics", "10"]
            agent += ["--export-policies", "--service-export-policies"]
            dns: list[str | Path] = ["dns", "--kubeconfig", west, "--listen", "127.0.0.1:0"]
            self.agent = await stack.enter_async_context(running(*agent))
            self.hub = await stack.enter_async_context(running("hub", "--kubeconfig", broker))
            self.dns = await stack.enter_async_context(running(*dns, "--drain-seconds", "0"))
            yield self

    async def _prepare(self) -> None:
        admin, west = self._broker.client(), Site("west", self._west.client())
        await crds.install(admin, *crds.BROKER_CRDS, *crds.INVENTORY_CRDS)
        for namespace in ("mcs-system", "mcs-inventory"):
            await admin.create(NAMESPACES, namespace_body(namespace))
        for member in ("east", "west"):
            await admin.create(NAMESPACES, namespace_body(f"mcs-member-{member}"))
            await admin.create(MEMBER_CLUSTERS, member_cluster(member))
        for name, notes in (("web", {}), ("cart", {}), ("long", TOO_LONG)):
            record = body(
                EXPORTED_SERVICES,
                f"shop.{name}",
                "mcs-member-east",
                spec=exported(name, exportedAnnotations=notes),
            )
            await admin.create(EXPORTED_SERVICES, record)
        policies = [f"{plural}.mcs-controller.io" for plural in ("exportpolicies", "serviceexportpolicies")]
        await west.install(*crds.MCS_CRDS, *policies)
        await west.namespace("mcs-system")
        await west.namespace("shop")


def token() -> str:
    """One that says when it ends, as those of ServiceAccounts do; simulated API servers take any."""
    now = int(time.time())
    claims = json.dumps({"sub": "member-west", "iat": now, "exp": now + 3600})
    return f"e30.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.c2lnbmF0dXJl"


def exported(name: str, **spec: Any) -> Json:
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    return {
        "serviceNamespace": "shop",
        "serviceName": name,
        "exportedAt": "2026-01-01T00:00:00Z",
        "type": "ClusterSetIP",
        "ports": ports,
        "ipFamilies": ["IPv4"],
        **spec,
    }


async def test_prometheus_reads_our_metrics_and_finds_all_that_alerts_and_dashboards_ask_for(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path).serving() as scene:
        await scene.agent.get_until("/metrics", "mcs_imports_waiting{")
        await scene.dns.get_until("/metrics", "mcs_dns_zone_synced 1.0")
        await scene.hub.get_until("/metrics", "mcs_hub_profiles 2.0")
        for process in (scene.agent, scene.dns, scene.hub):
            _, metrics = await process.get("/metrics")
            told = promtool("check", "metrics", text=metrics)
            assert (told.returncode, told.stdout + told.stderr) == (0, "")
        targets = [
            Target("mcs-agent", "west", scene.agent.http_port),
            Target("mcs-dns", "west", scene.dns.http_port),
            Target("mcs-hub", "broker", scene.hub.http_port),
        ]
        async with Prometheus(tmp_path, targets).serving() as prometheus:
            scraped = {"mcs_imports_waiting", "mcs_dns_zone_synced", "mcs_hub_profiles"}
            await eventually(prometheus.names, scraped.issubset, SCRAPED_WITHIN_SECONDS)
            await assert_is_there(prometheus)
            await assert_rules_work(prometheus)


async def assert_is_there(prometheus: Prometheus) -> None:
    """Every series that an operator is told of or shown exists, but for panels that are mostly empty."""
    shown = [panel for panel in panels() if panel.dashboard == "operator" and not panel.may_be_empty]
    queries = [query for panel in shown for query in panel.queries()]
    asked = {one for text in [*queries, *(rule["expr"] for rule in alert_rules())] for one in selectors(text)}
    assert len(asked) > 50
    missing = {one for one in asked if not await prometheus.ask("series", **{"match[]": one})}
    assert missing == set()


async def assert_rules_work(prometheus: Prometheus) -> None:
    """Every rule has been evaluated, and what is told is what there is to tell."""
    rules = await eventually(
        prometheus.rules, lambda all_: all_ and all(rule["health"] != "unknown" for rule in all_)
    )
    assert {rule["name"] for rule in rules} == {rule["alert"] for rule in alert_rules()}
    assert [rule for rule in rules if rule["health"] != "ok"] == []
    await eventually(prometheus.told, lambda told: told - BUSY_MACHINE == TOLD_HERE, SCRAPED_WITHIN_SECONDS)
    waiting = [
        alert["annotations"]["summary"]
        for alert in (await prometheus.ask("alerts"))["alerts"]
        if alert["labels"]["alertname"] == "McsImportsWaiting"
    ]
    assert waiting == ["west: 1 services of member east have no place here"]
