"""Each finding, by the picture that has it: how bad it is, and that there is a cause and something to do."""

from dataclasses import replace

import pytest

from mcs_controller.api.names import CONDITION_HELD, CONDITION_LOCALITY
from mcs_controller.clusterset.explain.bulk_here import BulkHere
from mcs_controller.clusterset.explain.changes import Change
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.findings.finding import CATALOGUE, Finding
from mcs_controller.clusterset.explain.picture import (
    DnsAnswer,
    DnsPicture,
    InCluster,
    Picture,
    Unknown,
)
from mcs_controller.clusterset.explain.policies_here import PoliciesHere
from mcs_controller.clusterset.explain.what_if import what_if
from mcs_controller.clusterset.fuse import MEMBERS_SILENT, held
from mcs_controller.clusterset.model import Condition, Endpoint, LocalImport, Member, ServiceKey, ServicePort
from mcs_controller.clusterset.services.locality import FAILED_OVER, INVALID, NEAR, left_out
from mcs_controller.clusterset.services.naming import derived_service_name
from mcs_controller.clusterset.services.policies.bulk.plan import Known
from mcs_controller.clusterset.services.policies.bulk.service_policy import (
    PolicyKey,
    Present,
    ServicePolicy,
)
from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.services.policies.selector import Selector
from tests.clusterset.builders import WEB, local_export, local_service, record, source_slice
from tests.clusterset.explain.pictures import (
    NOW,
    bystander,
    exported_here,
    found,
    member,
    on_broker,
    picture,
    settled,
)

NORTH = InCluster("north")
WELL = settled(picture(on_broker("east"), bystander("north"), here=NORTH))
OWN = exported_here("north")
OWN_PART = on_broker("north", slices=(source_slice("north"),), record=record("north"))
EXPORTED = settled(picture(on_broker("east"), OWN_PART, here=OWN))


def here(**fields: object) -> Picture:
    assert WELL.here is not None
    return replace(WELL, here=replace(WELL.here, **fields))  # type: ignore[arg-type]


def imported(**fields: object) -> Picture:
    assert WELL.here is not None
    assert WELL.here.imported is not None
    return here(imported=replace(WELL.here.imported, **fields))  # type: ignore[arg-type]


def two(**fields: object) -> Picture:
    """East decides, west has something else."""
    west = record("west", 1, **fields)
    return settled(picture(on_broker("east"), bystander("north"), on_broker("west", record=west), here=NORTH))


def near_first(*clusters: str, reason: str = NEAR, left_out_of: str = "") -> Picture:
    """Seen from east, whose agent said this of near endpoints, and left out those of one cluster."""
    ours = exported_here("east")
    before = settled(picture(*(on_broker(one) for one in clusters), here=ours))
    assert before.here is not None
    assert before.here.imported is not None
    said = Condition(CONDITION_LOCALITY, "True" if reason == NEAR else "False", reason, "by the agent")
    conditions = (*before.here.imported.conditions, said)
    slices = tuple(
        left_out(one) if one.source_cluster == left_out_of else one for one in before.here.imported_slices
    )
    imported = replace(before.here.imported, conditions=conditions)
    return replace(before, here=replace(before.here, imported=imported, imported_slices=slices))


def exported(export: object = OWN.export, service: object = OWN.service, **fields: object) -> Picture:
    assert EXPORTED.here is not None
    return replace(
        EXPORTED,
        here=replace(EXPORTED.here, export=export, service=service, **fields),  # type: ignore[arg-type]
    )


def ready(reason: str, message: str) -> tuple[Condition, ...]:
    return (Condition("Ready", "False", reason, message),)


def bulk(
    *,
    export: Present | None = None,
    made: bool = True,
    selects: bool = True,
    asked: bool = True,
    doubt: str = "",
    held: bool = False,
    conditions: tuple[Condition, ...] = (),
    type: str = "ClusterIP",
) -> Picture:
    """North has the Service, and a policy that selects it, or selects something else."""
    assert EXPORTED.here is not None
    selector = Selector(() if selects else (("public", "yes"),))
    policy = ServicePolicy(PolicyKey("shop", "public"), selector, conditions=conditions)
    known = Known.of([policy], doubt=doubt)
    service = replace(local_service(), type=type)
    return replace(
        EXPORTED,
        here=replace(
            EXPORTED.here,
            service=service,
            export=EXPORTED.here.export if made else None,
            bulk=BulkHere(known, asked, export, frozenset({policy.key} if held else ())),
        ),
    )


