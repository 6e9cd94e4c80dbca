"""A broker whose history broke: restored, wiped, or with kinds and namespaces deleted and made again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random

import pytest

from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    ENDPOINT_SLICES,
    EXPORTED_ENDPOINT_SLICES,
    EXPORTED_SERVICES,
    MEMBER_CLUSTERS,
    NAMESPACES,
    Resource,
)
from mcs_controller.controllers.config import AgentConfig
from mcs_controller.controllers.membership.presence import Presence
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.storage.versions import Snapshot
from tests.controllers.clusterset import IMPORTS, MEMBERS, Clusterset, Object
from tests.controllers.processes import LoopClock
from tests.support.continuity import Continuity, look_at

pytestmark = pytest.mark.looptime

HELD = "mcs-controller.io/Held"


@pytest.mark.requirement("MCS-LIFE-07")
async def test_an_own_slice_that_was_edited_behind_a_deaf_watch_is_read_and_put_right() -> None:
    async with Clusterset("east", "west") as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world.settle()
        stalled = world.broker.faults.stall_watches(users=["member-east"])
        await world.broker_api.patch(
            EXPORTED_ENDPOINT_SLICES,
            "shop.web-abc",
            {"spec": {"endpoints": []}},
            namespace="mcs-member-east",
        )

        await world["east"].endpoints("shop", "web", "10.1.0.9")

        async def follows() -> bool:
            return await world["west"].addresses_of("shop", "web") == {"10.1.0.9"}

        await world.until(follows, within_seconds=1)
        stalled.lift()


SERVICES = 4
CHURN_SECONDS = 0.7
RIGHT_WITHIN_SECONDS = 30.0


class Shop:
    """A clusterset with steady endpoints, and users who never rest."""

    def __init__(self, world: Clusterset, seed: int) -> None:
        self.world = world
        self.random = Random(seed)
        self.steady: dict[str, set[str]] = {}
        self.extra: dict[tuple[str, str], str] = {}
        self.exported: set[str] = set()
        self._number = 0

    async def open(self) -> None:
        """Each service is exported by two clusters, and one more by each alone."""
        await self.world.everywhere("shop")
        for number in range(SERVICES):
            for cluster in self.random.sample(MEMBERS, 2):
                await self._deploy(cluster, f"web-{number}")
        for cluster in MEMBERS:
            headless = {"clusterIP": "None"} if cluster == "west" else {}
            await self._deploy(cluster, f"of-{cluster}", **headless)
        await self.world.until(self.is_right, within_seconds=60)
        # All have stated what they export, so that what follows is not about a start.
        await self.world.settle()

    async def _deploy(self, cluster: str, name: str, **spec: object) -> None:
        addresses = self.world[cluster].addresses()
        await self.world[cluster].deploy("shop", name, **spec)
        self.steady.setdefault(f"shop/{name}", set()).update(addresses)

    async def churn(self) -> None:
        """Endpoints come and go beside the steady ones, and so do exports of services of their own."""
        while True:
            await asyncio.sleep(self.random.uniform(0.1, 2 * CHURN_SECONDS))
            cluster = self.random.choice(MEMBERS)
            if self.random.random() < 0.7:
                await self._change(cluster)
            elif self.exported and self.random.random() < 0.5:
                gone = self.random.choice(sorted(self.exported))
                self.exported.discard(gone)
                owner, name = gone.split("/")
                await self.world[owner].unexport("shop", name)
            else:
                self._number += 1
                name = f"new-{self._number}"
                await self.world[cluster].deploy("shop", name)
                self.exported.add(f"{cluster}/{name}")

    async def _change(self, cluster: str) -> None:
        offered = [one for one in sorted(self.steady) if one.startswith("shop/web")]
        name = self.random.choice(offered).partition("/")[2]
        if await self.world[cluster].export_of("shop", name) is None:
            return
        self._number += 1
        number = self.world.names.index(cluster) + 1
        address = f"10.{number}.{self._number // 250 + 1}.{self._number % 250}"
        await self.world[cluster].endpoints("shop", name, *self.world[cluster].addresses(), address)
        self.extra[cluster, name] = address

    async def is_right(self) -> bool:
        """Every cluster has what is exported, and nothing else."""
        wanted = {name: set(addresses) for name, addresses in self.steady.items()}
        for (_, name), address in self.extra.items():
            wanted[f"shop/{name}"].add(address)
        for one in self.exported:
            owner, name = one.split("/")
            wanted[f"shop/{name}"] = set(self.world[owner].addresses())
        found: dict[str, dict[str, set[str]]] = {cluster.name: {} for cluster in self.world}
        for (where, name), imported in (await look_at(self.world.apis)).items():
            found[where][name] = set(imported.addresses)
        return all(one == wanted for one in found.values())


async def restore(world: Clusterset, backup: Snapshot) -> None:
    world.broker.restore(backup)


async def restore_bumped(world: Clusterset, backup: Snapshot) -> None:
    world.broker.restore(backup, bump_revision=1_000_000_000)


async def wipe_and_rebuild(world: Clusterset, backup: Snapshot) -> None:
    """Empty, and the members are admitted one after the other."""
    world.broker.restore(world.empty_broker)
    for name in MEMBERS:
        await asyncio.sleep(4)
        await world.admit(name)


async def remake_crds(world: Clusterset, backup: Snapshot, *, plurals: tuple[str, ...]) -> None:
    names = [f"{plural}.broker.mcs-controller.io" for plural in plurals]
    for name in names:
        await world.broker_api.delete(CUSTOM_RESOURCE_DEFINITIONS, name)
    await asyncio.sleep(2)
    await world.install_broker(*names)
    if "memberclusters" in plurals:
        for name in MEMBERS:
            await asyncio.sleep(1)
            await world.admit(name, with_namespace=False)


async def remake_a_namespace(world: Clusterset, backup: Snapshot) -> None:
    await world.broker_api.delete(NAMESPACES, "mcs-member-east")
    await asyncio.sleep(3)
    await world.admit("east")


async def lose_objects(world: Clusterset, backup: Snapshot, *, of: tuple[str, ...]) -> None:
    """Somebody deletes all that members wrote."""
    for kind in (EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES):
        if kind.plural in of:
            for one in (await world.broker_api.list(kind)).items:
                metadata = one["metadata"]
                await world.broker_api.delete(kind, metadata["name"], namespace=metadata["namespace"])


Disaster = Callable[[Clusterset, Snapshot], Coroutine[None, None, None]]
ALL = ("memberclusters", "exportedservices", "exportedendpointslices")
DISASTERS: dict[str, Disaster] = {
    "restored": restore,
    "restored with a bumped revision": restore_bumped,
    "wiped and rebuilt": wipe_and_rebuild,
    "all CRDs remade": partial(remake_crds, plurals=ALL),
    "CRD of slices remade": partial(remake_crds, plurals=ALL[2:]),
    "CRD of records remade": partial(remake_crds, plurals=ALL[1:2]),
    "a member namespace remade": remake_a_namespace,
    "all slices deleted": partial(lose_objects, of=ALL[2:]),
    "everything deleted": partial(lose_objects, of=ALL[1:]),
}


@pytest.mark.requirement("MCS-LIFE-07", "MCS-IMP-03")
@pytest.mark.slow
@pytest.mark.parametrize("disaster", DISASTERS)
@pytest.mark.parametrize("restarted", [(), ("north",), MEMBERS], ids=["", "one restarts", "all restart"])
async def test_no_import_ip_or_live_endpoint_is_lost_and_all_is_right_soon(
    disaster: str, restarted: tuple[str, ...]
) -> None:
    # The churn alone takes back more within a minute than the fuse would let go.
    async with Clusterset(fuse_share=1.0) as world:
        shop = Shop(world, seed=len(disaster) + len(restarted))
        await shop.open()
        look = partial(look_at, world.apis)
        churn = asyncio.create_task(shop.churn())
        async with Continuity(look, shop.steady, every_seconds=0.2) as observer:
            await asyncio.sleep(7)
            backup = world.broker.snapshot()
            await asyncio.sleep(13)
            work = asyncio.create_task(DISASTERS[disaster](world, backup))
            for name in restarted:
                await asyncio.sleep(0.5)
                await world[name].restart()
            await work
            await asyncio.sleep(5)
            churn.cancel()
            await world.until(shop.is_right, within_seconds=RIGHT_WITHIN_SECONDS - 5)
        # Whatever waits for a member's word, or for its removal, has had the time.
        await asyncio.sleep(700)
        observer.judge(await look())
        assert observer.faults == []
        assert await shop.is_right()


async def two_exporters(world: Clusterset) -> None:
    """east and west export web, north only imports it."""
    await world.everywhere("shop")
    for name in ("east", "west"):
        await world[name].deploy("shop", "web")
    await world.imported("shop", "web", EAST | WEST)
    await world.settle()


EAST, WEST = {"10.1.0.1", "10.1.0.2"}, {"10.2.0.1", "10.2.0.2"}


async def _lose(world: Clusterset, member: str, kind: Resource) -> None:
    """Out of a broker that does not let the member mend it."""
    for one in (await world.broker_api.list(kind, namespace=f"mcs-member-{member}")).items:
        await world.broker_api.delete(kind, one["metadata"]["name"], namespace=f"mcs-member-{member}")


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("kind", [EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES], ids=lambda kind: kind.plural)
async def test_one_exporter_whose_objects_vanish_keeps_its_endpoints_and_the_import_says_so(
    kind: Resource,
) -> None:
    async with Clusterset(dead_member_policy="keep") as world:
        await two_exporters(world)
        await world["east"].kill()
        await _lose(world, "east", kind)
        await world["west"].endpoints("shop", "web", "10.2.0.9")

        north = world["north"]

        async def follows() -> bool:
            return await north.addresses_of("shop", "web") == EAST | {"10.2.0.9"}

        await world.until(follows, within_seconds=1)
        await world.always(follows, for_seconds=300)
        assert (await north.import_conditions("shop", "web"))[HELD] == ("True", "ExportsMissing")
        assert (await north.import_conditions("shop", "web"))["Ready"] == ("True", "Ready")
        one = "record" if kind is EXPORTED_SERVICES else "slice"
        kept = partial(north.agent.registry.get_sample_value, "mcs_retained_objects")
        assert kept({"kind": one, "reason": "missing"}) == 1

        world["east"].start()
        await world["east"].ready()
        await world.settle()
        assert (await north.import_conditions("shop", "web"))[HELD] == ("False", "NotHeld")
        assert kept({"kind": one, "reason": "missing"}) == 0
        await world.imported("shop", "web", EAST | {"10.2.0.9"})


@pytest.mark.requirement("MCS-LIFE-07", "MCS-LIFE-08")
@pytest.mark.parametrize("kind", [EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES], ids=lambda kind: kind.plural)
async def test_what_the_first_list_ever_lacks_stays_until_its_exporter_speaks(kind: Resource) -> None:
    async with Clusterset(dead_member_policy="keep") as world:
        await two_exporters(world)
        await world["east"].kill()
        await world["north"].kill()
        await _lose(world, "east", kind)
        world["north"].start()
        await world["west"].endpoints("shop", "web", "10.2.0.9")
        north = world["north"]

        async def follows() -> bool:
            return await north.addresses_of("shop", "web") == EAST | {"10.2.0.9"}

        await world.until(follows, within_seconds=1)
        await world.always(follows, for_seconds=300)
        assert (await north.import_conditions("shop", "web"))[HELD] == ("True", "ExportsMissing")

        # It comes back and has taken its export back meanwhile: that is a word.
        await world["east"].unexport("shop", "web")
        world["east"].start()

        async def without_east() -> bool:
            return await north.addresses_of("shop", "web") == {"10.2.0.9"}

        await world.until(without_east, within_seconds=60)
        await world.settle()
        assert (await north.import_conditions("shop", "web"))[HELD] == ("False", "NotHeld")


@pytest.mark.parametrize("kind", [EXPORTED_SERVICES, EXPORTED_ENDPOINT_SLICES], ids=lambda kind: kind.plural)
async def test_a_member_that_goes_on_stating_what_the_broker_lost_keeps_its_endpoints(kind: Resource) -> None:
    async with Clusterset() as world:
        await two_exporters(world)
        # So that it cannot know what was lost.
        stalled = world.broker.faults.stall_watches(users=["member-east"])
        await _lose(world, "east", kind)
        await world.always(partial(_has, world, EAST | WEST), for_seconds=25)
        stalled.lift()
        await world.settle()
        await world.imported("shop", "web", EAST | WEST)


@pytest.mark.requirement("MCS-IMP-17", "MCS-LIFE-07")
async def test_an_operator_lets_go_what_is_kept_of_a_service_and_nothing_else() -> None:
    async with Clusterset(dead_member_policy="keep") as world:
        await two_exporters(world)
        await world["east"].deploy("shop", "other")
        await world.settle()
        await world["east"].kill()
        await _lose(world, "east", EXPORTED_SERVICES)
        await world.settle()
        allow = {"metadata": {"annotations": {"mcs-controller.io/withdraw": "allowed"}}}
        await world["north"].edit(IMPORTS, "shop", "web", allow)

        async def without_east() -> bool:
            return await world["north"].addresses_of("shop", "web") == WEST

        await world.until(without_east, within_seconds=1)
        assert await world["north"].addresses_of("shop", "other") == EAST
        assert await world["west"].addresses_of("shop", "web") == EAST | WEST


@pytest.mark.requirement("MCS-LIFE-01", "MCS-EXP-15")
async def test_an_unexport_is_immediate_and_so_is_a_slice_that_goes() -> None:
    async with Clusterset() as world:
        await two_exporters(world)
        await world["east"].unexport("shop", "web")

        async def without_east() -> bool:
            return await world["north"].addresses_of("shop", "web") == WEST

        await world.until(without_east, within_seconds=0.3)
        await world["west"].api.delete(ENDPOINT_SLICES, "web-abc", namespace="shop")

        async def nothing() -> bool:
            return await world["north"].slices_of("shop", "web") == []

        await world.until(nothing, within_seconds=0.3)
        await world["west"].unexport("shop", "web")
        await world.gone("shop", "web", within_seconds=0.3)


@pytest.mark.requirement("MCS-LIFE-03")
async def test_a_member_whose_own_api_server_is_away_is_no_dead_member() -> None:
    """Nobody can lead there, since the Lease lies on that server, and the pods go on serving."""
    async with Clusterset() as world:
        await two_exporters(world)
        east = world["east"]
        replica = Presence(
            AgentConfig(cluster_id="east"),
            Client(east.sim.transport("agent"), name="local"),
            world.broker.client("member-east"),
            clock=LoopClock(),
            random=Random(7),
        )
        beating = asyncio.create_task(replica.run())
        await asyncio.sleep(30)
        assert east.agent.registry.get_sample_value("mcs_broker_history_breaks_total") == 0
        east.sim.faults.refuse_connections(users=["agent"])
        await east.kill()

        async def serves() -> bool:
            return await world["north"].addresses_of("shop", "web") == EAST | WEST

        await world.always(serves, for_seconds=300)
        beating.cancel()
        await world.until(partial(_has, world, WEST), within_seconds=90)


async def _has(world: Clusterset, addresses: set[str]) -> bool:
    return await world["north"].addresses_of("shop", "web") == addresses


@pytest.mark.requirement("MCS-LIFE-07")
async def test_members_of_an_older_version_state_nothing_and_are_believed_after_half_a_minute() -> None:
    """Their definition on the broker does not have the fields either."""

    def older(crd: Object) -> None:
        for version in crd["spec"]["versions"]:
            fields = version["schema"]["openAPIV3Schema"]["properties"]
            fields["spec"]["properties"].pop("withdrawn", None)
            if "status" in fields:
                fields["status"]["properties"].pop("exported", None)

    async with Clusterset("east", "west", edit_broker_crds=older) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        await world.imported("shop", "web", EAST)
        await world.settle()
        await world["east"].unexport("shop", "web")
        await world.always(lambda: world["west"].import_of("shop", "web"), for_seconds=25)
        await world.gone("shop", "web", within_seconds=30)
        assert world["east"].agent.registry.get_sample_value("mcs_broker_history_breaks_total") == 0


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("bump_revision", [0, 1_000_000_000], ids=["plain", "bumped"])
@pytest.mark.parametrize("in_order", [True, False], ids=["watches closed", "watches cut"])
async def test_what_was_written_after_the_last_heartbeat_and_lost_is_written_again(
    bump_revision: int, in_order: bool
) -> None:
    """The backup has our last heartbeat, and others have written so much that no version tells of it."""
    async with Clusterset("east", "west") as world:
        await two_exporters(world)

        async def heartbeat() -> str:
            found = await world.broker_api.get(MEMBER_CLUSTERS, "east", "mcs-member-east")
            return str(found["status"]["heartbeat"])

        before = await heartbeat()

        async def has_beaten() -> bool:
            return await heartbeat() != before

        await world.until(has_beaten)
        backup = world.broker.snapshot()
        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await asyncio.sleep(1)
        world.broker.restore(backup, bump_revision=bump_revision, in_order=in_order)
        for number in range(10):
            await world.broker_api.create(NAMESPACES, {"metadata": {"name": f"other-{number}"}})
        await world["west"].kill()
        world["west"].start()

        async def follows() -> bool:
            return await world["west"].addresses_of("shop", "web") == WEST | {"10.1.0.9"}

        await asyncio.sleep(2)
        await world.until(follows, within_seconds=RIGHT_WITHIN_SECONDS)


@pytest.mark.requirement("MCS-LIFE-07")
@pytest.mark.parametrize("in_order", [True, False], ids=["watches closed", "watches cut"])
async def test_importers_hear_what_was_written_under_versions_that_they_saw_in_the_lost_history(
    in_order: bool,
) -> None:
    """The backup is younger than all heartbeats, and versions overtake what was seen before the next."""
    async with Clusterset() as world:
        await two_exporters(world)

        async def heartbeats() -> set[str]:
            members = (await world.broker_api.list(MEMBER_CLUSTERS)).items
            return {one["status"]["heartbeat"] for one in members}

        before = await heartbeats()

        async def all_have_beaten() -> bool:
            return before.isdisjoint(await heartbeats())

        await world.until(all_have_beaten)
        backup = world.broker.snapshot()
        for number in range(5):
            await world["east"].endpoints("shop", "web", f"10.1.0.{20 + number}")
            await asyncio.sleep(0.02)
        world.broker.restore(backup, in_order=in_order)
        await world["east"].endpoints("shop", "web", "10.1.0.9")
        for number in range(10):
            await asyncio.sleep(0.1)
            await world.broker_api.create(NAMESPACES, {"metadata": {"name": f"other-{number}"}})

        await world.until(partial(_has, world, WEST | {"10.1.0.9"}), within_seconds=RIGHT_WITHIN_SECONDS)


@pytest.mark.requirement("MCS-LIFE-07")
async def test_a_slice_that_comes_back_while_others_are_written_is_not_taken_for_gone() -> None:
    """All agents are new, and west's slice arrives, while east is still writing what it knew before."""
    async with Clusterset() as world:
        await two_exporters(world)
        await world["north"].deploy("shop", "web")
        await world.imported("shop", "web", EAST | WEST | {"10.3.0.1", "10.3.0.2"})
        for cluster in world:
            await cluster.kill()
        await world["north"].endpoints("shop", "web", "10.3.0.9")
        await wipe_and_rebuild(world, world.empty_broker)
        world.broker.faults.delay(
            1.0, verbs=("create",), resources=("exportedendpointslices",), users=("member-west",)
        )
        world["east"].sim.faults.delay(5.0, verbs=("update",), resources=("endpointslices",))
        for cluster in world:
            cluster.start()
        look = partial(look_at, world.apis)
        async with Continuity(look, {"shop/web": WEST}) as observer:
            await asyncio.sleep(60)
        assert observer.faults == []
