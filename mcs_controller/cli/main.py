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
from pathlib import Path
from typing import Final, NoReturn

from mcs_controller import __version__
from mcs_controller.cli.errors import CliError, UsageError, expected, one_line
from mcs_controller.cli.lifecycle import run_command

PROGRAM: Final = "mcs-controller"
PLUGIN: Final = "kubectl mcs"
_KUBECONFIG: Final = "KUBECONFIG"

RUNNING_COMMANDS: Final = {
    "agent": "mirror this cluster's exports to the broker and build its imports from there",
    "hub": "beside the broker: keep the list of the clusterset's members that other tools read",
    "dns": "answer the clusterset's names from this cluster's imports",
    "broker": "set up a broker, and the place and credential of each member on it",
    "join": "give this cluster the credential with which its agent becomes a member",
    "check": "look whether all is well, in this cluster and on its broker, and say what to do",
    "status": "show the clusterset at a glance: members, exports, imports, and what is not well",
    "members": "list the clusters of the clusterset, as the broker knows them",
    "explain": "say why a service does, or does not, work here: exports, conflicts, endpoints, import, DNS",
    "policy": "say what ServiceExportPolicies would do, before they do it",
    "leave": "take this cluster out of the clusterset, and wait until the others have let go of it",
    "uninstall": "remove what is left of this project in the cluster, or list it (--check)",
    "fuse": "list what is held in a cluster since too much was lost at once, or release it",
    "clusters": "list the clusters of an inventory, and reach them: their ClusterProfiles",
    "credentials": "hand out the credential for a cluster of the inventory, as an exec plugin of programs",
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


def main(argv: Sequence[str] | None = None, *, program: str = PROGRAM) -> int:
    """Run one command; the exit code. `program` is what the user calls us."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv), program)
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
            _log.critical("this is a bug in %s %s", program, __version__, exc_info=error)
            return 1
        print(f"{program}: {one_line(told)}", file=sys.stderr)
        return told.exit_code if isinstance(told, CliError) else 1


def kubectl_plugin() -> int:
    """As `kubectl mcs`: the same commands, which know the default kubeconfig of the home directory, too."""
    default = Path("~/.kube/config").expanduser()
    if not os.environ.get(_KUBECONFIG) and default.exists():
        os.environ[_KUBECONFIG] = str(default)
    return main(program=PLUGIN)


def _run(argv: list[str], program: str) -> int:
    arguments, unknown = _parser(program, asked_for=argv[0] if argv else "").parse_known_args(argv)
    if unknown:
        raise UsageError(f"unknown: {' '.join(unknown)} (see {program} {arguments.command} --help)")
    match arguments.command:
        case "version":
            print(f"{program} {__version__}")
            return 0
        case name if name in PRINTING_COMMANDS:
            # Imported here, since the models behind the CRDs cost every other command time and memory.
            module = importlib.import_module(f"mcs_controller.cli.{arguments.command}")
            code: int = module.run(arguments)
            return code
    return run_command(importlib.import_module(f"mcs_controller.cli.{arguments.command}").run(arguments))


def _parser(program: str, asked_for: str) -> _Parser:
    parser = _Parser(
        prog=program,
        description="Multicluster Services (KEP-1645) for Kubernetes.",
        epilog=f"'{program} COMMAND --help' lists the command's options and the environment behind them.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    parser.set_defaults(program=program)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help_ in {**RUNNING_COMMANDS, **PRINTING_COMMANDS}.items():
        command = commands.add_parser(name, help=help_, description=_sentence(help_), allow_abbrev=False)
        if name == asked_for:
            importlib.import_module(f"mcs_controller.cli.{name}").add_arguments(command)
    commands.add_parser("version", help="print the version", description="Print the version.")
    return parser


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
