"""The two built-in kinds that the agent writes besides Services and EndpointSlices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.api import Api

NOW = "2026-01-02T03:04:05.000006Z"


@pytest.fixture
async def leases(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


@pytest.fixture
async def events(namespace: str) -> str:
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"


def lease(**spec: Any) -> dict[str, Any]:
    holding = {"holderIdentity": "a", "leaseDurationSeconds": 15, "acquireTime": NOW, "renewTime": NOW}
    return {"metadata": {"name": "leader"}, "spec": holding | spec}


def event(namespace: str, **fields: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web.1", "namespace": namespace},
        "eventTime": NOW,
        "reportingController": "mcs-controller.io/agent",
        "reportingInstance": "agent-0",
        "action": "Export",
        "reason": "Exported",
        "regarding": {"apiVersion": "v1", "kind": "Service", "name": "web", "namespace": namespace},
        "note": "The service is exported.",
        "type": "Normal",
    } | fields


async def test_a_lease_is_taken_by_one_of_two(api: Api, leases: str) -> None:
    made = await api.ok("POST", leases, lease())
    assert made["spec"] == lease()["spec"]
    assert "generation" not in made["metadata"]
    await api.ok("PUT", f"{leases}/leader", made | {"spec": lease(holderIdentity="b")["spec"]})
    answer = await api.send("PUT", f"{leases}/leader", made | {"spec": lease(holderIdentity="c")["spec"]})
    assert (answer.status, answer.reason) == (409, "Conflict")


async def test_a_lease_is_not_replaced_blindly(api: Api, leases: str) -> None:
    await api.ok("POST", leases, lease())
    answer = await api.send("PUT", f"{leases}/leader", lease(holderIdentity="b"))
    assert (answer.status, answer.causes) == (422, [("metadata.resourceVersion", "FieldValueInvalid")])


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"leaseDurationSeconds": 0}, "spec.leaseDurationSeconds"),
        ({"leaseTransitions": -1}, "spec.leaseTransitions"),
    ],
)
async def test_what_no_lease_may_be(api: Api, leases: str, spec: dict[str, Any], field: str) -> None:
    answer = await api.send("POST", leases, lease(**spec))
    assert (answer.status, answer.causes) == (422, [(field, "FieldValueInvalid")])


async def test_a_time_that_is_none_is_a_bad_request(api: Api, leases: str) -> None:
    assert (await api.send("POST", leases, lease(renewTime="yesterday"))).status == 400


async def test_an_event_can_be_read_through_both_groups(
    api: Api, core: str, events: str, namespace: str
) -> None:
    made = await api.ok("POST", events, event(namespace))
    assert made["note"] == "The service is exported."
    old = await api.ok("GET", f"{core}/events/web.1")
    assert old["message"] == made["note"]
    assert old["involvedObject"] == made["regarding"]
    assert old["metadata"]["uid"] == made["metadata"]["uid"]


async def test_an_event_counts_on_in_its_series(api: Api, events: str, namespace: str) -> None:
    await api.ok("POST", events, event(namespace))
    series = {"series": {"count": 2, "lastObservedTime": NOW}}
    patched = await api.ok("PATCH", f"{events}/web.1", series, content_type="application/merge-patch+json")
    assert patched["series"] == series["series"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"eventTime": None}, [("eventTime", "Required")]),
        ({"type": "Loud"}, [("type", "Invalid")]),
        ({"action": ""}, [("action", "Required")]),
        ({"reason": ""}, [("reason", "Required")]),
        ({"reason": "x" * 129}, [("reason", "Invalid")]),
        ({"note": "x" * 1025}, [("message", "Invalid")]),
        ({"reportingController": "not a controller"}, [("reportingController", "Invalid")]),
        (
            {"reportingController": ""},
            [("reportingController", "Required"), ("reportingController", "Invalid")],
        ),
        ({"regarding": {"kind": "Node", "name": "n"}}, [("involvedObject.namespace", "Invalid")]),
        ({"deprecatedCount": 1}, [("count", "Invalid")]),
        ({"series": {"count": 1, "lastObservedTime": NOW}}, [("series.count", "Invalid")]),
        ({"series": {"count": 2, "lastObservedTime": None}}, [("series.lastObservedTime", "Required")]),
    ],
)
async def test_what_no_event_may_be(
    api: Api, events: str, namespace: str, change: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    answer = await api.send("POST", events, event(namespace, **change))
    assert (answer.status, answer.reason) == (422, "Invalid")
    causes = dict.fromkeys((field, reason.removeprefix("FieldValue")) for field, reason in answer.causes)
    assert list(causes) == expected


async def test_of_an_event_only_the_series_may_change(api: Api, events: str, namespace: str) -> None:
    made = await api.ok("POST", events, event(namespace))
    answer = await api.send("PUT", f"{events}/web.1", made | {"note": "other"})
    assert (answer.status, answer.causes) == (422, [("message", "FieldValueInvalid")])


async def test_only_the_old_group_demands_that_an_event_lies_beside_what_it_is_about(
    api: Api, core: str, events: str, namespace: str
) -> None:
    other = {"kind": "Service", "name": "n", "namespace": "other"}
    assert (await api.send("POST", events, event(namespace, regarding=other))).status == 201
    answer = await api.send("POST", f"{core}/events", {"metadata": {"name": "a"}, "involvedObject": other})
    assert (answer.status, answer.causes) == (422, [("involvedObject.namespace", "FieldValueInvalid")])


async def test_the_old_group_takes_nearly_anything(api: Api, core: str, namespace: str) -> None:
    body = {"metadata": {"name": "a"}, "involvedObject": {"namespace": namespace}, "message": "hello"}
    made = await api.ok("POST", f"{core}/events", body)
    assert made["source"] == {}
    empty = ("eventTime", "firstTimestamp", "lastTimestamp", "reportingComponent", "reportingInstance")
    assert [made[field] for field in empty] == [None, None, None, "", ""]


@pytest.mark.parametrize(
    ("time", "status"),
    [
        ("2026-11-21T00:00:00.000000Z", 201),
        ("2026-11-21T00:00:00.123456+01:00", 201),
        ("2026-11-21T00:00:00Z", 400),
        ("2026-11-21T00:00:00.5Z", 400),
    ],
)
async def test_a_lease_is_renewed_at_a_time_of_exactly_six_digits(
    api: Api, leases: str, time: str, status: int
) -> None:
    assert (await api.send("POST", leases, lease(renewTime=time))).status == status
