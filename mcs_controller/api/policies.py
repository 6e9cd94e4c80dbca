"""Policies of one cluster, group mcs-controller.io/v1alpha1: what its administrator lets out, and in.

ExportPolicy and ImportPolicy are cluster-scoped, since whoever exports from a namespace must not be able to
change what may leave it. A ServiceExportPolicy only does what whoever writes it may do himself, and lies in
the namespace whose Services it exports (docs/decisions/0031-bulk-export.md).
Lists are bounded so that the API server can price the CEL rules; `clusterset/services/policies/` checks
the rest again, because an object may be older than its schema.
"""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints

from mcs_controller.api.meta import ATOMIC_LIST, SET_LIST, Condition, WireModel, WireObject, list_map
from mcs_controller.api.names import CLUSTER_ID_MAX_CHARS

PolicyApiVersion = Literal["mcs-controller.io/v1alpha1"]

MAX_NAMESPACES: Final = 1000
MAX_EXPRESSIONS: Final = 32
MAX_VALUES: Final = 100
MAX_LABELS: Final = 64
MAX_NAME_CHARS: Final = 63
"""Of a ServiceExportPolicy, whose name is the value of a label on what it makes."""

Namespace = Annotated[str, StringConstraints(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
ClusterName = Annotated[
    str, StringConstraints(max_length=CLUSTER_ID_MAX_CHARS, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
Namespaces = Annotated[list[Namespace], Field(min_length=1, max_length=MAX_NAMESPACES), SET_LIST]
LabelKey = Annotated[
    str,
    StringConstraints(
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    ),
]
LabelText = Annotated[
    str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
]


class LabelExpression(WireModel):
    """What a selector asks of one label."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && "
                    "self.values.size() > 0)",
                    "message": "In and NotIn need values, Exists and DoesNotExist take none",
                }
            ]
        }
    )

    key: LabelKey
    """Key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """NotIn and DoesNotExist are also true of an object without the label."""
    values: Annotated[list[LabelText], Field(max_length=MAX_VALUES), ATOMIC_LIST] | None = None
    """The values that In and NotIn speak of."""


class Selector(WireModel):
    """Which objects, by their labels: those of which all parts are true; an empty one takes all."""

    match_labels: Annotated[dict[str, LabelText], Field(max_length=MAX_LABELS)] | None = None
    """Labels that the object must have, with these values."""
    match_expressions: (
        Annotated[list[LabelExpression], Field(max_length=MAX_EXPRESSIONS), ATOMIC_LIST] | None
    ) = None
    """More that its labels must fulfil."""


class PolicyStatus(WireModel):
    """What the agent makes of the policy."""

    conditions: Annotated[list[Condition], list_map("type")] | None = None
    """Accepted: the agent can read the policy, and goes by it. Held: more exports or imports would end at
    once than the fuse lets through, and they go on until that is confirmed."""


class ExportPolicySpec(WireModel):
    """Which Services, and whether they may be exported. A Service must fulfil all that is given."""

    action: Literal["Allow", "Forbid"]
    """Forbid goes before Allow. Once there is an Allow, a Service needs one that is about it."""
    namespaces: Namespaces | None = None
    """Namespaces of the Services. Only an Allow that names it here opens default, kube-node-lease,
    kube-public or kube-system."""
    namespace_selector: Selector | None = None
    """Labels of the namespace of the Services."""
    service_selector: Selector | None = None
    """Labels of the Services themselves."""


class ExportPolicy(WireObject):
    """Decides which Services of this cluster may be exported; only agents with --export-policies ask."""

    api_version: PolicyApiVersion = "mcs-controller.io/v1alpha1"
    kind: Literal["ExportPolicy"] = "ExportPolicy"
    spec: ExportPolicySpec
    """The Services, and what is decided of them."""
    status: PolicyStatus | None = None
    """What the agent makes of it."""


class ImportLocality(WireModel):
    """Which endpoints clients of this cluster get first."""

    scope: Literal["cluster", "zone", "region", "none"]
    """Those of this cluster, of all clusters in its zone, or in its region; none: of all clusters alike."""
    min_ready: Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,4}|([1-9][0-9]?|100)%)$")] | None = (
        None
    )
    """How many of them must be ready so that farther ones are left out: a number, as in "2", or a share of
    them, as in "50%". Left out, it is what the agent's option --locality-min-ready says."""


class ImportPolicySpec(WireModel):
    """Which imports, and whether they may be, or what is preferred. An import must fulfil all given."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "(self.action == 'Prefer') == has(self.locality)",
                    "message": "Prefer needs locality, Allow and Forbid take none",
                },
                {
                    "rule": "self.action != 'Prefer' || !has(self.sourceClusters)",
                    "message": "Prefer is about a service, whoever exports it: it takes no sourceClusters",
                },
            ]
        }
    )

    action: Literal["Allow", "Forbid", "Prefer"]
    """Forbid goes before Allow. Once there is an Allow, an import needs one that is about it. Prefer neither
    allows nor forbids: of those about a service, the one that is about the least decides."""
    namespaces: Namespaces | None = None
    """Namespaces to import into. Reserved ones also need --import-reserved-namespaces."""
    namespace_selector: Selector | None = None
    """Labels of the namespace here that is imported into."""
    services: Annotated[list[Namespace], Field(min_length=1, max_length=MAX_NAMESPACES), SET_LIST] | None = (
        None
    )
    """Names of the services."""
    locality: ImportLocality | None = None
    """What Prefer prefers, over what the exports ask for and what the agent's option --locality says."""
    source_clusters: (
        Annotated[list[ClusterName], Field(min_length=1, max_length=MAX_NAMESPACES), SET_LIST] | None
    ) = None
    """Ids of the clusters that export. A cluster's own exports are no matter of source."""


class ImportPolicy(WireObject):
    """Decides what this cluster imports, from whom, and which endpoints come first; only agents with
    --import-policies ask."""

    api_version: PolicyApiVersion = "mcs-controller.io/v1alpha1"
    kind: Literal["ImportPolicy"] = "ImportPolicy"
    spec: ImportPolicySpec
    """The imports, and what is decided of them."""
    status: PolicyStatus | None = None
    """What the agent makes of it."""


class ServiceExportPolicySpec(WireModel):
    """Which Services of the policy's own namespace are exported."""

    service_selector: Selector
    """Labels of the Services; an empty selector takes all of the namespace."""


class ServiceExportPolicyStatus(WireModel):
    """What the agent makes of the policy."""

    conditions: Annotated[list[Condition], list_map("type")] | None = None
    """Accepted: the agent can read the policy. Ready: all that it selects is exported. Held: more exports
    would be removed at once than the fuse lets through, and they stay until that is confirmed."""


class ServiceExportPolicy(WireObject):
    """Exports the Services of its namespace that it selects: each gets a ServiceExport, which is removed when
    no policy selects it any more. Only agents with --service-export-policies do so."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": f"self.metadata.name.size() <= {MAX_NAME_CHARS}",
                    "message": f"the name is the value of a label, which has at most {MAX_NAME_CHARS} "
                    "characters",
                }
            ]
        }
    )

    api_version: PolicyApiVersion = "mcs-controller.io/v1alpha1"
    kind: Literal["ServiceExportPolicy"] = "ServiceExportPolicy"
    spec: ServiceExportPolicySpec
    """The Services."""
    status: ServiceExportPolicyStatus | None = None
    """What the agent makes of it."""
