"""`mcs-controller leave`: takes a cluster out of the clusterset, once its agent has been stopped.

It takes the agent's credentials and rights, and can be repeated until it removes nothing. The MemberCluster
is the broker's administrator's to delete.
"""

import argparse
import os
from random import Random

from mcs_controller.cli.errors import UsageError
from mcs_controller.cli.host import connect
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.settings import LeaveSettings
from mcs_controller.controllers.identity import ClusterId
from mcs_controller.controllers.leave import leave


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, LeaveSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Remove, and say how much; raises what only a person can put right."""
    settings = read_options(LeaveSettings, arguments, os.environ)
    broker_file = settings.broker_kubeconfig or (settings.kubeconfig if settings.broker_context else None)
    if broker_file is None:
        raise UsageError("--broker-kubeconfig is missing: give it, or set MCS_BROKER_KUBECONFIG")
    local = connect(settings.kubeconfig, settings.context, name="local")
    try:
        broker = connect(broker_file, settings.broker_context, name="broker")
        try:
            cluster_id = await ClusterId(local, random=Random()).find(settings.cluster_id)
            async for kind, count in leave(cluster_id, local, broker):
                print(f"{kind}: {count} removed")
        finally:
            await broker.close()
    finally:
        await local.close()
    return 0
