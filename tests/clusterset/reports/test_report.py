"""What a cluster says of itself on the broker: which properties, unchanged, and since when."""

from __future__ import annotations

import pytest

from mcs_controller.api.inventory import MAX_PROPERTIES, MAX_PROPERTY_CHARS, MemberReport
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.reports.control_plane import ControlPlane
from mcs_controller.clusterset.reports.report import (
    Report,
    Seen,
    Since,
    Told,
    decode_report,
    decode_seen,
    encode_report,
    report_of,
    told_of,
)

BEFORE, SEEN, NOW = "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"
HEALTHY = ControlPlane("True", "Healthy", "the API server is ready")
ID, SET = "cluster.clusterset.k8s.io", "clusterset.k8s.io"


@pytest.mark.requirement("CP-10")
@pytest.mark.parametrize(
    ("spec", "seen"),
    [
        ({"value": "eu-west"}, Seen("eu-west")),
        ({"value": " a b\n"}, Seen(" a b\n")),
        ({"value": "x" * MAX_PROPERTY_CHARS}, Seen("x" * MAX_PROPERTY_CHARS)),
        # Code points count, not bytes.
        ({"value": "é" * MAX_PROPERTY_CHARS}, Seen("é" * MAX_PROPERTY_CHARS)),
        ({"value": "x" * (MAX_PROPERTY_CHARS + 1)}, Seen(None, "ValueTooLong")),
        ({"value": ""}, Seen(None, "NoValue")),
        ({"value": 5}, Seen(None, "NoValue")),
        (None, Seen(None, "NoValue")),
    ],
)
def test_a_value_is_taken_as_it_is_or_not_at_all(spec: object, seen: Seen) -> None:
    assert decode_seen({"metadata": {"name": "one"}, "spec": spec}) == seen


@pytest.mark.requirement("CP-09", "CP-10")
def test_one_that_is_too_long_is_named_and_the_others_are_told() -> None:
    found = {"b.example.com": Seen("2"), "a.example.com": Seen(None, "ValueTooLong"), SET: Seen("prod")}
    told = told_of(found)
    assert told == Told({SET: "prod", "b.example.com": "2"}, {"a.example.com": "ValueTooLong"})


@pytest.mark.requirement("CP-10")
def test_of_ten_thousand_the_well_known_ones_and_the_first_are_told_always_the_same() -> None:
    found = {f"p{number:05}": Seen("x") for number in range(10_000)} | {ID: Seen("east"), SET: Seen("prod")}
    told = told_of(found)
    assert list(told.values)[:3] == [ID, SET, "p00000"]
    assert (len(told.values), len(told.skipped)) == (MAX_PROPERTIES, MAX_PROPERTIES)
    assert set(told.skipped.values()) == {"TooManyProperties"}
    assert told_of(dict(reversed(found.items()))) == told
    # What can be mended one by one is named before what is only one of too many.
    named = told_of({**found, "zz": Seen(None, "ValueTooLong")}).skipped
    assert (named["zz"], len(named)) == ("ValueTooLong", MAX_PROPERTIES)


def said(
    values: dict[str, str],
    *,
    held: Report | None = None,
    observed: dict[str, Since] | None = None,
    control_plane: ControlPlane | None = HEALTHY,
) -> Report:
    return report_of("v1.36.4", control_plane, Told(values), observed or {}, held=held or Report(), now=NOW)


@pytest.mark.requirement("CP-11")
def test_the_time_is_when_a_value_was_seen_and_not_when_it_is_written() -> None:
    assert said({SET: "prod"}, observed={SET: Since("prod", SEEN)}).properties == {SET: Since("prod", SEEN)}
    assert said({SET: "prod"}).properties == {SET: Since("prod", NOW)}


@pytest.mark.requirement("CP-11", "CP-14")
def test_nothing_is_written_for_a_new_time_alone() -> None:
    held = Report("v1.36.4", HEALTHY, BEFORE, {SET: Since("prod", BEFORE)}, {})
    # As after a restart, which sees all anew.
    assert said({SET: "prod"}, held=held, observed={SET: Since("prod", SEEN)}) == held
    changed = said({SET: "test"}, held=held, observed={SET: Since("test", SEEN)})
    assert changed.properties == {SET: Since("test", SEEN)}
    assert changed.found_at == BEFORE
    worse = ControlPlane("False", "ApiServerNotReady", "etcd")
    assert said({SET: "prod"}, held=held, control_plane=worse).found_at == NOW


def test_what_is_not_known_yet_stays_as_it_was_told() -> None:
    held = Report("v1.36.4", HEALTHY, BEFORE, {SET: Since("prod", BEFORE)}, {"a": "ValueTooLong"})
    assert report_of("", HEALTHY, None, {}, held=held, now=NOW) == held


@pytest.mark.requirement("CP-09")
def test_a_report_is_read_as_it_was_written_and_fits_the_schema() -> None:
    report = said({SET: "prod", ID: "east", "region.example.com": "Ä b"})
    report = Report(report.version, HEALTHY, NOW, report.properties, {"a": "ValueTooLong"})
    raw = {"metadata": {"name": "report"}, "spec": encode_report(report)}
    assert decode_report(raw) == report
    MemberReport.model_validate(raw)
    MemberReport.model_validate({**raw, "spec": encode_report(Report())})


@pytest.mark.parametrize("spec", [{"properties": {}}, {"properties": ["x"]}, {"controlPlane": "True"}])
def test_a_report_of_another_shape_is_an_error(spec: object) -> None:
    with pytest.raises(MalformedObject):
        decode_report({"metadata": {}, "spec": spec})
