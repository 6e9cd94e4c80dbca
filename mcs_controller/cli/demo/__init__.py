"""`mcs-controller demo`: a whole clusterset on this machine, to be tried out or to be proven.

It prints what there is to try once everything answers, and stays until it is stopped; with `--once` it plays
a story instead, and the exit code says whether all of it held. Nothing outlives the command.
"""

import argparse
import asyncio
import os
from pathlib import Path

from mcs_controller.cli.demo.breaking import break_as_told
from mcs_controller.cli.demo.checks import NotAsExpected
from mcs_controller.cli.demo.clusterset import DemoClusterset, demo_clusterset
from mcs_controller.cli.demo.export_steps import set_up
from mcs_controller.cli.demo.hints import lines, places
from mcs_controller.cli.demo.kubeconfigs import kubeconfig_folder
from mcs_controller.cli.demo.ports import choose_ports
from mcs_controller.cli.demo.settings import DemoSettings
from mcs_controller.cli.demo.sites import BROKER, make_sites
from mcs_controller.cli.demo.story import play
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.observe.logging import configure_logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, DemoSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Until cancelled, or until the story has been played."""
    settings = read_options(DemoSettings, arguments, os.environ)
    count = settings.clusters
    sites = make_sites(count, *choose_ports(count, settings.dns_port, settings.http_port, settings.page_port))
    configure_logging(settings.log_level or ("error" if settings.once else "warning"), "text")
    begun_seconds = asyncio.get_running_loop().time()
    with kubeconfig_folder(settings.kubeconfig_dir) as folder:
        folder.check([BROKER, *(site.name for site in sites)])
        try:
            async with demo_clusterset(sites, folder) as demo:
                if settings.once:
                    return 0 if await play(demo, _say) else 1
                await _show(demo, folder.path, begun_seconds)
        except* BrokenPipeError as group:
            # Who read what we print has gone: for `main` to end in silence, as of any command.
            raise BrokenPipeError from group
    return 0


async def _show(demo: DemoClusterset, folder: Path, begun_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    await _settle(demo)
    for line in lines(places(demo)):
        _say(line)
    took_seconds = loop.time() - begun_seconds
    _say(f"\n# up after {took_seconds:.1f} s; Ctrl-C stops it, and removes the kubeconfig files")
    await break_as_told(demo, folder)


async def _settle(demo: DemoClusterset) -> None:
    try:
        await set_up(demo)
    except NotAsExpected as failure:
        raise CliError(f"the demo did not come up: {failure}") from failure


def _say(line: str) -> None:
    print(line, flush=True)
