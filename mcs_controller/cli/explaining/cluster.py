"""What one cluster holds of a service, and which member it is."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable

from mcs_controller.api.names import CLUSTER_ID_PROPERTY, LABEL_KUBERNETES_SERVICE_NAME, LABEL_SERVICE_NAME
from mcs_controller.api.resources import (
    ABOUT_API,
    ENDPOINT_SLICES,
    LEASES,
    MCS_API,
    NAMESPACES,
    SERVICES,
    cluster_properties,
    service_exports,
    service_imports,
)
from mcs_controller.cli.explaining.bulk import read_bulk
from mcs_controller.cli.explaining.policies import read_policies
from mcs_controller.cli.explaining.reading import UNREAD, Reading, Unread
from mcs_controller.clusterset.explain.picture import InCluster, NamespaceState, Piece
from mcs_controller.clusterset.fields import child
from mcs_controller.clusterset.model import Member, ServiceKey, StringMap
from mcs_controller.clusterset.namespaces import namespace_active, namespace_labels
from mcs_controller.clusterset.services import decode
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.install.lease import LeaseName
from mcs_controller.kube.client import Client
from mcs_controller.kube.discovery import NotServed, preferred_version, served_resource

_NOT_KNOWN = "not known"


async def cluster_id(reading: Reading, members: Iterable[Member]) -> str:
    """The id under which the cluster is a member, "" if nothing tells.

    Each member says on the broker which UID its kube-system has. One that had another id before is there
    twice; the one with the later heartbeat is it now.
    """
    body = await reading.one("namespace kube-system", NAMESPACES, "kube-system")
    uid = str(child(body or {}, "metadata").get("uid") or "")
    same = [member for member in members if uid and member.cluster_uid == uid]
    if same:
        return max(same, key=lambda member: member.heartbeat).cluster

    async def from_property() -> str:
        try:
            resource = await served_resource(reading.client, ABOUT_API, cluster_properties)
        except NotServed:
            return ""
        found = await reading.one(f"ClusterProperty {CLUSTER_ID_PROPERTY}", resource, CLUSTER_ID_PROPERTY)
        value = child(found or {}, "spec").get("value")
        return value if isinstance(value, str) else ""

    return await reading.attempt("the ClusterProperty", from_property, "")


async def read_cluster(reading: Reading, key: ServiceKey, cluster: str, lease: LeaseName) -> InCluster:
    """What the cluster holds of the service. `cluster` is its id, `lease` the one of its agents."""
    namespace, name = key
    version = await reading.attempt(
        "whether the MCS API is installed", lambda: _version(reading.client), _NOT_KNOWN
    )
    serves = version not in ("", _NOT_KNOWN)

    async def nothing() -> Unread | None:
        return UNREAD if version == _NOT_KNOWN else None

    (export, imported, service, derived, leader), (own, of_import), space = await asyncio.gather(
        asyncio.gather(
            reading.one("the ServiceExport", service_exports(version), name, namespace)
            if serves
            else nothing(),
            reading.one("the ServiceImport", service_imports(version), name, namespace)
            if serves
            else nothing(),
            reading.one("the Service", SERVICES, name, namespace),
            reading.one("the derived Service", SERVICES, derived_service_name(key), namespace),
            reading.one("the agents' Lease", LEASES, lease.name, lease.namespace),
        ),
        asyncio.gather(
            reading.many(
                "the EndpointSlices of the Service",
                ENDPOINT_SLICES,
                namespace=namespace,
                label_selector=f"{LABEL_KUBERNETES_SERVICE_NAME}={name},!{LABEL_SERVICE_NAME}",
            ),
            reading.many(
                "the imported EndpointSlices",
                ENDPOINT_SLICES,
                namespace=namespace,
                label_selector=f"{LABEL_SERVICE_NAME}={name}",
            ),
        ),
        _namespace(reading, namespace),
    )
    answers: dict[Piece, object] = {
        "Service": service,
        "EndpointSlices": own,
        "ServiceExport": export,
        "ServiceImport": imported,
        "imported EndpointSlices": of_import,
        "derived Service": derived,
    }
    state, labels = space
    local_import = reading.decoded(decode.service_import, imported)
    is_foreign = local_import is not None and not local_import.managed
    imported_slice = decode.imported_slice_any_manager if is_foreign else decode.own_imported_slice
    local_export = reading.decoded(decode.service_export, export)
    export_policies, import_policies = await read_policies(reading, local_export)
    bulk = await read_bulk(reading, namespace, export)
    return InCluster(
        cluster=cluster,
        namespace=state,
        export=local_export,
        service=reading.decoded(lambda body: decode.with_labels(decode.service(body), body), service),
        slices=reading.all_decoded(lambda body: decode.source_slice(body, cluster), own or ()),
        imported=local_import,
        imported_at=str(child(imported or {}, "metadata").get("creationTimestamp") or ""),
        imported_slices=reading.all_decoded(imported_slice, of_import or ()),
        derived=reading.decoded(decode.service, derived),
        leader_at=str(child(leader or {}, "spec").get("renewTime") or ""),
        serves_api=version != "",
        imports_of=await _imports_of(reading, cluster, version) if serves and imported is None else None,
        unreadable=tuple(reading.unreadable),
        import_policies=import_policies,
        export_policies=export_policies,
        namespace_labels=labels,
        bulk=bulk,
        unread=frozenset(piece for piece, answer in answers.items() if isinstance(answer, Unread)),
    )


async def _version(client: Client) -> str:
    """The version of the MCS API that is served, "" for none. One of its kinds is enough."""
    for kind in (service_exports, service_imports):
        with contextlib.suppress(NotServed):
            return await preferred_version(client, MCS_API, kind)
    return ""


async def _namespace(reading: Reading, name: str) -> tuple[NamespaceState, StringMap]:
    body = await reading.one(f"namespace {name}", NAMESPACES, name)
    if isinstance(body, Unread):
        return "unknown", ()
    if body is None:
        return "missing", ()
    return ("active" if namespace_active(body) else "ending"), namespace_labels(body)


async def _imports_of(reading: Reading, cluster: str, version: str) -> tuple[tuple[str, int], ...] | None:
    """How many imports each other cluster takes a place for, as `controllers/services/imports/import_cap.py`
    counts them; None if they could not be read."""
    bodies = await reading.many("the other ServiceImports", service_imports(version))
    if isinstance(bodies, Unread):
        return None
    counts: Counter[str] = Counter()
    for one in reading.all_decoded(decode.service_import, bodies):
        if one.managed and cluster not in one.clusters:
            counts.update(set(one.clusters))
    return tuple(sorted(counts.items()))
