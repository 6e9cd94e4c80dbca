"""Whose exports count, and whose do not: the word of agents, of policies and of the broker."""

from dataclasses import replace

import pytest

from mcs_controller.clusterset.explain.case import judge
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.picture import OnBroker, Picture
from mcs_controller.clusterset.explain.policies_here import PoliciesHere
from mcs_controller.clusterset.fuse import held_for_missing_exports
from mcs_controller.clusterset.model import Condition, Endpoint
from mcs_controller.clusterset.services.policies.policy import Policy
from tests.clusterset.builders import record, source_slice
from tests.clusterset.explain.pictures import (
    bystander,
    exported_here,
    found,
    member,
    on_broker,
    picture,
    settled,
)

OWN = exported_here("north")
EAST = on_broker("east")
NORTH = on_broker("north", slices=(source_slice("north"),))
NOT_PUBLISHED = Condition(
    "Ready", "False", "OverLimit", "1 service is not published, over the limit on objects (5000)"
)


def valid(reason: str) -> tuple[Condition, ...]:
    return (Condition("Valid", "False", reason, "says the agent"),)


def of_own(
    *conditions: Condition, held: OnBroker | None = NORTH, broker_read: bool = True, **fields: object
) -> Picture:
    """Seen from north, which exports the service with these conditions."""
    assert OWN.export is not None
    ours = replace(OWN, **({"export": replace(OWN.export, conditions=conditions)} | fields))  # type: ignore[arg-type]
    on = (EAST,) if held is None else (EAST, held)
    return replace(picture(*on, here=ours), **({} if broker_read else {"broker": None}))  # type: ignore[arg-type]


ELSEWHERE = member("north", allowed_namespaces=("other",))
OWN_CASES = {
    "all is well": (of_own(), ""),
    "the condition is of before the Service was there": (of_own(*valid("NoService")), ""),
    "policies refuse it": (of_own(*valid("NotAllowedByPolicy")), "refused-by-policy"),
    "policies are not known": (of_own(*valid("PolicyUnknown")), "refused-by-policy"),
    "there is no Service": (of_own(service=None), "export-not-valid"),
    "the namespace is not allowed": (
        of_own(held=bystander("north", member=ELSEWHERE)),
        "not-admitted",
    ),
    "it is over a limit": (of_own(NOT_PUBLISHED, held=bystander("north")), "not-published"),
    "it is over a limit, and not a member": (of_own(NOT_PUBLISHED, held=None), "not-published"),
    "it was published before it was over a limit": (of_own(NOT_PUBLISHED), ""),
    "whether it was published is not known": (of_own(NOT_PUBLISHED, broker_read=False), ""),
    "the ServiceExport is gone": (of_own(export=None), "withdrawing"),
}


@pytest.mark.parametrize(("seen", "expected"), OWN_CASES.values(), ids=OWN_CASES)
def test_the_export_of_the_cluster_that_is_looked_at_counts_or_says_why_not(
    seen: Picture, expected: str
) -> None:
    own = judge(seen).own
    assert own is not None
    assert (own.why_not, own.counts) == (expected, expected == "")


@pytest.mark.parametrize(
    ("heartbeat_seconds_ago", "is_out"), [(-90.0, False), (59.9, False), (60.0, True), (90.0, True)]
)
def test_a_member_is_silent_from_its_time_out_on(heartbeat_seconds_ago: float, is_out: bool) -> None:
    """One whose clock is ahead is not."""
    seen = picture(on_broker("east", member=member("east", heartbeat_seconds_ago)))
    assert judge(seen).withdrawn == (frozenset({"east"}) if is_out else frozenset())


def test_endpoints_of_the_own_cluster_are_used_here_also_while_its_agent_is_silent() -> None:
    silent = on_broker("north", slices=(source_slice("north"),), member=member("north", 300))
    seen = picture(EAST, silent, here=OWN)
    assert judge(seen).withdrawn == frozenset()
    assert {(one.cluster, one.state) for one in judge(seen).uses} == {("east", "in"), ("north", "in")}


