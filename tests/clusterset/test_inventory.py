"""The rules of the inventory: names, what is wanted, what differs, and when a member is gone."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.inventory import absence
from mcs_controller.clusterset.inventory.profile import (
    Held,
    Known,
    Wanted,
    decode_profile,
    differs,
    has_more,
    profile_name,
    repeated,
    wanted,
)
from mcs_controller.clusterset.inventory.report import (
    Listed,
    Report,
    Reported,
    decode_listed,
    decode_report,
)
from mcs_controller.clusterset.model import Member
from mcs_controller.clusterset.syntax import is_subdomain

NOW, LATER = "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"
MANAGER = "mcs-controller"
EAST = Listed(Member("east", heartbeat="1", object_uid="u-1", clusterset="prod"), "East", version="v1.36.4")

ids = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
managers = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?", fullmatch=True)
names = st.from_regex(r"[a-z]{1,4}\.example\.com", fullmatch=True)
properties = st.dictionaries(names, st.text(min_size=1, max_size=20), max_size=5)


def target(known: Known, held: Held | None = None, now: str = NOW) -> Wanted:
    return wanted(known, held, manager=MANAGER, namespace="mcs-inventory", now_text=now)


def stored(want: Wanted) -> Held:
    """As it is read once it was applied."""
    return decode_profile({**want.profile, "status": want.status["status"]}, MANAGER)


def reported(found: dict[str, str], at: str = NOW) -> Report:
    return Report(properties=tuple(Reported(name, found[name], at) for name in sorted(found)))


def report(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "report", "namespace": "mcs-member-east"}, "spec": spec}


def member(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "east", "namespace": "mcs-member-east", "uid": "u-1"}, "spec": spec}


@pytest.mark.requirement("CP-05")
@given(managers, ids, managers, ids)
def test_two_managers_or_members_never_have_one_name(m1: str, c1: str, m2: str, c2: str) -> None:
    one, two = profile_name(m1, c1), profile_name(m2, c2)
    assert (one == two) == ((m1, c1) == (m2, c2))
    assert is_subdomain(one)
    assert one.rpartition(".")[2] == c1


@pytest.mark.requirement("CP-14")
@given(properties, st.booleans(), st.booleans())
def test_what_was_applied_needs_no_write_whatever_the_time(
    found: dict[str, str], silent: bool, removed: bool
) -> None:
    known = Known(EAST, reported(found), silent=silent, removed=removed)
    held = stored(target(known))
    again = replace(known, report=reported(found, LATER))
    assert differs(held, target(again, held, LATER)) == (False, False)
    assert not any(has_more(held, target(again, held, LATER)))
    assert target(again, held, LATER) == target(known, held)


@given(properties, properties)
@example({"a.example.com": "1"}, {"a.example.com": "2"})
def test_whatever_is_reported_next_is_told_as_soon_as_it_differs(
    before: dict[str, str], after: dict[str, str]
) -> None:
    held = stored(target(Known(EAST, reported(before))))
    want = target(Known(EAST, reported(after)), held)
    changed = any(before.get(name) != value for name, value in after.items())
    assert differs(held, want)[1] == changed
    # A value that was is more than is wanted, too.
    left = any(after.get(name) != value for name, value in before.items())
    assert has_more(held, want) == (False, left)


@pytest.mark.requirement("CP-04")
def test_what_others_added_is_no_difference() -> None:
    known = Known(EAST, reported({"a.example.com": "1"}))
    want = target(known)
    status = want.status["status"]
    others = {"type": "Theirs", "status": "True", "reason": "R", "message": "", "lastTransitionTime": NOW}
    more = {
        **status,
        "conditions": [others, *status["conditions"]],
        "properties": [{"name": "z.example.com", "value": "z"}, *status["properties"]],
    }
    held = decode_profile({**want.profile, "status": more}, MANAGER)
    again = target(known, held, LATER)
    assert differs(held, again) == (False, False)
    assert [one["type"] for one in again.status["status"]["conditions"]] == [
        "ControlPlaneHealthy",
        "Joined",
        "mcs-controller.io/PropertiesMirrored",
    ]


@pytest.mark.requirement("CP-04")
@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"clusterManager": {"name": "other"}}},
        {"metadata": {"name": "mcs-controller.east", "labels": {}}},
    ],
    ids=["of another manager", "without our marker"],
)
def test_a_profile_is_ours_only_with_our_manager_and_our_marker(change: dict[str, Any]) -> None:
    want = target(Known(EAST))
    assert decode_profile(want.profile, MANAGER).ours
    assert not decode_profile({**want.profile, **change}, MANAGER).ours


@pytest.mark.requirement("CP-08")
def test_the_id_of_a_member_is_the_brokers_word_and_left_out_where_there_is_none() -> None:
    label = "multicluster.x-k8s.io/inventory-member-id"
    liar = Listed(replace(EAST.member, cluster_uid="somebody-elses"))
    assert target(Known(liar)).profile["metadata"]["labels"][label] == "u-1"
    assert label not in target(Known(Listed(Member("east")))).profile["metadata"]["labels"]


@pytest.mark.requirement("CP-15")
@pytest.mark.parametrize(
    "way",
    [
        {"server": "https://me:secret@east.example.com"},
        {"server": "https://east.example.com", "proxyUrl": "http://me:secret@proxy.example.com"},
        {"server": "east.example.com"},
        {"server": 7},
        {},
    ],
)
def test_a_way_with_a_password_or_without_a_url_is_left_out_and_others_stay(way: dict[str, Any]) -> None:
    fine = {"name": "fine", "server": "https://east.example.com", "token": "secret"}
    listed = decode_listed(member(access=[{"name": "bad", **way}, fine]))
    assert listed.access == ({"name": "fine", "cluster": {"server": "https://east.example.com"}},)
    assert "secret" not in str(target(Known(listed)).status)


@pytest.mark.requirement("CP-10")
def test_what_cannot_be_mirrored_is_left_out_whole_and_named() -> None:
    told = [
        {"name": "long.example.com", "value": "v" * 1025, "lastObservedTime": NOW},
        {"name": "fits.example.com", "value": "ü" * 1024, "lastObservedTime": NOW},
        {"name": "No_Name", "value": "x"},
        7,
    ]
    found = decode_report(report(properties=told, skippedProperties=[{"name": "told.example.com"}]))
    assert found is not None
    assert found.properties == (Reported("fits.example.com", "ü" * 1024, NOW),)
    assert found.skipped == ("long.example.com", "told.example.com")
    condition = target(Known(EAST, found)).status["status"]["conditions"][2]
    assert (condition["status"], condition["reason"]) == ("False", "SomeSkipped")
    assert "long.example.com, told.example.com" in condition["message"]


@pytest.mark.parametrize(
    "raw",
    [
        {"metadata": {"name": "report", "namespace": "kube-system"}},
        report(properties=[{"name": f"p{number}", "value": "v"} for number in range(129)]),
        report(properties="all"),
        report(controlPlane=[]),
        report(kubernetesVersion=7),
    ],
)
def test_a_report_that_is_none_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(MalformedObject):
        decode_report(raw)


def test_text_of_a_report_is_bounded_and_shown_as_it_is() -> None:
    found = decode_report(
        report(
            kubernetesVersion="v" * 200,
            controlPlane={"status": "False", "reason": "Bad", "message": "a\nb\x1b[31m" + "m" * 5000},
        )
    )
    assert found is not None
    assert found.health is not None
    assert len(found.version) == 64
    assert len(found.health.message) == 1024
    assert found.health.message.isprintable()
    odd = decode_report(report(controlPlane={"status": "True", "reason": "no word"}))
    assert odd is not None
    assert odd.health is None


@pytest.mark.requirement("CP-13")
def test_nobody_is_sent_to_a_member_that_was_removed() -> None:
    listed = decode_listed(member(access=[{"name": "a", "server": "https://a"}]))
    assert "accessProviders" in target(Known(listed)).status["status"]
    assert "accessProviders" not in target(Known(listed, removed=True)).status["status"]


def test_a_member_counts_as_removed_by_complete_lists_and_the_time_between_them() -> None:
    absences: absence.Absences = {}
    absences = absence.observe(absences, {"east"}, set(), 10.0)
    assert not absence.is_removed(absences, "east")
    for _ in range(3):
        absences = absence.observe(absences, {"east"}, set(), 10.0)
    assert absence.is_removed(absences, "east")
    assert not absence.is_forgotten(absences, "east")
    assert absence.observe(absences, {"east"}, {"east"}, 10.0) == {}
    for _ in range(30):
        absences = absence.observe(absences, {"east"}, set(), 10.0)
    assert absence.is_forgotten(absences, "east")
    assert not absence.is_removed(absences, "west")


@pytest.mark.requirement("CP-14", "CP-15")
def test_a_field_of_a_way_that_was_taken_back_is_more_than_is_wanted() -> None:
    way = {"name": "corp", "cluster": {"server": "https://east.example.com"}}
    lax = {"name": "corp", "cluster": {**way["cluster"], "insecure-skip-tls-verify": True}}  # type: ignore[dict-item]
    held = stored(target(Known(replace(EAST, access=(lax,)))))
    want = target(Known(replace(EAST, access=(way,))), held)
    assert differs(held, want) == (False, False)
    assert has_more(held, want) == (False, True)
    assert has_more(stored(want), want) == (False, False)


def test_members_that_vanish_all_at_once_are_lost_and_single_ones_are_not() -> None:
    gone = dict.fromkeys(("a", "b", "c"), 600.0)
    assert absence.lost_at_once(gone, {"a", "b", "c", "d", "e"}, {"d", "e"}) == {"a", "b", "c"}
    assert absence.lost_at_once(gone, {"a", "b", "c", "d", "e", "f"}, {"d", "e", "f"}) == frozenset()
    assert absence.lost_at_once({"a": 600.0}, {"a", "b"}, {"b"}) == frozenset()
    assert absence.lost_at_once({"a": 600.0}, {"a"}, ()) == {"a"}
    # All but one have said farewell.
    assert absence.lost_at_once(gone, {"a"}, {"d"}) == frozenset()


def test_what_the_hub_says_for_itself_is_no_report() -> None:
    silent = stored(target(Known(EAST, reported({"a.example.com": "1"}), silent=True)))
    said = repeated(silent)
    assert replace(said, mirrored=None) == replace(reported({"a.example.com": "1"}), version="v1.36.4")


@pytest.mark.requirement("CP-10")
def test_what_was_skipped_is_named_as_long_as_the_profile_repeats_a_report_that_is_gone() -> None:
    full = replace(reported({"a.example.com": "1"}), skipped=tuple(f"p{one}.example.com" for one in range(9)))
    held = stored(target(Known(EAST, full)))
    assert target(Known(EAST, repeated(held)), held, LATER) == target(Known(EAST, full), held)
    fine = stored(target(Known(EAST, reported({}))))
    assert target(Known(EAST, repeated(fine)), fine, LATER) == target(Known(EAST, reported({})), fine)


@pytest.mark.requirement("CP-12")
@pytest.mark.parametrize(
    ("said", "known", "believed"), [("u", "u", 1), ("u", "v", 0), ("", "v", 1), ("u", "", 1)]
)
def test_a_report_counts_unless_it_names_another_cluster(said: str, known: str, believed: int) -> None:
    east = replace(EAST, member=replace(EAST.member, cluster_uid=known))
    found = decode_report(report(clusterUID=said, properties=[{"name": "a.example.com", "value": "1"}]))
    assert len(target(Known(east, found)).status["status"].get("properties", ())) == believed


@pytest.mark.requirement("CP-12")
def test_a_report_that_is_older_than_the_first_heartbeat_is_not_believed() -> None:
    joining = replace(EAST, member=replace(EAST.member, heartbeat=""))
    said = target(Known(joining, reported({"a.example.com": "1"}))).status["status"]
    assert "properties" not in said
    assert {one["type"]: one["reason"] for one in said["conditions"]}["ControlPlaneHealthy"] == "NoReport"


@pytest.mark.requirement("CP-07", "ABT-08")
@pytest.mark.parametrize("clusterset", ["", "prod", "test"])
def test_a_member_is_shown_in_no_other_clusterset_than_the_broker_says(clusterset: str) -> None:
    east = replace(EAST, member=replace(EAST.member, clusterset=clusterset))
    status = target(Known(east, reported({"clusterset.k8s.io": "prod"}))).status["status"]
    shown = {one["value"] for one in status.get("properties", ())}
    skipped = next(one for one in status["conditions"] if one["type"].endswith("PropertiesMirrored"))
    if clusterset == "prod":
        assert (shown, skipped["status"]) == ({"prod"}, "True")
    else:
        assert (shown, skipped["reason"]) == (set(), "SomeSkipped")
        assert "clusterset.k8s.io" in skipped["message"]
