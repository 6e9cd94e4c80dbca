"""`mcs-controller fuse`: lists what is held in a cluster, or releases it, with the user's own credentials.

The agent is not asked: all that it holds is in the conditions of ServiceImports, and a release is an
annotation (docs/decisions/0007-fuse.md).
"""

import argparse

from mcs_controller.cli import fuse_release, fuse_status
from mcs_controller.cli.subcommands import add_subcommands

_STATUS = "list what is held in a cluster, since when, and when it ends by itself"
_RELEASE = "say that what is held is gone for good"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two commands and their options."""
    add_subcommands(
        parser,
        "status|release",
        (
            ("status", _STATUS, fuse_status.add_arguments),
            ("release", _RELEASE, fuse_release.add_arguments),
        ),
    )


async def run(arguments: argparse.Namespace) -> int:
    """The exit code; raises errors that the user can mend."""
    if arguments.action == "status":
        return await fuse_status.run(arguments)
    return await fuse_release.run(arguments)