NO_EAST = Policy("no-east", True, clusters=("east",))


def policies(*written: Policy, **fields: str) -> PoliciesHere:
    return PoliciesHere(written, asked=True, **fields)


def importing(*written: Policy, **fields: str) -> Picture:
    """Seen from north, which exports the service, too, has no import yet, and asks these import policies."""
    return picture(EAST, NORTH, here=replace(OWN, import_policies=policies(*written, **fields)))


def having(*written: Policy, **fields: str) -> Picture:
    """The same, once it has the import."""
    seen = settled(picture(EAST, NORTH, here=OWN))
    assert seen.here is not None
    return replace(seen, here=replace(seen.here, import_policies=policies(*written, **fields)))


def but(seen: Picture, **fields: object) -> Picture:
    """The same with another import."""
    assert seen.here is not None
    assert seen.here.imported is not None
    imported = replace(seen.here.imported, **fields)  # type: ignore[arg-type]
    return replace(seen, here=replace(seen.here, imported=imported))


NO_OWN = Policy("no-own", True, clusters=("east", "north"))
UNREADABLE = Policy("odd", problem="action is Perhaps")
REFUSED = {
    "another source is forbidden": (importing(Policy("no-west", True, clusters=("west",))), set()),
    "a source is forbidden": (importing(NO_EAST), {"east"}),
    "sources do not concern the own export": (importing(NO_OWN), {"east"}),
    "nothing is known": (importing(doubt="the kind cannot be read"), {"east", "north"}),
    "a policy cannot be read": (importing(UNREADABLE), {"east", "north"}),
    "what is imported may end": (having(NO_EAST), {"east"}),
    "what is imported may not end": (having(NO_EAST, held="too many at once"), set()),
    "what is imported goes on while nothing is known": (having(doubt="the kind cannot be read"), set()),
    "and while a policy cannot be read": (having(UNREADABLE), set()),
    "slices without the name of their cluster are imported, too": (
        but(having(UNREADABLE), clusters=()),
        set(),
    ),
    "what is being deleted is imported no more": (
        but(having(UNREADABLE), deleting=True),
        {"east", "north"},
    ),
}


@pytest.mark.parametrize(("seen", "expected"), REFUSED.values(), ids=REFUSED)
def test_policies_refuse_a_source_only_where_its_agent_does(seen: Picture, expected: set[str]) -> None:
    assert judge(seen).refused.keys() == expected
    assert {one.cluster for one in judge(seen).uses if one.why == "policy"} == expected


def test_policies_that_no_agent_asks_refuse_nothing() -> None:
    here = replace(OWN, import_policies=replace(policies(NO_EAST), asked=False))
    assert judge(picture(EAST, NORTH, here=here)).refused == {}


def test_an_import_without_a_refused_source_is_as_it_should_be() -> None:
    west = on_broker("west", source_slice("west", endpoints=(Endpoint(("10.2.0.1",), ready=True),)))
    north = bystander("north")
    here = replace(OWN, export=None, service=None, slices=())
    without = settled(picture(EAST, north, here=here)).here
    assert without is not None
    refusing = policies(Policy("no-west", True, clusters=("west",)))
    seen = picture(EAST, north, west, here=replace(without, import_policies=refusing))
    assert found(seen) == {"52": "note"}


def held(*on: OnBroker) -> Picture:
    """Seen from north, whose import of the service of east and west is held, with what the broker has now."""
    west = on_broker("west", source_slice("west"))
    before = settled(picture(EAST, west, bystander("north"), here=replace(OWN, export=None, service=None)))
    assert before.here is not None
    assert before.here.imported is not None
    condition = held_for_missing_exports(before.here.imported, ["west"])
    kept = replace(
        before.here.imported,
        conditions=(*before.here.imported.conditions, condition),
    )
    return replace(before, here=replace(before.here, imported=kept), broker=(*on, bystander("north")))


