"""Labels, annotations and marker values that this project reads or writes on Kubernetes objects.

`LABEL_SERVICE_NAME` and `LABEL_SOURCE_CLUSTER` are the MCS API's (MCS-API-13); what starts with our own
domain is ours alone. An object is ours to change or delete only when it carries `MANAGED_BY`.
"""

from typing import Final

LABEL_SERVICE_NAME: Final = "multicluster.kubernetes.io/service-name"
LABEL_SOURCE_CLUSTER: Final = "multicluster.kubernetes.io/source-cluster"
ANNOTATION_DERIVED_SERVICE: Final = "multicluster.kubernetes.io/derived-service"

LABEL_KUBERNETES_SERVICE_NAME: Final = "kubernetes.io/service-name"
LABEL_SLICE_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
"""On EndpointSlices; ours carry `MANAGED_BY` as its value (MCS-EPS-03)."""

LABEL_MANAGED_BY: Final = "mcs-controller.io/managed-by"
"""On ServiceImports and derived Services: the marker that makes an object ours."""

MANAGED_BY: Final = "mcs-controller.io"
"""The value of both markers."""

LABEL_INSTALLED_BY: Final = "app.kubernetes.io/managed-by"
INSTALLED_BY: Final = "mcs-controller-cli"
"""On what the commands that install something made: they change and delete nothing else."""

LABEL_CHART: Final = "app.kubernetes.io/name"
CHART_OF_BROKER: Final = "mcs-broker"
"""On what the chart charts/mcs-broker made, beside `LABEL_INSTALLED_BY` with the value Helm."""

LABEL_CLUSTERSET_OF_BROKER: Final = "mcs-controller.io/clusterset"
"""On the broker's ClusterRole for members: what the clusterset is called, for members that come later."""

ANNOTATION_WITHDRAW: Final = "mcs-controller.io/withdraw"
WITHDRAW_ALLOWED: Final = "allowed"
"""What an operator writes on a held ServiceImport, or on a silent MemberCluster, to let it go."""

ANNOTATION_IDLE_SINCE: Final = "mcs-controller.io/idle-since"
"""On a derived Service whose import became headless: since when it is kept for its clusterset IPs only."""

ANNOTATION_WITHDRAWN: Final = "mcs-controller.io/withdrawn"
"""On a ServiceImport that is deleted next. An agent that finds it exported removes the mark."""

ANNOTATION_SOURCE_CHANGED_AT: Final = "mcs-controller.io/source-changed-at"
"""On an imported slice: when its exporter wrote what it holds, by the exporter's clock (MicroTime)."""

ANNOTATION_LOCALITY: Final = "mcs-controller.io/locality"
ANNOTATION_LOCALITY_MIN_READY: Final = "mcs-controller.io/locality-min-ready"
"""Exported annotations: which endpoints clients shall get first, and how many must be ready to be enough."""

LABEL_EXPORT: Final = "mcs-controller.io/export"
EXPORT_NEVER: Final = "never"
"""On a Service that no ServiceExportPolicy shall export."""

LABEL_EXPORT_POLICY: Final = "mcs-controller.io/export-policy"
ANNOTATION_MADE_FOR: Final = "mcs-controller.io/made-for"
"""On a ServiceExport that a ServiceExportPolicy made: the policy's name; and which ServiceExport it is. A
copy under another name does not fit the latter, and is its user's own."""

ANNOTATION_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""kubectl apply leaves it on what a user applied."""

ANNOTATION_HELM_RELEASE: Final = "meta.helm.sh/release-name"
"""Helm writes it on each object of a release, also on those that it takes over."""

CONDITION_HELD: Final = "mcs-controller.io/Held"
"""On a ServiceImport: the fuse keeps something of it that nothing stands behind any more."""

CONDITION_LOCALITY: Final = "mcs-controller.io/Locality"
"""On a ServiceImport for which near endpoints are preferred: whether they are enough."""

CONDITION_WITHIN_LIMITS: Final = "mcs-controller.io/WithinLimits"
"""On a MemberCluster: whether all that the member exports is taken by the others."""

CONDITION_PROPERTIES: Final = "mcs-controller.io/ClusterProperties"
"""On a MemberCluster: what the member's two well-known cluster properties say."""

ANNOTATION_PROPERTY_VALUE: Final = "mcs-controller.io/value"
"""On a ClusterProperty that we made: what we wrote, by which an edit is told from what others made."""

ANNOTATION_LEAVING: Final = "mcs-controller.io/leaving"
"""On the ClusterProperty of the clusterset: the cluster leaves, so that it may be deleted."""

CLUSTER_ID_PROPERTY: Final = "cluster.clusterset.k8s.io"
"""The ClusterProperty whose value is the cluster's id (MCS-NS-08)."""

CLUSTERSET_PROPERTY: Final = "clusterset.k8s.io"
"""The ClusterProperty that says of which clusterset this cluster is a member; absent while it is of none."""

PROPERTY_MAX_CHARS: Final = 128_000
"""Of the value of any ClusterProperty, by KEP-2149 (ABT-02)."""

MEMBER_NAMESPACE_PREFIX: Final = "mcs-member-"
"""A member's namespace on the broker is this prefix and its cluster id."""

MAX_LET_GO: Final = 100
"""How many members that are leaving a member answers; with more of them, those that began last."""

CLUSTER_ID_MAX_CHARS: Final = 52
"""So that the member namespace stays one DNS label of at most 63 characters."""
