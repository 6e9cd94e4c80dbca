"""Structural schemas: what holds of every value. Single rules are in tests/contract/test_schemas.py."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.simcluster.schemas.structural import StructuralSchema
from mcs_controller.simcluster.status import StatusError
from tests.contract.test_schemas import SPEC
from tests.simcluster.pure.builders import BUSY_MACHINE, builtin

SCHEMA = StructuralSchema({"type": "object", "properties": {"spec": SPEC}})


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
