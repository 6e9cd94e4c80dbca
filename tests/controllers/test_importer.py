"""One look at an import after the other: what is made, kept fresh and removed, in which order."""

from __future__ import annotations

import asyncio

import pytest

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD, WITHDRAW_ALLOWED
from mcs_controller.api.resources import SERVICES
from mcs_controller.clusterset.model import Endpoint, ServicePort, SlicePort
from mcs_controller.kube.errors import Conflict, Invalid, NamespaceTerminating, ServerError
from tests.clusterset.builders import WEB, record, source_slice
from tests.controllers.importing import DERIVED, NOT_HELD, importing, slice_name, west
from tests.support.agents import LoopClock
from tests.support.objects import IMPORTS, import_by_hand

pytestmark = pytest.mark.looptime

NEW = Endpoint(("10.1.0.9",))
RELEASED = ((ANNOTATION_WITHDRAW, WITHDRAW_ALLOWED),)


# What is made


async def test_import_derived_service_ips_and_slices_are_made_in_this_order_and_then_nothing() -> None:
    async with west() as one:
        assert await one.look() is None
        assert one.writes() == ["POST serviceimports", "POST services", "PUT web", "POST endpointslices"]
        assert one.called() == ["permits east", "fuse looks"]
        (status,) = one.statuses
        assert status.clusters == ("east",)
        assert status.slices_exist
        assert one.said() == {"Ready": ("True", "Ready", ""), CONDITION_HELD: NOT_HELD}
        (entry,) = one.slices
        assert entry.name == slice_name("east")
        assert entry.value.owner_uid == one.imported().uid

        assert await one.look() is None
        assert one.writes() == []
        assert one.said() == {"Ready": ("True", "Ready", ""), CONDITION_HELD: NOT_HELD}


async def test_nothing_is_done_before_everything_has_been_read() -> None:
    async with west() as one:
        one.synced = False
        assert await one.look() is None
        assert (one.writes(), one.called(), one.statuses) == ([], [], [])


async def test_in_a_namespace_that_is_not_there_nothing_is_made_and_the_place_is_given_back() -> None:
    async with west() as one:
        one.is_active = False
        assert await one.look() is None
        assert (one.writes(), one.called()) == ([], ["gives its place back"])


async def test_a_refusal_because_the_namespace_ends_makes_it_be_read_and_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with west() as one:

        async def refuse(*_: object) -> None:
            raise NamespaceTerminating(403, "Forbidden", "")

        monkeypatch.setattr(one.importer._imports, "create", refuse)
        assert await one.look() is None
        assert one.called(but="permits") == ["reads namespace shop"]


async def test_an_import_that_is_not_ours_is_counted_and_left_alone() -> None:
    async with importing() as one:
        one.changed(managed=False)
        one.records = []
        for number in (1, 2):
            assert await one.look() is None
            assert one.registry.get_sample_value("mcs_foreign_imports_total") == number
        assert (one.writes(), one.called()) == ([], [])


async def test_an_import_that_is_not_ours_is_told_so_if_the_service_is_exported() -> None:
    async with importing() as one:
        one.changed(managed=False)
        await one.look()
        assert (one.writes(), one.called()) == ([], ["told that it is not ours"])
        one.complete = False
        await one.look()
        assert one.called() == []


async def test_what_finds_no_place_is_not_imported_and_what_has_one_follows() -> None:
    async with west() as one:
        one.permitted = False
        await one.look()
        assert one.writes() == []
        one.permitted = True
        await one.look()
        assert len(one.slices) == 1


async def test_an_import_that_is_being_deleted_is_not_written_and_asks_for_no_place() -> None:
    async with importing() as one:
        one.changed(deleting=True)
        one.sources = [source_slice("east", endpoints=(NEW,))]
        assert await one.look() is None
        assert (one.writes(), one.called()) == ([], [])


async def test_without_any_endpoint_there_is_no_ip_and_that_is_what_the_import_waits_for() -> None:
    async with west() as one:
        one.sources = [source_slice("east", endpoints=())]
        await one.look()
        assert one.writes() == ["POST serviceimports", "POST endpointslices"]
        assert one.said()["Ready"] == (
            "False",
            "Pending",
            "no cluster has an endpoint yet: the clusterset IP comes with the first",
        )
        one.sources = [source_slice("mars")]
        await one.look()
        assert one.imported().value.spec.ips == (), "mars does not export the service"


