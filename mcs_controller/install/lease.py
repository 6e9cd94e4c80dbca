"""Which Lease the replicas of a cluster's agent agree by on the one that works."""

from typing import NamedTuple


class LeaseName(NamedTuple):
    """Namespace and name of a Lease."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
