"""How an explanation is printed: the lines for people, the JSON for programs."""

import json
import re
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given

from mcs_controller.cli.explaining.json_form import as_json
from mcs_controller.cli.explaining.text import COLUMNS, Style, as_text
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.explanation import Explanation
from mcs_controller.clusterset.explain.findings.finding import finding
from mcs_controller.clusterset.explain.picture import DnsAnswer, DnsPicture, InCluster, Picture, Unknown
from tests.clusterset.builders import WEB, record
from tests.clusterset.explain.pictures import (
    NOW_SECONDS,
    bystander,
    exported_here,
    member,
    on_broker,
    picture,
    settled,
)
from tests.clusterset.explain.test_endpoints import clustersets

NORTH = InCluster("north")
MEMBERS = (on_broker("east"), bystander("north"), on_broker("west", record=record("west", 1)))
WELL = settled(picture(*MEMBERS, here=NORTH))


def text(seen: Explanation) -> str:
    return "\n".join(as_text(seen, Style()))


def test_what_is_well_is_said_first_and_nothing_is_left_to_do() -> None:
    dns = DnsPicture("10.96.0.53:53", (DnsAnswer("web.shop.svc.clusterset.local.", "A", "IP", "IP", True),))
    assert (
        text(explain(replace(WELL, dns=dns)))
        == """\
shop/web works in north: 2 endpoints of east, west take traffic

Exports
  east  decides; exported 10 min ago (2026-01-01T00:00:00Z); heartbeat 1 s ago
        ClusterSetIP, http 80/TCP, IPv4
        1 endpoint in: 10.1.0.1
  west  exported 9 min ago (2026-01-01T00:00:01Z); heartbeat 1 s ago
        ClusterSetIP, http 80/TCP, IPv4
        1 endpoint in: 10.1.0.1

Service
  port http 80/TCP  served by east, west
  all agree on type ClusterSetIP; ipFamilies IPv4; sessionAffinity None; internalTrafficPolicy
    Cluster

Here, in north
  the namespace is there; no Service of that name, no ServiceExport
  ServiceImport: ready, created 9 min ago
  clusterset IP: 10.96.0.9
  derived Service: derived-isrlchlhrq, 10.96.0.9, http 80/TCP

DNS, 10.96.0.53:53
  web.shop.svc.clusterset.local. A: IP (as it should)

Nothing was found that should be otherwise."""
    )


def test_it_is_said_which_endpoints_are_preferred_here_and_by_whom() -> None:
    said = "the endpoints of all clusters are used alike, as ImportPolicy all says (its exports ask for zone)"
    seen = explain(WELL)
    assert seen.here is not None
    shown = text(replace(seen, here=replace(seen.here, near_first=said)))
    assert f"ServiceImport: ready, created 9 min ago near endpoints: {said} clusterset IP" in " ".join(
        shown.split()
    )
    assert "near endpoints" not in text(seen)


def test_each_finding_has_its_reason_and_what_to_do_with_a_command_to_paste() -> None:
    shown = text(explain(replace(WELL, here=replace(NORTH, namespace="missing"))))
    assert shown.endswith("""\
Findings
  PROBLEM MCS-WHY-40 in north: north does not import shop/web: it has no namespace shop
    why: a service is imported only into clusters that have its namespace; the name means the same
         there for all
    do:  create it, if north should use the service
         kubectl create namespace shop""")


def test_a_long_command_goes_on_in_the_next_line_as_a_shell_reads_it() -> None:
    long = finding("40", "problem", "", "what", "why", "do", "kubectl " + " ".join(["argument-of-it"] * 12))
    shown = text(replace(explain(WELL), findings=(long,)))
    command = shown[shown.index("kubectl") :]
    assert command.replace(" \\\n         ", " ") == long.command
    assert max(map(len, shown.splitlines())) <= COLUMNS


