from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mcs_controller.simcluster.kinds.builtin import BUILTIN_KINDS
from mcs_controller.simcluster.kinds.custom import kinds_of_crd
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.kubectl.ages import age_since, human_duration
from mcs_controller.simcluster.kubectl.tables import render_table, wants_table
from tests.simcluster.pure.builders import NOW, Object, builtin, crd, named, shipped

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
BORN = (NOW - timedelta(minutes=5)).isoformat().replace("+00:00", "Z")


def cells(kind: Kind, obj: Object, *, wide: bool = False) -> list[Any]:
    obj["metadata"]["creationTimestamp"] = BORN
    table = render_table(kind, [obj], resource_version="7", continue_="", include_object="Metadata", now=NOW)
    shown = zip(table["columnDefinitions"], table["rows"][0]["cells"], strict=True)
    return [cell for column, cell in shown if wide or column["priority"] == 0]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("application/json", False),
        (TABLE, True),
        (f"{TABLE},application/json", True),
        (f"application/json,{TABLE}", False),
        (f"application/json;q=0.5,{TABLE}", True),
        ("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", False),
    ],
)
def test_a_table_is_given_to_who_prefers_one(accept: str, expected: bool) -> None:
    assert wants_table(accept) is expected


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (11 * 60, "11m"),
        (179 * 60, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 600, "3h10m"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (51 * 3600, "2d3h"),
        (400 * 86400, "400d"),
        (731 * 86400, "2y1d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_ages_have_two_or_three_figures(seconds: float, shown: str) -> None:
    assert human_duration(seconds) == shown


def test_the_age_of_what_has_no_time_is_unknown() -> None:
    assert age_since(None, NOW) == "<unknown>"
    assert age_since("yesterday", NOW) == "<invalid>"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"type": "ClusterIP", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "protocol": "TCP"}]},
            ["web", "ClusterIP", "10.0.0.1", "<none>", "80/TCP", "5m"],
        ),
        (
            {"type": "ClusterIP", "clusterIPs": ["None"]},
            ["web", "ClusterIP", "None", "<none>", "<none>", "5m"],
        ),
        (
            {
                "type": "NodePort",
                "clusterIPs": ["10.0.0.1"],
                "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}],
            },
            ["web", "NodePort", "10.0.0.1", "<none>", "80:30080/TCP", "5m"],
        ),
        (
            {"type": "ExternalName", "externalName": "a.example.com"},
            ["web", "ExternalName", "<none>", "a.example.com", "<none>", "5m"],
        ),
        (
            {"type": "LoadBalancer", "clusterIPs": ["10.0.0.1"]},
            ["web", "LoadBalancer", "10.0.0.1", "<pending>", "<none>", "5m"],
        ),
    ],
)
def test_services_are_shown_as_kubectl_users_know_them(spec: Object, expected: list[str]) -> None:
    assert cells(builtin("Service"), named(spec=spec)) == expected


def test_the_selector_is_for_wide_output_only() -> None:
    service = named(spec={"type": "ClusterIP", "selector": {"b": "2", "a": "1"}})
    assert cells(builtin("Service"), service, wide=True)[-1] == "a=1,b=2"


def test_endpoint_slices_show_three_addresses_and_say_how_many_more() -> None:
    kind = builtin("EndpointSlice", "discovery.k8s.io")
    endpoints = [{"addresses": [f"10.0.0.{last}"]} for last in range(5)]
    slice_ = named(
        addressType="IPv4", endpoints=endpoints, ports=[{"name": "http", "port": 80}, {"name": "x"}]
    )
    shown = "10.0.0.0,10.0.0.1,10.0.0.2 + 2 more..."
    assert cells(kind, slice_) == ["web", "IPv4", "80,x", shown, "5m"]
    assert cells(kind, named(addressType="IPv4", endpoints=None, ports=None))[2:4] == ["<unset>", "<unset>"]


