"""What a change makes of a picture, and what of that is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcs_controller.clusterset.explain.changes import Change, changed
from mcs_controller.clusterset.explain.picture import InCluster, OnBroker, Picture
from mcs_controller.clusterset.explain.settling import settled as after_agents
from mcs_controller.clusterset.explain.what_if import WhatIf, what_if
from mcs_controller.clusterset.model import Member
from tests.clusterset.builders import WEB, local_export, local_service, source_slice
from tests.clusterset.explain.pictures import (
    bystander,
    exported_here,
    member,
    on_broker,
    picture,
    settled,
)
from tests.clusterset.explain.test_findings import EXPORTED, NORTH, OWN, OWN_PART, WELL

EAST = on_broker("east")


def here_after(*changes: Change, seen: Picture = EXPORTED) -> InCluster:
    found = changed(seen, changes).here
    assert found is not None
    return found


def told(foretold: WhatIf) -> dict[str, tuple[str, str]]:
    return {one.what: (one.before, one.after) for one in foretold.effects}


def test_a_service_that_is_deleted_takes_its_slices_along() -> None:
    gone = here_after(Change("Service", "web", deleted=True))
    assert (gone.service, gone.slices) == (None, ())


@pytest.mark.parametrize(
    ("fields", "families", "ips"),
    [
        ({}, ("IPv4",), ("10.96.0.7",)),
        ({"ip_families": ("IPv6",), "cluster_ips": ("fd00::7",)}, ("IPv6",), ("fd00::7",)),
        ({"headless": True}, ("IPv4",), ()),
    ],
)
def test_what_a_manifest_of_a_service_leaves_out_is_as_the_server_had_it(
    fields: dict[str, object], families: tuple[str, ...], ips: tuple[str, ...]
) -> None:
    given = local_service(**{"uid": "", "ip_families": (), "cluster_ips": (), **fields})
    service = here_after(Change("Service", "web", value=given)).service
    assert service is not None
    assert (service.uid, service.ip_families, service.cluster_ips) == ("service-uid", families, ips)


def test_an_export_that_is_written_again_is_no_younger_and_keeps_what_agents_said() -> None:
    given = local_export(labels=(("a", "b"),), created_at="2030-01-01T00:00:00Z", conditions=())
    export = here_after(Change("ServiceExport", "web", value=given)).export
    assert export is not None
    assert OWN.export is not None
    assert export == replace(OWN.export, labels=(("a", "b"),))


def test_a_new_export_is_as_old_as_the_question() -> None:
    export = here_after(Change("ServiceExport", "web", value=local_export(deleting=True)), seen=WELL).export
    assert export is not None
    assert (export.created_at, export.deleting) == ("2026-01-01T00:10:00Z", False)


def test_a_slice_takes_the_place_of_the_one_of_its_name() -> None:
    given = replace(source_slice("north"), content=replace(source_slice("north").content, endpoints=()))
    assert here_after(Change("EndpointSlice", given.name, value=given)).slices == (given,)
    more = replace(given, name="another")
    assert len(here_after(Change("EndpointSlice", "another", value=more)).slices) == 2
    assert here_after(Change("EndpointSlice", given.name, deleted=True)).slices == ()


def test_a_namespace_takes_all_that_is_in_it_along() -> None:
    gone = here_after(Change("Namespace", "shop", deleted=True))
    assert (gone.namespace, gone.export, gone.service, gone.imported, gone.imported_slices) == (
        "missing",
        None,
        None,
        None,
        (),
    )


def test_of_a_membercluster_the_administrator_writes_the_spec_and_the_member_the_rest() -> None:
    given = Member(
        "east",
        allowed_cidrs=("10.0.0.0/8",),
        allowed_namespaces=("shop",),
        limits=(("imports", 7),),
        owns=frozenset({"shop"}),
        region="eu",
        zone="a",
    )
    (after, _) = changed(WELL, [Change("MemberCluster", "east", value=given)]).broker or ()
    before = member("east")
    assert after.member == replace(given, heartbeat=before.heartbeat)
    (gone, _) = changed(WELL, [Change("MemberCluster", "east", deleted=True)]).broker or ()
    assert (gone.member, gone.record is not None) == (None, True)


def test_a_higher_limit_makes_room() -> None:
    full = on_broker("east", member=member("east", limits=(("imports", 1),)))
    seen = picture(full, bystander("north"), here=replace(NORTH, imports_of=(("east", 1),)))
    higher = Change("MemberCluster", "east", value=member("east", limits=(("imports", 2),)))
    foretold = what_if(seen, [higher])
    assert told(foretold)["ServiceImport"] == ("", "ready")
    assert told(foretold)["clusterset IP"] == ("", "a new one")
    assert [one.id for one in foretold.ended] == ["MCS-WHY-45"]


def test_findings_that_stay_neither_begin_nor_end() -> None:
    seen = settled(
        picture(EAST, on_broker("west", member=member("west", 90)), bystander("north"), here=NORTH)
    )
    same = Change("MemberCluster", "east", value=member("east"))
    foretold = what_if(seen, [same])
    assert (foretold.effects, foretold.begun, foretold.ended) == ((), (), ())
    assert foretold.after.findings != ()


def test_a_cluster_that_is_no_member_publishes_nothing() -> None:
    ours = exported_here("north")
    for on in ((EAST,), (EAST, OnBroker("north", None))):
        after = after_agents(picture(*on, here=ours))
        assert not any(one.record for one in after.broker or () if one.cluster == "north")


def test_what_is_refused_is_not_published_and_its_export_says_so() -> None:
    refusing = replace(OWN_PART, member=member("north", allowed_namespaces=("other",)))
    after = after_agents(picture(EAST, refusing, here=OWN))
    (north,) = (one for one in after.broker or () if one.cluster == "north")
    assert (north.record, north.slices) == (None, ())
    assert after.here is not None
    assert after.here.export is not None
    ready = {one.type: one for one in after.here.export.conditions}["Ready"]
    assert (ready.status, ready.reason) == ("False", "Failed")


def test_somebody_elses_import_is_left_where_it_is() -> None:
    by_hand = settled(picture(EAST, bystander("north"), here=NORTH), managed=False)
    foretold = what_if(by_hand, [Change("MemberCluster", "east", deleted=True)])
    assert foretold.after.here is not None
    assert foretold.after.here.has_import
    assert "ServiceImport" not in told(foretold)


def test_a_service_without_endpoints_gets_no_ip() -> None:
    """Its import is there, and is not ready."""
    ours = replace(exported_here("north"), export=None, service=local_service(), slices=())
    seen = picture(bystander("north"), here=ours)
    foretold = what_if(seen, [Change("ServiceExport", WEB.name, value=local_export())])
    after = foretold.after.here
    assert after is not None
    assert after.has_import
    assert ("clusterset IP" in told(foretold)) == (after.ready == "True")
