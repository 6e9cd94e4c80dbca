"""`mcs-controller explain NAMESPACE/NAME`: why a service does, or does not, work.

Reads one cluster, the broker and DNS, asks the rules that the agents use, and prints what they say. It writes
nothing. Exit code 0 means that it could explain, whatever it found. `--what-if` explains what would be.
"""

import argparse
import os
import sys

from mcs_controller.cli.explain_settings import ExplainSettings
from mcs_controller.cli.explaining.gathering import gather
from mcs_controller.cli.explaining.json_form import as_json
from mcs_controller.cli.explaining.manifests import changes_of, kinds_of, read_manifests
from mcs_controller.cli.explaining.text import Style, as_text
from mcs_controller.cli.explaining.what_if_text import as_effects
from mcs_controller.cli.options import add_options, read_argument, read_options
from mcs_controller.cli.values import service_name
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.what_if import what_if


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The service, and the command's options."""
    parser.add_argument("service", metavar="NAMESPACE/NAME", help="the service, such as shop/web")
    add_options(parser, ExplainSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Print the explanation. Raises `UsageError`, `CliError`, `ConfigError`, `KubeError`."""
    settings = read_options(ExplainSettings, arguments, os.environ)
    key = read_argument(service_name, arguments.service)
    style = Style.of(sys.stdout, os.environ)
    if settings.what_if is None and settings.what_if_deleted is None:
        explanation = explain(await gather(settings, key))
        print(as_json(explanation) if settings.output == "json" else "\n".join(as_text(explanation, style)))
        return 0
    manifests = read_manifests(settings.what_if, settings.what_if_deleted)
    picture = await gather(settings, key, ask_dns_too=False, changing=kinds_of(manifests))
    effects = what_if(picture, changes_of(manifests, picture))
    print(as_json(effects) if settings.output == "json" else "\n".join(as_effects(effects, style)))
    return 0