def test_what_dns_says_otherwise_comes_first_with_what_it_should_say() -> None:
    answers = (
        DnsAnswer("a.", "A", "10.0.0.1", "10.0.0.1", True),
        DnsAnswer("b.", "A", "no such name", "10.0.0.2", False),
    )
    shown = text(explain(replace(WELL, dns=DnsPicture("10.96.0.53:53", answers))))
    assert "  b. A: no such name (should be 10.0.0.2)\n  a. A: 10.0.0.1 (as it should)\n" in shown
    assert (
        "PROBLEM MCS-WHY-71 in north: DNS says no such name for b. A, and should say 10.0.0.2 (1 of 2"
        in shown
    )
    assert shown.startswith("shop/web does not work in north: DNS says no such name")


def test_a_serviceexport_without_its_service_exports_nothing() -> None:
    here = exported_here("north")
    assert "a Service, exported by a ServiceExport" in text(explain(replace(WELL, here=here)))
    shown = text(explain(replace(WELL, here=replace(here, service=None))))
    assert "no Service of that name, a ServiceExport\n" in shown


def test_a_server_that_does_not_answer_is_a_note_and_changes_no_verdict() -> None:
    shown = text(explain(replace(WELL, dns=DnsPicture("10.96.0.53:53", problem="no answer within 2 s"))))
    assert shown.startswith("shop/web works in north: 2 endpoints")
    assert (
        "NOTE MCS-WHY-70 in north: it is not known what DNS answers\n    why: no answer within 2 s" in shown
    )


def test_what_other_clusters_wrote_cannot_reach_the_terminal_as_control_codes() -> None:
    odd = record("east", labels=(("a", "\x1b[31mred\nline"),))
    shown = text(explain(picture(on_broker("east", record=odd), here=NORTH)))
    assert "\x1b" not in shown
    assert "\\x1b[31mred\\nline" in shown


@given(clustersets)
def test_no_line_is_wider_than_a_terminal(members: tuple[object, ...]) -> None:
    seen = explain(settled(Picture(WEB, NOW_SECONDS, NORTH, members)))  # type: ignore[arg-type]
    lines = text(seen).splitlines()
    assert [line for line in lines if len(line) > COLUMNS] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_colours_are_for_a_terminal_that_wants_them() -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    assert Style.of(Terminal(), {}).colours
    assert not Style.of(Terminal(), {"NO_COLOR": "1"}).colours
    assert not Style.of(StringIO(), {}).colours
    seen = explain(replace(WELL, here=replace(NORTH, namespace="missing")))
    coloured = "\n".join(as_text(seen, Style(colours=True)))
    assert coloured.startswith("\x1b[31mshop/web does not work")
    assert re.sub("\x1b\\[[0-9]+m", "", coloured) == text(seen)


def test_the_json_is_the_same_explanation() -> None:
    seen = explain(replace(WELL, unknown=(Unknown("a", "b"),)))
    found = json.loads(as_json(seen))
    assert found["verdict"] == {"state": seen.verdict.state, "text": seen.verdict.text}
    assert found["exporters"][0]["exportedAt"] == "2026-01-01T00:00:00Z"
    assert found["exporters"][1]["endpoints"][0]["addresses"] == ["10.1.0.1"]
    assert found["here"]["derivedIps"] == ["10.96.0.9"]
    assert found["dns"] is None
    assert found["unknown"] == [{"what": "a", "why": "b", "isAway": False}]


@pytest.mark.parametrize(
    ("seen", "state", "begins"),
    [
        (WELL, "works", "shop/web works in north: 2 endpoints of east, west take traffic"),
        (
            picture(bystander("east"), here=NORTH),
            "does not work",
            "shop/web does not work in north: no cluster exports shop/web",
        ),
        (
            picture(*MEMBERS, here=NORTH),
            "does not work",
            "shop/web does not work in north: north should import the service, and has no "
            "ServiceImport of it",
        ),
        (
            replace(WELL, broker=(on_broker("east", member=member("east", 90)), *MEMBERS[1:])),
            "works in part",
            "shop/web works in north, with 1 finding: 2 endpoints of east, west take traffic",
        ),
        (
            picture(on_broker("east")),
            "works",
            "shop/web works: 1 endpoint of east takes traffic",
        ),
    ],
)
def test_the_verdict_is_one_line(seen: Picture, state: str, begins: str) -> None:
    verdict = explain(seen).verdict
    assert (verdict.state, verdict.text) == (state, begins)
