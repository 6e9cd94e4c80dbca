"""Labels, annotations and marker values that this project reads or writes on Kubernetes objects.

`LABEL_SERVICE_NAME` and `LABEL_SOURCE_CLUSTER` are the MCS API's (MCS-API-13); what starts with our own
domain is ours alone. An object is ours to change or delete only when it carries `MANAGED_BY`.
"""

LABEL_SERVICE_NAME = "multicluster.kubernetes.io/service-name"
LABEL_SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster"
ANNOTATION_DERIVED_SERVICE = "multicluster.kubernetes.io/derived-service"

LABEL_KUBERNETES_SERVICE_NAME = "kubernetes.io/service-name"
LABEL_SLICE_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
"""On EndpointSlices; ours carry `MANAGED_BY` as its value (MCS-EPS-03)."""

LABEL_MANAGED_BY = "mcs-controller.io/managed-by"
"""On ServiceImports and derived Services: the marker that makes an object ours."""

MANAGED_BY = "mcs-controller.io"
"""The value of both markers."""

ANNOTATION_WITHDRAW = "mcs-controller.io/withdraw"
WITHDRAW_ALLOWED = "allowed"
"""What an operator writes on a held ServiceImport, or on a silent MemberCluster, to let it go."""

ANNOTATION_IDLE_SINCE = "mcs-controller.io/idle-since"
"""On a derived Service whose import became headless: since when it is kept for its clusterset IPs only."""

CONDITION_HELD = "mcs-controller.io/Held"
"""On a ServiceImport: the fuse keeps something of it that nothing stands behind any more."""

CONDITION_WITHIN_LIMITS = "mcs-controller.io/WithinLimits"
"""On a MemberCluster: whether all that the member exports is taken by the others."""

MEMBER_NAMESPACE_PREFIX = "mcs-member-"
"""A member's namespace on the broker is this prefix and its cluster id."""

CLUSTER_ID_MAX_CHARS = 52
"""So that the member namespace stays one DNS label of at most 63 characters."""
