"""`mcs-controller broker`: sets up a broker and its members' places, with its administrator's rights."""

import argparse

from mcs_controller.cli import broker_init, broker_member

_INIT = "install what a broker needs: its kinds, and the roles of its members"
_CREATE_MEMBER = "make a cluster's place on the broker, and the credential for it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two commands and their options."""
    commands = parser.add_subparsers(dest="action", metavar="init|create-member", required=True)
    for name, module, help_ in (
        ("init", broker_init, _INIT),
        ("create-member", broker_member, _CREATE_MEMBER),
    ):
        command = commands.add_parser(
            name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.", allow_abbrev=False
        )
        module.add_arguments(command)


async def run(arguments: argparse.Namespace) -> int:
    """The exit code; raises errors that the user can mend."""
    if arguments.action == "init":
        return await broker_init.run(arguments)
    return await broker_member.run(arguments)