async def test_the_ip_of_a_derived_service_that_is_there_is_the_new_imports() -> None:
    async with importing() as one:
        ips = one.imported().value.spec.ips
        await one.cluster.api.delete(IMPORTS, "web", namespace="shop", propagation="Orphan")
        # The garbage collector leaves what it owned, and changes it for that.
        await asyncio.sleep(1)
        await one.reads_services()
        one.imports.remove(*WEB)
        one.sources = []
        with pytest.raises(Conflict):
            # Of the slice: this version of it was not read.
            await one.look()
        await one.look()
        assert one.imported().value.spec.ips == ips != ()


async def test_labels_that_this_cluster_does_not_carry_are_left_out() -> None:
    async with west() as one:
        labels = (("secret.example.com/a", "1"), ("tier", "1"))
        one.records = [record("east", labels=labels)]
        await one.look()
        assert "tier" in dict(one.imported().value.labels)
        assert "secret.example.com/a" not in dict(one.imported().value.labels)


async def test_an_import_that_somebody_made_a_moment_before_us_is_left_alone() -> None:
    async with west() as one:
        await one.cluster.api.create(IMPORTS, import_by_hand("shop", "web"))
        with pytest.raises(Exception, match="already exists"):
            await one.look()
        assert [one.partition(" ")[0] for one in one.writes()] == ["POST"]


# What follows


async def test_a_change_of_endpoints_is_one_write() -> None:
    async with importing("north") as one:
        one.sources[0] = source_slice("east", endpoints=(NEW,))
        await one.look()
        assert one.writes() == [f"PUT {slice_name('east')}"]
        assert one.addresses() == {"east": {"10.1.0.9"}, "north": {"10.1.0.1"}}


async def test_slices_come_and_go_with_their_source_and_a_family_that_changes_makes_a_new_one() -> None:
    async with importing() as one:
        one.records = [record("east", ip_families=("IPv4", "IPv6"))]
        one.sources = [source_slice("east", "web-6", endpoints=(Endpoint(("fd01::1",)),), family="IPv6")]
        await one.look()
        slices = [name for name in one.writes() if "web-east" in name or "endpointslices" in name]
        assert slices == ["POST endpointslices", f"DELETE {slice_name('east')}"]

        one.sources = [source_slice("east", "web-6")]
        await one.look()
        name = slice_name("east", "web-6")
        assert one.writes() == [f"DELETE {name}", "POST endpointslices"]
        assert one.addresses() == {"east": {"10.1.0.1"}}


async def test_a_new_port_is_in_the_slices_before_it_is_in_the_service_and_an_old_one_goes_after_it() -> None:
    async with importing() as one:
        one.records = [record("east", ports=(ServicePort(81, "web"),))]
        one.sources = [source_slice("east", ports=(SlicePort(8081, "web"),))]
        await one.look()
        name = slice_name("east")
        assert one.writes() == [f"PUT {name}", f"PUT {DERIVED}", "PUT web", f"PUT {name}"]
        (entry,) = one.slices
        assert [port.name for port in entry.value.content.ports] == ["web"]


async def test_while_ports_change_no_slice_goes_before_the_service_is_written() -> None:
    async with importing("north") as one:
        one.records = [record("east", ports=(ServicePort(80, "http"), ServicePort(81, "web")))]
        one.sources = [source_slice("east", ports=(SlicePort(8080, "http"), SlicePort(8081, "web")))]
        await one.look()
        assert one.writes() == [
            *(f"PUT {slice_name('east')}", f"PUT {DERIVED}", "PUT web"),
            f"DELETE {slice_name('north')}",
        ]


async def test_a_slice_that_is_refused_keeps_no_other_and_no_service_and_is_told() -> None:
    async with importing("north") as one:
        fault = one.cluster.sim.faults.fail(422, resources=["endpointslices"], verbs=["update"], count=1)
        one.records[0] = record("east", ports=(ServicePort(80, "http"), ServicePort(81, "web")))
        both = (SlicePort(8080, "http"), SlicePort(8081, "web"))
        one.sources = [
            source_slice("east", ports=both, endpoints=(NEW,)),
            source_slice("north", endpoints=(NEW,)),
        ]
        with pytest.raises(Invalid):
            await one.look()
        fault.lift()
        assert f"PUT {DERIVED}" in one.writes()
        assert one.addresses()["north"] == {"10.1.0.9"}
        status, reason, message = one.said()["Ready"]
        assert (status, reason) == ("False", "Pending")
        assert message.startswith(
            "this cluster's API server did not take a part of the import; the agent tries again: 422 "
        )

        await one.look()
        assert one.said()["Ready"] == ("True", "Ready", "")