GOES = member("west", 90, leaving=NOW)
LONG_AGO = "2026-01-01T00:00:00Z"
PORT_81 = (ServicePort(81, "http"),)
HEADLESS = record("west", type="Headless")
TWICE = on_broker("west", record=record("west", 5))
SILENT_EAST = on_broker("east", member=member("east", 90))
WRONG = DnsAnswer("a.", "A", "x", "y", False)
OWNER = member("east", owns=frozenset({"shop"}))
SIX = source_slice("west", endpoints=(Endpoint(("fd00::1",), ready=True),), family="IPv6")
UNREADY = source_slice("east", endpoints=(Endpoint(("10.1.0.1",), ready=False),))
TAKEN = local_service(
    service=ServiceKey("shop", derived_service_name(WEB)), managed=True, import_name="another"
)
SILENT_NORTH = bystander("north", member=member("north", 300))
NO_EAST = PoliciesHere((Policy("no-east", True, clusters=("east",)),), asked=True)
MADE = Present(PolicyKey("shop", "public"))
HELD_MANY = (Condition(CONDITION_HELD, "True", "TooManyAtOnce", "9 of 10 would be removed"),)
CASES: dict[str, list[tuple[str, Picture]]] = {
    "01": [
        ("problem", picture(bystander("east"), here=NORTH)),
        ("problem", Picture(WEB, WELL.now_seconds, NORTH, None)),
    ],
    "02": [("problem", exported(service=None))],
    "03": [
        ("problem", exported(service=local_service(type="ExternalName"))),
        ("note", exported(export=local_export(deleting=True))),
    ],
    "04": [
        ("problem", replace(EXPORTED, broker=(on_broker("east"), bystander("north")))),
        ("warning", exported(service=local_service(ports=(ServicePort(81, "http"),)))),
    ],
    "05": [
        ("problem", picture(on_broker("east", member=None), here=NORTH)),
        ("problem", picture(on_broker("east", member=member("east", allowed_namespaces=("a",))))),
        (
            "note",
            picture(
                on_broker("east", record=None, slices=(), member=member("east", allowed_namespaces=("a",)))
            ),
        ),
    ],
    "06": [("note", picture(on_broker("east", over_limits="3 services are not published")))],
    "07": [
        ("problem", picture(on_broker("east", record=None, unreadable=("bad type",)))),
        ("problem", picture(on_broker("east", unreadable=("bad slice",)))),
        ("problem", here(unreadable=("web: ports is a text",))),
    ],
    "08": [
        ("note", picture(on_broker("east", record=record("east", withdrawn=True)))),
        ("note", picture(on_broker("east", record=None))),
        ("note", replace(EXPORTED, here=replace(NORTH))),
    ],
    "09": [
        (
            "problem",
            exported(
                export=local_export(
                    conditions=(Condition("Valid", "False", "NotAllowedByPolicy", "no policy: ask somebody"),)
                )
            ),
        )
    ],
    "10": [("warning", two(ports=(ServicePort(80, "http"), ServicePort(81, "more"))))],
    "11": [("warning", two(type="Headless"))],
    "12": [("warning", two(ip_families=("IPv4", "IPv6")))],
    "13": [("note", two(labels=(("a", "b"),)))],
    "14": [
        ("warning", two(ports=(ServicePort(81, "http"),))),
        (
            "problem",
            picture(
                on_broker("east", UNREADY),
                on_broker("west", record=record("west", 1, ports=(ServicePort(81, "http"),))),
            ),
        ),
    ],
    "15": [
        (
            "warning",
            picture(
                on_broker("east", member=OWNER), on_broker("west", record=record("west", type="Headless"))
            ),
        )
    ],
    "16": [
        (
            "note",
            picture(on_broker("east", member=OWNER, record=record("east", 5)), on_broker("west")),
        )
    ],
    "17": [("note", picture(bystander("east", member=OWNER), on_broker("west")))],
    "18": [("note", bulk(export=MADE))],
    "19": [
        ("warning", bulk(export=replace(MADE, maker=PolicyKey("shop", "gone")), selects=False)),
        ("warning", bulk(export=MADE, selects=False)),
        ("warning", bulk(export=MADE, selects=False, asked=False)),
        ("warning", bulk(export=MADE, selects=False, held=True, conditions=HELD_MANY)),
        ("warning", bulk(export=MADE, selects=False, held=True)),
        ("warning", bulk(export=MADE, selects=False, doubt="they could not be read")),
        ("warning", bulk(made=False)),
        ("warning", bulk(made=False, asked=False)),
        ("warning", bulk(made=False, conditions=ready("Failed", "a quota is used up"))),
        ("note", bulk(made=False, type="ExternalName")),
    ],
    "20": [("problem", picture(on_broker("east", source_slice("east", endpoints=()))))],
    "21": [
        ("problem", picture(on_broker("east", UNREADY))),
        ("warning", picture(on_broker("east", UNREADY), on_broker("west", source_slice("west")))),
    ],
    "22": [("problem", picture(on_broker("east", member=member("east", allowed_cidrs=("10.9.0.0/16",)))))],
    "23": [("note", picture(on_broker("east"), on_broker("west", SIX)))],
    "24": [
        (
            "warning",
            picture(
                on_broker("east", member=OWNER, record=record("east", traffic_distribution="PreferClose")),
                on_broker("west", source_slice("west", endpoints=(Endpoint(("10.2.0.1",), ready=True),))),
            ),
        )
    ],
    "25": [("note", near_first("east", "west", left_out_of="west"))],
    "26": [("warning", near_first("east", "west", reason=FAILED_OVER))],
    "27": [("warning", near_first("east", reason=INVALID))],
    "30": [
        ("problem", picture(on_broker("east", member=member("east", 90)))),
        (
            "warning",
            picture(on_broker("east", member=member("east", 90)), on_broker("west", source_slice("west"))),
        ),
    ],
    "31": [
        ("warning", replace(WELL, broker=(on_broker("east", member=member("east", 90)), bystander("north"))))
    ],
    "32": [
        ("problem", replace(WELL, broker=(on_broker("east"),))),
        ("problem", replace(WELL, broker=(bystander("north"),))),
    ],
    "33": [
        ("problem", replace(WELL, broker=(on_broker("east"), SILENT_NORTH))),
        ("problem", replace(here(leader_at=NOW), broker=(on_broker("east"), SILENT_NORTH))),
        (
            "problem",
            replace(here(leader_at=LONG_AGO), broker=(on_broker("east"), SILENT_NORTH)),
        ),
    ],
    "34": [
        (
            "note",
            replace(WELL, broker=(on_broker("east"), bystander("north"), bystander("west", member=GOES))),
        ),
        ("problem", replace(WELL, broker=(on_broker("east"), bystander("north", member=GOES)))),
    ],
    "40": [("problem", here(namespace="missing", imported=None, imported_slices=()))],
    "41": [("problem", here(namespace="ending"))],
    "42": [
        (
            "problem",
            replace(
                picture(
                    on_broker(
                        "east",
                        replace(source_slice("east"), service=ServiceKey("default", "web")),
                        record=record("east", service=ServiceKey("default", "web")),
                    ),
                    bystander("north"),
                    here=NORTH,
                ),
                service=ServiceKey("default", "web"),
            ),
        )
    ],
    "43": [("problem", imported(managed=False))],
    "45": [
        (
            "problem",
            picture(
                on_broker("east", member=member("east", limits=(("imports", 1),))),
                bystander("north"),
                here=replace(NORTH, imports_of=(("east", 1),)),
            ),
        )
    ],
    "46": [("problem", picture(on_broker("east"), bystander("north"), here=NORTH))],
    "48": [
        ("warning", imported(deleting=True)),
        ("warning", imported(conditions=())),
        ("problem", imported(conditions=ready("IPFamilyNotSupported", "IPv6 is not served"))),
    ],
    "49": [("warning", here(imported_slices=()))],
    "50": [
        ("problem", here(derived=None)),
        ("problem", here(derived=local_service(cluster_ips=("10.96.0.200",), managed=True))),
    ],
    "51": [("problem", here(serves_api=False))],
    "52": [
        (
            "problem",
            picture(on_broker("east"), bystander("north"), here=replace(NORTH, import_policies=NO_EAST)),
        ),
        (
            "note",
            picture(
                on_broker("east"),
                on_broker("west"),
                bystander("north"),
                here=replace(NORTH, import_policies=NO_EAST),
            ),
        ),
    ],
    "60": [
        ("note", replace(WELL, unknown=(Unknown("the Lease", "forbidden"),))),
        ("warning", replace(WELL, broker=None, unknown=(Unknown("the broker", "refused"),))),
    ],
    "70": [("note", replace(WELL, dns=DnsPicture("10.96.0.53:53", problem="no answer")))],
    "71": [
        ("problem", replace(WELL, dns=DnsPicture("10.96.0.53:53", (DnsAnswer("a.", "A", "x", "y", False),))))
    ],
}


