"""The plugin's side of the exec protocol: what the caller told, and what is printed for it (CP-30).

`KUBERNETES_EXEC_INFO` holds an ExecCredential whose `spec.cluster` says for which cluster a credential is
wanted; its `config` is the extension of the ClusterProfile, in which the plugin finds what it needs.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mcs_controller.access.errors import PluginError
from mcs_controller.access.providers import EXEC_VERSION
from mcs_controller.kube.decoding.json_parser import parse_json

INFO: Final = "KUBERNETES_EXEC_INFO"
ASKED: Final = "MCS_CREDENTIALS_ASKED"
"""Digests of what this process and the plugins that run it were asked, so that a circle is noticed."""
INFO_MAX_CHARS: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ExecInfo:
    """Where the credential will be used, and what the profile says for the plugin (empty: nothing)."""

    server: str
    config: Mapping[str, Any] = field(default_factory=dict)


def read_exec_info(environment: Mapping[str, str]) -> ExecInfo:
    """What the caller wants. Raises `PluginError`."""
    told = environment.get(INFO, "")
    if not told.strip():
        raise PluginError(f"{INFO} is not set: this is run by programs, with provideClusterInfo: true")
    try:
        info = parse_json(told, max_bytes=INFO_MAX_CHARS)
    except ValueError:
        raise PluginError(f"{INFO} is not valid JSON") from None
    if (
        not isinstance(info, dict)
        or info.get("apiVersion") != EXEC_VERSION
        or info.get("kind") != "ExecCredential"
    ):
        raise PluginError(f"{INFO} is no ExecCredential of {EXEC_VERSION}: set that apiVersion")
    spec = info.get("spec")
    cluster = spec.get("cluster") if isinstance(spec, dict) else None
    server = cluster.get("server") if isinstance(cluster, dict) else None
    if not isinstance(cluster, dict) or not isinstance(server, str) or server.strip() in ("", "null"):
        raise PluginError(f"{INFO} names no spec.cluster.server: set provideClusterInfo: true")
    config = cluster.get("config")
    if config is not None and not isinstance(config, dict):
        raise PluginError("spec.cluster.config is no object: correct the extension in the ClusterProfile")
    return ExecInfo(server, config or {})


def asked_with(environment: Mapping[str, str]) -> str:
    """The value of `ASKED` for the programs that this one runs.

    A kubeconfig that names this plugin may be the one by which the plugin itself is to reach the hub: each
    would run the next, without end. Raises `PluginError` when the same has been asked before.
    """
    digest = hashlib.sha256(environment.get(INFO, "").encode("utf-8", "replace")).hexdigest()[:16]
    before = [one for one in environment.get(ASKED, "").split(",") if one]
    if digest in before:
        raise PluginError(
            "the kubeconfig of the hub runs this plugin again, for the same cluster: name another one with "
            "--kubeconfig, in the args of the provider file"
        )
    return ",".join([*before, digest])


def credential_line(status: Mapping[str, str]) -> str:
    """The one line that the caller reads."""
    return json.dumps({"apiVersion": EXEC_VERSION, "kind": "ExecCredential", "status": dict(status)})
