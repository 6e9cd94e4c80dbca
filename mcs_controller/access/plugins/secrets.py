"""What both plugins do with a Secret of the hub: name it, read it, and find a key in it."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from mcs_controller.access.errors import PluginError
from mcs_controller.api.resources import SECRETS
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.syntax import is_dns_label, is_subdomain
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Forbidden
from mcs_controller.kube.lookup import find

OF_CONTEXT: Final = "the namespace is that of the kubeconfig's context, else the pod's, else default"
OF_PROFILE: Final = "the namespace is the one that the ClusterProfile's extension names"


def wanted(config: Mapping[str, Any], field: str) -> str:
    """The text in a field of the plugin's configuration, "" if it is absent. Raises `PluginError`."""
    value = config.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise PluginError(f"{field} in spec.cluster.config is no text")
    return value


def required(config: Mapping[str, Any], field: str) -> str:
    """As `wanted`, of a field that has to be there."""
    value = wanted(config, field)
    if not value:
        raise PluginError(
            f"{field} is missing in spec.cluster.config, which its manager wrote to the ClusterProfile: have "
            "it set there, for our members with `mcs-controller broker set-access --exec-config`"
        )
    return value


async def read_key(client: Client, namespace: str, name: str, key: str, *, chosen: str = OF_CONTEXT) -> bytes:
    """What the Secret holds under the key; `chosen` says who chose the namespace.

    Raises `PluginError`, `KubeError`; neither quotes the content.
    """
    # They come from a profile, and become a part of a path.
    if not is_dns_label(namespace):
        raise PluginError(f"{cut(namespace, 80)!r} is not the name of a namespace")
    if not is_subdomain(name):
        raise PluginError(f"{cut(name, 80)!r} is not the name of a Secret")
    try:
        secret = await find(client, SECRETS, name, namespace)
    except Forbidden as error:
        raise PluginError(
            f"may not read the Secret {namespace}/{name} (403): grant get on it; {chosen} ({error.message})"
        ) from error
    if secret is None:
        raise PluginError(
            f"there is no Secret {namespace}/{name}; create it with the key {cut(key, 80)!r} ({chosen})"
        )
    data = secret.get("data")
    encoded = data.get(key) if isinstance(data, dict) else None
    if not isinstance(encoded, str) or not encoded:
        raise PluginError(
            f"Secret {namespace}/{name} has nothing under the key {cut(key, 80)!r}, where it belongs"
        )
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise PluginError(f"Secret {namespace}/{name} has no base64 under the key {cut(key, 80)!r}") from None
