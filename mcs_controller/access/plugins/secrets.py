"""What both plugins do with a Secret of the hub: name it, read it, and find a key in it."""

import base64
from collections.abc import Mapping
from typing import Any

from mcs_controller.access.errors import PluginError
from mcs_controller.api.resources import SECRETS
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.syntax import is_dns_label, is_subdomain
from mcs_controller.kube.client import Client
from mcs_controller.kube.lookup import find


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
            f"{field} is missing in spec.cluster.config: add it to the ClusterProfile's extension"
        )
    return value


async def read_key(client: Client, namespace: str, name: str, key: str) -> bytes:
    """What the Secret holds under the key. Raises `PluginError`, `KubeError`; neither quotes the content."""
    # They come from a profile, and become a part of a path.
    if not is_dns_label(namespace):
        raise PluginError(f"{cut(namespace, 80)!r} is not the name of a namespace")
    if not is_subdomain(name):
        raise PluginError(f"{cut(name, 80)!r} is not the name of a Secret")
    secret = await find(client, SECRETS, name, namespace)
    if secret is None:
        raise PluginError(f"there is no Secret {namespace}/{name}")
    data = secret.get("data")
    encoded = data.get(key) if isinstance(data, dict) else None
    if not isinstance(encoded, str) or not encoded:
        raise PluginError(f"Secret {namespace}/{name} has nothing under the key {cut(key, 80)!r}")
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise PluginError(f"Secret {namespace}/{name}: {cut(key, 80)!r} is not base64") from None
