"""Who gets a cluster id, and what an outdated list of members is worth."""

import asyncio
from dataclasses import replace

import pytest
from pydantic_core import from_json, to_json

from mcs_controller.api.resources import MEMBER_CLUSTERS, NAMESPACES
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.kube.connection.transport import Request, Response, Transport
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime


async def uid_of(world: Clusterset) -> str:
    uid: str = (await world["east"].api.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
    return uid


@pytest.mark.requirement("MCS-NS-05", "MCS-NS-06")
async def test_of_two_clusters_that_claim_one_id_at_once_the_first_keeps_it() -> None:
    async with (
        Clusterset("east", "west", start=False) as world,
        Clusterset("east", seed=2, start=False) as twin,
    ):
        twin["east"].broker = world.broker
        # Each has read that nobody has the id before either has written.
        world.broker.faults.delay(1.0, verbs=["patch"], resources=["memberclusters"])
        first = world["east"].start()
        await asyncio.sleep(0.5)
        second = twin["east"].start()

        with pytest.raises(ExceptionGroup) as caught:
            await asyncio.wait_for(second.task, 60)

        assert caught.group_contains(ClusterIdTaken)
        twin["east"].process = None
        await world.settle()
        assert not first.task.done()
        await world["east"].ready()
        member = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
        assert member["status"]["clusterUID"] == await uid_of(world) != await uid_of(twin)


class StaleCache(PassingTransport):
    """A way to the broker whose watch cache has not heard of a member; consistent reads are as they are."""

    def __init__(self, transport: Transport, unheard_of: str) -> None:
        super().__init__(transport)
        self.lists = 0
        self.unheard_of = unheard_of

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        response = await super().request(request, timeout_seconds=timeout_seconds)
        cached = ("resourceVersion", "0") in request.query
        if not (cached and request.path.endswith("/memberclusters") and response.status == 200):
            return response
        self.lists += 1
        body = from_json(response.body)
        body["items"] = [one for one in body["items"] if one["metadata"]["name"] != self.unheard_of]
        return replace(response, body=to_json(body))


@pytest.mark.requirement("MCS-LIFE-07", "MCS-LIFE-06")
async def test_a_member_that_only_an_outdated_list_lacks_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Clusterset() as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world["west"].deploy("shop", "web")
        everything = EAST | WEST
        await world.imported("shop", "web", everything)
        await world["north"].kill()
        stale = StaleCache(world.broker.transport("member-north"), "nobody")
        monkeypatch.setattr(world.broker, "transport", lambda user: stale)
        world["north"].start()
        await world["north"].ready()
        stale.unheard_of = "east"

        async def unchanged() -> bool:
            return await world["north"].addresses_of("shop", "web") == everything

        await world.always(unchanged, for_seconds=900)
        assert stale.lists > 50


@pytest.mark.requirement("MCS-LIFE-07", "MCS-IMP-01")
async def test_a_new_cluster_imports_from_a_member_that_an_outdated_list_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Clusterset(start=False) as world:
        await world.everywhere("shop")
        world["east"].start()
        await world["east"].deploy("shop", "web")
        await world.until(world.records)
        stale = StaleCache(world.broker.transport("member-north"), "east")
        monkeypatch.setattr(world.broker, "transport", lambda user: stale)

        world["north"].start(confirm_delay_seconds=3600.0)
        await world["north"].ready()
        await world.serves("north", EAST, within_seconds=2)
