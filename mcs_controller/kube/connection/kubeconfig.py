"""kubernetes-asyncio at work: what a kubeconfig says about one API server.

This is the only module that imports the library, and it uses its kubeconfig loading alone: contexts,
clusters and users resolved as kubectl does, files against inline data. The requests go through our own
session (`http_transport.py`) and renewals through `credentials.py`, because the library's have no deadlines
and do not renew after a 401. Importing any part of the library imports all of it (0.2 s or more of CPU and 35
MiB on top of aiohttp), so `config.py` imports this module only for a kubeconfig that is not plain
(`plain_kubeconfig.py`); what odd ones mean is decided here alone. Nothing here touches the library's default
configuration: one process talks to many clusters.

Two traps: release 36.0.0 of the *official* client overwrites this library's files, and the library's
merging loader quotes whole kubeconfig entries, secrets included, in its errors; so the YAML is read by us.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kubernetes_asyncio.config.config_exception import ConfigException
from kubernetes_asyncio.config.kube_config import ConfigNode, FileOrData, KubeConfigLoader

from mcs_controller.kube.connection.credentials import (
    Credential,
    ExecCredential,
    ExecPlugin,
    StaticCredential,
    TokenFile,
    bearer,
    find_plugin,
)
from mcs_controller.kube.connection.settings import ConnectionSettings
from mcs_controller.kube.connection.tls import Pem, TlsSettings
from mcs_controller.kube.errors import ConfigError
from mcs_controller.observe.masking import remember_secret

_EXEC_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def settings_of_kubeconfig(
    config: Mapping[str, Any], context: str | None, folder: Path
) -> ConnectionSettings:
    """What `context` (None: the current one) says; relative paths in the file start at `folder`."""
    try:
        loader = _Loader(config, active_context=context, config_base_path=str(folder))
        return loader.settings(folder)
    except ConfigException as error:
        raise ConfigError(str(error)) from error
    except (AttributeError, KeyError, TypeError, AssertionError) as error:
        raise ConfigError("the file has not the shape of a kubeconfig") from error


class _Loader(KubeConfigLoader):
    """The library's loader, asked for what it found instead of filling a configuration with it.

    Its own way writes inline certificates and keys into temporary files that outlive a crash.
    """

    def settings(self, folder: Path) -> ConnectionSettings:
        context: Any = self._current_context
        cluster: Any = self._cluster
        user: Any = self._user
        wanted = context["context"].safe_get("user")
        if wanted and user is None:
            # The library would go on without any credential.
            raise ConfigException(f"the context's user {wanted!r} is not among the users")
        server = cluster["server"]
        if not isinstance(server, str):
            raise ConfigException("server is not text")
        tls = TlsSettings(
            ca=_pem(cluster, "certificate-authority", folder),
            certificate=_pem(user, "client-certificate", folder) if user is not None else None,
            key=_pem(user, "client-key", folder) if user is not None else None,
            insecure=bool(cluster.safe_get("insecure-skip-tls-verify")),
            server_name=cluster.safe_get("tls-server-name"),
        )
        credential = _credential(user, cluster, server, folder) if user is not None else StaticCredential()
        return ConnectionSettings(
            server.rstrip("/"),
            tls,
            credential,
            cluster.safe_get("proxy-url"),
            bool(cluster.safe_get("disable-compression")),
        )


def _pem(node: ConfigNode, name: str, folder: Path) -> Pem | None:
    if node.safe_get(f"{name}-data"):
        try:
            # Line breaks are passed over, as Go does: YAML's block texts have them.
            text = "".join((FileOrData(node, name).as_data() or "").splitlines())
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise ConfigException(f"{name}-data is not base64") from error
    path = node.safe_get(name)
    return folder / str(path) if path else None


def _credential(user: ConfigNode, cluster: ConfigNode, server: str, folder: Path) -> Credential:
    for unsupported in ("auth-provider", "as"):
        if user.safe_get(unsupported):
            raise ConfigException(
                f"users with '{unsupported}' are not supported, use an exec plugin or a token"
            )
    if user.safe_get("tokenFile"):
        return TokenFile(folder / str(user["tokenFile"]))
    if user.safe_get("token"):
        return StaticCredential(bearer(str(user["token"]), "the kubeconfig's token"))
    if user.safe_get("exec"):
        return ExecCredential(_exec_plugin(user["exec"], cluster, server, folder))
    if user.safe_get("username"):
        pair = f"{user['username']}:{user.safe_get('password') or ''}"
        encoded = base64.b64encode(pair.encode()).decode()
        remember_secret(encoded)
        remember_secret(str(user.safe_get("password") or ""))
        return StaticCredential("Basic " + encoded)
    return StaticCredential()


def _exec_plugin(node: ConfigNode, cluster: ConfigNode, server: str, folder: Path) -> ExecPlugin:
    command, version = str(node["command"]), str(node["apiVersion"])
    if version not in _EXEC_VERSIONS:
        raise ConfigException(f"exec plugin {command}: apiVersion {version} is not one of {_EXEC_VERSIONS}")
    if node.safe_get("interactiveMode") == "Always":
        raise ConfigException(f"exec plugin {command} needs a terminal, which this program has not")
    where = find_plugin(command, folder, str(node.safe_get("installHint") or ""))
    return ExecPlugin(
        command=where,
        arguments=tuple(str(argument) for argument in node.safe_get("args") or ()),
        api_version=version,
        environment={str(item["name"]): str(item["value"]) for item in node.safe_get("env") or ()},
        cluster=_cluster_info(cluster, server, folder) if node.safe_get("provideClusterInfo") else None,
    )


def _cluster_info(cluster: ConfigNode, server: str, folder: Path) -> Mapping[str, Any]:
    info: dict[str, Any] = {"server": server}
    for name in ("insecure-skip-tls-verify", "tls-server-name", "proxy-url", "disable-compression"):
        if cluster.safe_get(name):
            info[name] = cluster[name]
    ca = FileOrData(cluster, "certificate-authority", file_base_path=str(folder)).as_data()
    if ca:
        info["certificate-authority-data"] = ca
    for extension in cluster.safe_get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return info
