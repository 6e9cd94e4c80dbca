from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcs_controller.simcluster.patches.patch import (
    APPLY,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    apply_patch,
    merge,
)
from mcs_controller.simcluster.status import StatusError
from tests.simcluster.pure.builders import BUSY_MACHINE, Object, builtin, shipped

SERVICE = builtin("Service")
EXPORT = shipped("serviceexports")


def patched(target: Object, patch: Any, content_type: str = STRATEGIC_PATCH) -> Object:
    before = deepcopy(target)
    result = apply_patch(content_type, target, json.dumps(patch).encode(), SERVICE)
    assert target == before
    return result


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_does_what_the_table_of_rfc_7386_says(target: Any, patch: Any, expected: Any) -> None:
    assert merge(target, patch) == expected


JSON = st.recursive(
    st.booleans() | st.integers(0, 3) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@BUSY_MACHINE
@given(JSON, JSON)
def test_a_merge_patch_without_nulls_is_there_afterwards(target: Any, patch: Any) -> None:
    once = merge(target, patch)
    assert merge(once, patch) == once


DOCUMENT = {"foo": ["bar", "baz"], "a/b": 1, "m~n": 2, "o": {"p": {"q": 1}}, "t": True}


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([{"op": "add", "path": "/x", "value": 1}], {"x": 1}),
        ([{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
        ([{"op": "add", "path": "/foo/-", "value": 1}], {"foo": ["bar", "baz", 1]}),
        ([{"op": "add", "path": "/foo/2", "value": 1}], {"foo": ["bar", "baz", 1]}),
        ([{"op": "remove", "path": "/foo/0"}], {"foo": ["baz"]}),
        ([{"op": "replace", "path": "/a~1b", "value": 9}], {"a/b": 9}),
        ([{"op": "replace", "path": "/m~0n", "value": 9}], {"m~n": 9}),
        ([{"op": "move", "from": "/o/p", "path": "/y"}], {"o": {}, "y": {"q": 1}}),
        ([{"op": "move", "from": "/foo/0", "path": "/foo/1"}], {"foo": ["baz", "bar"]}),
        ([{"op": "copy", "from": "/o/p", "path": "/o/r"}], {"o": {"p": {"q": 1}, "r": {"q": 1}}}),
        ([{"op": "test", "path": "/foo/1", "value": "baz"}], {}),
        ([{"op": "test", "path": "/o", "value": {"p": {"q": 1.0}}}], {}),
        (
            [{"op": "copy", "from": "/o", "path": "/z"}, {"op": "remove", "path": "/o/p"}],
            {"o": {}, "z": {"p": {"q": 1}}},
        ),
    ],
)
def test_json_patch_operations(operations: list[Object], expected: Object) -> None:
    body = json.dumps(operations).encode()
    before = deepcopy(DOCUMENT)
    assert apply_patch(JSON_PATCH, DOCUMENT, body, EXPORT) == before | expected
    assert before == DOCUMENT


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/foo/1", "value": "bar"},
        {"op": "test", "path": "/t", "value": 1},
        {"op": "remove", "path": "/nothing"},
        {"op": "remove", "path": "/foo/2"},
        {"op": "replace", "path": "/nothing", "value": 1},
        {"op": "add", "path": "/foo/4", "value": 1},
        {"op": "add", "path": "/foo/01", "value": 1},
        {"op": "add", "path": "/nothing/x", "value": 1},
        {"op": "add", "path": "/a~1b/x", "value": 1},
        {"op": "conjure", "path": "/foo"},
        {"op": "add", "path": "foo", "value": 1},
        {"op": "add", "path": "/foo"},
        {"op": ["add"], "path": "/foo"},
        {"op": "copy", "from": 1, "path": "/foo"},
        {"op": "copy", "path": "/foo"},
        {"path": "/foo"},
        {"op": "replace", "path": "", "value": 1},
    ],
)
def test_a_json_patch_that_cannot_be_carried_out_is_unprocessable(operation: Object) -> None:
    with pytest.raises(StatusError) as refusal:
        apply_patch(JSON_PATCH, DOCUMENT, json.dumps([operation]).encode(), EXPORT)
    assert (refusal.value.code, refusal.value.reason) == (422, "Invalid")


