"""`mcs-controller policy`: what ServiceExportPolicies would do, before they do it."""

import argparse

from mcs_controller.cli import policy_preview
from mcs_controller.cli.subcommands import add_subcommands


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands below it."""
    help_ = "say what ServiceExportPolicies would export and remove, without writing anything"
    add_subcommands(parser, "preview", [("preview", help_, policy_preview.add_arguments)])


async def run(arguments: argparse.Namespace) -> int:
    """Run it. Raises errors that the user can mend."""
    return await policy_preview.run(arguments)
