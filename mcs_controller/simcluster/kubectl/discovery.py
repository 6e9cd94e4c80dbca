"""Discovery: which groups, versions and resources there are.

Only in the form that every client knows, one document for each group and version. kubectl asks for the newer
aggregated form first, and takes this one where a server does not have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from mcs_controller.simcluster.kinds.kind import Kind

VERSION_INFO = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.4+simcluster",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-11-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}
_STATUS_VERBS = ("get", "patch", "update")
_VERSION = re.compile(r"v(?P<major>\d+)((?P<stage>alpha|beta)(?P<minor>\d+))?")
_STAGES = ("", "beta", "alpha")


def respond(path: str, kinds: Iterable[Kind]) -> dict[str, Any] | None:
    """The document at a discovery path, or None when the path is not one."""
    served = tuple(kinds)
    parts = path.strip("/").split("/")
    match parts:
        case ["version"]:
            return VERSION_INFO
        case ["api"]:
            addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}]
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}
        case ["apis"]:
            groups = [_group(group, versions) for group, versions in _by_group(served).items() if group]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["api", "v1"]:
            return _resources("v1", [kind for kind in served if kind.api_version == "v1"])
        case ["apis", group]:
            versions = _by_group(served).get(group)
            if versions is None:
                return None
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(group, versions)
        case ["apis", group, version]:
            found = [kind for kind in served if (kind.group, kind.version) == (group, version)]
            return _resources(f"{group}/{version}", found) if found else None
    return None


def version_order(version: str) -> tuple[int, int, int]:
    """Sorts v2 before v1 before v1beta2 before v1beta1 before v1alpha1."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (len(_STAGES), 0, 0)
    return (_STAGES.index(match["stage"] or ""), -int(match["major"]), -int(match["minor"] or 0))


def _by_group(kinds: Iterable[Kind]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for kind in kinds:
        versions = groups.setdefault(kind.group, [])
        if kind.version not in versions:
            versions.append(kind.version)
    return {group: sorted(versions, key=version_order) for group, versions in groups.items()}


def _group(group: str, versions: list[str]) -> dict[str, Any]:
    shown = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": shown, "preferredVersion": shown[0]}


def _resources(group_version: str, kinds: Iterable[Kind]) -> dict[str, Any]:
    resources: list[dict[str, Any]] = []
    for kind in kinds:
        resource: dict[str, Any] = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
        }
        if kind.short_names:
            resource["shortNames"] = list(kind.short_names)
        if kind.categories:
            resource["categories"] = list(kind.categories)
        resources.append(resource)
        if kind.has_status:
            status = {"name": f"{kind.plural}/status", "singularName": ""}
            more = {"namespaced": kind.namespaced, "kind": kind.kind, "verbs": list(_STATUS_VERBS)}
            resources.append(status | more)
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources,
    }
