"""`mcs-controller dns`: the DNS server of one cluster, wired to its API server.

It serves from the first moment (SERVFAIL until the zone is complete) and never ends because the API server is
away; readiness follows the zone, so that a replica joins its Service only when it can answer, and it leaves
the Service before it ends (`drain.py`).
"""

import argparse
import gc
import os
from random import Random
from typing import Final

from prometheus_client import CollectorRegistry

from mcs_controller.cli import dns_check, dns_install
from mcs_controller.cli.connecting import connect
from mcs_controller.cli.dns_worker import worker_command
from mcs_controller.cli.drain import Drain
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.process import freeze_after_sync, serving_metrics_and_health
from mcs_controller.cli.settings import DnsSettings
from mcs_controller.cli.subcommands import add_subcommands
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.dns.workers.fleet import Fleet
from mcs_controller.kube.metrics import KubeMetrics
from mcs_controller.kube.tasks import Tasks
from mcs_controller.observe.health import Health
from mcs_controller.observe.logging import configure_logging

GC_THRESHOLDS: Final = (50_000, 20, 100)
"""Reading objects makes garbage but no cycles, and Python's own thresholds cost a third more time."""


_CHECK: Final = "compare what a DNS server answers with what the specification asks for this cluster"
_INSTALL: Final = "make this cluster's DNS forward the zone to our DNS servers"
_UNINSTALL: Final = "take that out of this cluster's DNS again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options, and those of the commands below it."""
    add_options(parser, DnsSettings)
    add_subcommands(
        parser,
        "[check|install|uninstall]",
        (
            ("check", _CHECK, dns_check.add_arguments),
            ("install", _INSTALL, dns_install.add_install),
            ("uninstall", _UNINSTALL, dns_install.add_uninstall),
        ),
        required=False,
    )


async def run(arguments: argparse.Namespace) -> int:
    """Answer until cancelled; raises errors that need an operator."""
    gc.set_threshold(*GC_THRESHOLDS)
    match arguments.action:
        case "check":
            return await dns_check.run(arguments)
        case "install":
            return await dns_install.install(arguments)
        case "uninstall":
            return await dns_install.uninstall(arguments)
    settings = read_options(DnsSettings, arguments, os.environ)
    configure_logging(settings.log_level, settings.log_format)
    registry, health = CollectorRegistry(), Health()
    fleets: list[Fleet] = []
    async with serving_metrics_and_health(
        settings.http, registry, health, workers=lambda: [pid for each in fleets for pid in each.pids()]
    ) as process_metrics:
        client = connect(settings.kubeconfig, settings.context, name="local")
        try:
            server = DnsServer(
                settings.dns,
                client,
                registry=registry,
                random=Random(),
                worker_command=worker_command(settings.log_level, settings.log_format),
            )
            if server.fleet is not None:
                fleets.append(server.fleet)
                server.fleet.observe_lag = process_metrics.loop_lag.observe
            metrics = KubeMetrics(registry)
            metrics.watch_client(client)
            for reflector in server.source.reflectors:
                metrics.watch_reflector(reflector, client=client.name)
            health.add("zone", lambda: _zone_problem(server))
            drain = Drain(settings.drain_seconds)
            health.add("shutdown", drain.problem)
            async with Tasks("dns") as tasks:
                tasks.start(freeze_after_sync(server.synced), name="settle", essential=False)
                await drain.wait_for(tasks.start(server.run(), name="server"))
                tasks.stop()
        finally:
            await client.close()
    return 0


def _zone_problem(server: DnsServer) -> str | None:
    """A zone that was complete once stays ready: an old answer is better than none.

    See docs/decisions/0012-dns-never-forgets.md.
    """
    if server.ready():
        return None
    if server.source.is_open():
        return "no worker process answers yet"
    problems = server.problems()
    return "; ".join(f"{kind}: {text}" for kind, text in problems.items()) or "not read completely yet"
