"""What a list of clusters shows of a ClusterProfile: one row, of a text that may be anybody's.

A field that is not what the API says is shown as empty: a list is for looking, and one odd profile must not
take the others from sight. Whoever prints a row makes it visible and aligned. Whole objects are shown as they
are, but for passwords.
"""

from collections.abc import Mapping
from typing import Any, Final

from mcs_controller.api.names import CLUSTERSET_PROPERTY
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.observe.masking import MASK, mask_userinfo

COLUMNS: Final = ("NAME", "MANAGER", "VERSION", "HEALTHY", "JOINED", "AGE")
WIDE_COLUMNS: Final = (*COLUMNS, "DISPLAY NAME", "CLUSTERSET", "MEMBER ID", "ACCESS")

MEMBER_ID_LABEL: Final = "multicluster.x-k8s.io/inventory-member-id"
_ACCESS: Final = ("accessProviders", "credentialProviders")
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_CELL_MAX_CHARS: Final = 63
_SHOWN_MAX: Final = 8
"""Access providers of one profile."""


def row(profile: Mapping[str, Any], now_seconds: float, *, wide: bool = False) -> tuple[str, ...]:
    """The cells of `COLUMNS`, or of `WIDE_COLUMNS`; `now_seconds` since the epoch."""
    metadata, spec, status = (_map(profile.get(one)) for one in ("metadata", "spec", "status"))
    cells = (
        _cell(metadata.get("name"), 253),
        _cell(_map(spec.get("clusterManager")).get("name")),
        _cell(_map(status.get("version")).get("kubernetes")),
        _condition(status, "ControlPlaneHealthy"),
        _condition(status, "Joined"),
        _age(metadata.get("creationTimestamp"), now_seconds),
    )
    if not wide:
        return cells
    return (
        *cells,
        _cell(spec.get("displayName")),
        _property(status, CLUSTERSET_PROPERTY),
        _cell(_map(metadata.get("labels")).get(MEMBER_ID_LABEL)),
        ",".join(_ways(status)),
    )


def without_passwords(profile: dict[str, Any]) -> dict[str, Any]:
    """The profile as it may be shown: without users and passwords in URLs, which none should have (CP-15).

    It is a copy where it differs. The annotation in which `kubectl apply` keeps all once more is left out.
    """
    shown = dict(profile)
    metadata, status = _map(profile.get("metadata")), _map(profile.get("status"))
    if annotations := _map(metadata.get("annotations")):
        texts = {
            name: mask_userinfo(one) if isinstance(one, str) else one
            for name, one in annotations.items()
            if name != _LAST_APPLIED
        }
        shown["metadata"] = {**metadata, "annotations": texts}
    for kind in _ACCESS:
        if kind in status:
            shown["status"] = {**_map(shown.get("status")), kind: _shown_ways(status[kind])}
    return shown


def _shown_ways(ways: object) -> object:
    if not isinstance(ways, list):
        return ways
    return [
        {**one, "cluster": _shown_cluster(one["cluster"])} if _map(_map(one).get("cluster")) else one
        for one in ways
    ]


def _shown_cluster(cluster: Mapping[str, Any]) -> dict[str, Any]:
    urls = {name: cluster[name] for name in ("server", "proxy-url") if isinstance(cluster.get(name), str)}
    return {**cluster, **{name: _shown_url(url) for name, url in urls.items()}}


def _shown_url(url: str) -> str:
    """Also of one without a scheme, which is none, all is left out that stands before the last @."""
    before, at, host = url.rpartition("@")
    scheme, separator, _ = before.partition("://")
    return f"{scheme}://{MASK}@{host}" if separator else f"{MASK}@{host}" if at else url


def _ways(status: Mapping[str, Any]) -> list[str]:
    found: dict[str, None] = {}
    for kind in _ACCESS:
        for one in _list(status.get(kind))[:_SHOWN_MAX]:
            found[_cell(_map(one).get("name"))] = None
    return list(found)[:_SHOWN_MAX]


def _condition(status: Mapping[str, Any], kind: str) -> str:
    for one in _list(status.get("conditions")):
        if _map(one).get("type") == kind:
            return _cell(one.get("status"))
    return ""


def _property(status: Mapping[str, Any], name: str) -> str:
    for one in _list(status.get("properties")):
        if _map(one).get("name") == name:
            return _cell(one.get("value"))
    return ""


def _age(created: object, now_seconds: float) -> str:
    since = seconds_of_time(created) if isinstance(created, str) else None
    if since is None:
        return ""
    age = max(0, int(now_seconds - since))
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60)):
        if age >= 2 * seconds:
            return f"{age // seconds}{unit}"
    return f"{age}s"


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _cell(value: object, limit: int = _CELL_MAX_CHARS) -> str:
    return cut(value, limit) if isinstance(value, str) else ""
