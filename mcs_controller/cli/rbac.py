"""`mcs-controller rbac`: print the accounts, roles and bindings of components, for clusters without Helm."""

import argparse
import os
import sys

import yaml

from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.settings import RbacSettings
from mcs_controller.install.rights import rights_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_options(parser, RbacSettings)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for, each object once; the exit code."""
    settings = read_options(RbacSettings, arguments, os.environ)
    yaml.safe_dump_all(rights_of(*settings.for_), sys.stdout, sort_keys=False, explicit_start=True)
    sys.stdout.flush()
    return 0