def test_a_json_patch_may_not_copy_without_end() -> None:
    doubling = [{"op": "copy", "from": "/o", "path": f"/o/{number}"} for number in range(40)]
    with pytest.raises(StatusError, match="copies more than") as refusal:
        apply_patch(JSON_PATCH, DOCUMENT, json.dumps(doubling).encode(), EXPORT)
    assert refusal.value.code == 422


@pytest.mark.parametrize("source", ["", "/o"])
def test_a_json_patch_may_not_nest_without_end(source: str) -> None:
    deeper = [{"op": "add", "path": "/o" * number, "value": {}} for number in range(1, 90)]
    deeper += [{"op": "copy", "from": source, "path": "/o" * 89 + "/o"}] * 12
    with pytest.raises(StatusError) as refusal:
        apply_patch(JSON_PATCH, DOCUMENT, json.dumps(deeper).encode(), EXPORT)
    assert refusal.value.code == 422


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'[{"op":"add","path":"/x","value":' + b"[" * 1000 + b"]" * 1000 + b"}]"]
)
def test_a_patch_that_is_nested_too_deeply_is_not_read(body: bytes) -> None:
    with pytest.raises(StatusError) as refusal:
        apply_patch(JSON_PATCH, DOCUMENT, body, EXPORT)
    assert refusal.value.code == 400


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON_PATCH, b"{}"),
        (JSON_PATCH, b"[1]"),
        (MERGE_PATCH, b"[]"),
        (MERGE_PATCH, b"{"),
        (APPLY, b"a: [\n"),
        (APPLY, b"- a"),
        (APPLY, b"{apiVersion: v1, kind: Service}"),
    ],
)
def test_a_patch_that_cannot_be_read_is_a_bad_request(content_type: str, body: bytes) -> None:
    with pytest.raises(StatusError) as refusal:
        apply_patch(content_type, DOCUMENT, body, EXPORT)
    assert refusal.value.code == 400


def test_custom_resources_take_no_strategic_patch() -> None:
    with pytest.raises(StatusError) as refusal:
        apply_patch(STRATEGIC_PATCH, {}, b"{}", EXPORT)
    assert refusal.value.code == 415


def test_a_patch_that_makes_nonsense_of_a_built_in_kind_is_unprocessable() -> None:
    with pytest.raises(StatusError) as refusal:
        patched({"kind": "Service", "spec": {}}, {"spec": {"ports": "x"}}, MERGE_PATCH)
    assert refusal.value.code == 422


def service(*ports: Object, **metadata: Any) -> Object:
    return {"kind": "Service", "metadata": {"name": "web"} | metadata, "spec": {"ports": list(ports)}}


A, B = {"port": 80, "name": "a"}, {"port": 81, "name": "b"}


@pytest.mark.parametrize(
    ("patch", "ports"),
    [
        ([{"port": 80, "name": "x"}], [{"port": 80, "name": "x"}, B]),
        ([{"port": 82}], [A, B, {"port": 82}]),
        ([{"port": 80, "$patch": "delete"}], [B]),
        ([{"$patch": "replace"}, {"port": 82}], [{"port": 82}]),
        ([{"port": 80, "name": None}], [{"port": 80}, B]),
    ],
)
def test_a_strategic_patch_merges_ports_by_their_number(patch: list[Object], ports: list[Object]) -> None:
    assert patched(service(A, B), {"spec": {"ports": patch}})["spec"]["ports"] == ports


def test_a_strategic_patch_can_set_the_order() -> None:
    order = {"$setElementOrder/ports": [{"port": 82}, {"port": 80}]}
    result = patched(service(A, B), {"spec": {"ports": [{"port": 82}]} | order})
    assert [port["port"] for port in result["spec"]["ports"]] == [82, 80, 81]