async def test_a_derived_service_that_cannot_be_written_does_not_keep_endpoints_from_following() -> None:
    async with importing() as one:
        one.cluster.sim.faults.fail(500, resources=["services"], verbs=["update"])
        one.records = [record("east", internal_traffic_policy="Local")]
        one.sources = [source_slice("east", endpoints=(NEW,))]
        before = one.imported().value.spec.ips
        with pytest.raises(ServerError):
            await one.look()
        assert one.addresses() == {"east": {"10.1.0.9"}}
        assert one.imported().value.spec.ips == before
        assert one.imported().value.spec.internal_traffic_policy == "Local"
        assert one.said()["Ready"][:2] == ("False", "Pending")


async def test_a_slice_that_cannot_be_removed_is_told_and_the_others_are_removed() -> None:
    async with importing("north") as one:
        one.cluster.sim.faults.fail(500, resources=["endpointslices"], verbs=["delete"], count=1)
        one.sources = []
        with pytest.raises(ServerError):
            await one.look()
        assert one.writes() == [f"DELETE {slice_name('east')}", f"DELETE {slice_name('north')}"]
        assert one.said()["Ready"][:2] == ("False", "Pending")
        await one.look()
        assert one.addresses() == {}
        assert not one.statuses[-1].slices_exist


async def test_an_import_that_becomes_headless_rests_its_service_and_looks_again_in_an_hour() -> None:
    async with importing() as one:
        one.records = [record("east", type="Headless")]
        assert await one.look() == 3600
        assert one.imported().value.spec.ips == ()
        assert one.said()["Ready"] == ("True", "Ready", "")
        service = await one.cluster.held(SERVICES, "shop", DERIVED)
        assert service is not None
        assert "mcs-controller.io/idle-since" in service["metadata"]["annotations"]
        one.held_clusters = (), 7.0
        assert await one.look() == 7


# What is measured


async def test_how_long_a_change_took_is_measured_if_it_is_anothers_and_was_made_after_the_start() -> None:
    async with importing() as one:
        now_seconds = LoopClock().now().timestamp()

        async def measured(cluster: str, changed_at_seconds: float) -> tuple[float | None, float | None]:
            one.changed_at_seconds = changed_at_seconds
            # Each time another, so that there is something to write.
            endpoint = Endpoint((f"10.1.1.{len(one.wire.bodies)}",))
            one.sources = [source_slice(cluster, endpoints=(endpoint,))]
            await one.look()
            kind = "mcs_export_to_import_seconds"
            return one.registry.get_sample_value(f"{kind}_count"), one.registry.get_sample_value(
                f"{kind}_sum"
            )

        assert await measured("east", now_seconds) == (0, 0)
        assert await measured("east", now_seconds - 1) == (0, 0)
        # Its clock is ahead of ours.
        assert await measured("east", now_seconds + 5) == (1, 0)
        one.own = record("west", 1)
        assert await measured("west", now_seconds + 5) == (1, 0)


# What goes


async def test_what_nobody_exports_goes_import_first_and_is_forgotten() -> None:
    async with importing("north") as one:
        one.records, one.sources = [], []
        assert await one.look() is None
        assert one.writes() == [
            *("PUT web", "DELETE web", f"DELETE {slice_name('east')}", f"DELETE {slice_name('north')}"),
            f"DELETE {DERIVED}",
        ]
        assert one.called() == ["fuse withdraws", "gives its place back"]
        assert await one.look() is None
        assert (one.writes(), one.called()) == ([], ["gives its place back"])


async def test_of_an_import_that_is_being_deleted_the_rest_goes_too_and_the_fuse_is_not_asked() -> None:
    async with importing() as one:
        one.changed(deleting=True)
        one.records, one.sources = [], []
        one.fuse_holds = False
        await one.look()
        assert one.writes() == [f"DELETE {slice_name('east')}", f"DELETE {DERIVED}"]
        assert one.called() == ["gives its place back"]


async def test_what_the_fuse_holds_stays_and_says_so() -> None:
    async with importing() as one:
        one.records, one.sources, one.fuse_holds = [], [], True
        assert await one.look() is None
        assert (one.writes(), one.called()) == ([], [])
        (held,) = one.holding
        assert (held.status, held.reason) == ("True", "MassWithdrawal")


async def test_the_fuse_holds_nothing_of_which_there_is_no_import() -> None:
    async with importing() as one:
        one.records, one.sources, one.fuse_holds = [], [], True
        one.imports.remove(*WEB)
        await one.look()
        assert one.addresses() == {}
        assert one.holding == []


async def test_what_an_operator_lets_go_is_not_held_back_for_anybodys_word() -> None:
    async with importing() as one:
        one.changed(annotations=RELEASED)
        one.records, one.sources, one.unaccounted = [], [], {"east"}
        await one.look()
        assert one.called() == ["let go", "fuse withdraws", "gives its place back"]
        assert one.addresses() == {}
        assert len(one.imports) == 0
