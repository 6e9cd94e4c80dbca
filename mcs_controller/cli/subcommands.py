"""Commands that have commands below them, such as `fuse status`."""

import argparse
from collections.abc import Callable, Iterable

AddArguments = Callable[[argparse.ArgumentParser], None]


def add_subcommands(
    parser: argparse.ArgumentParser,
    metavar: str,
    commands: Iterable[tuple[str, str, AddArguments]],
    *,
    required: bool = True,
    guesses: Iterable[tuple[str, AddArguments]] = (),
) -> None:
    """Add each command with its name, its help and its options; the one asked for is `arguments.action`.

    `guesses` are no commands, and not in the help: whoever tries one is told by the caller what to write.
    """
    added = parser.add_subparsers(dest="action", metavar=metavar, required=required)
    for name, help_, add in commands:
        description = f"{help_[0].upper()}{help_[1:]}."
        add(added.add_parser(name, help=help_, description=description, allow_abbrev=False))
    for name, add in guesses:
        add(added.add_parser(name, add_help=False, allow_abbrev=False))
