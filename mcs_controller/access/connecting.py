"""From a ClusterProfile and a provider file to a connection of `kube/`: the consumer's library.

    providers = read_provider_file(Path("clusterprofile-provider-file.json"))
    client = Client(connect(profile, providers), name="prod-east")

`connect` neither asks the cluster nor runs a program. The plugin runs with the first request, in a session of
its own with a deadline, without a terminal, and its credential is used until it ends or the cluster refuses
it (`kube/connection/credentials.py`, CP-22, CP-28). A connection belongs to what the profile said: whoever
watches profiles makes another one when `status` changes.

Each call works on copies (CP-26): what one profile adds to a run is never seen by the run for another.
"""

import base64
import os
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from mcs_controller.access.errors import UnusableProfile
from mcs_controller.access.metrics import AccessMetrics
from mcs_controller.access.profiles import (
    ARGS_EXTENSION,
    CONFIG_EXTENSION,
    ENVS_EXTENSION,
    ClusterAccess,
    choose,
    name_of,
)
from mcs_controller.access.providers import (
    ARGUMENTS_MAX,
    EXEC_VERSION,
    VARIABLES_MAX,
    Plugin,
    Provider,
    Providers,
    argument,
    variable,
)
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import child, texts
from mcs_controller.kube.connection.config import transport_of
from mcs_controller.kube.connection.credentials import ExecCredential, ExecPlugin, find_plugin
from mcs_controller.kube.connection.settings import ConnectionSettings
from mcs_controller.kube.connection.tls import TlsSettings
from mcs_controller.kube.connection.transport import Transport
from mcs_controller.kube.errors import ConfigError

_CHOOSES_CODE: Final = re.compile(
    r"(?:LD|DYLD)_.*|PYTHON.*|PERL5.*|PERLLIB|RUBY(?:OPT|LIB)|(?:NODE|JAVA_TOOL|_JAVA|JDK_JAVA)_OPTIONS"
    r"|PATH|BASH_ENV|BASH_FUNC_.*|ENV|IFS|SHELLOPTS|BASHOPTS|PS4|GCONV_PATH|GLIBC_TUNABLES"
    r"|OPENSSL_(?:CONF|MODULES|ENGINES)|HOME|USERPROFILE|XDG_.*",
    re.DOTALL,
)
"""Variables by which a profile would run programs of its own choice, or have them configured by other files.
A policy lets a profile say how a plugin works, and not what is run."""
_CHOOSES_WHOM: Final = re.compile(
    r".*_PROXY|.*_CA_BUNDLE|SSL_CERT_(?:FILE|DIR)|SSLKEYLOGFILE|NODE_(?:EXTRA_CA_CERTS|TLS_.*)|HOSTALIASES"
    r"|KUBE_?CONFIG|KUBERNETES_.*|MCS_.*",
    re.DOTALL | re.IGNORECASE,
)
"""Variables by which a profile would lead the plugin's own requests, which carry what the consumer has,
through a proxy, to another hub or past a check of who answers. Proxies are known in both cases."""


def connect(
    profile: Mapping[str, Any], providers: Providers, *, metrics: AccessMetrics | None = None
) -> Transport:
    """The API server of the cluster that `profile` (a ClusterProfile as it was read) describes.

    Raises `AccessError`: the profile or the provider file does not say how, or the plugin is not installed.
    """
    provider, plugin, cluster = plan(profile, providers)
    try:
        runs = ExecPlugin(
            find_plugin(plugin.command, providers.folder, plugin.install_hint),
            plugin.arguments,
            EXEC_VERSION,
            plugin.environment,
            cluster_info(cluster) if plugin.provide_cluster_info else None,
        )
        observer = metrics.observer(provider.name) if metrics is not None else None
        tls = TlsSettings(ca=cluster.ca, insecure=cluster.insecure, server_name=cluster.tls_server_name)
        return transport_of(
            ConnectionSettings(
                cluster.server,
                tls,
                ExecCredential(runs, observer=observer),
                cluster.proxy_url,
                cluster.disable_compression,
            )
        )
    except ConfigError as error:
        raise UnusableProfile(
            f"ClusterProfile {name_of(profile)}: access provider {provider.name}: {error}"
        ) from error


def plan(profile: Mapping[str, Any], providers: Providers) -> tuple[Provider, Plugin, ClusterAccess]:
    """Which provider, what is run, with what the policies let the profile add, and for which cluster.

    Raises `NoProvider`, `UnusableProfile`.
    """
    provider, cluster = choose(profile, providers)
    where = f"ClusterProfile {name_of(profile)}: access provider {provider.name}"
    if provider.plugin is None:
        raise UnusableProfile(f"{where}: the provider file has no execConfig for it: add one")
    try:
        return provider, _with_additions(provider, provider.plugin, cluster), cluster
    except MalformedObject as error:
        raise UnusableProfile(f"{where}: {error}") from error


def cluster_info(cluster: ClusterAccess) -> dict[str, Any]:
    """What a plugin is told of the cluster, and what a kubeconfig says of it, extensions aside (CP-27)."""
    info: dict[str, Any] = {"server": cluster.server}
    if cluster.tls_server_name:
        info["tls-server-name"] = cluster.tls_server_name
    if cluster.insecure:
        info["insecure-skip-tls-verify"] = True
    if cluster.ca is not None:
        info["certificate-authority-data"] = base64.b64encode(cluster.ca).decode()
    if cluster.proxy_url:
        info["proxy-url"] = cluster.proxy_url
    if cluster.disable_compression:
        info["disable-compression"] = True
    if CONFIG_EXTENSION in cluster.extensions:
        info["config"] = deepcopy(cluster.extensions[CONFIG_EXTENSION])
    return info


def _with_additions(provider: Provider, plugin: Plugin, cluster: ClusterAccess) -> Plugin:
    """The plugin with what the profile adds to it; where the policy is Ignore, nothing of that is read."""
    arguments, environment = plugin.arguments, dict(plugin.environment)
    if provider.args_policy == "Append" and cluster.extensions.get(ARGS_EXTENSION) is not None:
        added = texts(cluster.extensions, ARGS_EXTENSION, ARGUMENTS_MAX)
        arguments = (*arguments, *map(argument, added))
    if provider.envs_policy != "Ignore":
        raw = child(cluster.extensions, ENVS_EXTENSION)
        if len(raw) > VARIABLES_MAX:
            raise MalformedObject(f"{ENVS_EXTENSION} has more than {VARIABLES_MAX} variables")
        extra = dict(variable(name, value) for name, value in raw.items())
        for name in sorted(extra):
            _check_is_a_profiles(name)
        if provider.envs_policy == "AppendIfNotExists":
            # What exists is what the plugin has without the profile: it inherits our own environment (CP-22).
            exists = {*os.environ, *environment}
            extra = {name: value for name, value in extra.items() if name not in exists}
        environment |= extra
    # Sorted, so that the same profile gives the same run, and the same kubeconfig.
    return replace(plugin, arguments=arguments, environment=dict(sorted(environment.items())))


def _check_is_a_profiles(variable: str) -> None:
    if _CHOOSES_CODE.fullmatch(variable):
        does = "chooses what code runs"
    elif _CHOOSES_WHOM.fullmatch(variable):
        does = "chooses whom the plugin asks, or trusts"
    else:
        return
    raise MalformedObject(f"variable {variable} {does}: it can only stand in the provider file")
