"""The built-in kinds of the simulated API server: those that our programs, and kubectl on their behalf, use.

Most are only stored; Services, EndpointSlices, Leases, Events and CRDs have rules of their own. The life
cycle of Namespaces and CRDs is the server's (`namespaces.py`, `crds.py`).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds import events
from mcs_controller.simcluster.kinds.crd_kinds import prepare_crd
from mcs_controller.simcluster.kinds.endpointslices import prepare_endpoint_slice
from mcs_controller.simcluster.kinds.resource_kind import Context, Kind, Object, Prepare
from mcs_controller.simcluster.kinds.services import prepare_service, release_service
from mcs_controller.simcluster.kubectl import builtin_columns as columns
from mcs_controller.simcluster.schemas import core_schemas as core
from mcs_controller.simcluster.schemas import group_schemas as groups
from mcs_controller.simcluster.schemas import meta_schemas, names, object_meta
from mcs_controller.simcluster.schemas.definitions import inline
from mcs_controller.simcluster.schemas.schema import StructuralSchema
from mcs_controller.simcluster.status import FieldError

_RBAC = "rbac.authorization.k8s.io"


def _schema(definition: str) -> StructuralSchema:
    return StructuralSchema(inline(definition), inline(meta_schemas.OBJECT_META), built_in=True)


def _checked(
    prepare: Prepare | None = None,
    name_complaint: Callable[[str], str] = names.subdomain_complaint,
    *,
    namespaced: bool = True,
) -> Prepare:
    """A kind's own hook after the check of metadata that all kinds have."""

    def prepare_object(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
        errors = object_meta.validate_metadata(new, old, namespaced=namespaced, name_complaint=name_complaint)
        if not errors and prepare is not None:
            errors = prepare(new, old, ctx)
        return errors

    return prepare_object


def _prepare_lease(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    spec = new.setdefault("spec", {})
    errors = []
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        field = "spec.leaseDurationSeconds"
        errors.append(status.invalid_value(field, duration, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        field = "spec.leaseTransitions"
        errors.append(status.invalid_value(field, transitions, "must be greater than or equal to 0"))
    return errors


def _prepare_secret(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    new["type"] = new.get("type") or "Opaque"
    texts = new.pop("stringData", None) or {}
    if texts:
        encoded = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
        new["data"] = (new.get("data") or {}) | encoded
    if old is not None and new["type"] != old.get("type"):
        return [status.invalid_value("type", new["type"], "field is immutable")]
    return []


def _prepare_binding(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    role = new.setdefault("roleRef", {})
    role["apiGroup"] = role.get("apiGroup") or _RBAC
    for subject in new.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            subject["apiGroup"] = subject.get("apiGroup") or _RBAC
    if old is not None and role != old.get("roleRef"):
        return [status.invalid_value("roleRef", role, "cannot change roleRef")]
    if not role.get("name"):
        return [status.required("roleRef.name")]
    return []


def _same_paths(*fields: str) -> dict[str, tuple[str, ...]]:
    return {field: (field,) for field in fields}


def _core(kind: str, plural: str, definition: str, **more: Any) -> Kind:
    return _grouped("", kind, plural, definition, **more)


def _grouped(group: str, kind: str, plural: str, definition: str, **more: Any) -> Kind:
    fields: dict[str, Any] = {
        "prepare": _checked(),
        "schema": _schema(definition),
        "columns": columns.PLAIN,
        "definition": definition,
    }
    return Kind(
        group=group,
        version="v1",
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        list_kind=f"{kind}List",
        **(fields | more),
    )


def _rbac(kind: str, plural: str, definition: str, *, namespaced: bool) -> Kind:
    is_binding = kind.endswith("Binding")
    hook = _prepare_binding if is_binding else None
    return _grouped(
        _RBAC,
        kind,
        plural,
        definition,
        namespaced=namespaced,
        columns=columns.BINDING if is_binding else columns.CREATED,
        prepare=_checked(hook, names.path_segment_complaint, namespaced=namespaced),
    )


NAMESPACE = _core(
    "Namespace",
    "namespaces",
    core.NAMESPACE,
    short_names=("ns",),
    namespaced=False,
    has_status=True,
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    columns=columns.NAMESPACE,
    field_paths=_same_paths("status.phase"),
    prepare=_checked(None, names.label_complaint, namespaced=False),
)
SERVICE = _core(
    "Service",
    "services",
    core.SERVICE,
    short_names=("svc",),
    categories=("all",),
    has_status=True,
    columns=columns.SERVICE,
    field_paths=_same_paths("spec.clusterIP", "spec.type"),
    prepare=_checked(prepare_service, names.label_complaint),
    on_delete=release_service,
)
ENDPOINT_SLICE = _grouped(
    "discovery.k8s.io",
    "EndpointSlice",
    "endpointslices",
    groups.ENDPOINT_SLICE,
    columns=columns.ENDPOINT_SLICE,
    has_generation=True,
    prepare=_checked(prepare_endpoint_slice),
)
CORE_EVENT = _core(
    "Event",
    "events",
    core.EVENT,
    short_names=("ev",),
    columns=columns.EVENT,
    field_paths=events.FIELD_PATHS,
    prepare=events.prepare_core_event,
)
EVENT = _grouped(
    "events.k8s.io",
    "Event",
    "events",
    groups.EVENT,
    short_names=("ev",),
    columns=tuple(events.of_core(column) for column in columns.EVENT),
    field_paths=events.NEW_FIELD_PATHS,
    prepare=events.prepare_event,
    stored_in=CORE_EVENT.storage,
    encode=events.to_core,
    decode=events.from_core,
)
CUSTOM_RESOURCE_DEFINITION = _grouped(
    "apiextensions.k8s.io",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    groups.CUSTOM_RESOURCE_DEFINITION,
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    namespaced=False,
    has_status=True,
    has_generation=True,
    columns=columns.CREATED,
    prepare=_checked(prepare_crd, namespaced=False),
)

BUILTIN_KINDS: tuple[Kind, ...] = (
    NAMESPACE,
    SERVICE,
    _core(
        "Pod",
        "pods",
        core.POD,
        short_names=("po",),
        categories=("all",),
        has_status=True,
        has_generation=True,
        columns=columns.POD,
        field_paths=_same_paths(
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ),
    ),
    _core(
        "Node",
        "nodes",
        core.NODE,
        short_names=("no",),
        namespaced=False,
        has_status=True,
        columns=columns.NODE,
        field_paths=_same_paths("spec.unschedulable"),
        prepare=_checked(namespaced=False),
    ),
    _core("ConfigMap", "configmaps", core.CONFIG_MAP, short_names=("cm",), columns=columns.CONFIG_MAP),
    _core(
        "Secret",
        "secrets",
        core.SECRET,
        columns=columns.SECRET,
        field_paths=_same_paths("type"),
        prepare=_checked(_prepare_secret),
    ),
    _core("ServiceAccount", "serviceaccounts", core.SERVICE_ACCOUNT, short_names=("sa",)),
    CORE_EVENT,
    ENDPOINT_SLICE,
    _grouped(
        "coordination.k8s.io",
        "Lease",
        "leases",
        groups.LEASE,
        columns=columns.LEASE,
        prepare=_checked(_prepare_lease),
    ),
    EVENT,
    _rbac("Role", "roles", groups.ROLE, namespaced=True),
    _rbac("ClusterRole", "clusterroles", groups.CLUSTER_ROLE, namespaced=False),
    _rbac("RoleBinding", "rolebindings", groups.ROLE_BINDING, namespaced=True),
    _rbac("ClusterRoleBinding", "clusterrolebindings", groups.CLUSTER_ROLE_BINDING, namespaced=False),
    CUSTOM_RESOURCE_DEFINITION,
)
