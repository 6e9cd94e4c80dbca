"""A clusterset, explained as `mcs-controller explain` explains it, from what the API servers hold."""

from mcs_controller.cli.explaining.broker import read_broker
from mcs_controller.cli.explaining.cluster import cluster_id, read_cluster
from mcs_controller.cli.explaining.reading import Reading
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.explain.findings.finding import Finding
from mcs_controller.clusterset.explain.picture import Picture, Unknown
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.install.lease import LeaseName
from mcs_controller.kube.client import Client
from tests.support.agents import LoopClock
from tests.support.clusterset import Clusterset

WEB = ServiceKey("shop", "web")
LEASE = LeaseName("mcs-system", "mcs-agent")


async def picture(
    world: Clusterset, cluster: str, key: ServiceKey = WEB, *, broker: Client | None = None
) -> Picture:
    """What is read now; of the broker through `broker`, if that is given."""
    on_broker = Reading(broker or world.broker_api, "on the broker")
    here = Reading(world[cluster].api, "in this cluster")
    members = await read_broker(on_broker, key)
    own = await cluster_id(here, [one.member for one in members or () if one.member is not None])
    assert own in ("", cluster)
    found = await read_cluster(here, key, own, LEASE)
    unknown: tuple[Unknown, ...] = (*on_broker.unknown, *here.unknown)
    return Picture(key, LoopClock().now().timestamp(), found, members, unknown=unknown)


async def explained(
    world: Clusterset, cluster: str, key: ServiceKey = WEB, *, broker: Client | None = None
) -> Explanation:
    """The service, seen from a cluster."""
    return explain(await picture(world, cluster, key, broker=broker))


def finding(explanation: Explanation, number: str) -> Finding:
    """The one finding of this id."""
    (found,) = (one for one in explanation.findings if one.id == f"MCS-WHY-{number}")
    return found


def problems(explanation: Explanation) -> list[str]:
    """The ids of all that is worse than a note, without the prefix they share."""
    return [one.id.removeprefix("MCS-WHY-") for one in explanation.findings if one.severity != "note"]


def taking_traffic(explanation: Explanation) -> set[str]:
    """The addresses that are in."""
    return {
        address
        for exporter in explanation.exporters
        for use in exporter.endpoints
        if use.state == "in"
        for address in use.addresses
    }
