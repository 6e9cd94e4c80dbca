"""The kubeconfig that takes a member's credential from the broker to the member.

`broker create-member` makes it, `join` reads it, and the agent uses it as it is. It stands by itself (no
other files, no programs), and the namespace of its context says whose it is.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from mcs_controller.clusterset.identity import cluster_of_namespace, member_namespace
from mcs_controller.install.errors import UnusableKubeconfig
from mcs_controller.kube.decoding.yaml_parser import UNREADABLE, Loader
from mcs_controller.kube.yaml_writer import to_yaml
from mcs_controller.observe.masking import remember_secret

JsonObject = dict[str, Any]

_BROKER: Final = "broker"
_ALONE: Final = (
    "make it with `broker create-member`, or with `kubectl config view --raw --flatten` from one that has a "
    "token or a client certificate"
)
_ELSEWHERE: Final = {
    "cluster": ("certificate-authority",),
    "user": ("tokenFile", "client-certificate", "client-key", "exec", "auth-provider"),
}
"""What refers to files and programs of the machine that the kubeconfig was made on."""


@dataclass(frozen=True, slots=True)
class Server:
    """How members reach the broker; without `ca` (PEM) they trust what the system trusts."""

    url: str
    ca: bytes = b""
    tls_server_name: str | None = None


@dataclass(frozen=True, slots=True)
class MemberKubeconfig:
    """A kubeconfig of one context, whose it is, and its token ("" if it has none)."""

    cluster_id: str | None
    text: str = field(repr=False)
    token: str = field(repr=False)
    server: str


def member_kubeconfig(cluster_id: str, server: Server, token: str) -> JsonObject:
    """The kubeconfig for a member's agent."""
    namespace = member_namespace(cluster_id)
    cluster: JsonObject = {"server": server.url}
    if server.ca:
        cluster["certificate-authority-data"] = b64encode(server.ca).decode()
    if server.tls_server_name:
        cluster["tls-server-name"] = server.tls_server_name
    context = {"cluster": _BROKER, "user": namespace, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _BROKER, "cluster": cluster}],
        "users": [{"name": namespace, "user": {"token": token}}],
        "contexts": [{"name": namespace, "context": context}],
        "current-context": namespace,
    }


def as_yaml(kubeconfig: JsonObject) -> str:
    """Its text, the same for the same content."""
    return to_yaml([kubeconfig], explicit_start=False)


def read_member_kubeconfig(text: str, context: str | None = None) -> MemberKubeconfig:
    """What `context` (None: the current one) of a kubeconfig says, without the others.

    Raises `UnusableKubeconfig`, whose text quotes no credential.
    """
    try:
        config = yaml.load(text, Loader)
    except UNREADABLE:
        # The error's own text quotes the file, which holds secrets.
        raise UnusableKubeconfig("it is not valid YAML") from None
    if not isinstance(config, dict):
        raise UnusableKubeconfig("it is no kubeconfig")
    wanted = config.get("current-context") if context is None else context
    pair = _entry(config, "context", wanted)
    cluster = _entry(config, "cluster", pair.get("cluster"))
    user = _entry(config, "user", pair.get("user"))
    for kind, content in (("cluster", cluster), ("user", user)):
        for name in _ELSEWHERE[kind]:
            if content.get(name):
                raise UnusableKubeconfig(f"its {kind} has {name}, which is of no use elsewhere: {_ALONE}")
    token = user.get("token")
    if not (isinstance(token, str) and token) and not user.get("client-certificate-data"):
        raise UnusableKubeconfig(f"it has neither a token nor a client certificate: {_ALONE}")
    for name in ("token", "client-key-data", "password"):
        if isinstance(user.get(name), str):
            remember_secret(user[name])
    kept = {
        "apiVersion": "v1",
        "kind": "Config",
        **{
            f"{kind}s": [{"name": name, kind: content}]
            for kind, name, content in (
                ("cluster", pair["cluster"], cluster),
                ("user", pair["user"], user),
                ("context", wanted, pair),
            )
        },
        "current-context": wanted,
    }
    return MemberKubeconfig(
        cluster_id=cluster_of_namespace(str(pair.get("namespace", ""))),
        text=as_yaml(kept),
        token=token if isinstance(token, str) else "",
        server=str(cluster.get("server", "")),
    )


def _entry(config: Mapping[str, Any], kind: str, name: Any) -> JsonObject:
    entries = config.get(f"{kind}s")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(kind), dict):
            found: JsonObject = entry[kind]
            return found
    raise UnusableKubeconfig(f"it has no {kind} {name!r}" if name else f"it names no {kind}")
