"""The CustomResourceDefinitions that we install, made from the models (MCS-API-01..11).

All are ours but those of APIs that many programs share, such as ClusterProperty. `make crds` writes them into
crds/, where installers and the simulated API server find them; nothing reads this module at run time except
to know the same shapes. Raise `MCS_SCHEMA_REVISION` with every change of the MCS kinds' definitions, also of
their columns, and set it back to "0" with a new `MCS_RELEASE` (MCS-API-06): installers compare the two.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from mcs_controller.api.about import ClusterProperty
from mcs_controller.api.broker import ExportedEndpointSlice, ExportedService, MemberCluster
from mcs_controller.api.inventory import ClusterProfile, ClusterProfileV1Alpha2, MemberReport
from mcs_controller.api.meta import WireObject
from mcs_controller.api.multicluster import ServiceExport, ServiceImport
from mcs_controller.api.names import CONDITION_HELD
from mcs_controller.api.policies import ExportPolicy, ImportPolicy, ServiceExportPolicy
from mcs_controller.api.resources import (
    ABOUT_VERSIONS,
    BROKER_GROUP,
    BROKER_VERSION,
    EXPORT_POLICIES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    IMPORT_POLICIES,
    MCS_GROUP,
    MCS_VERSIONS,
    MEMBER_CLUSTERS,
    MEMBER_REPORTS,
    POLICY_GROUP,
    POLICY_VERSION,
    PROFILE_VERSIONS,
    SERVICE_EXPORT_POLICIES,
    Resource,
    cluster_profiles,
    cluster_properties,
    service_exports,
    service_imports,
)
from mcs_controller.api.revisions import OUR_REVISION
from mcs_controller.api.schema import JsonObject, structural_schema

MCS_RELEASE: Final = "v0.5.0"
MCS_SCHEMA_REVISION: Final = "1"
BROKER_SCHEMA_REVISION: Final = "6"
POLICY_SCHEMA_REVISION: Final = "2"
ABOUT_SCHEMA_REVISION: Final = "1"
PROFILE_SCHEMA_REVISION: Final = "1"
"""Of kinds that have no release of their own; raise it with every change of their definitions."""

Place = Literal["member", "broker"]
"""In which clusters a kind is installed."""

_CATEGORY: Final = "multicluster"
"""`kubectl get multicluster -A` lists all that a cluster, or a broker, has of our kinds."""

_MCS_LABELS: Final = {
    f"{MCS_GROUP}/release-version": MCS_RELEASE,
    f"{MCS_GROUP}/crd-schema-revision": MCS_SCHEMA_REVISION,
}
_BROKER_LABELS: Final = {f"{BROKER_GROUP}/crd-schema-revision": BROKER_SCHEMA_REVISION}
_POLICY_LABELS: Final = {f"{POLICY_GROUP}/crd-schema-revision": POLICY_SCHEMA_REVISION}
# Under our own domain: these groups are not ours, and upstream's definitions say nothing of their age.
_ABOUT_LABELS: Final = {OUR_REVISION: ABOUT_SCHEMA_REVISION}
_PROFILE_LABELS: Final = {OUR_REVISION: PROFILE_SCHEMA_REVISION}
_ABOUT_ANNOTATIONS: Final = {
    "api-approved.kubernetes.io": "https://github.com/kubernetes/enhancements/pull/3084",
}
"""Without it an API server refuses kinds of the domain k8s.io."""


@dataclass(frozen=True, slots=True)
class _Column:
    """What `kubectl get` shows; a `wide` one only with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    description: str = ""
    wide: bool = False

    def to_wire(self) -> JsonObject:
        column: JsonObject = {"name": self.name, "jsonPath": self.path, "type": self.type}
        if self.description:
            column["description"] = self.description
        if self.wide:
            column["priority"] = 1
        return column


def _condition(name: str, type: str, description: str, *, wide: bool = False) -> _Column:
    """The status of a condition."""
    return _Column(
        name, f'.status.conditions[?(@.type=="{type}")].status', description=description, wide=wide
    )


_AGE: Final = _Column("Age", ".metadata.creationTimestamp", "date")
_SERVICE: Final = (
    _Column("Service-Namespace", ".spec.serviceNamespace", description="Namespace of the exported Service."),
    _Column("Service", ".spec.serviceName", description="Name of the exported Service."),
)


