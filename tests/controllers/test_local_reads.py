"""A new export whose Service cannot be read: it waits, says so, and nobody else waits with it."""

from collections.abc import Awaitable, Callable

import pytest

from mcs_controller.api.resources import SERVICES
from mcs_controller.simcluster.faults import Fault
from tests.support.cluster import Cluster
from tests.support.clusterset import EAST, WEST, Clusterset
from tests.support.objects import IMPORTS
from tests.support.waiting import eventually

pytestmark = pytest.mark.looptime

LONG = 3600.0
"""No second look within the test: it reads everything anew and would mend what is broken."""


def services_cannot_be_read(cluster: Cluster) -> Fault:
    return cluster.sim.faults.fail(500, verbs=["list"], resources=["services"], users=["agent"])


async def export_again_in_one_moment(cluster: Cluster) -> None:
    """Deleted and made again, while nothing of ours can be taken away: so it all stays as it was."""
    verbs = ["delete", "update", "patch"]
    refusing = [
        cluster.sim.faults.fail(500, verbs=verbs, users=["agent"]),
        cluster.broker.faults.fail(
            500, verbs=verbs, resources=["exportedservices"], users=[f"member-{cluster.name}"]
        ),
    ]
    await cluster.unexport("shop", "web")
    await cluster.export("shop", "web")
    await eventually(lambda: is_unread(cluster))
    for fault in refusing:
        fault.lift()


async def is_unread(cluster: Cluster) -> bool:
    return unread(cluster) == 1


def holds(cluster: Cluster, addresses: set[str]) -> Callable[[], Awaitable[bool]]:
    async def it_does() -> bool:
        return await cluster.addresses_of("shop", "web") == addresses

    return it_does


async def identity(cluster: Cluster) -> tuple[str, list[str]]:
    imported = await cluster.import_of("shop", "web")
    assert imported is not None
    return imported["metadata"]["uid"], imported["spec"]["ips"]


def unread(cluster: Cluster) -> float | None:
    return cluster.agent.registry.get_sample_value("mcs_exports_unread")


@pytest.mark.requirement("MCS-EXP-08", "MCS-LIFE-10")
async def test_an_export_that_cannot_be_read_says_why_and_holds_up_no_other_cluster() -> None:
    async with Clusterset("east", "west", confirm_delay_seconds=LONG) as world:
        await world.exported_by("east")
        west = world["west"]
        before = await identity(west)
        assert unread(west) == 0
        failing = services_cannot_be_read(west)
        await west.deploy("shop", "web")
        await world.settle()

        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await world.until(holds(west, {"10.1.0.9"}), within_seconds=2)
        assert unread(west) == 1
        export = await west.export_of("shop", "web")
        assert export is not None
        (ready,) = export["status"]["conditions"]
        assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", "Failed")
        assert "the server was told to fail" in ready["message"]
        assert west.agent.told.events == [("ServiceExport", "web", "Warning", "Failed")]

        failing.lift()
        await world.imported("shop", "web", {"10.1.0.9", *WEST}, within_seconds=90)
        assert await identity(west) == before
        assert unread(west) == 0
        await world.until(lambda: is_ready(west))


async def is_ready(cluster: Cluster) -> bool:
    found = await cluster.conditions("shop", "web")
    return found.get("Valid") == ("True", "Valid") and found.get("Ready") == ("True", "Exported")


@pytest.mark.requirement("MCS-LIFE-10", "MCS-IMP-03", "MCS-NS-09")
async def test_until_it_is_read_again_an_export_made_anew_counts_as_it_was_published() -> None:
    async with Clusterset(confirm_delay_seconds=LONG) as world:
        await world.everywhere("shop")
        await world["west"].deploy("shop", "web")
        await world.settle()
        await world["east"].deploy("shop", "web")
        await world.imported("shop", "web", EAST | WEST)
        west = world["west"]
        before, published = await identity(west), await world.records()
        failing = services_cannot_be_read(west)
        await export_again_in_one_moment(west)
        await world.settle()

        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await world["north"].deploy("shop", "web")

        all_three = {"10.1.0.9", "10.3.0.1", "10.3.0.2", *WEST}
        for cluster in world:
            await world.until(holds(cluster, all_three), within_seconds=2)
        assert await identity(west) == before
        imported = await west.import_of("shop", "web")
        assert imported is not None
        assert [one["cluster"] for one in imported["status"]["clusters"]] == ["east", "north", "west"]
        assert published.keys() <= (await world.records()).keys()

        failing.lift()
        await world.until(lambda: is_ready(west), within_seconds=90)
        await world.imported("shop", "web", all_three)


