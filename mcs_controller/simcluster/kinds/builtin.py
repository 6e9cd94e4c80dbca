"""The built-in kinds of the simulated API server: those that our programs use, or kubectl on their behalf.

Their schemas are the real server's (`schemas/builtin.py`). Most are only stored, those of RBAC, too: every
user may do everything. Services, EndpointSlices, Leases, Events, tokens and CustomResourceDefinitions have
rules of their own. How namespaces and definitions live and end is in `lifecycles/`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds import events
from mcs_controller.simcluster.kinds.custom import prepare_crd
from mcs_controller.simcluster.kinds.endpointslices import prepare_endpoint_slice
from mcs_controller.simcluster.kinds.kind import Context, Kind, Object, Prepare
from mcs_controller.simcluster.kinds.services import prepare_service, release_service
from mcs_controller.simcluster.kinds.tokens import issue_token
from mcs_controller.simcluster.kubectl import columns
from mcs_controller.simcluster.schemas import names, object_meta
from mcs_controller.simcluster.schemas.builtin import OBJECT_META, definition_of, whole
from mcs_controller.simcluster.schemas.structural import StructuralSchema
from mcs_controller.simcluster.status import FieldError

RBAC = "rbac.authorization.k8s.io"
VERSION = "v1"
"""All of them have only this one."""


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
    new.setdefault("type", "Opaque")
    return []


def _same_paths(*fields: str) -> dict[str, tuple[str, ...]]:
    return {field: (field,) for field in fields}


def _kind(group: str, kind: str, **more: Any) -> Kind:
    definition = definition_of(group, VERSION, kind)
    fields: dict[str, Any] = {
        "plural": f"{kind.lower()}s",
        "prepare": _checked(),
        "schema": StructuralSchema(whole(definition), whole(OBJECT_META), built_in=True),
        "definition": definition,
    }
    return Kind(
        group=group,
        version=VERSION,
        kind=kind,
        singular=kind.lower(),
        list_kind=f"{kind}List",
        **(fields | more),
    )


NAMESPACE = _kind(
    "",
    "Namespace",
    short_names=("ns",),
    namespaced=False,
    has_status=True,
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    columns=columns.NAMESPACE,
    field_paths=_same_paths("status.phase"),
    prepare=_checked(None, names.label_complaint, namespaced=False),
)
SERVICE = _kind(
    "",
    "Service",
    short_names=("svc",),
    categories=("all",),
    has_status=True,
    columns=columns.SERVICE,
    field_paths=_same_paths("spec.clusterIP", "spec.type"),
    prepare=_checked(prepare_service, names.label_complaint),
    on_delete=release_service,
)
CONFIG_MAP = _kind("", "ConfigMap", short_names=("cm",), columns=columns.CONFIG_MAP)
SECRET = _kind(
    "", "Secret", columns=columns.SECRET, field_paths=_same_paths("type"), prepare=_checked(_prepare_secret)
)
SERVICE_ACCOUNT = _kind(
    "",
    "ServiceAccount",
    short_names=("sa",),
    columns=columns.PLAIN,
    asked={"token": issue_token},
)
ENDPOINT_SLICE = _kind(
    "discovery.k8s.io",
    "EndpointSlice",
    columns=columns.ENDPOINT_SLICE,
    has_generation=True,
    prepare=_checked(prepare_endpoint_slice),
)
LEASE = _kind(
    "coordination.k8s.io",
    "Lease",
    columns=columns.LEASE,
    prepare=_checked(_prepare_lease),
)
CORE_EVENT = _kind(
    "",
    "Event",
    short_names=("ev",),
    columns=columns.EVENT,
    field_paths=events.FIELD_PATHS,
    prepare=events.prepare_core_event,
)
EVENT = _kind(
    "events.k8s.io",
    "Event",
    short_names=("ev",),
    columns=columns.PLAIN,
    prepare=events.prepare_event,
    stored_in=CORE_EVENT.storage,
    encode=events.to_core,
    decode=events.from_core,
)
CLUSTER_ROLE = _kind(
    RBAC, "ClusterRole", columns=columns.CREATED, prepare=_checked(namespaced=False), namespaced=False
)
CLUSTER_ROLE_BINDING = _kind(
    RBAC,
    "ClusterRoleBinding",
    columns=columns.ROLE_BINDING,
    prepare=_checked(namespaced=False),
    namespaced=False,
)
ROLE_BINDING = _kind(RBAC, "RoleBinding", columns=columns.ROLE_BINDING)
CUSTOM_RESOURCE_DEFINITION = _kind(
    "apiextensions.k8s.io",
    "CustomResourceDefinition",
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    namespaced=False,
    has_status=True,
    has_generation=True,
    columns=columns.CREATED,
    prepare=_checked(prepare_crd, namespaced=False),
)

BUILTIN_KINDS = (
    NAMESPACE,
    SERVICE,
    CONFIG_MAP,
    SECRET,
    SERVICE_ACCOUNT,
    CORE_EVENT,
    ENDPOINT_SLICE,
    LEASE,
    EVENT,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    ROLE_BINDING,
    CUSTOM_RESOURCE_DEFINITION,
)