def findings_of(seen: Picture, number: str) -> list[Finding]:
    return [one for one in explain(seen).findings if one.id == f"MCS-WHY-{number}"]


@pytest.mark.parametrize(
    ("number", "severity", "seen"),
    [(number, severity, seen) for number, cases in CASES.items() for severity, seen in cases],
)
def test_a_finding_has_its_severity_its_cause_and_what_to_do(
    number: str, severity: str, seen: Picture
) -> None:
    told = findings_of(seen, number)
    assert severity in [one.severity for one in told], found(seen)
    for one in told:
        assert one.title == CATALOGUE[one.id]
        assert one.what
        assert one.why
        assert one.do


def test_every_finding_of_the_catalogue_is_tested() -> None:
    assert {f"MCS-WHY-{number}" for number in (*CASES, "44", "47")} == set(CATALOGUE)


def test_what_is_left_out_for_nearer_endpoints_is_as_it_should_be_unless_nothing_else_is_there() -> None:
    assert found(near_first("east", "west", left_out_of="west")) == {"25": "note"}
    # The agent has not brought them in yet.
    assert found(near_first("east", left_out_of="east")) == {"49": "warning"}


def test_without_the_broker_what_is_left_out_is_read_from_the_slices() -> None:
    seen = replace(near_first("east", "west", left_out_of="west"), broker=None)
    assert found(seen) == {"25": "note"}
    told = {use.cluster: (use.state, use.why) for one in explain(seen).exporters for use in one.endpoints}
    assert told == {"east": ("in", ""), "west": ("out", "farther")}


