"""The two drawings: nothing lies outside of them, whatever the clusterset is like."""

import pytest

from mcs_controller.clusterset.board import lag_chart
from mcs_controller.clusterset.board.lag_chart import lag_points, seconds_text
from mcs_controller.clusterset.board.sketch import BOXES_MAX, Sketch, sketch
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.explain.picture import InCluster
from mcs_controller.clusterset.overview.exposition import LAG, Sample
from mcs_controller.clusterset.overview.figures import Reading
from tests.clusterset.builders import record
from tests.clusterset.explain.pictures import bystander, on_broker, picture, settled

BOUNDS = ("0.1", "1.0", "+Inf")


def reading(at_seconds: float, *counts: float) -> Reading:
    return Reading(
        at_seconds, tuple(Sample(LAG, {"le": le}, n) for le, n in zip(BOUNDS, counts, strict=True))
    )


def test_an_interval_in_which_nothing_arrived_has_no_bar() -> None:
    readings = [reading(0, 0, 0, 0), reading(10, 4, 4, 4), reading(20, 4, 4, 4), reading(30, 4, 8, 8)]
    points = list(lag_points(readings))
    assert [(one.ended_seconds, one.lag.changes) for one in points] == [(10, 4), (30, 4)]
    chart = lag_chart.lag_chart(points, now_seconds=30.0)
    first, second = chart.bars
    assert first.x < second.x
    # Later changes took longer: higher up.
    assert second.y < first.y
    assert second.text == "0 min ago: 4 changes, p50 550 ms, p99 991 ms"


def test_a_counter_that_was_begun_anew_says_nothing() -> None:
    assert list(lag_points([reading(0, 9, 9, 9), reading(10, 1, 1, 1)])) == []


def test_bars_of_any_lag_lie_within_the_chart_and_leave_it_after_half_an_hour() -> None:
    readings = [reading(0, 0, 0, 0), reading(10, 1, 1, 1), reading(20, 1, 1, 5)]
    points = list(lag_points(readings))
    for now_seconds in (20.0, 900.0, 1800.0):
        for bar in lag_chart.lag_chart(points, now_seconds).bars:
            assert lag_chart.LEFT <= bar.x <= bar.x + bar.width <= lag_chart.WIDTH - lag_chart.RIGHT
            assert lag_chart.TOP - 4 <= bar.y <= bar.y + bar.height <= lag_chart.HEIGHT - lag_chart.BOTTOM + 1
    assert lag_chart.lag_chart(points, 2000.0).bars == ()


def test_a_lag_beyond_what_is_measured_is_at_the_top() -> None:
    measured, beyond = lag_chart.lag_chart(
        list(lag_points([reading(0, 0, 0, 0), reading(10, 0, 4, 4), reading(20, 0, 4, 8)])), 20.0
    ).bars
    assert beyond.y + beyond.height < measured.y
    assert beyond.text.endswith("p50 over 300 s, p99 over 300 s")


def test_a_bar_that_would_begin_before_the_chart_is_not_drawn() -> None:
    points = list(lag_points([reading(0, 0, 0, 0), reading(600, 1, 1, 1)]))
    assert len(lag_chart.lag_chart(points, 1800.0).bars) == 1
    assert lag_chart.lag_chart(points, 1801.0).bars == ()


@pytest.mark.parametrize(("seconds", "text"), [(0.0123, "12 ms"), (2.34, "2.3 s"), (None, "over 300 s")])
def test_a_lag_in_words(seconds: float | None, text: str) -> None:
    assert seconds_text(seconds) == text


def drawn(*exporters: str, members: tuple[str, ...] = ("east", "north", "west")) -> Sketch:
    on = [on_broker(name, record=record(name)) for name in exporters]
    seen = settled(picture(*on, bystander("north"), here=InCluster("north")))
    return sketch(explain(seen), members)


def test_exporters_lead_to_the_service_and_it_leads_to_this_cluster() -> None:
    found = drawn("east", "west")
    assert [(one.title, one.kind, one.text) for one in found.boxes] == [
        ("east", "in", "1 of 1 endpoints"),
        ("west", "in", "1 of 1 endpoints"),
        ("web", "service", "10.96.0.9"),
        ("north", "in", "here: 2 endpoints in"),
        ("east", "possible", "not seen from here"),
        ("west", "possible", "not seen from here"),
    ]
    assert [one.kind for one in found.arrows] == ["in", "in", "in", "possible", "possible"]
    assert found.text == "Exported by east, west. north, here: 2 endpoints in."


def test_a_service_that_nobody_exports_has_a_picture() -> None:
    found = drawn()
    assert [(one.title, one.text) for one in found.boxes][:2] == [
        ("web", "no export"),
        ("north", "here: not imported"),
    ]
    assert found.text.startswith("Exported by no cluster.")


def test_an_export_that_does_not_count_leads_nowhere_and_its_endpoints_are_not_counted() -> None:
    withdrawn = on_broker("west", record=record("west", withdrawn=True))
    seen = settled(picture(on_broker("east"), withdrawn, bystander("north"), here=InCluster("north")))
    found = sketch(explain(seen), ("east", "north", "west"))
    assert [(one.title, one.kind, one.text) for one in found.boxes[:2]] == [
        ("east", "in", "1 of 1 endpoints"),
        ("west", "out", "does not count"),
    ]
    assert found.text == "Exported by east. north, here: 1 endpoint in."


@pytest.mark.parametrize(("number", "more"), [(BOXES_MAX, []), (BOXES_MAX + 1, ["and 2 more"])])
def test_as_many_boxes_as_there_is_room_for(number: int, more: list[str]) -> None:
    found = drawn(*(f"c{one}" for one in range(number)), members=("north",))
    assert [one.title for one in found.boxes if one.kind == "more"] == more
    assert len(found.boxes) == BOXES_MAX + 2


def test_a_clusterset_of_hundreds_fits_into_the_picture() -> None:
    many = tuple(f"cluster-with-a-long-name-{number}" for number in range(200))
    found = drawn(*many, members=("north", *many))
    assert len(found.boxes) == 2 * BOXES_MAX + 1
    assert [one.title for one in found.boxes if one.kind == "more"] == ["and 195 more", "and 196 more"]
    for box in found.boxes:
        assert 0 <= box.x <= box.x + box.width <= found.width
        assert 0 <= box.y <= box.y + box.height <= found.height
        assert len(box.title) <= 18
