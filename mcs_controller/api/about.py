"""The About API, group about.k8s.io: ClusterProperty, by which a cluster says who it is (KEP-2149).

A property's key is its object's name, its value is `spec.value`.
"""

from typing import Final

CLUSTERSET_PROPERTY: Final = "clusterset.k8s.io"
"""Which clusterset this cluster is a member of; absent while it is none."""

VALUE_MAX_CHARS: Final = 128_000
"""Of any property, by KEP-2149."""

CONDITION_PROPERTIES: Final = "mcs-controller.io/ClusterProperties"
"""On a MemberCluster: what the member's two well-known cluster properties say."""
