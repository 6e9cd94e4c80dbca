"""Structural schemas of custom resources: what is dropped, filled in and refused, and in which words."""

from __future__ import annotations

import pytest

from tests.contract.api import Api, Object, widget_crd
from tests.contract.conftest import CRDS

GROUP = "schemas.contract.mcs-controller.io"
SPEC: Object = {
    "type": "object",
    "required": ["must"],
    "properties": {
        "must": {"type": "string"},
        "small": {"type": "integer", "format": "int32"},
        "n": {"type": "integer", "minimum": 1, "maximum": 10},
        "s": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
        "e": {"type": "string", "enum": ["A", "B"]},
        "d": {"type": "string", "default": "dd"},
        "nullable": {"type": "string", "nullable": True},
        "nested": {
            "type": "object",
            "default": {},
            "properties": {"x": {"type": "integer", "default": 3}},
        },
        "list": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "required": ["k"],
                "properties": {"k": {"type": "string"}, "v": {"type": "string", "default": "v"}},
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k"],
        },
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "map": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}},
        "either": {"x-kubernetes-int-or-string": True},
        "t": {"type": "string", "format": "date-time"},
        "f": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        "b": {"type": "boolean"},
        "ip": {"type": "string", "format": "ipv4"},
    },
}
FILLED = {"must": "x", "d": "dd", "nested": {"x": 3}}


@pytest.fixture
async def gauges(api: Api, namespace: str) -> str:
    """The path of a custom resource whose spec has this schema."""
    crd = widget_crd()
    crd["metadata"]["name"] = f"gauges.{GROUP}"
    schema = {"type": "object", "properties": {"spec": SPEC}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    crd["spec"] |= {"group": GROUP, "names": {"plural": "gauges", "kind": "Gauge"}, "versions": [version]}
    answer = await api.send("POST", CRDS, crd)
    assert answer.status in (201, 409), answer.body
    path = f"/apis/{GROUP}/v1/namespaces/{namespace}/gauges"
    await api.until(path, lambda one: one.status == 200)
    return path


def gauge(spec: Object) -> Object:
    return {"apiVersion": f"{GROUP}/v1", "kind": "Gauge", "metadata": {"name": "a"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {}),
        ({"unknown": 1, "nested": {"y": 2}}, {}),
        ({"any": {"q": {"r": [1]}}}, {"any": {"q": {"r": [1]}}}),
        ({"map": {"a": "b"}}, {"map": {"a": "b"}}),
        ({"d": None, "nested": None, "e": None}, {}),
        ({"nullable": None}, {"nullable": None}),
        ({"list": [{"k": "a", "z": 1}]}, {"list": [{"k": "a", "v": "v"}]}),
        ({"nested": {"x": 4}}, {"nested": {"x": 4}}),
    ],
)
async def test_unknown_fields_and_nulls_go_and_defaults_come(
    api: Api, gauges: str, spec: Object, expected: Object
) -> None:
    made = await api.ok("POST", gauges, gauge({"must": "x"} | spec))
    assert made["spec"] == FILLED | expected


async def test_unknown_fields_are_named_as_strict_validation_names_them(api: Api, gauges: str) -> None:
    body = gauge({"must": "x", "bar": 1, "list": [{"k": "a", "z": 1}]})
    body["metadata"]["foo"] = body["foo"] = 1
    answer = await api.send("POST", gauges, body, query={"fieldValidation": "Strict"})
    assert answer.status == 400
    named = ("metadata.foo", "foo", "spec.bar", "spec.list[0].z")
    assert answer.body["message"].endswith(", ".join(f'unknown field "{one}"' for one in named))


