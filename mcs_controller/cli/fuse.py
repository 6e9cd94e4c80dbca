"""`mcs-controller fuse`: lists what is held in a cluster, or releases it, with the user's own credentials.

The agent is not asked: all that it holds is in the conditions of ServiceImports, and a release is an
annotation (docs/decisions/0007-fuse.md).
"""

import argparse

from mcs_controller.cli import fuse_release, fuse_status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two commands and their options."""
    commands = parser.add_subparsers(dest="action", metavar="status|release", required=True)
    for name, module, help_ in (
        ("status", fuse_status, "list what is held in a cluster, since when, and when it ends by itself"),
        ("release", fuse_release, "say that what is held is gone for good"),
    ):
        command = commands.add_parser(
            name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.", allow_abbrev=False
        )
        module.add_arguments(command)


async def run(arguments: argparse.Namespace) -> int:
    """The exit code; raises errors that the user can mend."""
    if arguments.action == "status":
        return await fuse_status.run(arguments)
    return await fuse_release.run(arguments)