def test_each_endpoint_of_an_import_that_is_held_is_counted_once() -> None:
    """East and west have the same address, so that the cluster must tell them apart."""
    slices_only = on_broker("west", source_slice("west"), record=None)
    for seen in (held(EAST, slices_only), held(EAST, bystander("west")), held(EAST)):
        assert sorted((one.cluster, one.state, one.why) for one in judge(seen).uses) == [
            ("east", "in", ""),
            ("west", "in", "held"),
        ]
        assert explain(seen).verdict.text.startswith("shop/web works in north, with")


def test_what_is_not_imported_here_though_the_import_is_held_is_out() -> None:
    new = source_slice("west", "web-new", endpoints=(Endpoint(("10.2.0.9",), ready=True),))
    seen = held(EAST, on_broker("west", source_slice("west"), new, record=None))
    assert sorted((one.cluster, *one.addresses, one.state, one.why) for one in judge(seen).uses) == [
        ("east", "10.1.0.1", "in", ""),
        ("west", "10.1.0.1", "in", "held"),
        ("west", "10.2.0.9", "out", "not-exported"),
    ]


def test_an_address_that_lies_here_of_another_cluster_is_another_endpoint() -> None:
    """It is out for its own reason, and not left out of the account."""
    before = held(EAST, on_broker("west", source_slice("west"), record=None))
    assert before.here is not None
    of_east = tuple(one for one in before.here.imported_slices if one.source_cluster == "east")
    seen = replace(before, here=replace(before.here, imported_slices=of_east))
    assert sorted((one.cluster, one.state, one.why) for one in judge(seen).uses) == [
        ("east", "in", ""),
        ("west", "out", "not-exported"),
    ]


def test_an_import_that_is_held_while_nobody_exports_works_with_a_warning() -> None:
    verdict = explain(held()).verdict
    assert verdict.state == "works in part"
    assert verdict.text.endswith("2 endpoints of east, west take traffic")
    assert found(held())["01"] == "warning"


@pytest.mark.parametrize(("name", "number"), [("web", "46"), ("another", "44")])
def test_a_derived_service_that_is_left_is_in_the_way_only_of_another_import(
    name: str, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two names with one hash cannot be made by hand, so the hash is."""
    monkeypatch.setattr(
        "mcs_controller.clusterset.explain.case.derived_service_name", lambda key: "derived-1"
    )
    before = settled(picture(EAST, bystander("north"), here=replace(OWN, export=None, service=None))).here
    assert before is not None
    assert before.derived is not None
    left = replace(
        before.derived, service=before.derived.service._replace(name="derived-1"), import_name=name
    )
    here = replace(before, imported=None, imported_slices=(), derived=left)
    assert number in found(picture(EAST, bystander("north"), here=here))


def test_a_service_that_this_cluster_exports_itself_needs_no_room_here() -> None:
    full = on_broker("east", member=member("east", limits=(("imports", 1),)))
    here = replace(OWN, imports_of=(("east", 1),))
    assert judge(picture(full, NORTH, here=here)).place == ""
    assert judge(picture(full, bystander("north"), here=replace(here, export=None))).place == "no-room"


def test_where_nothing_is_imported_nothing_is_missing() -> None:
    seen = picture(EAST, bystander("north"), here=replace(OWN, export=None, namespace="missing"))
    here = explain(seen).here
    assert here is not None
    assert (here.place, here.missing) == ("namespace-missing", ())


def test_an_owner_whose_export_does_not_count_decides_nothing() -> None:
    owner = on_broker("east", member=member("east", owns=frozenset({"shop"}), allowed_namespaces=("other",)))
    case = judge(picture(owner, on_broker("west", record=record("west", 5))))
    assert case.merged is not None
    assert (case.merged.winner, case.merged.owners) == ("west", ())