@dataclass(frozen=True, slots=True)
class _Definition:
    """One kind. All `versions` are served; the last one is stored."""

    model: type[WireObject]
    resource: Resource
    place: Place
    labels: dict[str, str]
    versions: tuple[str, ...]
    short_names: tuple[str, ...]
    columns: tuple[_Column, ...]
    has_status: bool = True
    annotations: dict[str, str] = field(default_factory=dict)
    other_models: dict[str, type[WireObject]] = field(default_factory=dict)
    """Of versions that say something else than `model`; all of theirs is valid as `model` is."""

    def to_wire(self) -> JsonObject:
        metadata: JsonObject = {
            "name": self.resource.crd_name,
            "labels": dict(self.labels),
        }
        if self.annotations:
            metadata["annotations"] = dict(self.annotations)
        names: JsonObject = {
            "kind": self.resource.kind,
            "listKind": f"{self.resource.kind}List",
            "plural": self.resource.plural,
            "singular": self.resource.kind.lower(),
            "categories": [_CATEGORY],
        }
        if self.short_names:
            names["shortNames"] = list(self.short_names)
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": metadata,
            "spec": {
                "group": self.resource.group,
                "scope": "Namespaced" if self.resource.namespaced else "Cluster",
                "names": names,
                "versions": [self._version(name) for name in self.versions],
            },
        }

    def _version(self, name: str) -> JsonObject:
        version: JsonObject = {
            "name": name,
            "served": True,
            "storage": name == self.versions[-1],
            "schema": {"openAPIV3Schema": structural_schema(self.other_models.get(name, self.model))},
            "additionalPrinterColumns": [column.to_wire() for column in self.columns],
        }
        if self.has_status:
            version["subresources"] = {"status": {}}
        return version


_MCS_VERSIONS: Final = tuple(reversed(MCS_VERSIONS))
_ABOUT_VERSIONS: Final = tuple(reversed(ABOUT_VERSIONS))
_BROKER_VERSIONS: Final = (BROKER_VERSION,)
_POLICY_VERSIONS: Final = (POLICY_VERSION,)
_POLICY_COLUMNS: Final = (
    _Column("Action", ".spec.action", description="Allow or Forbid."),
    _Column("Namespaces", ".spec.namespaces", description="Namespaces that it names."),
    _condition("Accepted", "Accepted", "Whether the agent goes by it."),
    _condition("Held", CONDITION_HELD, "Whether something waits to be confirmed."),
    _AGE,
)

