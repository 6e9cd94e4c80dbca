"""Which clusters a demo has: their names, their networks, and the ports on this machine.

Cluster i answers DNS on the first DNS port + i, and likewise metrics over HTTP, and its status page. Every
cluster has pod and service networks of its own, so that in any answer one can see from which cluster an
address is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HOST: Final = "127.0.0.1"
CLUSTERS_MIN: Final = 2
CLUSTERS_MAX: Final = 20
BROKER: Final = "broker"
CLUSTERSET: Final = "demo"
NAMESPACE: Final = "shop"
ZONE: Final = "clusterset.local"
BROKER_SERVICE_CIDR: Final = "10.100.0.0/16"

_NAMES: Final = ("east", "west", "north")


@dataclass(frozen=True, slots=True)
class Site:
    """One cluster. A port of 0 means any free one."""

    index: int
    name: str
    dns_port: int = 0
    http_port: int = 0
    page_port: int = 0

    @property
    def pod_network(self) -> str:
        """The first two bytes of its pods' addresses, `10.1` for the first cluster."""
        return f"10.{1 + self.index}"

    @property
    def service_cidr(self) -> str:
        """From where its cluster IPs, and so its clusterset IPs, are: `10.101.0.0/16` for the first."""
        return f"10.{101 + self.index}.0.0/16"


def cluster_names(count: int) -> tuple[str, ...]:
    """east, west, north, c4, c5 and so on."""
    return (*_NAMES, *(f"c{number}" for number in range(len(_NAMES) + 1, count + 1)))[:count]


def make_sites(
    count: int, dns_ports: Sequence[int], http_ports: Sequence[int], page_ports: Sequence[int]
) -> tuple[Site, ...]:
    """The clusters with their ports."""
    return tuple(
        Site(index, name, dns_ports[index], http_ports[index], page_ports[index])
        for index, name in enumerate(cluster_names(count))
    )
