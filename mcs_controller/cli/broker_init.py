"""`mcs-controller broker init`: the kinds and roles of a broker. It can be repeated, also after an update.

With --clusterset it also names the clusterset, for the members that there are and for those that come.
"""

import argparse
import os
from typing import Final

from mcs_controller.api.crd import crds_of
from mcs_controller.api.resources import CUSTOM_RESOURCE_DEFINITIONS
from mcs_controller.cli.broker_clusterset import for_all, read_names
from mcs_controller.cli.connecting import connect, file_of_broker
from mcs_controller.cli.crds import compare
from mcs_controller.cli.install_settings import BrokerInitSettings
from mcs_controller.cli.installing import Row, result_text, rows_of, say, wait_until_served
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.output import as_manifests
from mcs_controller.install.apply import carry_out, plan
from mcs_controller.install.objects import broker_objects

_RESULTS: Final = {
    "missing": "created",
    "older": "updated",
    "equal": "unchanged",
    "newer": "unchanged (newer than ours)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, BrokerInitSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Install, and say what. Raises `CliError`, `InstallError`, `KubeError`."""
    settings = read_options(BrokerInitSettings, arguments, os.environ)
    crds = crds_of("broker")
    wanted = broker_objects(settings.clusterset)
    if settings.dry_run:
        print(as_manifests([*crds, *(one.body for one in wanted)]))
        return 0
    file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
    client = connect(file, settings.broker_context, name="broker")
    try:
        if settings.clusterset is not None:
            wanted += for_all(await read_names(client), settings.clusterset)
        steps = await plan(client, wanted, tell=say)
        rows: list[Row] = [
            (CUSTOM_RESOURCE_DEFINITIONS.kind, "", name, _RESULTS[found])
            async for name, found in compare(client, crds, apply=True)
        ]
        steps = await carry_out(client, steps)
        await wait_until_served(client)
    finally:
        await client.close()
    print(result_text(settings.output, [*rows, *rows_of(steps)]))
    say(f"next, for each cluster: {arguments.program} broker create-member NAME")
    return 0
