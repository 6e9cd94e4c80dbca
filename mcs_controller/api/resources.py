"""Which API resources this project reads and writes, and how their paths are spelt.

A `Resource` is what a program needs to address a kind on an API server; the shapes of the objects are in
the modules beside this one. Paths are spelt here and nowhere else.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object as an API server serves it: `group` is "" for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The value of `apiVersion` in objects of this kind, such as `discovery.k8s.io/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def crd_name(self) -> str:
        """The name that a CustomResourceDefinition of this kind has."""
        return f"{self.plural}.{self.group}"

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of one object, or of its subresource.

        Without `namespace` a namespaced resource's path spans all namespaces.
        """
        parts = ["/apis/" + self.group if self.group else "/api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Api:
    """An API group, and the versions of it that this program speaks, the preferred one first.

    `how_to_install` completes a message that says that none of them is served.
    """

    group: str
    versions: tuple[str, ...]
    how_to_install: str


MCS_GROUP: Final = "multicluster.x-k8s.io"
MCS_VERSIONS: Final = ("v1beta1", "v1alpha1")
"""Served versions of the MCS API, the preferred one first (MCS-API-03, MCS-API-14)."""
MCS_API: Final = Api(
    MCS_GROUP, MCS_VERSIONS, "apply the CRDs with `mcs-controller crds | kubectl apply -f -`"
)

ABOUT_GROUP: Final = "about.k8s.io"
ABOUT_VERSIONS: Final = ("v1beta1", "v1alpha1")
"""Versions of ClusterProperty, which says who a cluster is (KEP-2149), the preferred one first."""
ABOUT_API: Final = Api(
    ABOUT_GROUP, ABOUT_VERSIONS, "apply the CRDs with `mcs-controller crds --for member | kubectl apply -f -`"
)

PROFILE_VERSION: Final = "v1alpha1"
"""Of ClusterProfile, which is in the group of the MCS API: what our hubs serve, and what we write there."""
PROFILE_VERSIONS: Final = ("v1alpha2", PROFILE_VERSION)
"""Versions of ClusterProfile that we serve, the newest first (KEP-4322)."""
PROFILE_API: Final = Api(
    MCS_GROUP,
    (PROFILE_VERSION, "v1alpha2"),
    "apply the CRDs with `mcs-controller crds --for broker | kubectl apply -f -`",
)
"""As we speak it, with a definition of others too. v1alpha1 alone has `credentialProviders` (CP-21)."""

BROKER_GROUP: Final = "broker.mcs-controller.io"
BROKER_VERSION: Final = "v1alpha1"


POLICY_GROUP: Final = "mcs-controller.io"
POLICY_VERSION: Final = "v1alpha1"
EXPORT_POLICIES: Final = Resource(
    POLICY_GROUP, POLICY_VERSION, "exportpolicies", "ExportPolicy", namespaced=False
)
IMPORT_POLICIES: Final = Resource(
    POLICY_GROUP, POLICY_VERSION, "importpolicies", "ImportPolicy", namespaced=False
)
SERVICE_EXPORT_POLICIES: Final = Resource(
    POLICY_GROUP, POLICY_VERSION, "serviceexportpolicies", "ServiceExportPolicy"
)


def service_exports(version: str = "v1beta1") -> Resource:
    """ServiceExport in the given version of the MCS API."""
    return Resource(MCS_GROUP, version, "serviceexports", "ServiceExport")


def service_imports(version: str = "v1beta1") -> Resource:
    """ServiceImport in the given version of the MCS API."""
    return Resource(MCS_GROUP, version, "serviceimports", "ServiceImport")


def cluster_properties(version: str = "v1beta1") -> Resource:
    """ClusterProperty in the given version."""
    return Resource(ABOUT_GROUP, version, "clusterproperties", "ClusterProperty", namespaced=False)


def cluster_profiles(version: str = PROFILE_VERSION) -> Resource:
    """ClusterProfile in the given version."""
    return Resource(MCS_GROUP, version, "clusterprofiles", "ClusterProfile")


SERVICES: Final = Resource("", "v1", "services", "Service")
PODS: Final = Resource("", "v1", "pods", "Pod")
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event")
ENDPOINT_SLICES: Final = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS: Final = Resource("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
RBAC_GROUP: Final = "rbac.authorization.k8s.io"
CLUSTER_ROLES: Final = Resource(RBAC_GROUP, "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS: Final = Resource(
    RBAC_GROUP, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
ROLE_BINDINGS: Final = Resource(RBAC_GROUP, "v1", "rolebindings", "RoleBinding")
NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
AUTHORIZATION_GROUP: Final = "authorization.k8s.io"
SUBJECT_ACCESS_REVIEWS: Final = Resource(
    AUTHORIZATION_GROUP, "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
SELF_SUBJECT_ACCESS_REVIEWS: Final = Resource(
    AUTHORIZATION_GROUP, "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CUSTOM_RESOURCE_DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)

MEMBER_CLUSTERS: Final = Resource(BROKER_GROUP, BROKER_VERSION, "memberclusters", "MemberCluster")
EXPORTED_SERVICES: Final = Resource(BROKER_GROUP, BROKER_VERSION, "exportedservices", "ExportedService")
EXPORTED_ENDPOINT_SLICES: Final = Resource(
    BROKER_GROUP, BROKER_VERSION, "exportedendpointslices", "ExportedEndpointSlice"
)
MEMBER_REPORTS: Final = Resource(BROKER_GROUP, BROKER_VERSION, "memberreports", "MemberReport")
