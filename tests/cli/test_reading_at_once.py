"""What is read at the same time: a read that fails says nothing of the others, whatever is answered first."""

from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio

from mcs_controller.api.resources import NAMESPACES, SERVICE_EXPORT_POLICIES
from mcs_controller.cli.explaining.broker import read_broker
from mcs_controller.cli.explaining.cluster import read_cluster
from mcs_controller.cli.explaining.reading import Reading
from mcs_controller.cli.status.places import Broker
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.overview.model import Unknown
from mcs_controller.install.lease import LeaseName
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.cluster import SimCluster
from tests.controllers.bulking import CRD as BULK_CRD
from tests.controllers.bulking import bulk
from tests.controllers.policing import EXPORT_CRD, IMPORT_CRD
from tests.support import crds

pytestmark = pytest.mark.looptime

WEB = ServiceKey("shop", "web")
LEASE = LeaseName("mcs-system", "mcs-agent")
FIRST, SECOND = "memberclusters", "exportedservices"


@pytest_asyncio.fixture
async def cluster() -> AsyncIterator[SimCluster]:
    """It has the definitions of a member and of a broker, and no namespace shop."""
    async with SimCluster("west", random=Random(1)) as found:
        await crds.install(found.client(), *crds.MCS_CRDS, *crds.BROKER_CRDS)
        yield found


@pytest.mark.parametrize("late", [FIRST, SECOND])
async def test_explain_names_what_failed_in_the_order_in_which_it_asked(
    cluster: SimCluster, late: str
) -> None:
    cluster.faults.delay(3.0, resources=(late,))
    cluster.faults.fail(403, resources=(FIRST, SECOND))
    reading = Reading(cluster.client(), "on the broker")
    assert await read_broker(reading, WEB) is None
    assert [one.what for one in reading.unknown] == [
        "the MemberClusters, on the broker",
        "the ExportedServices, on the broker",
    ]


async def test_a_namespace_that_is_missing_is_so_whatever_else_was_refused_meanwhile(
    cluster: SimCluster,
) -> None:
    cluster.faults.delay(3.0, resources=("namespaces",))
    cluster.faults.fail(403, resources=("leases",))
    reading = Reading(cluster.client(), "in this cluster")
    seen = await read_cluster(reading, WEB, "west", LEASE)
    assert [one.what for one in reading.unknown] == ["the agents' Lease, in this cluster"]
    assert seen.namespace == "missing"


async def test_a_namespace_that_may_not_be_read_is_not_missing(cluster: SimCluster) -> None:
    await cluster.client().create(NAMESPACES, {"metadata": {"name": "shop"}})
    cluster.faults.fail(403, resources=("namespaces",))
    reading = Reading(cluster.client(), "in this cluster")
    assert (await read_cluster(reading, WEB, "west", LEASE)).namespace == "unknown"


async def test_what_may_not_be_listed_is_not_counted_as_none(cluster: SimCluster) -> None:
    cluster.faults.fail(403, verbs=("list",), resources=("serviceimports",))
    reading = Reading(cluster.client(), "in this cluster")
    assert (await read_cluster(reading, WEB, "west", LEASE)).imports_of is None


async def test_policies_that_may_not_be_read_leave_a_doubt(cluster: SimCluster) -> None:
    await crds.install(cluster.client(), EXPORT_CRD, IMPORT_CRD)
    cluster.faults.fail(403, resources=("exportpolicies",))
    reading = Reading(cluster.client(), "in this cluster")
    seen = await read_cluster(reading, WEB, "west", LEASE)
    assert seen.export_policies.doubt == "the ExportPolicies could not be read"
    assert seen.import_policies.doubt == ""


async def test_who_may_read_policies_in_one_namespace_only_sees_those_of_it(cluster: SimCluster) -> None:
    client = cluster.client()
    await crds.install(client, BULK_CRD)
    for namespace in ("shop", "other"):
        await client.create(NAMESPACES, {"metadata": {"name": namespace}})
        policy = bulk()
        policy["metadata"]["namespace"] = namespace
        await client.create(SERVICE_EXPORT_POLICIES, policy, namespace=namespace)
    reading = Reading(client, "in this cluster")
    seen = await read_cluster(reading, WEB, "west", LEASE)
    assert set(seen.bulk.known.by_namespace) == {"shop", "other"}

    cluster.faults.fail(403, count=1, resources=("serviceexportpolicies",))
    seen = await read_cluster(reading, WEB, "west", LEASE)
    assert set(seen.bulk.known.by_namespace) == {"shop"}
    assert (seen.bulk.known.doubt, reading.unknown) == ("", ())

    cluster.faults.fail(403, resources=("serviceexportpolicies",))
    seen = await read_cluster(reading, WEB, "west", LEASE)
    assert seen.bulk.known.doubt == "the ServiceExportPolicies could not be read"


@pytest.mark.parametrize("late", [FIRST, SECOND])
async def test_status_shows_the_same_refusal_in_every_round(cluster: SimCluster, late: str) -> None:
    async def open_() -> Client:
        return cluster.client()

    cluster.faults.delay(3.0, resources=(late,))
    cluster.faults.fail(403, resources=(FIRST,))
    cluster.faults.fail(500, resources=(SECOND,))
    broker = Broker(open_, timeout_seconds=10.0)
    await broker.read()
    seen = broker.view()
    assert isinstance(seen, Unknown)
    assert "Forbidden" in seen.reason
