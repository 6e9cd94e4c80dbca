"""Reads what a member says of itself for the inventory: its MemberReport, and its MemberCluster.

The member is the one in whose namespace the object lies; nothing that is written in it can speak of another
(MCS-RBAC-06). All bounds of the schema are kept here again, since an object may be older than its schema.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.fields import Json, an_object, child, items, text
from mcs_controller.clusterset.membership.member import check_name, decode_member, source_cluster
from mcs_controller.clusterset.model import Condition, Member
from mcs_controller.clusterset.syntax import is_subdomain, seconds_of_time

REPORT_NAME: Final = "report"
MAX_PROPERTIES: Final = 128
MAX_VALUE_CHARS: Final = 1024
MAX_MESSAGE_CHARS: Final = 1024
MAX_ACCESS: Final = 16
_MAX_VERSION_CHARS: Final = 64
_MAX_NAME_CHARS: Final = 253
_REASON: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9_,:]{0,126}[A-Za-z0-9_])?")
_URL: Final = re.compile(r"(?:https?|socks5)://[^\s/?#@]+(?:[/?#]\S*)?")
_STATUSES: Final = ("True", "False", "Unknown")


@dataclass(frozen=True, slots=True)
class Health:
    """What the member found of its control plane."""

    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Reported:
    """A ClusterProperty of the member, and when the member saw it so, "" if it did not say (CP-11)."""

    name: str
    value: str
    observed_at: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a member reports. `skipped` are the names of properties that it did not report. `mirrored` is what
    the profile said of that, where the report is gone and only the profile remembers it. `cluster_uid` is the
    UID of the cluster that wrote it, "" if it does not say.
    """

    version: str = ""
    health: Health | None = None
    properties: tuple[Reported, ...] = ()
    skipped: tuple[str, ...] = ()
    mirrored: Condition | None = None
    cluster_uid: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A member as its MemberCluster says it: what the membership knows, and the administrator's words for the
    inventory. `access` are entries of `accessProviders`; `version` is what the member says of its API server.
    """

    member: Member
    display_name: str = ""
    access: tuple[Json, ...] = ()
    version: str = ""


def decode_report(raw: Json) -> Report | None:
    """The report of the member in whose namespace it lies; None under any other name than `report`.

    Raises `MalformedObject`. Single properties that cannot be are skipped, and named as such.
    """
    metadata = child(an_object(raw, "object"), "metadata")
    source_cluster(metadata)
    if text(metadata, "name") != REPORT_NAME:
        return None
    spec = child(raw, "spec")
    found: dict[str, Reported] = {}
    skipped: set[str] = set()
    for one in items(spec, "properties", MAX_PROPERTIES):
        name, value = _pair(one)
        if not name:
            continue
        if 0 < len(value) <= MAX_VALUE_CHARS:
            found[name] = Reported(name, value, _time(one.get("lastObservedTime")))
        else:
            skipped.add(name)
    for one in items(spec, "skippedProperties", MAX_PROPERTIES):
        skipped.add(_pair(one)[0])
    return Report(
        version=cut(text(spec, "kubernetesVersion"), _MAX_VERSION_CHARS),
        health=_health(child(spec, "controlPlane")),
        properties=tuple(found[name] for name in sorted(found)),
        skipped=tuple(sorted(skipped - {""})),
        cluster_uid=text(spec, "clusterUID"),
    )


def is_by(report: Report, member: Member) -> bool:
    """Whether it is the member's: one that lies there from a cluster that had its id before is not.

    Both UIDs are what the member says of itself, in objects that it alone may write.
    """
    return "" in (report.cluster_uid, member.cluster_uid) or report.cluster_uid == member.cluster_uid


def decode_listed(raw: Json) -> Listed:
    """A member of the clusterset. Raises `MalformedObject`."""
    member = decode_member(raw)
    spec, status = child(raw, "spec"), child(raw, "status")
    ways = {str(one.get("name")): one for one in items(spec, "access", MAX_ACCESS) if type(one) is dict}
    providers = [_provider(name, one) for name, one in sorted(ways.items())]
    return Listed(
        member,
        display_name=cut(text(spec, "displayName"), _MAX_NAME_CHARS),
        access=tuple(one for one in providers if one is not None),
        version=cut(text(status, "kubernetesVersion"), _MAX_VERSION_CHARS),
    )


def member_of(raw: Json) -> str:
    """The member whose MemberCluster this is. Raises `MalformedObject`."""
    metadata = child(an_object(raw, "object"), "metadata")
    cluster = source_cluster(metadata)
    check_name(metadata, cluster)
    return cluster


def _pair(one: Any) -> tuple[str, str]:
    """Name and value of a property, the name "" if it cannot be one."""
    if type(one) is not dict:
        return "", ""
    name, value = one.get("name"), one.get("value")
    known = isinstance(name, str) and len(name) <= _MAX_NAME_CHARS and is_subdomain(name)
    return (name if known and isinstance(name, str) else ""), (value if isinstance(value, str) else "")


def _time(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= 40 and seconds_of_time(value) is not None else ""


def _health(raw: Json) -> Health | None:
    status, reason = text(raw, "status"), text(raw, "reason")
    if status not in _STATUSES or not _REASON.fullmatch(reason):
        return None
    return Health(status, reason, cut(text(raw, "message"), MAX_MESSAGE_CHARS))


def _provider(name: str, way: Mapping[str, Any]) -> Json | None:
    """The entry of accessProviders; None if its server or proxy is no URL, or holds a password (CP-15)."""
    server, proxy = way.get("server"), way.get("proxyUrl")
    urls = [one for one in (server, proxy) if one is not None]
    if not 0 < len(name) <= _MAX_NAME_CHARS or server is None:
        return None
    if not all(isinstance(one, str) and len(one) <= 2048 and _URL.fullmatch(one) for one in urls):
        return None
    cluster = {
        "server": server,
        "certificate-authority-data": way.get("certificateAuthorityData"),
        "tls-server-name": way.get("tlsServerName"),
        "proxy-url": proxy,
        "insecure-skip-tls-verify": way.get("insecureSkipTLSVerify"),
        "disable-compression": way.get("disableCompression"),
        "extensions": way.get("extensions"),
    }
    return {"name": name, "cluster": {key: value for key, value in cluster.items() if value is not None}}