def test_events_show_what_happened_to_what() -> None:
    event = named(
        involvedObject={"kind": "ServiceExport", "name": "web"},
        eventTime=BORN,
        reason="Exported",
        type="Normal",
        message=" all fine ",
        series={"count": 4, "lastObservedTime": NOW.isoformat()},
        reportingComponent="mcs",
        reportingInstance="mcs-1",
    )
    expected = ["0s", "Normal", "Exported", "serviceexport/web", "all fine"]
    assert cells(builtin("Event"), event) == expected
    assert cells(builtin("Event"), event, wide=True)[5:] == ["mcs, mcs-1", "all fine", "5m", 4, "web"]


@pytest.mark.parametrize("kind", BUILTIN_KINDS, ids=lambda kind: f"{kind.kind}.{kind.group}")
def test_every_built_in_kind_can_show_an_object_that_has_only_its_metadata(kind: Kind) -> None:
    bare: Object = named(spec={})
    assert "web" in cells(kind, bare, wide=True)


@pytest.mark.requirement("MCS-API-05")
def test_service_imports_and_exports_show_how_they_are() -> None:
    spec = {"type": "ClusterSetIP", "ips": ["10.0.0.1", "fd00::1"]}
    conditions = [{"type": "Ready", "status": "True"}, {"type": "Valid", "status": "False"}]
    status = {"clusters": [{"cluster": "east"}], "conditions": conditions}
    kind = shipped("serviceimports")
    assert cells(kind, named(spec=spec, status=status)) == [
        "web",
        "ClusterSetIP",
        '["10.0.0.1","fd00::1"]',
        "True",
        '[{"cluster":"east"}]',
        "5m",
    ]
    assert cells(kind, named(spec=spec)) == [
        "web",
        "ClusterSetIP",
        '["10.0.0.1","fd00::1"]',
        None,
        None,
        "5m",
    ]
    export = named(status={"conditions": conditions})
    assert cells(shipped("serviceexports"), export) == ["web", "False", "True", None, "5m"]


def test_a_column_shows_only_values_of_its_type() -> None:
    types = ["string", "integer", "number", "boolean", "date"]
    declared = [{"name": one, "type": one, "jsonPath": ".spec.x"} for one in types]
    (kind,) = kinds_of_crd(crd({"type": "object"}, additionalPrinterColumns=declared))
    shown = {value: cells(kind, named(spec={"x": value}))[1:] for value in ("a", 3, True, BORN)}
    assert shown["a"] == ["a", None, None, None, "<invalid>"]
    assert shown[3] == ["3", 3, 3.0, None, None]
    assert shown[True] == ["true", None, None, True, None]
    assert shown[BORN][4] == "5m"
    assert cells(kind, named(spec={}))[1:] == [None] * 5


def test_rows_carry_as_much_of_the_object_as_is_asked_for() -> None:
    def row(include: str) -> Any:
        table = render_table(
            builtin("ConfigMap"),
            [named()],
            resource_version="7",
            continue_="t",
            include_object=include,
            now=NOW,
        )
        assert table["metadata"] == {"resourceVersion": "7", "continue": "t"}
        return table["rows"][0]["object"]

    assert row("None") is None
    assert row("Object") == named()
    assert row("Metadata")["kind"] == row("")["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (".spec.a", "1"),
        ("spec.a", "1"),
        (".spec.none.a", None),
        (".spec.list[0].k", None),
        ('.spec.list[?(@.k=="x")].v', "first"),
        ('.spec.list[?(@.k=="y")].v', None),
        ('.spec.a[?(@.k=="x")].v', None),
    ],
)
def test_a_column_shows_a_field_and_one_of_the_first_item_that_matches(path: str, shown: str | None) -> None:
    items = ["odd", {"k": "x", "v": "first"}, {"k": "x", "v": "second"}]
    (kind,) = kinds_of_crd(
        crd({"type": "object"}, additionalPrinterColumns=[{"name": "x", "type": "string", "jsonPath": path}])
    )
    assert cells(kind, named(spec={"a": 1, "list": items}))[1] == shown
