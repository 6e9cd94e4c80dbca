"""The two well-known ClusterProperties, as commands set them on joining and find them afterwards (KEP-2149).

The kind is optional: where it is not installed there is nothing to set, and nothing to find. While agents run
they keep both properties, if they are told to (`clusterset/properties/keeping.py`).
"""

from dataclasses import replace

from mcs_controller.api.names import (
    CLUSTER_ID_PROPERTY,
    CLUSTERSET_PROPERTY,
    INSTALLED_BY,
    LABEL_INSTALLED_BY,
)
from mcs_controller.api.resources import (
    ABOUT_API,
    CUSTOM_RESOURCE_DEFINITIONS,
    Resource,
    cluster_properties,
)
from mcs_controller.api.revisions import OUR_REVISION
from mcs_controller.clusterset.properties.keeping import property_body
from mcs_controller.clusterset.properties.well_known import Property, decode_property
from mcs_controller.install.joining import check_one_clusterset
from mcs_controller.install.leftovers import Leftover, leftovers_of
from mcs_controller.install.planning import Wanted
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.discovery import NotServed, served_resource
from mcs_controller.kube.lookup import find


async def property_objects(local: Client, cluster_id: str, clusterset: str) -> list[Wanted]:
    """Both, as a member has them (ABT-05, ABT-08), the second only if `clusterset` is not "".

    None where the kind is not installed. Only for a cluster whose id is free for it (ABT-10). Raises
    `InstallError` for a cluster of another clusterset, `KubeError`, `MalformedObject`.
    """
    kind = await _kind(local)
    if kind is None:
        return []
    held = await find(local, kind, CLUSTERSET_PROPERTY)
    check_one_clusterset(_property(held).value if held is not None else "", clusterset)
    values = {CLUSTER_ID_PROPERTY: cluster_id, **({CLUSTERSET_PROPERTY: clusterset} if clusterset else {})}
    return [_wanted(kind, name, value) for name, value in values.items()]


async def clusterset_property(local: Client, clusterset: str = "") -> list[Leftover]:
    """The property that says that the cluster is in `clusterset`, or in whichever we wrote: to be deleted.

    What others wrote of another clusterset is theirs. Raises `KubeError`, `MalformedObject`.
    """
    kind = await _kind(local)
    body = await find(local, kind, CLUSTERSET_PROPERTY) if kind is not None else None
    if kind is None or body is None or not _is_of(_property(body), clusterset):
        return []
    return [replace(one, announced=True) for one in leftovers_of(kind, [body])]


async def definition(local: Client) -> list[JsonObject]:
    """The definition of the kind, if we installed it, and it holds no property that others made.

    Raises `KubeError`, `MalformedObject`.
    """
    kind = await _kind(local)
    if kind is None:
        return []
    body = await find(local, CUSTOM_RESOURCE_DEFINITIONS, kind.crd_name)
    if body is None or OUR_REVISION not in (body["metadata"].get("labels") or {}):
        return []
    held = (await local.list(kind)).items
    return [body] if all(_property(one).written for one in held) else []


async def _kind(local: Client) -> Resource | None:
    try:
        return await served_resource(local, ABOUT_API, cluster_properties)
    except NotServed:
        return None


def _wanted(kind: Resource, name: str, value: str) -> Wanted:
    body = property_body(kind.api_version, name, value)
    body["metadata"]["labels"] = {LABEL_INSTALLED_BY: INSTALLED_BY}
    return Wanted(kind, body)


def _property(body: JsonObject) -> Property:
    """What it says; one that is not well known was never ours."""
    return decode_property(body) or Property("")


def _is_of(found: Property, clusterset: str) -> bool:
    return bool(found.written) or (clusterset != "" and found.value == clusterset)
