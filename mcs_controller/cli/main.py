"""`mcs-controller`: which command runs, and how it ends.

A command is a module beside this one with `add_arguments(parser)` and `async run(arguments) -> int`; only the
one that was asked for is imported, since the others cost time and memory. Mistakes that a user can make end
in exactly one line on stderr and exit code 1, or 2 for a wrong command line; everything else is a bug of
ours and shows its traceback.
"""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from mcs_controller import __version__
from mcs_controller.cli.errors import CliError, UsageError, expected, one_line
from mcs_controller.cli.lifecycle import run_command

PROGRAM: Final = "mcs-controller"

RUNNING_COMMANDS: Final = {
    "agent": "mirror this cluster's exports to the broker and build its imports from there",
    "dns": "answer the clusterset's names from this cluster's imports",
    "leave": "take this cluster out of the clusterset, once its agent has been stopped",
    "fuse": "list what is held in a cluster since too much was lost at once, or release it",
    "demo": "a broker and simulated clusters on this machine, to try everything out",
}
PRINTING_COMMANDS: Final = {
    "crds": "print the CustomResourceDefinitions as YAML, or compare and install them",
    "rbac": "print accounts, roles and bindings of the components as YAML",
}

_log = logging.getLogger(__name__)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except BrokenPipeError:
        # The reader of our output is gone, as in `mcs-controller crds | head`. The interpreter flushes
        # once more at exit, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        # The second Ctrl-C, see lifecycle.py: no traceback.
        return 130
    except Exception as error:  # noqa: BLE001 - the outermost place of all
        told = expected(error)
        if told is None:
            _log.critical("this is a bug in %s %s", PROGRAM, __version__, exc_info=error)
            return 1
        print(f"{PROGRAM}: {one_line(told)}", file=sys.stderr)
        return told.exit_code if isinstance(told, CliError) else 1


def _run(argv: list[str]) -> int:
    arguments, unknown = _parser(asked_for=argv[0] if argv else "").parse_known_args(argv)
    if unknown:
        raise UsageError(f"unknown: {' '.join(unknown)} (see {PROGRAM} {arguments.command} --help)")
    match arguments.command:
        case "version":
            print(f"{PROGRAM} {__version__}")
            return 0
        case name if name in PRINTING_COMMANDS:
            # Imported here, since the models behind the CRDs cost every other command time and memory.
            module = importlib.import_module(f"mcs_controller.cli.{arguments.command}")
            code: int = module.run(arguments)
            return code
    return run_command(importlib.import_module(f"mcs_controller.cli.{arguments.command}").run(arguments))


def _parser(asked_for: str) -> _Parser:
    parser = _Parser(
        prog=PROGRAM,
        description="Multicluster Services (KEP-1645) for Kubernetes.",
        epilog=f"'{PROGRAM} COMMAND --help' lists the command's options and the environment behind them.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help_ in {**RUNNING_COMMANDS, **PRINTING_COMMANDS}.items():
        command = commands.add_parser(name, help=help_, description=_sentence(help_), allow_abbrev=False)
        if name == asked_for:
            importlib.import_module(f"mcs_controller.cli.{name}").add_arguments(command)
    commands.add_parser("version", help="print the version", description="Print the version.")
    return parser


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
