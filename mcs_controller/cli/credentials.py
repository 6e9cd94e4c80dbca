"""`mcs-controller credentials`: the exec plugins by which consumers of ClusterProfiles get their credentials.

Programs run it, with the protocol of exec plugins (`access/plugins/`): one line of JSON on stdout and nothing
on stderr, or exit code 1 and one line `[plugin] what is wrong` (CP-30). The hub whose Secrets are read is the
one of `--kubeconfig`, of the pod, or of KUBECONFIG.
"""

import argparse
import os
from pathlib import Path
from sys import stderr
from typing import Final

from mcs_controller.access.plugins import kubeconfig_secretreader, secretreader
from mcs_controller.access.plugins.protocol import ASKED, asked_with, credential_line, read_exec_info
from mcs_controller.cli.clusters_settings import CredentialsSettings
from mcs_controller.cli.connecting import connect, kubeconfig_files
from mcs_controller.cli.errors import UsageError, expected, one_line
from mcs_controller.cli.options import add_options, read_options
from mcs_controller.cli.refusals import told_refusals
from mcs_controller.cli.subcommands import add_subcommands
from mcs_controller.kube.connection.config import context_namespace

POD_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_PLUGINS: Final = {one.NAME: one.credential for one in (secretreader, kubeconfig_secretreader)}
_SECRETREADER: Final = (
    "print the token in the Secret that a ClusterProfile names by clusterName, in the namespace of the "
    "kubeconfig's context (else of the pod, else default)"
)
_KUBECONFIG: Final = (
    "print the credential in a kubeconfig that is in the Secret that a ClusterProfile names; where it names "
    "no namespace, in the one of the kubeconfig's context (else of the pod, else default)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The plugins and their options."""
    add_subcommands(
        parser,
        "|".join(_PLUGINS),
        (
            (secretreader.NAME, _SECRETREADER, _add_options),
            (kubeconfig_secretreader.NAME, _KUBECONFIG, _add_options),
        ),
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_options(parser, CredentialsSettings)


async def run(arguments: argparse.Namespace) -> int:
    """Print the credential, or what is wrong; the exit code. Raises `UsageError`."""
    settings = read_options(CredentialsSettings, arguments, os.environ)
    try:
        print(await _credential(arguments.action, settings))
    except UsageError:
        raise
    except Exception as error:  # a bug is raised on: its traceback is what is wanted then
        told = expected(error)
        if told is None:
            raise
        print(f"[{arguments.action}] {one_line(told)}", file=stderr)
        return 1
    return 0


async def _credential(plugin: str, settings: CredentialsSettings) -> str:
    info = read_exec_info(os.environ)
    os.environ[ASKED] = asked_with(os.environ)
    client = connect(settings.kubeconfig, settings.context, name="hub")
    try:
        with told_refusals(settings.kubeconfig, "read Secrets", "grant get on the Secret"):
            return credential_line(await _PLUGINS[plugin](client, namespace_of_secrets(settings), info))
    finally:
        await client.close()


def namespace_of_secrets(settings: CredentialsSettings) -> str:
    """That of the current context, else of the pod, else `default`. Raises `ConfigError`."""
    files = [settings.kubeconfig] if settings.kubeconfig is not None else kubeconfig_files()
    found = context_namespace(files, settings.context) if files else ""
    if not found and POD_NAMESPACE_FILE.exists():
        found = POD_NAMESPACE_FILE.read_text("utf-8").strip()
    return found or "default"
