"""A kubeconfig of the plainest shape, read without the Kubernetes library.

What a kubeconfig may be is decided by `kubeconfig.py`, with the library. Loading that costs a process more
than all the rest of a connection's configuration, though, and nearly every kubeconfig that a server is
given holds a server, a CA and a token or a client certificate: that much is read here. Whatever is not
plain, an unknown field or a wrong one included, is left to the exact way, which also words every complaint.

Invariant: for every kubeconfig the short way gives what the exact way gives, or leaves it to that.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mcs_controller.kube.connection.credentials import Credential, StaticCredential, TokenFile, bearer
from mcs_controller.kube.connection.settings import ConnectionSettings
from mcs_controller.kube.connection.tls import Pem, TlsSettings
from mcs_controller.kube.errors import ConfigError

_CLUSTER_FIELDS: Final = frozenset(
    (
        "server",
        "certificate-authority",
        "certificate-authority-data",
        "insecure-skip-tls-verify",
        "tls-server-name",
        "proxy-url",
        "disable-compression",
        "extensions",  # read for exec plugins only
    )
)
_USER_FIELDS: Final = frozenset(
    (
        "client-certificate",
        "client-certificate-data",
        "client-key",
        "client-key-data",
        "tokenFile",
        "token",
    )
)


class _NotPlainError(Exception):
    """Something that is left to the exact way."""


def plain_settings(config: Mapping[str, Any], context: str | None, folder: Path) -> ConnectionSettings | None:
    """What `context` (None: the current one) says, paths starting at `folder`; None: ask the exact way."""
    try:
        chosen = _named(config, "contexts", config.get("current-context") if context is None else context)
        pair = _mapping(chosen, "context")
        cluster = _mapping(_named(config, "clusters", pair.get("cluster")), "cluster")
        wanted = _text(pair, "user")
        user = _mapping(_named(config, "users", wanted), "user") if wanted else {}
        if not _CLUSTER_FIELDS.issuperset(cluster) or not _USER_FIELDS.issuperset(user):
            return None
        server = _text(cluster, "server")
        insecure = cluster.get("insecure-skip-tls-verify", False)
        uncompressed = cluster.get("disable-compression", False)
        if not server or type(insecure) is not bool or type(uncompressed) is not bool:
            return None
        tls = TlsSettings(
            ca=_pem(cluster, "certificate-authority", folder),
            certificate=_pem(user, "client-certificate", folder),
            key=_pem(user, "client-key", folder),
            insecure=insecure,
            server_name=_text(cluster, "tls-server-name"),
        )
        return ConnectionSettings(
            server.rstrip("/"), tls, _credential(user, folder), _text(cluster, "proxy-url"), uncompressed
        )
    except (_NotPlainError, ConfigError):
        return None


def _named(config: Mapping[str, Any], kind: str, name: Any) -> dict[Any, Any]:
    """The one entry of that name, in a list that is well formed throughout."""
    entries = config.get(kind)
    if type(entries) is not list:
        raise _NotPlainError
    found = None
    for entry in entries:
        if type(entry) is not dict or type(entry.get("name")) is not str:
            raise _NotPlainError
        if entry["name"] == name:
            if found is not None:
                raise _NotPlainError
            found = entry
    if found is None:
        raise _NotPlainError
    return found


def _mapping(entry: dict[Any, Any], field: str) -> dict[Any, Any]:
    value = entry.get(field)
    if type(value) is not dict:
        raise _NotPlainError
    return value


def _text(entry: dict[Any, Any], field: str) -> str | None:
    value = entry.get(field)
    if value is not None and type(value) is not str:
        raise _NotPlainError
    return value


def _pem(entry: dict[Any, Any], field: str, folder: Path) -> Pem | None:
    data, path = _text(entry, f"{field}-data"), _text(entry, field)
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except ValueError:
            raise _NotPlainError from None
    return folder / path if path else None


def _credential(user: dict[Any, Any], folder: Path) -> Credential:
    token_file, token = _text(user, "tokenFile"), _text(user, "token")
    if token_file:
        return TokenFile(folder / token_file)
    return StaticCredential(bearer(token, "the kubeconfig's token") if token else None)