@pytest.mark.requirement("MCS-LIFE-10")
async def test_an_earlier_export_whose_end_the_broker_does_not_know_decides_nothing() -> None:
    """West's first export decided the type; the next one is headless, as east's is, and not read yet."""
    async with Clusterset("east", "west", confirm_delay_seconds=LONG) as world:
        await world.everywhere("shop")
        west, headless = world["west"], {"clusterIP": "None"}
        await west.deploy("shop", "web")
        await world.settle()
        await world["east"].deploy("shop", "web", **headless)
        await world.imported("shop", "web", EAST | WEST)
        await world.settle()
        world.broker.faults.refuse_connections(users=["member-west"])
        await west.unexport("shop", "web")
        await west.api.delete(SERVICES, "web", namespace="shop")
        await world.until(lambda: is_headless(west))

        services_cannot_be_read(west)
        await west.deploy("shop", "web", **headless)
        await world.until(lambda: is_unread(west))
        await world.always(lambda: is_headless(west), for_seconds=5)
        assert await west.addresses_of("shop", "web") == EAST


async def is_headless(cluster: Cluster) -> bool:
    imported = await cluster.import_of("shop", "web")
    return imported is not None and imported["spec"]["type"] == "Headless" and not imported["spec"].get("ips")


@pytest.mark.requirement("MCS-LIFE-10", "MCS-IMP-03")
async def test_until_it_is_read_again_an_export_that_was_never_published_keeps_its_endpoints_here() -> None:
    async with Clusterset("east", "west", confirm_delay_seconds=LONG) as world:
        await world.everywhere("shop")
        await world["east"].deploy("shop", "web")
        west = world["west"]
        world.broker.faults.fail(403, resources=["exportedservices"], verbs=["create"], users=["member-west"])
        await west.deploy("shop", "web")
        await world.until(holds(west, EAST | WEST))
        await world.settle()
        before = await identity(west)
        failing = services_cannot_be_read(west)
        await export_again_in_one_moment(west)
        await world.settle()

        await world["east"].endpoints("shop", "web", "10.1.0.9")
        await world.until(holds(west, {"10.1.0.9", *WEST}), within_seconds=2)
        await world["east"].unexport("shop", "web")
        await world.until(holds(west, WEST), within_seconds=2)

        assert await identity(west) == before
        failing.lift()
        await world.settle()
        assert await identity(west) == before


@pytest.mark.requirement("MCS-IMP-03", "MCS-IMP-08")
async def test_an_import_stays_while_this_clusters_own_export_of_it_has_not_been_read() -> None:
    async with Clusterset("east", "west", confirm_delay_seconds=LONG) as world:
        await world.exported_by("east")
        west = world["west"]
        before = await identity(west)
        failing = services_cannot_be_read(west)
        await west.deploy("shop", "web")
        await world.settle()

        await world["east"].unexport("shop", "web")
        await world.until(holds(west, set()), within_seconds=2)
        assert await identity(west) == before

        failing.lift()
        await world.imported("shop", "web", WEST, within_seconds=90)
        assert await identity(west) == before


@pytest.mark.requirement("MCS-EXP-08")
async def test_what_kept_an_earlier_export_from_being_read_is_not_told_of_the_next() -> None:
    async with Clusterset("east", confirm_delay_seconds=LONG) as world:
        await world.everywhere("shop")
        east = world["east"]
        failing = services_cannot_be_read(east)
        await east.deploy("shop", "web")
        await world.settle()
        failing.lift()
        await world.until(lambda: is_ready(east), within_seconds=90)

        east.sim.faults.delay(2.0, verbs=["list"], resources=["services"], users=["agent"])
        await east.deploy("shop", "api")
        await world.settle()

        assert await east.addresses_of("shop", "api") == EAST
        told = [reason for _, name, _, reason in east.agent.told.events if name == "api"]
        assert told == ["Exported"]


async def test_many_new_exports_of_one_namespace_are_read_with_one_list() -> None:
    async with Clusterset("east", confirm_delay_seconds=LONG) as world:
        await world.everywhere("shop")
        east = world["east"]
        for number in range(30):
            await east.service("shop", f"web-{number}")
            await east.endpoints("shop", f"web-{number}", f"10.1.2.{number + 1}")
        slow = east.sim.faults.delay(1.0, verbs=["list"], users=["agent"])
        before = east.sim.requests["list", "services"]

        for number in range(30):
            await east.export("shop", f"web-{number}")
        await world.settle()
        slow.lift()

        assert len(await east.all_of(IMPORTS, "shop")) == 30
        assert east.sim.requests["list", "services"] - before <= 8


async def test_an_export_made_anew_while_it_is_read_is_read_again_though_a_list_shows_a_change() -> None:
    async with Clusterset("east", "west", confirm_delay_seconds=LONG) as world:
        await world.everywhere("shop")
        west = world["west"]
        slow = west.sim.faults.delay(3.0, verbs=["list"], resources=["services"], users=["agent"])
        await west.deploy("shop", "web")
        await world.until(lambda: is_unread(west))
        away = west.sim.faults.fail(
            500, verbs=["list", "watch"], resources=["serviceexports"], users=["agent"]
        )
        west.sim.faults.cut_watches(resources=["serviceexports"], users=["agent"])
        await west.unexport("shop", "web")
        await west.export("shop", "web")
        away.lift()
        slow.lift()
        await world.imported("shop", "web", WEST)
