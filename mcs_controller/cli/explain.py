"""`mcs-controller explain NAMESPACE/NAME`: why a service does, or does not, work.

Reads one cluster, the broker and DNS, asks the rules that the agents use, and prints what they say. It writes
nothing. Exit code 0 means that it could explain, whatever it found.
"""

import argparse
import os
import sys

from mcs_controller.cli.errors import UsageError
from mcs_controller.cli.explain_settings import ExplainSettings
from mcs_controller.cli.explaining.gathering import gather
from mcs_controller.cli.explaining.json_form import as_json
from mcs_controller.cli.explaining.text import Style, as_text
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.settings import service_name
from mcs_controller.clusterset.explain.explaining import explain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The service, and the command's options."""
    parser.add_argument("service", metavar="NAMESPACE/NAME", help="the service, such as shop/web")
    add_options(parser, ExplainSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Print the explanation. Raises `UsageError`, `CliError`, `ConfigError`, `KubeError`."""
    settings = read_options(ExplainSettings, arguments, os.environ)
    try:
        key = service_name(arguments.service)
    except ValueError as error:
        raise UsageError(str(error)) from error
    explanation = explain(await gather(settings, key))
    if settings.output == "json":
        print(as_json(explanation))
    else:
        print("\n".join(as_text(explanation, Style.of(sys.stdout, os.environ))))
    return 0
