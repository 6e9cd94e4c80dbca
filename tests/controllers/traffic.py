"""What kube-proxy would do with a cluster's Services and slices, looked at after every single write.

kube-proxy joins a Service with the slices that carry its name, port by port, by the ports' names: if they
disagree for a moment, the port leads nowhere for that moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.cluster import Cluster

Object = dict[str, Any]
_SERVICES, _SLICES = ("", "services"), ("discovery.k8s.io", "endpointslices")


class Traffic:
    """From now on, where each port of one import's derived Service led to, write by write."""

    def __init__(self, cluster: Cluster, derived: str, namespace: str = "shop") -> None:
        self.moments: list[dict[tuple[str, int], frozenset[str]]] = []
        self._storage = cluster.sim._storage
        self._namespace, self._derived = namespace, derived
        self._storage.subscribe_all(lambda bucket, event: self._look())

    def led_to(self, protocol: str, port: int) -> list[frozenset[str]]:
        """The addresses behind a port, each time that anything was written."""
        return [moment.get((protocol, port), frozenset()) for moment in self.moments]

    def _look(self) -> None:
        for service in self._held("services", self._derived):
            self.moments.append(
                {
                    (port["protocol"], port["port"]): frozenset(self._behind(port.get("name", ""), port))
                    for port in service["spec"]["ports"]
                }
            )

    def _behind(self, name: str, port: Object) -> Iterator[str]:
        for slice_ in self._held("endpointslices"):
            if slice_["metadata"].get("labels", {}).get("kubernetes.io/service-name") != self._derived:
                continue
            for offered in slice_.get("ports") or ():
                if (offered.get("name") or "", offered["protocol"]) == (name, port["protocol"]):
                    for endpoint in slice_["endpoints"]:
                        yield f"{endpoint['addresses'][0]}:{offered['port']}"

    def _held(self, plural: str, name: str = "") -> list[Object]:
        buckets = [bucket for bucket in self._storage.buckets() if bucket[1] == plural]
        return [
            stored.object
            for bucket in buckets
            for stored in self._storage.select(bucket, self._namespace)
            if name in ("", stored.name)
        ]
