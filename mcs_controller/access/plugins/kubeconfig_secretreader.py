"""`kubeconfig-secretreader`: the credential of a cluster stands in a kubeconfig in a Secret (CP-32).

The profile's extension says `{"name", "key", "namespace"?, "context"?}`. Of the kubeconfig only the user of
that context counts, and only what stands in it: a path would be one of this machine, and an exec plugin a
program that a Secret's author chose. Server and CA are the profile's.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

import yaml

from mcs_controller.access.errors import PluginError
from mcs_controller.access.plugins.protocol import ExecInfo
from mcs_controller.access.plugins.secretreader import token_text
from mcs_controller.access.plugins.secrets import OF_CONTEXT, OF_PROFILE, read_key, required, wanted
from mcs_controller.clusterset.errors import cut
from mcs_controller.kube.client import Client
from mcs_controller.kube.decoding.yaml_parser import UNREADABLE, Loader
from mcs_controller.observe.masking import remember_secret

NAME: Final = "kubeconfig-secretreader"

_PATHS: Final = ("client-certificate", "client-key", "tokenFile")
_PROGRAMS: Final = ("exec", "auth-provider")


async def credential(client: Client, namespace: str, info: ExecInfo) -> dict[str, str]:
    """A token, a client certificate with its key, or both. Raises `PluginError`, `KubeError`."""
    name, key = required(info.config, "name"), required(info.config, "key")
    named = wanted(info.config, "namespace")
    namespace = named or namespace
    content = await read_key(client, namespace, name, key, chosen=OF_PROFILE if named else OF_CONTEXT)
    return credential_of(content, wanted(info.config, "context"), f"the kubeconfig in {namespace}/{name}")


def credential_of(content: bytes, context: str, source: str) -> dict[str, str]:
    """What the context's user logs in with; "" is the current context. Raises `PluginError`."""
    config = _parse(content, source)
    if config.get("extensions"):
        raise PluginError(f"{source} has extensions, which are not supported: remove them")
    context = context or _text(config, "current-context", source)
    if not context:
        raise PluginError(
            f"{source} has no current-context: name a context in the ClusterProfile's extension"
        )
    pair = _named(config, "context", context, source)
    user_name = _text(pair, "user", source)
    user = _named(config, "user", user_name, source)
    of_user = f"{source}: user {cut(user_name, 80)!r}"
    for field in (*_PROGRAMS, *_PATHS):
        if user.get(field):
            means = "runs a program" if field in _PROGRAMS else "names a file"
            raise PluginError(f"{of_user} {means} ({field}): only what stands in the kubeconfig is of use")
    status: dict[str, str] = {}
    if token := _text(user, "token", of_user):
        status["token"] = token_text(token, of_user)
    certificate, private_key = (
        _pem(user, field, of_user) for field in ("client-certificate-data", "client-key-data")
    )
    if bool(certificate) != bool(private_key):
        lacks = "client-key-data" if certificate else "client-certificate-data"
        raise PluginError(f"{of_user} has no {lacks}: certificate and key are needed together")
    if certificate and private_key:
        remember_secret(private_key)
        status |= {"clientCertificateData": certificate, "clientKeyData": private_key}
    if not status:
        raise PluginError(f"{of_user} has neither a token nor a client certificate")
    return status


def _parse(content: bytes, source: str) -> Mapping[str, Any]:
    try:
        config = yaml.load(content, Loader)
    except UNREADABLE:
        # The error's own text quotes the file.
        raise PluginError(f"{source} is not valid YAML") from None
    if not isinstance(config, dict):
        raise PluginError(f"{source} is no kubeconfig")
    return config


def _named(config: Mapping[str, Any], kind: str, name: str, source: str) -> Mapping[str, Any]:
    entries = config.get(f"{kind}s")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(kind), dict):
            found: Mapping[str, Any] = entry[kind]
            return found
    raise PluginError(f"{source} has no {kind} {cut(name, 80)!r}")


def _text(parent: Mapping[str, Any], field: str, source: str) -> str:
    value = parent.get(field)
    if value is not None and not isinstance(value, str):
        raise PluginError(f"{source}: {field} is no text")
    return value or ""


def _pem(user: Mapping[str, Any], field: str, source: str) -> str:
    encoded = _text(user, field, source)
    try:
        return base64.b64decode("".join(encoded.split()), validate=True).decode("ascii")
    except ValueError:
        raise PluginError(f"{source}: {field} is no base64 of a PEM text") from None