def test_where_all_is_well_there_is_none() -> None:
    assert explain(WELL).findings == ()
    assert explain(EXPORTED).findings == ()


def test_silent_members_that_are_held_are_released_on_the_broker() -> None:
    """An import whose members all fell silent is held, and says how that ends."""
    assert WELL.here is not None
    assert WELL.here.imported is not None
    before: LocalImport = WELL.here.imported
    condition = held(before, silent=["east"], missing=(), generation=1)
    seen = imported(conditions=(*before.conditions, replace(condition, last_transition_at=NOW)))
    (told,) = findings_of(seen, "47")
    assert MEMBERS_SILENT in told.what
    assert told.command == "mcs-controller fuse release --member east"


def test_a_derived_service_of_another_import_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two names with one hash cannot be made by hand, so the hash is."""
    monkeypatch.setattr(
        "mcs_controller.clusterset.explain.case.derived_service_name", lambda key: TAKEN.service.name
    )
    (told,) = findings_of(here(imported=None, imported_slices=(), derived=TAKEN), "44")
    assert "belongs to the import another" in told.why


def test_a_member_that_never_sent_a_heartbeat_is_not_called_silent() -> None:
    assert found(picture(on_broker("east", member=Member("east")))) == {}


def test_the_worst_comes_first() -> None:
    seen = explain(replace(two(labels=(("a", "b"),), type="Headless"), dns=DnsPicture("x", problem="none")))
    assert [one.severity for one in seen.findings] == ["warning", "note", "note"]


def test_ownership_is_told_only_where_it_decides_something_else_than_age() -> None:
    owner = on_broker("east", member=OWNER)
    west_is_younger = picture(owner, on_broker("west", record=record("west", 5)))
    assert not found(west_is_younger).keys() & {"16", "17"}
    younger = on_broker("east", member=OWNER, record=record("east", 5))
    (told,) = (one for one in explain(picture(younger, on_broker("west"))).findings if one.id == "MCS-WHY-16")
    assert told.what == "east decides shop/web, and not west, whose export is the oldest"


def test_what_if_foretells_what_giving_a_name_to_somebody_changes() -> None:
    before = settled(picture(on_broker("east"), bystander("north"), TWICE, here=NORTH))
    given = Change("MemberCluster", "west", value=replace(member("west"), owns=frozenset({"shop/web"})))
    foretold = what_if(before, [given])
    assert [one.id for one in foretold.begun] == ["MCS-WHY-16"]
    assert [(one.before, one.after) for one in foretold.effects if one.what == "decided by"] == [
        ("east", "west")
    ]
