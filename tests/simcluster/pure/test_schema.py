"""Structural schemas; each message was compared with kube-apiserver 1.36."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.simcluster.schemas.schema import StructuralSchema
from mcs_controller.simcluster.status import StatusError
from tests.simcluster.pure.builders import BUSY_MACHINE, Object, builtin

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
SCHEMA = StructuralSchema({"type": "object", "properties": {"spec": SPEC}})


def stored(spec: Object) -> Object:
    body = SCHEMA.default(SCHEMA.prune({"kind": "Widget", "metadata": {"name": "a"}, "spec": spec}))
    kept: Object = body["spec"]
    return kept


def refused(spec: Object) -> list[tuple[str, str, str]]:
    body = SCHEMA.default(SCHEMA.prune({"spec": {"must": "x"} | spec}))
    return [(one.field, one.reason.removeprefix("FieldValue"), one.message) for one in SCHEMA.validate(body)]


FILLED = {"must": "x", "d": "dd", "nested": {"x": 3}}


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
def test_unknown_fields_and_nulls_go_and_defaults_come(spec: Object, expected: Object) -> None:
    assert stored({"must": "x"} | spec) == FILLED | expected


def test_unknown_fields_are_named_as_strict_validation_names_them() -> None:
    metadata = {"type": "object", "properties": {"name": {"type": "string"}}}
    schema = StructuralSchema({"type": "object", "properties": {"spec": SPEC}}, metadata)
    body = {
        "metadata": {"name": "a", "foo": 1},
        "spec": {"must": "x", "bar": 1, "list": [{"k": "a", "z": 1}]},
        "foo": 1,
    }
    assert schema.unknown_fields(body) == ["metadata.foo", "foo", "spec.bar", "spec.list[0].z"]


def body_says(field: str, text: str) -> str:
    return f"spec.{field} in body {text}"


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
def test_a_value_that_does_not_fit_is_refused_in_the_servers_words(
    spec: Object, expected: list[tuple[str, str, str]]
) -> None:
    assert refused(spec) == [(f"spec.{field}", reason, message) for field, reason, message in expected]


def test_a_number_beyond_its_format_is_refused() -> None:
    message = 'Invalid value: "": Checked value must be of type integer with format int32 in spec.small'
    assert refused({"small": 2**31}) == [("<nil>", "Invalid", message)]
    assert refused({"small": 2**31 - 1}) == []


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
    ],
)
def test_a_value_that_fits_is_taken(spec: Object) -> None:
    assert refused(spec) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*SPEC["properties"], "x", "k", "v", "zz"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@BUSY_MACHINE
@given(st.dictionaries(st.sampled_from([*SPEC["properties"], "zz"]), JSON))
def test_pruning_and_defaulting_twice_is_once_and_leaves_the_argument_alone(spec: Any) -> None:
    body = {"spec": spec}
    before = deepcopy(body)
    once = SCHEMA.default(SCHEMA.prune(body))
    assert body == before
    assert SCHEMA.unknown_fields(SCHEMA.prune(body)) == []
    assert SCHEMA.default(SCHEMA.prune(once)) == once
    SCHEMA.validate(once)


def test_to_a_built_in_kind_null_is_nothing() -> None:
    schema = builtin("Service").schema
    assert schema is not None
    assert schema.prune({"spec": {"selector": None, "ports": [{"port": 80, "name": None}]}}) == {
        "spec": {"ports": [{"port": 80}]}
    }


def test_a_built_in_kind_of_the_wrong_shape_cannot_be_read_at_all() -> None:
    schema = builtin("Service").schema
    assert schema is not None
    body = {"kind": "Service", "apiVersion": "v1", "spec": {"ports": [{"port": "80"}]}}
    with pytest.raises(
        StatusError, match=r"^Service in version .v1. cannot be handled as a Service"
    ) as refusal:
        schema.validate(body)
    assert refusal.value.code == 400


@pytest.mark.parametrize(
    ("time", "readable"),
    [
        ("2026-11-21T00:00:00.000000Z", True),
        ("2026-11-21T00:00:00.123456+01:00", True),
        ("2026-11-21T00:00:00Z", False),
        ("2026-11-21T00:00:00.5Z", False),
    ],
)
def test_a_lease_is_renewed_at_a_time_of_exactly_six_digits(time: str, readable: bool) -> None:
    schema = builtin("Lease", "coordination.k8s.io").schema
    assert schema is not None
    body = {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "spec": {"renewTime": time}}
    if readable:
        assert schema.validate(body) == []
    else:
        with pytest.raises(StatusError):
            schema.validate(body)
