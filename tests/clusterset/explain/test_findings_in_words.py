"""Sentences of findings that somebody once read otherwise than they were meant."""

from dataclasses import replace

import pytest

from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.findings.finding import Finding
from mcs_controller.clusterset.explain.picture import DnsAnswer, DnsPicture, Picture
from mcs_controller.clusterset.model import Condition, Endpoint
from mcs_controller.clusterset.services.desired import NO_ENDPOINT_YET
from mcs_controller.clusterset.services.export import NOT_HEARD
from mcs_controller.clusterset.syntax import micro_time
from tests.clusterset.builders import record, source_slice
from tests.clusterset.explain.pictures import NOW_SECONDS, bystander, member, on_broker, picture, settled
from tests.clusterset.explain.test_findings import EXPORTED, NORTH, OWNER, WELL, two


def finding_of(seen: Picture, number: str) -> Finding:
    (found,) = (one for one in explain(seen).findings if one.id == f"MCS-WHY-{number}")
    return found


def test_that_no_pod_matches_comes_before_the_import_that_waits_for_an_endpoint() -> None:
    empty = on_broker("east", source_slice("east", endpoints=()))
    seen = settled(
        picture(empty, bystander("north"), here=NORTH),
        conditions=(Condition("Ready", "False", "Pending", NO_ENDPOINT_YET),),
    )
    told = explain(seen)
    assert [one.id for one in told.findings if one.severity == "problem"] == ["MCS-WHY-20", "MCS-WHY-48"]
    assert "no cluster offers an endpoint" in told.verdict.text
    assert told.findings[0].command == "kubectl get service --namespace shop web -o wide"


def test_an_import_that_is_not_ready_for_a_reason_of_its_own_stays_first() -> None:
    empty = on_broker("east", source_slice("east", endpoints=()))
    seen = settled(
        picture(empty, bystander("north"), here=NORTH),
        conditions=(Condition("Ready", "False", "IPFamilyNotSupported", "IPv6 is not served"),),
    )
    assert explain(seen).findings[0].id == "MCS-WHY-48"


@pytest.mark.parametrize(
    ("east", "west", "says"),
    [
        ("ClusterSetIP", "Headless", "has a clusterset IP, as east exports it; in west it is headless"),
        ("Headless", "ClusterSetIP", "is headless, as east exports it; in west it is not"),
    ],
)
def test_a_conflict_of_types_says_what_the_service_is_and_what_each_exports(
    east: str, west: str, says: str
) -> None:
    seen = picture(
        on_broker("east", record=record("east", type=east)),
        on_broker("west", record=record("west", 1, type=west)),
    )
    assert finding_of(seen, "11").what == f"TypeConflict: the service {says}"


def test_a_conflict_of_ports_promises_no_port_that_is_not_used() -> None:
    text = finding_of(two(ports=record("west").ports[:0]), "10").do
    assert "each port in use leads only to the clusters that declare exactly that one" in text


@pytest.mark.parametrize(
    ("addresses", "says"),
    [
        (("10.1.0.1",), "1 endpoint of east is left out, outside of the networks that it may have: 10.1.0.1"),
        (("10.1.0.1", "10.1.0.2"), "2 endpoints of east are left out, outside of the networks"),
    ],
)
def test_one_endpoint_is_spoken_of_as_one(addresses: tuple[str, ...], says: str) -> None:
    endpoints = tuple(Endpoint((one,), ready=True) for one in addresses)
    narrow = member("east", allowed_cidrs=("10.9.0.0/16",))
    seen = picture(on_broker("east", source_slice("east", endpoints=endpoints), member=narrow))
    assert finding_of(seen, "22").what.startswith(says)


def test_an_owner_whose_export_is_refused_is_not_said_to_export_nothing() -> None:
    refused = replace(OWNER, allowed_namespaces=("bank",))
    west = on_broker("west", record=record("west", 1))
    tries = finding_of(picture(on_broker("east", member=refused), west), "17")
    assert tries.what == "shop/web belongs to east, whose export does not count"
    does_not = finding_of(picture(bystander("east", member=OWNER), west), "17")
    assert does_not.what == "shop/web belongs to east, which does not export it"


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("no such name", "DNS says no such name for a. A, and should say 10.0.0.2"),
        (
            "without 10.0.0.2, with 10.0.0.3",
            "DNS answers a. A without 10.0.0.2, with 10.0.0.3, and should say 10.0.0.2",
        ),
    ],
)
def test_records_that_differ_make_a_sentence(said: str, says: str) -> None:
    answer = DnsAnswer("a.", "A", said, "10.0.0.2", right=False)
    seen = replace(WELL, dns=DnsPicture("10.96.0.53:53", (answer,)))
    assert finding_of(seen, "71").what == says


_READY = Condition("Ready", "True", "Exported")
_CANNOT_READ = "the agent cannot read the Service and its EndpointSlices, and tries again: forbidden"


@pytest.mark.parametrize(
    ("ready", "lease_seconds", "silent_seconds", "says", "command"),
    [
        (_READY, 1, 300, "start the agent of north again", ""),
        (_READY, 300, 1, "no agent leads in north", "kubectl --namespace mcs-system get pods"),
        (None, None, 1, "install or start the agent in north", "kubectl --namespace mcs-system get pods"),
        (None, 1, 1, "an agent leads in north, and takes seconds", "mcs-controller check"),
        (_READY, 1, 1, "was changed seconds ago: ask again", "mcs-controller check"),
        (
            Condition("Ready", "False", "Pending", NOT_HEARD),
            1,
            1,
            "way to the broker",
            "mcs-controller check",
        ),
        (
            Condition("Ready", "False", "Pending", "another cluster has this id"),
            1,
            1,
            "do what the reason says",
            "mcs-controller check",
        ),
        (
            Condition("Ready", "False", "Failed", _CANNOT_READ),
            1,
            1,
            "the rights of its chart again",
            "mcs-controller check",
        ),
        (
            Condition("Ready", "False", "Failed", "the broker did not take the export"),
            None,
            1,
            "run `check` in north",
            "mcs-controller check",
        ),
    ],
)
def test_an_export_that_is_not_on_the_broker_says_who_has_to_do_what(
    ready: Condition | None, lease_seconds: int | None, silent_seconds: int, says: str, command: str
) -> None:
    here = EXPORTED.here
    assert here is not None
    assert here.export is not None
    seen = replace(
        EXPORTED,
        here=replace(
            here,
            export=replace(here.export, conditions=() if ready is None else (ready,)),
            leader_at="" if lease_seconds is None else micro_time(NOW_SECONDS - lease_seconds),
        ),
        broker=(bystander("east"), bystander("north", member=member("north", silent_seconds))),
    )
    told = finding_of(seen, "04")
    assert (says in told.do, told.command) == (True, command), told.do


def test_that_the_agent_here_is_silent_comes_before_what_it_has_not_done() -> None:
    here = EXPORTED.here
    assert here is not None
    seen = replace(
        EXPORTED,
        here=replace(here, imported=None, imported_slices=()),
        broker=(bystander("east"), bystander("north", member=member("north", 300))),
    )
    ids = [one.id for one in explain(seen).findings if one.severity == "problem"]
    assert ids == ["MCS-WHY-33", "MCS-WHY-46", "MCS-WHY-04"]
    assert "the agent of north is silent" in explain(seen).verdict.text
