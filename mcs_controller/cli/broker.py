"""`mcs-controller broker`: sets up a broker and its members' places, with its administrator's rights."""

import argparse

from mcs_controller.cli import broker_init, broker_member, broker_remove, broker_set_access
from mcs_controller.cli.subcommands import add_subcommands

_INIT = "install what a broker needs: its kinds, and the roles of its members"
_CREATE_MEMBER = "make a cluster's place on the broker, and the credential for it"
_SET_ACCESS = "say how others reach a member's API server, for its ClusterProfile"
_REMOVE_MEMBER = "remove a cluster's place on the broker, once it has left"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands and their options."""
    add_subcommands(
        parser,
        "init|create-member|set-access|remove-member",
        (
            ("init", _INIT, broker_init.add_arguments),
            ("create-member", _CREATE_MEMBER, broker_member.add_arguments),
            ("set-access", _SET_ACCESS, broker_set_access.add_arguments),
            ("remove-member", _REMOVE_MEMBER, broker_remove.add_arguments),
        ),
    )


async def run(arguments: argparse.Namespace) -> int:
    """The exit code; raises errors that the user can mend."""
    if arguments.action == "init":
        return await broker_init.run(arguments)
    if arguments.action == "remove-member":
        return await broker_remove.run(arguments)
    if arguments.action == "set-access":
        return await broker_set_access.run(arguments)
    return await broker_member.run(arguments)
