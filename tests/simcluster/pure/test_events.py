"""Events of both groups; compared with kube-apiserver 1.36."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from mcs_controller.simcluster.kinds.events import from_core, prepare_core_event, prepare_event, to_core
from tests.simcluster.pure.builders import Object, builtin, complaints, context, named

TIME = "2026-11-21T00:00:00.000000Z"


def event(**fields: Any) -> Object:
    filled: Object = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "eventTime": TIME,
        "reportingController": "example.com/mcs",
        "reportingInstance": "mcs-1",
        "action": "Export",
        "reason": "Exported",
        "regarding": {"kind": "ServiceExport", "name": "web", "namespace": "shop"},
        "note": "all fine",
        "type": "Normal",
    }
    return named(**(filled | fields))


def test_an_event_reads_the_same_through_both_groups() -> None:
    core = to_core(event())
    assert core["involvedObject"] == event()["regarding"]
    assert (core["apiVersion"], core["message"], core["reportingComponent"]) == (
        "v1",
        "all fine",
        "example.com/mcs",
    )
    empty: Object = {
        "deprecatedSource": {},
        "deprecatedFirstTimestamp": None,
        "deprecatedLastTimestamp": None,
    }
    assert from_core(core) == event() | empty
    assert builtin("Event").storage == builtin("Event", "events.k8s.io").storage


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"eventTime": None}, [("eventTime", "Required")]),
        ({"type": "Bad"}, [("type", "Invalid")]),
        ({"action": ""}, [("action", "Required")]),
        ({"reason": "x" * 129}, [("reason", "Invalid")]),
        ({"note": "x" * 1025}, [("message", "Invalid")]),
        (
            {"reportingController": ""},
            [("reportingController", "Required"), ("reportingController", "Invalid")],
        ),
        ({"regarding": {"kind": "Node", "name": "n"}}, [("involvedObject.namespace", "Invalid")]),
        (
            {"regarding": {"kind": "Service", "name": "n", "namespace": "other"}},
            [("involvedObject.namespace", "Invalid")],
        ),
        ({"deprecatedCount": 1}, [("count", "Invalid")]),
        ({"series": {"count": 1, "lastObservedTime": TIME}}, [("series.count", "Invalid")]),
        ({"series": {"count": 2}}, [("series.lastObservedTime", "Required")]),
    ],
)
def test_the_new_group_demands_all_of_an_event(fields: Object, expected: list[tuple[str, str]]) -> None:
    assert complaints(prepare_event(event(**fields), None, context())) == expected


def test_of_an_event_only_the_series_may_change() -> None:
    series = {"count": 2, "lastObservedTime": TIME}
    assert prepare_event(event(series=series), event(), context()) == []
    assert complaints(prepare_event(event(note="other"), event(), context())) == [("message", "Invalid")]


def test_the_old_group_takes_nearly_anything() -> None:
    body = named(involvedObject={"kind": "Service", "namespace": "shop"}, message="hello")
    before = deepcopy(body)
    assert prepare_core_event(body, None, context()) == []
    empty: Object = {
        "eventTime": None,
        "firstTimestamp": None,
        "lastTimestamp": None,
        "reportingComponent": "",
        "reportingInstance": "",
        "source": {},
    }
    assert body == before | empty
