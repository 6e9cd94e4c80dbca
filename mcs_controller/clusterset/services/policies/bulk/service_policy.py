"""A ServiceExportPolicy, and what it is about: the Services and ServiceExports of its namespace.

Of a policy that cannot be read it is not known what it selects; it is a value, too (`problem`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypedDict

from mcs_controller.api.names import (
    ANNOTATION_APPLIED,
    ANNOTATION_HELM_RELEASE,
    ANNOTATION_MADE_FOR,
    ANNOTATION_WITHDRAW,
    EXPORT_NEVER,
    LABEL_EXPORT,
    LABEL_EXPORT_POLICY,
    LABEL_MANAGED_BY,
    MANAGED_BY,
)
from mcs_controller.api.policies import MAX_NAME_CHARS
from mcs_controller.clusterset.conditions import decode_conditions
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import Json, an_object, child, integer, items, string_pairs, text
from mcs_controller.clusterset.model import Condition, LocalService, ServiceKey, StringMap
from mcs_controller.clusterset.services.policies.selector import Selector, decode_selector

_API_SERVER: Final = ServiceKey("default", "kubernetes")
_USERS_MARKS: Final = frozenset({ANNOTATION_APPLIED, ANNOTATION_HELM_RELEASE})
_MAX_MANAGERS: Final = 10_000


class PolicyKey(NamedTuple):
    """Namespace and name of a ServiceExportPolicy."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """`release` is the time until which removals are confirmed, "" for none (`membership/release.py`).

    `problem` says why it cannot be read, "" if it can; then `selector` is not None.
    """

    key: PolicyKey
    selector: Selector | None = None
    release: str = ""
    generation: int = 0
    conditions: tuple[Condition, ...] = ()
    problem: str = ""

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether it is about a Service of its namespace with these labels; never if it cannot be read."""
        return self.selector is not None and self.selector.matches(labels)


def decode_service_policy(raw: Json) -> ServicePolicy:
    """A ServiceExportPolicy; one that says something else than its kind may has a `problem`."""
    metadata = child(an_object(raw, "object"), "metadata")
    release = child(metadata, "annotations").get(ANNOTATION_WITHDRAW)
    conditions: tuple[Condition, ...] = ()
    selector, problem = None, ""
    try:
        conditions = decode_conditions(child(raw, "status").get("conditions"))
        selector = decode_selector(child(raw, "spec"), "serviceSelector")
        if selector is None:
            problem = "serviceSelector is missing: an empty one takes all Services"
        elif len(text(metadata, "name")) > MAX_NAME_CHARS:
            selector, problem = None, f"its name is longer than {MAX_NAME_CHARS} characters"
    except MalformedObject as error:
        problem = str(error)
    return ServicePolicy(
        PolicyKey(text(metadata, "namespace"), text(metadata, "name")),
        selector,
        release if isinstance(release, str) else "",
        integer(metadata, "generation") or 0,
        conditions,
        problem,
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Service. `left_out` says why no policy exports it, "" if one may."""

    labels: StringMap = ()
    left_out: str = ""
    deleting: bool = False


class _ServiceMetadata(TypedDict, total=False):
    name: str
    namespace: str
    uid: str
    resourceVersion: str
    deletionTimestamp: str
    labels: dict[str, str]


class _ServiceSpec(TypedDict, total=False):
    type: str


class ServiceFields(TypedDict, total=False):
    """All fields of a Service that are read here; a parser may leave out the rest."""

    metadata: _ServiceMetadata
    spec: _ServiceSpec


def decode_candidate(raw: Json) -> Candidate:
    """A Service of this cluster."""
    metadata = child(an_object(raw, "object"), "metadata")
    key = ServiceKey(text(metadata, "namespace"), text(metadata, "name"))
    left_out = _left_out(key, child(metadata, "labels"), text(child(raw, "spec"), "type"))
    return Candidate(
        string_pairs(metadata, "labels"), left_out, metadata.get("deletionTimestamp") is not None
    )


def candidate_of(service: LocalService) -> Candidate:
    """The same of a Service that was read for other purposes, too, with its labels."""
    left_out = _left_out(service.service, dict(service.labels), service.type)
    return Candidate(service.labels, left_out, service.deleting)


def _left_out(key: ServiceKey, labels: Mapping[str, object], type_: str) -> str:
    if labels.get(LABEL_MANAGED_BY) == MANAGED_BY:
        return "it is the derived Service of an import"
    if key == _API_SERVER:
        return "it is the cluster's own API server"
    if type_ == "ExternalName":
        return "it is of type ExternalName, which has no endpoints"
    if labels.get(LABEL_EXPORT) == EXPORT_NEVER:
        return f"its label {LABEL_EXPORT} is {EXPORT_NEVER}"
    return ""


@dataclass(frozen=True, slots=True)
class Present:
    """A ServiceExport. `maker` is the policy that made it, None for a user's own."""

    maker: PolicyKey | None = None
    deleting: bool = False


_ExportLabels = TypedDict("_ExportLabels", {"mcs-controller.io/export-policy": str}, total=False)
_ExportAnnotations = TypedDict(
    "_ExportAnnotations",
    {
        "mcs-controller.io/made-for": str,
        "kubectl.kubernetes.io/last-applied-configuration": str,
        "meta.helm.sh/release-name": str,
    },
    total=False,
)


class _Manager(TypedDict, total=False):
    operation: str
    subresource: str


class _ExportMetadata(TypedDict, total=False):
    name: str
    namespace: str
    uid: str
    resourceVersion: str
    deletionTimestamp: str
    labels: _ExportLabels
    annotations: _ExportAnnotations
    managedFields: list[_Manager]


class ExportFields(TypedDict, total=False):
    """All fields of a ServiceExport that are read here; a parser may leave out the rest."""

    metadata: _ExportMetadata


def decode_present(raw: Json) -> Present:
    """A ServiceExport, which is a policy's only if it carries both marks and nobody has applied it since.

    Who applies a ServiceExport, or has Helm take it over, wants it to be there, wherever it came from.
    """
    metadata = child(an_object(raw, "object"), "metadata")
    deleting = metadata.get("deletionTimestamp") is not None
    annotations = child(metadata, "annotations")
    policy = child(metadata, "labels").get(LABEL_EXPORT_POLICY)
    key = ServiceKey(text(metadata, "namespace"), text(metadata, "name"))
    is_made = isinstance(policy, str) and policy and annotations.get(ANNOTATION_MADE_FOR) == str(key)
    if not is_made or not _USERS_MARKS.isdisjoint(annotations) or _is_applied(metadata):
        return Present(deleting=deleting)
    return Present(PolicyKey(key.namespace, str(policy)), deleting)


def _is_applied(metadata: Json) -> bool:
    """Whether somebody used server-side apply on it, and not only on its status."""
    managers = (an_object(one, "managedFields") for one in items(metadata, "managedFields", _MAX_MANAGERS))
    return any(one.get("operation") == "Apply" and not one.get("subresource") for one in managers)


def export_body(key: ServiceKey, policy: ServicePolicy, api_version: str) -> dict[str, object]:
    """The ServiceExport that a policy makes; nothing in it is written again later."""
    return {
        "apiVersion": api_version,
        "kind": "ServiceExport",
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": {LABEL_EXPORT_POLICY: policy.key.name},
            "annotations": {ANNOTATION_MADE_FOR: str(key)},
        },
    }
