"""`mcs-controller demo`: a whole clusterset on this machine, to be tried out or to be proven.

It prints what there is to try once everything answers, and stays until it is stopped; with `--once` it plays
a story instead, and the exit code says whether all of it held. Nothing outlives the command.
"""

import argparse
import asyncio
from pathlib import Path
from typing import get_args

from mcs_controller.cli.demo import ports
from mcs_controller.cli.demo.checks import NotAsExpected
from mcs_controller.cli.demo.clusterset import DemoClusterset, demo_clusterset
from mcs_controller.cli.demo.export_steps import set_up
from mcs_controller.cli.demo.hints import lines, places
from mcs_controller.cli.demo.kubeconfigs import kubeconfig_folder
from mcs_controller.cli.demo.sites import BROKER, CLUSTERS_MAX, CLUSTERS_MIN, make_sites
from mcs_controller.cli.demo.story import play
from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.observe.logging import LogLevel, configure_logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--clusters",
        type=int,
        default=3,
        metavar="N",
        help=f"how many member clusters, {CLUSTERS_MIN} to {CLUSTERS_MAX} (default %(default)s)",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="play a story that checks every step, and exit: 0 if all of it held, 1 if not",
    )
    parser.add_argument(
        "--dns-port",
        type=int,
        metavar="PORT",
        help="DNS port of the first cluster, the others take the next ones; 0 means any free ones "
        f"(default {ports.DNS_PORT}, or the next range that is free)",
    )
    parser.add_argument(
        "--http-port",
        type=int,
        metavar="PORT",
        help="port of the first cluster for metrics and health, as with --dns-port "
        f"(default {ports.HTTP_PORT}, or the next range that is free)",
    )
    parser.add_argument(
        "--kubeconfig-dir",
        type=Path,
        metavar="DIR",
        help="where the kubeconfig files are written, as CLUSTER.kubeconfig and broker.kubeconfig, "
        "until the end (default: a new directory, which is printed)",
    )
    parser.add_argument(
        "--log-level",
        choices=get_args(LogLevel),
        help="least level that is logged (default warning; error with --once, where failures are part of it)",
    )


async def run(arguments: argparse.Namespace) -> int:
    """Until cancelled, or until the story has been played."""
    count: int = arguments.clusters
    if not CLUSTERS_MIN <= count <= CLUSTERS_MAX:
        raise UsageError(
            f"--clusters {count}: a demo has {CLUSTERS_MIN} to {CLUSTERS_MAX} clusters, "
            "since a service is exported from two"
        )
    dns_ports, http_ports = ports.choose_ports(count, arguments.dns_port, arguments.http_port)
    sites = make_sites(count, dns_ports, http_ports)
    configure_logging(arguments.log_level or ("error" if arguments.once else "warning"), "text")
    begun_seconds = asyncio.get_running_loop().time()
    with kubeconfig_folder(arguments.kubeconfig_dir) as folder:
        folder.check([BROKER, *(site.name for site in sites)])
        try:
            async with demo_clusterset(sites, folder) as demo:
                if arguments.once:
                    return 0 if await play(demo, _say) else 1
                await _show(demo, begun_seconds)
        except* BrokenPipeError as group:
            # Who read what we print has gone: for `main` to end in silence, as of any command.
            raise BrokenPipeError from group
    return 0


async def _show(demo: DemoClusterset, begun_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    await _settle(demo)
    for line in lines(places(demo)):
        _say(line)
    took_seconds = loop.time() - begun_seconds
    _say(f"\n# up after {took_seconds:.1f} s; Ctrl-C stops it, and removes the kubeconfig files")
    await loop.create_future()


async def _settle(demo: DemoClusterset) -> None:
    try:
        await set_up(demo)
    except NotAsExpected as failure:
        raise CliError(f"the demo did not come up: {failure}") from failure


def _say(line: str) -> None:
    print(line, flush=True)