async def refused(api: Api, gauges: str, spec: Object) -> list[tuple[str, str, str]]:
    """(field, reason, message) of each cause."""
    answer = await api.send("POST", gauges, gauge({"must": "x"} | spec))
    assert (answer.status, answer.reason) == (422, "Invalid")
    causes = answer.body["details"]["causes"]
    return [(one["field"], one["reason"].removeprefix("FieldValue"), one["message"]) for one in causes]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"must": None}, [("must", "Required", "Required value")]),
        (
            {"must": 1},
            [
                (
                    "must",
                    "TypeInvalid",
                    'Invalid value: "integer": spec.must in body must be of type string: "integer"',
                )
            ],
        ),
        (
            {"n": 11},
            [("n", "Invalid", "Invalid value: 11: spec.n in body should be less than or equal to 10")],
        ),
        (
            {"n": 0},
            [("n", "Invalid", "Invalid value: 0: spec.n in body should be greater than or equal to 1")],
        ),
        ({"f": 0}, [("f", "Invalid", "Invalid value: 0: spec.f in body should be greater than 0")]),
        (
            {"s": "a"},
            [("s", "Invalid", 'Invalid value: "a": spec.s in body should be at least 2 chars long')],
        ),
        ({"s": "abcde"}, [("s", "TooLong", "Too long: may not be more than 4 bytes")]),
        (
            {"s": "ab\n"},
            [("s", "Invalid", "Invalid value: \"ab\\n\": spec.s in body should match '^[a-z]+$'")],
        ),
        ({"e": "C"}, [("e", "NotSupported", 'Unsupported value: "C": supported values: "A", "B"')]),
        (
            {"list": []},
            [("list", "Invalid", "Invalid value: 0: spec.list in body should have at least 1 items")],
        ),
        (
            {"list": [{"k": "a"}, {"k": "b"}, {"k": "c"}]},
            [("list", "TooMany", "Too many: 3: must have at most 2 items")],
        ),
        (
            {"list": [{"k": "a"}, {"k": "a"}]},
            [("list[1]", "Duplicate", 'Duplicate value: {"k":"a"}')],
        ),
        ({"list": [{}]}, [("list[0].k", "Required", "Required value")]),
        ({"set": ["a", "a"]}, [("set[1]", "Duplicate", 'Duplicate value: "a"')]),
        ({"map": {"a": "bbbb"}}, [("map.a", "TooLong", "Too long: may not be more than 3 bytes")]),
        (
            {"either": True},
            [
                (
                    "either",
                    "TypeInvalid",
                    'Invalid value: "boolean": spec.either in body must be of type integer,string: "boolean"',
                )
            ],
        ),
        (
            {"t": "yesterday"},
            [
                (
                    "t",
                    "TypeInvalid",
                    'Invalid value: "yesterday": spec.t in body must be of type date-time: "yesterday"',
                )
            ],
        ),
        (
            {"b": "true"},
            [
                (
                    "b",
                    "TypeInvalid",
                    'Invalid value: "string": spec.b in body must be of type boolean: "string"',
                )
            ],
        ),
    ],
)
async def test_a_value_that_does_not_fit_is_refused_in_these_words(
    api: Api, gauges: str, spec: Object, expected: list[tuple[str, str, str]]
) -> None:
    assert await refused(api, gauges, spec) == [
        (f"spec.{field}", reason, message) for field, reason, message in expected
    ]


async def test_a_number_beyond_its_format_is_refused(api: Api, gauges: str) -> None:
    message = 'Invalid value: "": Checked value must be of type integer with format int32 in spec.small'
    assert await refused(api, gauges, {"small": 2**31}) == [("<nil>", "Invalid", message)]


@pytest.mark.parametrize(
    "spec",
    [
        {"n": 3.0},
        {"f": 1},
        {"either": 1},
        {"either": "1"},
        {"t": "2026-01-01T00:00:00.123456789+01:00"},
        {"t": "2026-01-01T00:00:00Z"},
        {"ip": "192.0.2.1"},
        {"nullable": None},
        {"b": False},
        {"small": 2**31 - 1},
    ],
)
async def test_a_value_that_fits_is_taken(api: Api, gauges: str, spec: Object) -> None:
    await api.ok("POST", gauges, gauge({"must": "x"} | spec))
