"""`mcs-controller members`: the clusters of the clusterset, as the broker knows them."""

import argparse
import os

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.cli.connecting import connect, file_of_broker
from mcs_controller.cli.fuse_status import check_is_broker
from mcs_controller.cli.install_settings import MembersSettings
from mcs_controller.cli.installing import say
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.output import as_document, table
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import Member
from mcs_controller.install.members import COLUMNS, by_name, member_object, member_row
from mcs_controller.kube.clock import SystemClock
from mcs_controller.kube.errors import NotFound


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, MembersSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Print them. Raises `CliError`, `KubeError`."""
    settings = read_options(MembersSettings, arguments, os.environ)
    file = file_of_broker(settings.kubeconfig, settings.broker_kubeconfig, settings.broker_context)
    client = connect(file, settings.broker_context, name="broker")
    found: list[Member] = []
    try:
        try:
            listed = await client.list(MEMBER_CLUSTERS)
        except NotFound:
            await check_is_broker(client)
            raise
    finally:
        await client.close()
    for body in listed.items:
        try:
            found.append(decode_member(body))
        except MalformedObject as error:
            say(f"a MemberCluster is left out: {error}")
    members = by_name(found)
    if settings.output != "table":
        print(as_document(settings.output, {"members": [member_object(one) for one in members]}))
    elif members:
        now_seconds = SystemClock().now().timestamp()
        print(table(COLUMNS, [member_row(one, now_seconds) for one in members]))
    else:
        print("the broker has no members")
    return 0
