"""`mcs-controller leave`: takes a cluster out of the clusterset, once its agent has been stopped.

It takes the agent's credentials and rights, and can be repeated until it removes nothing. The MemberCluster
is the broker's administrator's to delete.
"""

import argparse
import os
from random import Random

from mcs_controller.cli.connecting import connect, file_of_broker
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.settings import LeaveSettings
from mcs_controller.controllers.membership.cluster_id import ClusterId
from mcs_controller.controllers.services.leave import leave


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, LeaveSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Remove, and say how much; raises errors that need an operator."""
    settings = read_options(LeaveSettings, arguments, os.environ)
    broker_file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
    local = connect(settings.kubeconfig, settings.context, name="local")
    try:
        broker = connect(broker_file, settings.broker_context, name="broker")
        try:
            cluster_id = await ClusterId(local, random=Random()).ask(settings.cluster_id)
            async for kind, count in leave(cluster_id, local, broker):
                print(f"{kind}: {count} removed")
        finally:
            await broker.close()
    finally:
        await local.close()
    return 0
