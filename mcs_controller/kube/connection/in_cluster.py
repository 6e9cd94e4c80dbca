"""What the kubelet puts into a pod: where the API server is, whom to trust, and the service account's token.

All that is asked here is that everything is there; the token is read, and read again, by `TokenFile`, and
whether the CA is one shows when the connection's TLS is set up. Every lack is one `ConfigError`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mcs_controller.kube.connection.credentials import TokenFile
from mcs_controller.kube.connection.settings import ConnectionSettings
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.errors import ConfigError

_HOST: Final = "KUBERNETES_SERVICE_HOST"
_PORT: Final = "KUBERNETES_SERVICE_PORT"


def settings_in_cluster(
    token_file: Path, ca_file: Path, environment: Mapping[str, str]
) -> ConnectionSettings:
    """How the service account reaches the API server of the cluster that the pod runs in."""
    host, port = environment.get(_HOST), environment.get(_PORT)
    if host is None or port is None:
        raise ConfigError(f"Service host/port is not set ({_HOST}, {_PORT}).")
    if not host or not port:
        raise ConfigError(f"Service host/port is set but empty ({_HOST}, {_PORT}).")
    if ":" in host or "%" in host:
        host = f"[{host}]"
    _check_filled(token_file, "Service token file")
    _check_filled(ca_file, "Service certification file")
    return ConnectionSettings(f"https://{host}:{port}", TlsSettings(ca=ca_file), TokenFile(token_file), None)


def _check_filled(path: Path, what: str) -> None:
    if not os.path.isfile(path):
        raise ConfigError(f"{what} does not exist: {path}.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{what} cannot be read: {path}: {error.strerror}.") from error
    if not content:
        raise ConfigError(f"{what} is empty: {path}.")
