"""A real Prometheus scrapes the demo, and every panel of the dashboards shows something of it."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from mcs_controller.cli.demo.checks import resolve
from mcs_controller.cli.demo.clusterset import DemoClusterset, demo_clusterset
from mcs_controller.cli.demo.export_steps import set_up
from mcs_controller.cli.demo.kubeconfigs import KubeconfigFolder
from mcs_controller.cli.demo.sites import make_sites
from mcs_controller.cli.demo.workload import DB, scale
from tests.monitoring.prometheus import Prometheus, Target
from tests.monitoring.shipped import DASHBOARDS, Panel, panels, variables
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

CLUSTERS = 3
SHOWN_WITHIN_SECONDS = 60.0
USERS_PAUSE_SECONDS = 0.3


@contextlib.asynccontextmanager
async def used(demo: DemoClusterset) -> AsyncIterator[None]:
    """Clients ask for names, and endpoints come and go."""

    async def use() -> None:
        while True:
            for pods in (DB.pods + 1, DB.pods):
                await scale(demo.clusters[0], DB, pods)
                for cluster in demo.clusters:
                    await resolve(cluster, "web")
                await asyncio.sleep(USERS_PAUSE_SECONDS)

    users = asyncio.create_task(use())
    try:
        yield
    finally:
        users.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await users


async def test_every_panel_shows_something_of_the_demo(tmp_path: Path) -> None:
    sites = make_sites(CLUSTERS, *[(0,) * CLUSTERS] * 3)
    async with demo_clusterset(sites, KubeconfigFolder(tmp_path)) as demo:
        await set_up(demo)
        targets = [Target("mcs", cluster.name, cluster.http_port) for cluster in demo.clusters]
        async with Prometheus(tmp_path, targets).serving() as prometheus, used(demo):
            wanted = [panel for panel in panels() if not panel.may_be_empty]
            assert len(wanted) > 50
            await eventually(
                lambda: nothing_in(prometheus, wanted),
                lambda silent: not silent,
                SHOWN_WITHIN_SECONDS,
                poll_seconds=1,
            )
            for panel in panels():
                await assert_every_series_has_a_name(prometheus, panel)
            await assert_there_is_something_to_choose(prometheus)


async def nothing_in(prometheus: Prometheus, wanted: Sequence[Panel]) -> list[str]:
    """The queries that give no number."""
    return [
        f"{panel.dashboard}: {panel.title}: {query}"
        for panel in wanted
        for query in panel.queries()
        if all(math.isnan(number) for _, number in await prometheus.series(query))
    ]


async def assert_every_series_has_a_name(prometheus: Prometheus, panel: Panel) -> None:
    """Of labels that it has, and that no other one of the query has as well."""
    for query, named in zip(panel.queries(), panel.labels_named(), strict=True):
        found = [labels for labels, _ in await prometheus.series(query)]
        if panel.body["type"] != "table":
            names = {tuple(labels[name] for name in sorted(named)) for labels in found}
            assert len(names) == len(found), (panel.title, query)


async def assert_there_is_something_to_choose(prometheus: Prometheus) -> None:
    """Clusters, namespaces and services, as Grafana asks for them."""
    chosen = {
        name: set(await prometheus.ask(f"label/{label}/values", **{"match[]": selector}))
        for file in DASHBOARDS
        for name, selector, label in variables(file)
    }
    assert chosen == {
        "cluster": {"east", "west", "north"},
        "namespace": {"shop"},
        "service": {"web", "db", "cart"},
    }