def test_a_strategic_patch_treats_finalizers_as_a_set() -> None:
    held = service(finalizers=["a/b"])
    more = patched(held, {"metadata": {"finalizers": ["c/d", "a/b"]}})
    assert more["metadata"]["finalizers"] == ["a/b", "c/d"]
    less = patched(more, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/b"]}})
    assert less["metadata"]["finalizers"] == ["c/d"]


def test_a_strategic_patch_merges_conditions_by_type_and_owners_by_uid() -> None:
    ready, other = {"type": "Ready", "status": "True"}, {"type": "Other", "status": "True"}
    target = service(ownerReferences=[{"uid": "1", "name": "x"}]) | {"status": {"conditions": [ready, other]}}
    patch = {
        "status": {"conditions": [{"type": "Ready", "status": "False"}]},
        "metadata": {"ownerReferences": [{"uid": "1", "$patch": "delete"}, {"uid": "2", "name": "y"}]},
    }
    result = patched(target, patch)
    assert result["status"]["conditions"] == [{"type": "Ready", "status": "False"}, other]
    assert result["metadata"]["ownerReferences"] == [{"uid": "2", "name": "y"}]


def test_a_strategic_patch_may_replace_or_delete_a_map() -> None:
    target = service() | {
        "spec": {"selector": {"a": "b", "c": "d"}, "sessionAffinityConfig": {"clientIP": {}}}
    }
    replaced = patched(target, {"spec": {"selector": {"$patch": "replace", "x": "y"}}})
    assert replaced["spec"]["selector"] == {"x": "y"}
    deleted = patched(target, {"spec": {"sessionAffinityConfig": {"$patch": "delete"}}})
    assert "sessionAffinityConfig" not in deleted["spec"]


@pytest.mark.parametrize("patch", [{"spec": {"ports": [{"name": "x"}]}}, {"spec": {"$patch": "conjure"}}])
def test_a_strategic_patch_without_its_keys_is_a_bad_request(patch: Object) -> None:
    with pytest.raises(StatusError) as refusal:
        patched(service(A), patch)
    assert refusal.value.code == 400


def applied(target: Object, **fields: Any) -> Object:
    declared = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}} | fields
    return apply_patch(APPLY, target, json.dumps(declared).encode(), SERVICE)


def test_an_apply_creates_what_is_not_there() -> None:
    assert applied({}, spec={"ports": [A]})["spec"] == {"ports": [A]}


def test_an_apply_merges_ports_by_number_and_protocol() -> None:
    target = service({"port": 80, "protocol": "TCP", "name": "a"}, {"port": 53, "protocol": "UDP"})
    result = applied(target, spec={"ports": [{"port": 53, "protocol": "TCP"}, {"port": 80, "name": "b"}]})
    assert result["spec"]["ports"] == [
        {"port": 53, "protocol": "TCP"},
        {"port": 80, "protocol": "TCP", "name": "b"},
        {"port": 53, "protocol": "UDP"},
    ]


def test_an_apply_replaces_what_is_atomic_and_joins_what_is_a_set() -> None:
    target = service(A, finalizers=["a/b"])
    target["spec"]["selector"] = {"a": "b"}
    result = applied(target, metadata={"name": "web", "finalizers": ["c/d"]}, spec={"selector": {"c": "d"}})
    assert result["spec"] == {"ports": [A], "selector": {"c": "d"}}
    assert result["metadata"]["finalizers"] == ["a/b", "c/d"]


def test_an_apply_reads_yaml_and_refuses_managed_fields() -> None:
    assert apply_patch(APPLY, {}, b"apiVersion: v1\nkind: Service\n", SERVICE) == {
        "apiVersion": "v1",
        "kind": "Service",
    }
    with pytest.raises(StatusError, match="managedFields"):
        applied({}, metadata={"managedFields": []})


def test_yaml_with_aliases_is_not_read() -> None:
    doubled = b"a: &a [x, x]\nb: &b [*a, *a]\n"
    with pytest.raises(StatusError, match="aliases are not read") as refusal:
        apply_patch(APPLY, {}, b"apiVersion: v1\nkind: Service\n" + doubled, SERVICE)
    assert refusal.value.code == 400
