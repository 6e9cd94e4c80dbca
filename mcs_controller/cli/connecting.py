"""Which API server a command talks to: from its options, KUBECONFIG, or the pod that it runs in."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mcs_controller.cli.errors import CliError, UsageError
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import (
    choose_kubeconfig,
    load_in_cluster,
    load_kubeconfig,
    load_kubeconfigs,
    read_settings,
)
from mcs_controller.kube.connection.settings import ConnectionSettings
from mcs_controller.kube.errors import ConfigError

KUBECONFIG: Final = "KUBECONFIG"
IN_POD: Final = "KUBERNETES_SERVICE_HOST"


def connect(
    kubeconfig: Path | None,
    context: str | None,
    *,
    name: str,
    environment: Mapping[str, str] = os.environ,
) -> Client:
    """The API server that `kubeconfig` names; without it, in a pod the one of the pod's own cluster, and
    outside of one what KUBECONFIG names. Raises `ConfigError`.
    """
    if kubeconfig is not None:
        return Client(load_kubeconfig(kubeconfig, context), name=name)
    files = kubeconfig_files(environment)
    if files:
        return Client(load_kubeconfigs(files, context), name=name)
    try:
        return Client(load_in_cluster(environment=environment), name=name)
    except ConfigError as error:
        raise ConfigError(f"{error} with --kubeconfig or KUBECONFIG") from error


def settings_of(
    kubeconfig: Path | None, context: str | None, environment: Mapping[str, str] = os.environ
) -> ConnectionSettings | None:
    """How `connect` reaches the API server; None for the pod's own. Raises `ConfigError`."""
    if kubeconfig is not None:
        return read_settings(kubeconfig, context)
    files = kubeconfig_files(environment)
    return read_settings(*choose_kubeconfig(files, context)) if files else None


def file_of_broker(
    kubeconfig: Path | None, broker_kubeconfig: Path | None, broker_context: str | None
) -> Path | None:
    """Where the broker's credential stands; None for what KUBECONFIG names. Raises `UsageError`."""
    if broker_kubeconfig is not None:
        return broker_kubeconfig
    if broker_context is not None and (kubeconfig is not None or kubeconfig_files()):
        return kubeconfig
    raise UsageError(
        "--broker-kubeconfig is missing: give it, or set MCS_BROKER_KUBECONFIG, "
        "or name a context of --kubeconfig with --broker-context"
    )


def kubeconfig_files(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """What KUBECONFIG lists, outside of a pod: in one, a variable that was left behind changes nothing."""
    if environment.get(IN_POD):
        return []
    return [Path(name) for name in environment.get(KUBECONFIG, "").split(os.pathsep) if name.strip()]


def read_ca(pem: bytes | Path | None) -> bytes:
    """A CA in PEM, from its file if it is in one; b"" if there is none. Raises `CliError`."""
    if not isinstance(pem, Path):
        return pem or b""
    try:
        found = pem.expanduser().read_bytes()
    except OSError as error:
        raise CliError(
            f"the CA {pem} cannot be read: {error.strerror}: name a PEM file that is there"
        ) from error
    if b"-----BEGIN CERTIFICATE-----" not in found:
        raise CliError(f"the CA {pem} is no PEM certificate: it must have a line -----BEGIN CERTIFICATE-----")
    return found
