"""A kubeconfig by which any program, kubectl above all, reaches the cluster of a ClusterProfile.

It says what `connecting.py` would do: the same server, and the same plugin with the same additions, which
kubectl runs itself. So it holds no credential, unless the provider file gives the plugin one in a variable.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mcs_controller.access.connecting import cluster_info, plan
from mcs_controller.access.profiles import CONFIG_EXTENSION
from mcs_controller.access.providers import EXEC_VERSION, Providers, absolute


def kubeconfig_of(profile: Mapping[str, Any], providers: Providers) -> dict[str, Any]:
    """One context, named like the profile. Raises `NoProvider`, `UnusableProfile`.

    So is the user: where several files are read as one (KUBECONFIG), the first of a name counts, and what the
    plugin is given for one cluster must not be given for another.
    """
    _, plugin, access = plan(profile, providers)
    name = str(profile["metadata"]["name"])
    cluster = cluster_info(access)
    config = cluster.pop("config", None)
    if config is not None:
        cluster["extensions"] = [{"name": CONFIG_EXTENSION, "extension": deepcopy(config)}]
    runs: dict[str, Any] = {
        "apiVersion": EXEC_VERSION,
        "command": absolute(plugin.command, providers.folder),
        "args": list(plugin.arguments),
        "env": [{"name": key, "value": value} for key, value in plugin.environment.items()],
        "interactiveMode": "Never",
        "provideClusterInfo": plugin.provide_cluster_info,
    }
    if plugin.install_hint:
        runs["installHint"] = plugin.install_hint
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"exec": runs}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
