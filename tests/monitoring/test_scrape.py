"""A real Prometheus scrapes a running agent and a running DNS server, with the rules that we ship."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mcs_controller.api.resources import EXPORTED_SERVICES, MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.clusterset.membership.limits import OBJECT_MAX_BYTES
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import Running, running
from tests.monitoring.shipped import ALERTS, DASHBOARDS, alert_rules, promtool, queries_of, selectors
from tests.realkube.process import ReservedPort, ServerProcess
from tests.support import crds
from tests.support.kubeconfigs import write
from tests.support.objects import body, member_cluster, namespace_body
from tests.support.site import Site
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

Json = dict[str, Any]

SCRAPED_WITHIN_SECONDS = 40.0
TOO_LONG = {f"example.com/a{number:02}": "x" * 16_000 for number in range(OBJECT_MAX_BYTES // 16_000 + 1)}
TOLD_HERE = {"McsImportsWaiting", "McsMemberOverLimits"}
"""What the scene gives reason for, by what east exports."""
BUSY_MACHINE = {"McsEventLoopLag"}
"""What the machine that runs the tests may give reason for."""


class Prometheus:
    """One that scrapes every second, in a folder of its own."""

    def __init__(self, folder: Path, targets: Mapping[str, int]) -> None:
        program = shutil.which("prometheus")
        assert program, "prometheus is missing: apt-get install prometheus"
        scraped = [
            {
                "job_name": job,
                "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"cluster": "west"}}],
            }
            for job, port in targets.items()
        ]
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config = folder / "prometheus.yaml"
        config.write_text(
            json.dumps({"global": every, "rule_files": [str(ALERTS)], "scrape_configs": scraped})
        )
        self._port = ReservedPort()
        # Prometheus does not share a port with our socket, so the port is free for a moment.
        self._port.release()
        self._process = ServerProcess(
            "prometheus",
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self._port.number}",
                "--log.level=warn",
            ],
            folder,
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Prometheus]:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{self._port.number}") as self._session:
            self._process.start()
            try:
                await self._process.wait_ready(self._is_ready, 30)
                yield self
            finally:
                self._process.kill()

    async def _is_ready(self) -> bool:
        try:
            async with self._session.get("/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        async with self._session.get(f"/api/v1/{path}", params=parameters) as response:
            answer: Json = await response.json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    async def names(self) -> set[str]:
        return set(await self.ask("label/__name__/values"))

    async def rules(self) -> list[Json]:
        groups = (await self.ask("rules"))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def told(self) -> set[str]:
        """The alerts that fire, or will if it goes on so."""
        return {alert["labels"]["alertname"] for alert in (await self.ask("alerts"))["alerts"]}


class Scene:
    """The broker and the cluster west with its agent and its DNS server; of east there are only exports."""

    agent: Running
    dns: Running

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
            dns: list[str | Path] = ["dns", "--kubeconfig", west, "--listen", "127.0.0.1:0"]
            self.agent = await stack.enter_async_context(running(*agent))
            self.dns = await stack.enter_async_context(running(*dns, "--drain-seconds", "0"))
            yield self

    async def _prepare(self) -> None:
        admin, west = self._broker.client(), Site("west", self._west.client())
        await crds.install(admin, *crds.BROKER_CRDS)
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
        await west.install()
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
        for process in (scene.agent, scene.dns):
            _, metrics = await process.get("/metrics")
            told = promtool("check", "metrics", text=metrics)
            assert (told.returncode, told.stdout + told.stderr) == (0, "")
        targets = {"mcs-agent": scene.agent.http_port, "mcs-dns": scene.dns.http_port}
        async with Prometheus(tmp_path, targets).serving() as prometheus:
            scraped = {"mcs_imports_waiting", "mcs_dns_zone_synced"}
            await eventually(prometheus.names, scraped.issubset, SCRAPED_WITHIN_SECONDS)
            await assert_is_there(prometheus)
            await assert_rules_work(prometheus)


async def assert_is_there(prometheus: Prometheus) -> None:
    """Every series that is named exists, and every graph is a valid query."""
    queries = [query for dashboard in DASHBOARDS for query in queries_of(dashboard)]
    asked = {one for text in [*queries, *(rule["expr"] for rule in alert_rules())] for one in selectors(text)}
    assert len(asked) > 50
    missing = {one for one in asked if not await prometheus.ask("series", **{"match[]": one})}
    assert missing == set()
    for query in queries:
        await prometheus.ask("query", query=query)


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
