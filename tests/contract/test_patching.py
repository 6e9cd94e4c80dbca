"""Patches: the three forms, and how they are refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.api import JSON_PATCH, MERGE, STRATEGIC, Api, config_map, service, widget


async def test_a_merge_patch_sets_replaces_and_removes(api: Api, core: str) -> None:
    await api.ok("POST", f"{core}/configmaps", config_map("a", keep="1", change="1", drop="1"))
    patch = {"data": {"change": "2", "drop": None, "add": "2"}}
    patched = await api.ok("PATCH", f"{core}/configmaps/a", patch, content_type=MERGE)
    assert patched["data"] == {"keep": "1", "change": "2", "add": "2"}


async def test_a_json_patch_is_applied_in_order(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("a"))
    patch = [
        {"op": "test", "path": "/spec/size", "value": 1},
        {"op": "replace", "path": "/spec/size", "value": 4},
        {"op": "add", "path": "/metadata/labels", "value": {"k": "v"}},
    ]
    patched = await api.ok("PATCH", f"{widgets}/a", patch, content_type=JSON_PATCH)
    assert patched["spec"]["size"] == 4
    assert patched["metadata"]["labels"] == {"k": "v"}


async def test_a_json_patch_whose_test_fails_changes_nothing(api: Api, widgets: str) -> None:
    made = await api.ok("POST", widgets, widget("a"))
    patch = [
        {"op": "replace", "path": "/spec/size", "value": 4},
        {"op": "test", "path": "/spec/colour", "value": "blue"},
    ]
    answer = await api.send("PATCH", f"{widgets}/a", patch, content_type=JSON_PATCH)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert await api.ok("GET", f"{widgets}/a") == made


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"op": "test", "path": "/spec/size", "value": True}, 422),
        ({"op": "remove", "path": "/spec/nothing"}, 422),
        ({"op": "add", "path": "/metadata/finalizers/4", "value": "a/b"}, 422),
        ({"op": "add", "path": "/metadata/finalizers/-", "value": "c/d"}, 200),
        ({"op": "add", "path": "/nothing/x", "value": 1}, 422),
        ({"op": "add", "path": "/spec/size/x", "value": 1}, 422),
        ({"op": "conjure", "path": "/spec"}, 422),
        ({"op": "replace", "path": "", "value": 1}, 422),
        ({"op": "add", "path": "spec", "value": 1}, 422),
        (1, 400),
    ],
)
async def test_a_json_patch_that_does_not_fit_is_unprocessable(
    api: Api, widgets: str, operation: Any, status: int
) -> None:
    body = widget("a")
    body["metadata"]["finalizers"] = ["contract.mcs-controller.io/hold"]
    made = await api.ok("POST", widgets, body)
    answer = await api.send("PATCH", f"{widgets}/a", [operation], content_type=JSON_PATCH)
    assert answer.status == status, answer.body
    if status != 200:
        assert await api.ok("GET", f"{widgets}/a") == made
    await api.ok("PATCH", f"{widgets}/a", {"metadata": {"finalizers": None}}, content_type=MERGE)


async def test_a_json_patch_may_not_copy_without_end(api: Api, core: str) -> None:
    await api.ok("POST", f"{core}/configmaps", config_map("a", key="x" * 100_000))
    doubling = [{"op": "copy", "from": "/data", "path": f"/data/{number}"} for number in range(20)]
    answer = await api.send("PATCH", f"{core}/configmaps/a", doubling, content_type=JSON_PATCH)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert (await api.ok("GET", f"{core}/configmaps/a"))["data"] == {"key": "x" * 100_000}


async def test_a_json_patch_has_at_most_ten_thousand_operations(api: Api, core: str) -> None:
    await api.ok("POST", f"{core}/configmaps", config_map("a"))
    many = [{"op": "test", "path": "/metadata/name", "value": "a"}] * 10_001
    answer = await api.send("PATCH", f"{core}/configmaps/a", many, content_type=JSON_PATCH)
    assert (answer.status, answer.reason) == (413, "RequestEntityTooLarge")


async def test_a_strategic_patch_merges_lists_by_their_key(api: Api, core: str) -> None:
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    await api.ok("POST", f"{core}/services", service("a", ports=ports))
    patch = {"spec": {"ports": [{"port": 81, "name": "c"}, {"name": "d", "port": 82}]}}
    patched = await api.ok("PATCH", f"{core}/services/a", patch, content_type=STRATEGIC)
    ports_by_number = {one["port"]: one["name"] for one in patched["spec"]["ports"]}
    assert ports_by_number == {80: "a", 81: "c", 82: "d"}


async def test_a_custom_object_takes_no_strategic_patch(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("a"))
    answer = await api.send("PATCH", f"{widgets}/a", {"spec": {"size": 2}}, content_type=STRATEGIC)
    assert (answer.status, answer.reason) == (415, "UnsupportedMediaType")


async def test_a_patch_may_carry_a_version_as_a_precondition(api: Api, core: str) -> None:
    first = await api.ok("POST", f"{core}/configmaps", config_map("a"))
    await api.ok("PATCH", f"{core}/configmaps/a", {"data": {"k": "1"}}, content_type=MERGE)
    stale = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "data": {"k": "2"}}
    answer = await api.send("PATCH", f"{core}/configmaps/a", stale, content_type=MERGE)
    assert (answer.status, answer.reason) == (409, "Conflict")


async def test_a_patch_of_the_status_leaves_the_rest_alone(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("a"))
    patch = {"status": {"phase": "Ready"}, "spec": {"size": 5}}
    patched = await api.ok("PATCH", f"{widgets}/a/status", patch, content_type=MERGE)
    assert (patched["status"], patched["spec"]["size"]) == ({"phase": "Ready"}, 1)


async def test_a_patch_of_what_is_not_there_is_404(api: Api, core: str) -> None:
    answer = await api.send("PATCH", f"{core}/configmaps/a", {"data": {}}, content_type=MERGE)
    assert (answer.status, answer.reason) == (404, "NotFound")


async def test_a_patched_object_is_validated(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("a"))
    answer = await api.send("PATCH", f"{widgets}/a", {"spec": {"size": 99}}, content_type=MERGE)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == [("spec.size", "FieldValueInvalid")]


async def test_a_patch_that_changes_nothing_makes_no_new_version(api: Api, widgets: str) -> None:
    made = await api.ok("POST", widgets, widget("a"))
    patched = await api.ok("PATCH", f"{widgets}/a", {"spec": {"size": 1}}, content_type=MERGE)
    assert patched["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_applying_creates_and_then_merges(api: Api, widgets: str) -> None:
    apply: dict[str, Any] = {
        "content_type": "application/apply-patch+yaml",
        "query": {"fieldManager": "test", "force": "true"},
    }
    created = await api.send("PATCH", f"{widgets}/a", widget("a", note="one"), **apply)
    assert created.status == 201
    assert created.body["metadata"]["uid"]
    changed = await api.ok("PATCH", f"{widgets}/a", widget("a", size=2, note="two"), **apply)
    assert changed["metadata"]["uid"] == created.body["metadata"]["uid"]
    assert (changed["spec"]["size"], changed["spec"]["note"]) == (2, "two")
    again = await api.ok("PATCH", f"{widgets}/a", widget("a", size=2, note="two"), **apply)
    assert again["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
