"""Decodes a MemberCluster, and encodes what its member writes into the status.

The source cluster of an object on the broker comes from its namespace, never from a field (MCS-RBAC-06).
"""

from collections.abc import Mapping
from sys import intern
from typing import Any, Final

from mcs_controller.api.names import ANNOTATION_WITHDRAW, MAX_LET_GO
from mcs_controller.clusterset.fields import Json, an_object, bad, child, integer, string_pairs, text, texts
from mcs_controller.clusterset.identity import cluster_of_namespace
from mcs_controller.clusterset.membership.limits import StatedLimits
from mcs_controller.clusterset.model import Member, Statement

_MAX_CIDRS: Final = 1000
_MAX_NAMESPACES: Final = 10_000
_A_MOMENT: Final = "2026-01-01T00:00:00.000000Z"
_LIMIT_FIELDS: Final = {
    "services": "services",
    "endpoint_slices": "endpointSlices",
    "endpoints": "endpoints",
    "mebibytes": "mebibytes",
    "imports": "imports",
}
"""The names of `Limits` as the API spells them."""


def source_cluster(metadata: Json) -> str:
    """The member in whose namespace an object lies."""
    namespace = text(metadata, "namespace")
    cluster = cluster_of_namespace(namespace)
    if cluster is None:
        raise bad("namespace", namespace, "a member's")
    return intern(cluster)


def check_name(metadata: Json, wanted: str) -> None:
    """Raise `MalformedObject` unless the object has the name that its content requires."""
    name = text(metadata, "name")
    if name != wanted:
        raise bad("name", name, f"{wanted}, which its content requires")


def cluster_of(raw: Json) -> str:
    """The member that a MemberCluster is for, whatever else it says; "" for none."""
    metadata = raw.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    cluster = cluster_of_namespace(str(metadata.get("namespace")))
    return cluster if cluster is not None and cluster == metadata.get("name") else ""


def decode_member(raw: Json) -> Member:
    """A cluster of the clusterset. Raises `MalformedObject`.

    A network that cannot be read is kept: it allows no address (`services/admission.py`). To drop it would
    drop a restriction.
    """
    metadata = child(an_object(raw, "object"), "metadata")
    spec = child(raw, "spec")
    status = child(raw, "status")
    cluster = source_cluster(metadata)
    check_name(metadata, cluster)
    location = child(spec, "location")
    return Member(
        cluster=cluster,
        cluster_uid=text(status, "clusterUID"),
        version=text(status, "version"),
        heartbeat=text(status, "heartbeat"),
        allowed_cidrs=texts(spec, "podCIDRs", _MAX_CIDRS),
        allowed_namespaces=texts(spec, "namespaces", _MAX_NAMESPACES),
        release=dict(string_pairs(metadata, "annotations")).get(ANNOTATION_WITHDRAW, ""),
        limits=_limits(child(spec, "limits")),
        owns=frozenset(texts(spec, "owns", _MAX_NAMESPACES)),
        exported=_statement(child(status, "exported")),
        object_uid=text(metadata, "uid"),
        leaving=_moment(status.get("leaving")),
        let_go=_let_go(status.get("letGo")),
        region=text(location, "region"),
        zone=text(location, "zone"),
        clusterset=text(spec, "clusterset"),
    )


def _statement(raw: Json) -> Statement | None:
    """What the member states; None if it has stated nothing yet, or it cannot be read."""
    at = text(raw, "at")
    services, slices = integer(raw, "services"), integer(raw, "endpointSlices")
    if len(at) != len(_A_MOMENT) or services is None or slices is None:
        return None
    return Statement(at, services, slices, text(raw, "digest"))


def _let_go(raw: Any) -> dict[str, str] | None:
    """What the member says of members that are leaving; what cannot be read of it is left out."""
    if not isinstance(raw, list):
        return None
    said = ((one.get("member"), _moment(one.get("leaving"))) for one in raw[:MAX_LET_GO] if type(one) is dict)
    return {member: moment for member, moment in said if isinstance(member, str) and moment}


def _moment(value: Any) -> str:
    """A time, "" if it is none."""
    return value if isinstance(value, str) and len(value) == len(_A_MOMENT) else ""


def _limits(raw: Json) -> StatedLimits:
    """The limits that are stated; a negative one counts as 0."""
    stated = ((name, integer(raw, field)) for name, field in _LIMIT_FIELDS.items())
    return tuple((name, max(0, value)) for name, value in stated if value is not None)


def encode_statement(value: Statement) -> dict[str, Any]:
    """The statement as JSON, for the status of the member's own MemberCluster."""
    return {
        "at": value.at,
        "services": value.services,
        "endpointSlices": value.endpoint_slices,
        "digest": value.digest,
    }


def encode_let_go(said: Mapping[str, str]) -> list[dict[str, str]]:
    """Which members that are leaving this one has let go of, as JSON."""
    return [{"member": member, "leaving": said[member]} for member in sorted(said)]
