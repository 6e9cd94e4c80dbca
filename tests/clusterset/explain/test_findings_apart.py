"""What is no finding though it looks like one, and findings that look alike and say different things."""

from dataclasses import replace

import pytest

from mcs_controller.clusterset.explain.picture import InCluster, OnBroker, Picture
from mcs_controller.clusterset.explain.policies_here import PoliciesHere
from mcs_controller.clusterset.fuse import held_for_missing_exports
from mcs_controller.clusterset.model import Condition, Endpoint
from mcs_controller.clusterset.services.policies.policy import Policy
from tests.clusterset.builders import record, source_slice
from tests.clusterset.explain.pictures import (
    IP,
    NOW,
    bystander,
    exported_here,
    found,
    member,
    on_broker,
    picture,
    settled,
)
from tests.clusterset.explain.test_findings import (
    EXPORTED,
    GOES,
    LONG_AGO,
    NORTH,
    OWNER,
    PORT_81,
    SILENT_NORTH,
    WELL,
    exported,
    findings_of,
    here,
    imported,
    ready,
)

EAST = on_broker("east")


def without_record(cluster: str, silent_seconds: float = 1.0) -> OnBroker:
    return bystander(cluster, member=member(cluster, silent_seconds))


@pytest.mark.parametrize(
    ("leader_at", "why"),
    [
        (NOW, "an agent leads here (its Lease is fresh)"),
        (LONG_AGO, "no agent leads here: its Lease was renewed 10 min ago"),
        ("", "its agent does not run, or it does not reach the broker"),
    ],
)
def test_of_a_silent_agent_the_lease_tells_whether_it_runs(leader_at: str, why: str) -> None:
    (told,) = findings_of(replace(here(leader_at=leader_at), broker=(EAST, SILENT_NORTH)), "33")
    assert told.why.startswith(why)


def test_a_cluster_that_is_leaving_is_not_called_silent() -> None:
    goes = bystander("north", member=replace(GOES, cluster="north", heartbeat=LONG_AGO))
    assert found(replace(WELL, broker=(EAST, goes))).keys() == {"34"}


def test_a_member_that_is_dead_is_named_though_its_export_is_gone_from_the_broker() -> None:
    before = settled(
        picture(EAST, on_broker("west", member=member("west", 90)), bystander("north"), here=NORTH)
    )
    assert "30" in found(replace(before, broker=(EAST, bystander("north"), without_record("west", 90))))


def test_a_member_that_exports_no_more_is_still_a_member() -> None:
    gone = replace(WELL, broker=(bystander("north"), bystander("east")))
    assert "32" not in found(gone)


def test_while_one_owner_decides_another_is_not_called_absent() -> None:
    other = bystander("west", member=member("west", owns=frozenset({"shop"})))
    assert found(picture(on_broker("east", member=OWNER), other)) == {}


def test_slices_that_are_over_a_limit_are_a_problem_of_the_limit() -> None:
    says = "2 EndpointSlices are not published, over the limit on objects (10000)"
    assert EXPORTED.here is not None
    assert EXPORTED.here.export is not None
    seen = exported(export=replace(EXPORTED.here.export, conditions=ready("OverLimit", says)))
    assert (found(seen)["06"], "04" in found(seen)) == ("problem", False)


def test_where_the_last_export_is_withdrawn_no_other_finding_is_promised() -> None:
    (told,) = findings_of(picture(on_broker("east", record=record("east", withdrawn=True))), "01")
    assert told.why == "no member has an export of it on the broker"


def test_who_has_not_even_the_namespace_hears_so_where_nobody_exports() -> None:
    (told,) = findings_of(picture(bystander("east"), here=InCluster("north", namespace="missing")), "01")
    assert told.why == "no member has an export of it on the broker, and there is no namespace shop in north"


def test_an_export_that_is_not_admitted_is_told_of_once() -> None:
    refused = on_broker("east", member=member("east", allowed_namespaces=("a",)))
    assert [one.cluster for one in findings_of(picture(refused), "05")] == ["east"]


@pytest.mark.parametrize(("number", "end"), [(5, "10.1.0.5"), (6, "10.1.0.5 and 1 more")])
def test_five_addresses_are_named_and_the_rest_is_counted(number: int, end: str) -> None:
    endpoints = tuple(Endpoint((f"10.1.0.{last}",), ready=False) for last in range(1, number + 1))
    (told,) = findings_of(picture(on_broker("east", source_slice("east", endpoints=endpoints))), "21")
    assert told.what.endswith(end)


def test_without_the_broker_an_import_without_endpoints_has_none() -> None:
    assert found(replace(here(imported_slices=()), broker=None))["20"] == "problem"


def test_where_policies_keep_the_whole_service_out_that_is_said_once() -> None:
    no_east = PoliciesHere((Policy("no-east", True, clusters=("east",)),), asked=True)
    seen = picture(EAST, bystander("north"), here=replace(NORTH, import_policies=no_east))
    assert [one.severity for one in findings_of(seen, "52")] == ["problem"]


def test_a_cluster_without_the_api_is_told_of_also_where_nobody_exports() -> None:
    seen = picture(bystander("east"), bystander("north"), here=replace(NORTH, serves_api=False))
    assert found(seen) == {"01": "problem", "51": "problem"}


def test_what_an_import_holds_on_purpose_is_not_called_left_over() -> None:
    assert WELL.here is not None
    before = WELL.here.imported
    assert before is not None
    condition = replace(held_for_missing_exports(before, ["east"]), last_transition_at=NOW)
    seen = imported(conditions=(*before.conditions, condition))
    assert found(replace(seen, broker=(bystander("east"), bystander("north")))) == {
        "01": "warning",
        "47": "warning",
    }


def with_ips(*ips: str) -> Picture:
    assert WELL.here is not None
    assert WELL.here.imported is not None
    return imported(spec=replace(WELL.here.imported.spec, ips=ips))


@pytest.mark.parametrize(("ips", "is_wrong"), [((IP,), False), ((IP, "fd00::9"), True), ((), False)])
def test_the_derived_service_has_every_ip_of_the_import(ips: tuple[str, ...], is_wrong: bool) -> None:
    assert ("50" in found(with_ips(*ips))) is is_wrong


def test_an_import_that_has_no_ip_yet_lacks_no_derived_service() -> None:
    seen = with_ips()
    assert seen.here is not None
    assert "50" not in found(replace(seen, here=replace(seen.here, derived=None)))


def test_other_ports_take_no_endpoint_out_of_a_headless_service() -> None:
    both = picture(
        on_broker("east", record=record("east", type="Headless")),
        on_broker("west", record=record("west", 1, type="Headless", ports=PORT_81)),
    )
    assert not found(both).keys() & {"14", "15"}


def test_what_an_agent_says_does_not_conflict_is_no_conflict() -> None:
    alone = settled(picture(EAST, here=exported_here("north")))
    assert alone.here is not None
    assert alone.here.export is not None
    agrees = Condition("Conflict", "False", "NoConflicts")
    export = replace(alone.here.export, conditions=(agrees,))
    seen = replace(alone, broker=None, here=replace(alone.here, export=export))
    assert not found(seen).keys() & {"10", "11", "12", "13"}


def test_nothing_is_wrong_with_a_cluster_that_has_no_part_in_it() -> None:
    assert found(picture(EAST, bystander("north"), here=InCluster("north", namespace="missing"))) == {
        "40": "problem"
    }
