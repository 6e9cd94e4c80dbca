"""What an importer leaves as it is while somebody's word is missing, and what it goes on to keep fresh."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.clusterset.model import Endpoint
from mcs_controller.controllers.services.imports.missing import TELL_UNSURE_AFTER_SECONDS
from mcs_controller.kube.errors import Conflict
from tests.clusterset.builders import WEB, record, source_slice
from tests.controllers.importing import NOT_HELD, West, importing, slice_name, west
from tests.support.objects import IMPORTS

pytestmark = pytest.mark.looptime

NEW = Endpoint(("10.1.0.9",))
FRESH, OLD = {"10.1.0.9"}, {"10.1.0.1"}


def fresh(one: West, *clusters: str) -> None:
    """The sources of these clusters are all there are, and have other endpoints than before."""
    one.sources = [source_slice(cluster, endpoints=(NEW,)) for cluster in clusters]


# Exporters that have not spoken


async def test_what_somebody_exported_who_has_not_spoken_stays_and_the_others_endpoints_follow() -> None:
    async with importing("north") as one:
        one.records = [record("north", type="Headless")]
        fresh(one, "north")
        one.unaccounted = {"east"}
        await one.look()
        assert one.addresses() == {"east": OLD, "north": FRESH}
        assert one.writes() == [f"PUT {slice_name('north')}"], "the import stays as it is"
        assert (one.called(), one.holding) == ([], [])


async def test_that_something_is_held_is_told_after_half_a_minute_with_who_has_not_spoken() -> None:
    async with importing("north") as one:
        one.records, one.unaccounted = [record("north")], {"east"}
        assert await one.look() == TELL_UNSURE_AFTER_SECONDS
        await asyncio.sleep(10)
        assert await one.look() == TELL_UNSURE_AFTER_SECONDS - 10
        assert one.holding == []
        await asyncio.sleep(TELL_UNSURE_AFTER_SECONDS - 10)
        assert await one.look() is None
        (held,) = one.holding
        assert (held.status, held.reason) == ("True", "ExportsMissing")
        assert "data exported by east is missing" in held.message


async def test_a_doubt_that_ended_is_no_part_of_the_next() -> None:
    async with importing("north") as one:
        for records, unaccounted in (([record("north")], {"north"}), ([], set[str]())):
            one.unaccounted = {"east"}
            assert await one.look() == TELL_UNSURE_AFTER_SECONDS
            await asyncio.sleep(20)
            one.unaccounted = unaccounted - {"north"}
            one.records = records
            one.sources = [source_slice(two.cluster) for two in records]
            await one.look()
            one.records = [record("east"), record("north")]
            one.sources = [source_slice("east"), source_slice("north")]
            await one.look()
            await asyncio.sleep(20)
        one.unaccounted = {"east"}
        assert await one.look() == TELL_UNSURE_AFTER_SECONDS


async def test_slices_whose_exporter_has_not_spoken_stay_without_an_import_too() -> None:
    async with importing() as one:
        one.records, one.sources, one.unaccounted = [], [], {"east"}
        one.changed(deleting=True)
        assert await one.look() is None
        one.imports.remove(*WEB)
        assert await one.look() is None
        assert (one.writes(), one.called()) == ([], [])
        assert one.addresses() == {"east": OLD}


async def test_what_another_exports_is_imported_though_somebody_has_not_spoken() -> None:
    async with west() as one:
        one.unaccounted = {"north"}
        await one.look()
        assert one.addresses() == {"east": OLD}


async def test_while_somebody_has_not_spoken_who_came_is_used_and_who_went_is_not() -> None:
    """What went is proven gone; of who has not spoken nothing is known."""
    async with importing("north", "south") as one:
        one.records = [record("north"), record("mars", 2)]
        fresh(one, "north", "mars")
        one.unaccounted = {"east"}
        await one.look()
        assert one.addresses() == {"east": OLD, "north": FRESH, "mars": FRESH}


# This cluster's own exports


async def exporting(one: West) -> None:
    """West exports it, too."""
    one.own = record("west", 1)
    one.sources.append(source_slice("west", endpoints=(Endpoint(("10.2.0.1",)),)))
    await one.look()
    one.changed(clusters=one.statuses[-1].clusters)
    one.writes()
    one.called()


async def test_our_own_endpoints_go_if_we_saw_the_export_and_stay_if_that_is_not_proven() -> None:
    for is_proven in (True, False):
        async with importing() as one:
            await exporting(one)
            if not is_proven:
                one.restart()
            one.own, one.sources = None, one.sources[:1]
            assert await one.look() == (None if is_proven else TELL_UNSURE_AFTER_SECONDS)
            assert ("west" in one.addresses()) is not is_proven
            one.evidence.confirm()
            assert await one.look() is None
            assert one.addresses() == {"east": OLD}


@pytest.mark.parametrize("by", ["the import names it", "its slices lie here"])
async def test_after_a_start_whatever_is_left_of_our_own_export_says_that_there_was_one(by: str) -> None:
    """It had no endpoints, or its import was not told yet whose it is."""
    async with west() as one:
        one.own, one.records = record("west"), []
        one.sources = [source_slice("west")] if by == "its slices lie here" else []
        await one.look()
        one.changed(clusters=("west",) if by == "the import names it" else ())
        one.writes()
        one.restart()
        one.own, one.sources = None, []
        assert await one.look() == TELL_UNSURE_AFTER_SECONDS
        assert one.writes() == []

        one.evidence.confirm()
        await one.look()
        assert "fuse withdraws" in one.called()


async def test_until_the_broker_has_been_read_our_own_endpoints_follow_and_nothing_else() -> None:
    async with importing() as one:
        await exporting(one)
        one.complete = False
        fresh(one, "east", "west")
        assert await one.look() is None
        assert one.writes() == [f"PUT {slice_name('west')}"]
        assert one.addresses() == {"east": OLD, "west": FRESH}

        one.own, one.sources = None, []
        await one.look()
        assert (one.writes(), one.called()) == ([], [])


async def test_until_the_broker_has_been_read_no_import_is_made() -> None:
    async with west() as one:
        one.own, one.complete = record("west"), False
        one.sources = [source_slice("west")]
        assert await one.look() is None
        assert (one.writes(), one.called()) == ([], [])


async def test_until_our_export_has_been_read_our_part_stays_and_the_others_follows() -> None:
    async with importing("north") as one:
        await exporting(one)
        one.is_unread, one.own = True, None
        one.evidence.confirm()
        one.records = [record("east", type="Headless")]
        fresh(one, "east")
        assert await one.look() is None
        assert one.writes() == [f"PUT {slice_name('east')}", f"DELETE {slice_name('north')}"]
        assert one.addresses() == {"east": FRESH, "west": {"10.2.0.1"}}

        one.records, one.sources = [], []
        await one.look()
        assert one.addresses() == {"west": {"10.2.0.1"}}
        assert one.called() == []
        assert one.imported().value.spec.type == "ClusterSetIP"


async def test_until_our_export_has_been_read_who_came_to_export_it_meanwhile_is_used() -> None:
    async with importing() as one:
        await exporting(one)
        one.is_unread, one.own = True, None
        one.evidence.confirm()
        one.records = [record("north")]
        fresh(one, "north")
        await one.look()
        assert one.addresses() == {"north": FRESH, "west": {"10.2.0.1"}}


async def test_an_import_that_only_our_unread_export_may_still_want_stays_without_the_others_endpoints() -> (
    None
):
    """Made anew a moment later, it could have another clusterset IP."""
    async with importing() as one:
        one.is_unread = True
        one.records, one.sources = [], []
        assert await one.look() is None
        assert one.called() == []
        assert one.imported().value.clusters == ("east",)
        assert one.addresses() == {}


async def test_while_our_export_is_read_what_others_export_is_imported_beside_what_lies_here() -> None:
    async with importing() as one:
        await exporting(one)
        one.is_unread = True
        one.records = [record("east", labels=(("tier", "1"),))]
        fresh(one, "east")
        await one.look()
        assert one.addresses() == {"east": FRESH, "west": {"10.2.0.1"}}
        assert ("tier", "1") in one.imported().value.labels


async def test_what_lies_here_of_our_export_stays_if_that_is_read_while_something_is_written() -> None:
    """The slices that are wanted were put together before, and so without ours."""
    async with importing() as one:
        await exporting(one)
        one.is_unread, ours = True, one.sources.pop()
        one.records = [record("east", labels=(("tier", "1"),))]
        one.wire.answer_delay_seconds = 1.0

        def is_read() -> None:
            one.is_unread = False
            one.sources.append(ours)

        asyncio.get_running_loop().call_later(0.5, is_read)
        await one.look()
        assert not one.is_unread
        assert [write for write in one.writes() if write.startswith("DELETE")] == []
        assert one.addresses() == {"east": OLD, "west": {"10.2.0.1"}}


async def test_what_lies_here_of_our_export_stays_if_that_is_made_anew_while_something_is_written() -> None:
    """It was gone when the slices that are wanted were put together, and may want them all again."""
    async with importing() as one:
        await exporting(one)
        one.sources.pop()
        before, one.own = one.own, None
        one.records = [record("east", labels=(("tier", "1"),))]
        one.wire.answer_delay_seconds = 1.0

        def is_made_anew() -> None:
            one.is_unread, one.own = True, before

        asyncio.get_running_loop().call_later(0.5, is_made_anew)
        await one.look()
        assert one.is_unread
        assert one.addresses() == {"east": OLD, "west": {"10.2.0.1"}}


async def test_an_import_that_went_comes_back_though_our_export_has_not_been_read() -> None:
    """While the derived Service is there its IP can be had again."""
    async with importing() as one:
        await exporting(one)
        ips = one.imported().value.spec.ips
        await one.cluster.api.delete(IMPORTS, "web", namespace="shop", propagation="Orphan")
        # The garbage collector leaves what it owned, and changes it for that.
        await asyncio.sleep(1)
        await one.reads_services()
        one.imports.remove(*WEB)
        one.is_unread, one.own, one.sources = True, None, []
        one.evidence.confirm()
        with pytest.raises(Conflict):
            # Of the slice: this version of it was not read.
            await one.look()
        await one.look()
        assert one.imported().value.spec.ips == ips != ()
        assert one.addresses() == {"west": {"10.2.0.1"}}


async def test_an_export_of_ours_that_was_not_imported_yet_does_not_hold_the_others_up() -> None:
    async with importing() as one:
        one.is_unread = True
        one.records = [record("east", labels=(("tier", "1"),))]
        await one.look()
        assert ("tier", "1") in one.imported().value.labels


# Slices that lack their source


async def test_a_slice_without_a_source_stays_until_its_member_has_spoken_and_that_is_told() -> None:
    async with importing("north") as one:
        one.sources, one.unaccounted_slices = one.sources[:1], {slice_name("north")}
        assert await one.look() == TELL_UNSURE_AFTER_SECONDS
        assert one.addresses() == {"east": OLD, "north": OLD}
        assert one.said()["mcs-controller.io/Held"] == NOT_HELD

        one.held_clusters = ("mars",), 7.0
        assert await one.look() == 7
        assert "data exported by mars" in one.said()["mcs-controller.io/Held"][2]
        one.held_clusters = (), 70.0
        assert await one.look() == TELL_UNSURE_AFTER_SECONDS
        one.held_clusters = (), None

        await asyncio.sleep(TELL_UNSURE_AFTER_SECONDS)
        assert await one.look() is None
        status, reason, message = one.said()["mcs-controller.io/Held"]
        assert (status, reason) == ("True", "ExportsMissing")
        assert "data exported by north" in message

        one.unaccounted_slices = set()
        assert await one.look() is None
        assert one.addresses() == {"east": OLD}
        assert one.said()["mcs-controller.io/Held"] == NOT_HELD


async def test_each_doubt_about_slices_has_its_half_minute() -> None:
    async with importing("north") as one:
        for _ in range(2):
            one.sources, one.unaccounted_slices = [source_slice("east")], {slice_name("north")}
            assert await one.look() == TELL_UNSURE_AFTER_SECONDS
            await asyncio.sleep(20)
            one.sources, one.unaccounted_slices = [source_slice("east"), source_slice("north")], set()
            assert await one.look() is None


async def test_a_slice_without_a_source_of_a_dead_member_goes() -> None:
    async with importing("north") as one:
        one.sources, one.unaccounted_slices = one.sources[:1], {slice_name("north")}
        one.members.dead = {"north"}
        assert await one.look() is None
        assert one.addresses() == {"east": OLD}


# Members of whom nothing is heard


async def test_the_endpoints_of_the_dead_are_withdrawn_and_told_and_of_nobody_else() -> None:
    async with importing("north") as one:
        one.members.dead = {"east", "mars"}
        await one.look()
        assert one.addresses() == {"north": OLD}
        assert one.said()["Ready"] == (
            "True",
            "Ready",
            "no heartbeat from cluster east: its endpoints are withdrawn until its agent is heard again",
        )
        one.sources = [source_slice("north")]
        await one.look()
        assert one.said()["Ready"][2] == "", "it has none to be withdrawn"


async def test_who_is_silent_with_most_others_is_held_and_told_if_it_exports_the_service() -> None:
    async with importing("north") as one:
        one.members.held = {"north", "mars"}
        await one.look()
        assert one.addresses() == {"east": OLD, "north": OLD}
        status, reason, message = one.said()["mcs-controller.io/Held"]
        assert (status, reason) == ("True", "MembersSilent")
        assert "the endpoints of north are held" in message


async def test_whose_endpoints_were_withdrawn_before_the_start_stays_withdrawn_while_in_doubt() -> None:
    async with importing("north") as one:
        one.members.dead = {"east"}
        await one.look()
        one.restart()
        one.members.dead, one.members.doubtful = set(), {"east", "north"}
        await one.look()
        assert one.addresses() == {"north": OLD}
        fresh(one, "east", "north")
        await one.look()
        assert one.addresses() == {"north": FRESH}

        one.members.doubtful = set()
        await one.look()
        assert one.addresses() == {"east": FRESH, "north": FRESH}


async def test_who_came_to_export_since_the_start_is_imported_whatever_the_doubt() -> None:
    async with importing() as one:
        one.members.doubtful = {"north"}
        one.records.append(record("north", 1))
        await one.look()
        one.changed(clusters=one.statuses[-1].clusters)
        assert one.imported().value.clusters == ("east", "north")
        one.sources.append(source_slice("north"))
        await one.look()
        assert one.addresses() == {"east": OLD, "north": OLD}


async def test_while_something_is_held_the_dead_are_withdrawn_all_the_same() -> None:
    async with importing("north") as one:
        one.records, one.sources = [record("north")], [source_slice("north")]
        one.unaccounted, one.members.dead = {"east"}, {"north"}
        await one.look()
        assert one.addresses() == {"east": OLD}


async def test_a_refusal_while_something_is_held_is_an_error() -> None:
    async with importing("north") as one:
        fault = one.cluster.sim.faults.fail(500, resources=["endpointslices"], verbs=["update"])
        one.records, one.unaccounted = [record("north")], {"east"}
        fresh(one, "north")
        with pytest.raises(Exception, match="500"):
            await one.look()
        fault.lift()
        await one.look()
        assert one.addresses() == {"east": OLD, "north": FRESH}