_DEFINITIONS: Final = (
    _Definition(
        ServiceExport,
        service_exports(),
        "member",
        _MCS_LABELS,
        _MCS_VERSIONS,
        ("svcex", "svcexport"),
        (
            _condition("Valid", "Valid", "Whether the Service exists and can be exported."),
            _condition("Ready", "Ready", "Whether the broker holds the export."),
            _condition("Conflict", "Conflict", "Whether the clusters that export this name disagree."),
            _AGE,
        ),
    ),
    _Definition(
        ServiceImport,
        service_imports(),
        "member",
        _MCS_LABELS,
        _MCS_VERSIONS,
        ("svcim", "svcimport"),
        (
            _Column("Type", ".spec.type", description="ClusterSetIP or Headless."),
            _Column("IP", ".spec.ips", description="Clusterset IPs of the service."),
            _condition("Ready", "Ready", "Whether the service can be used in this cluster."),
            # The list as it is: of a path such as [*].cluster, an API server shows the first only.
            _Column("Clusters", ".status.clusters", description="Clusters that export the service."),
            _condition(
                "Held", CONDITION_HELD, "Whether something is kept that is no longer exported.", wide=True
            ),
            _Column(
                "Slices",
                ".status.endpointSliceObjects",
                description="Whether EndpointSlices of this cluster have the imported endpoints.",
                wide=True,
            ),
            _AGE,
        ),
    ),
    _Definition(
        MemberCluster,
        MEMBER_CLUSTERS,
        "broker",
        _BROKER_LABELS,
        _BROKER_VERSIONS,
        ("mcluster",),
        (
            _Column("Heartbeat", ".status.heartbeat", "date", "Time since the last sign of life."),
            _Column("Exports", ".status.exported.services", "integer", "Services that the cluster exports."),
            _Column("Version", ".status.version", description="Version of the cluster's controller."),
            _Column(
                "UID",
                ".status.clusterUID",
                description="UID of the cluster's kube-system namespace.",
                wide=True,
            ),
            _AGE,
        ),
    ),
    _Definition(
        ExportedService,
        EXPORTED_SERVICES,
        "broker",
        _BROKER_LABELS,
        _BROKER_VERSIONS,
        ("expsvc",),
        (
            *_SERVICE,
            _Column("Type", ".spec.type", description="ClusterSetIP or Headless."),
            _Column("Exported", ".spec.exportedAt", "date", "Age of the ServiceExport; the oldest wins."),
            _AGE,
        ),
        has_status=False,
    ),
    _Definition(
        ExportedEndpointSlice,
        EXPORTED_ENDPOINT_SLICES,
        "broker",
        _BROKER_LABELS,
        _BROKER_VERSIONS,
        ("expeps",),
        (
            *_SERVICE,
            _Column("AddressType", ".spec.addressType", description="IP family of the endpoints."),
            _Column("Slice", ".spec.sliceName", description="The slice in its own cluster.", wide=True),
            _AGE,
        ),
        has_status=False,
    ),
    _Definition(
        ExportPolicy,
        EXPORT_POLICIES,
        "member",
        _POLICY_LABELS,
        _POLICY_VERSIONS,
        ("svcexpol",),
        _POLICY_COLUMNS,
    ),
    _Definition(
        ImportPolicy,
        IMPORT_POLICIES,
        "member",
        _POLICY_LABELS,
        _POLICY_VERSIONS,
        ("svcimpol",),
        (
            _Column("Action", ".spec.action", description="Allow, Forbid or Prefer."),
            _POLICY_COLUMNS[1],
            _Column("Services", ".spec.services", description="Services that it names."),
            _Column("Sources", ".spec.sourceClusters", description="Clusters that it names."),
            _Column("Prefers", ".spec.locality.scope", description="Whose endpoints come first."),
            *_POLICY_COLUMNS[2:],
        ),
    ),
    _Definition(
        ServiceExportPolicy,
        SERVICE_EXPORT_POLICIES,
        "member",
        _POLICY_LABELS,
        _POLICY_VERSIONS,
        ("svcexall",),
        (
            _condition("Accepted", "Accepted", "Whether the agent goes by it."),
            _condition("Ready", "Ready", "Whether all that it selects is exported."),
            _condition("Held", CONDITION_HELD, "Whether removals wait to be confirmed."),
            _AGE,
        ),
    ),
    _Definition(
        ClusterProperty,
        cluster_properties(),
        "member",
        _ABOUT_LABELS,
        _ABOUT_VERSIONS,
        (),
        (
            _Column("value", ".spec.value"),
            _Column("age", ".metadata.creationTimestamp", "date"),
        ),
        annotations=_ABOUT_ANNOTATIONS,
    ),
    _Definition(
        MemberReport,
        MEMBER_REPORTS,
        "broker",
        _BROKER_LABELS,
        _BROKER_VERSIONS,
        ("mreport",),
        (
            _Column("Healthy", ".spec.controlPlane.status", description="Whether its control plane works."),
            _Column("Version", ".spec.kubernetesVersion", description="Version of its API server."),
            _AGE,
        ),
        has_status=False,
    ),
    _Definition(
        ClusterProfile,
        cluster_profiles(),
        "broker",
        _PROFILE_LABELS,
        PROFILE_VERSIONS,
        (),
        (
            _Column("Display Name", ".spec.displayName", description="What people call the cluster."),
            _Column("Manager", ".spec.clusterManager.name", description="Who manages the profile."),
            _Column("Version", ".status.version.kubernetes", description="Version of its API server."),
            _condition("Healthy", "ControlPlaneHealthy", "Whether its control plane works."),
            _condition("Joined", "Joined", "Whether the manager manages the cluster.", wide=True),
            _AGE,
        ),
        other_models={"v1alpha2": ClusterProfileV1Alpha2},
    ),
)


def all_crds() -> list[JsonObject]:
    """Complete documents, fresh ones on every call."""
    return [definition.to_wire() for definition in _DEFINITIONS]


def crds_of(place: Place) -> list[JsonObject]:
    """Those that are installed in such a cluster; complete documents, fresh ones on every call."""
    return [definition.to_wire() for definition in _DEFINITIONS if definition.place == place]
