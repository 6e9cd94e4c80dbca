"""Custom resources: schemas at work, versions, and the end of a definition."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.api import WIDGETS, Api, widget, widget_crd
from tests.contract.conftest import CRDS


async def test_defaults_are_filled_in_and_unknown_fields_dropped(api: Api, widgets: str) -> None:
    body = widget("a", unknown={"deep": 1})
    body["other"] = 1
    made = await api.ok("POST", widgets, body)
    assert made["spec"] == {"size": 1, "colour": "grey"}
    assert "other" not in made


async def test_strict_field_validation_refuses_unknown_fields(api: Api, widgets: str) -> None:
    body = widget("a", unknown=1)
    answer = await api.send("POST", widgets, body, query={"fieldValidation": "Strict"})
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert 'strict decoding error: unknown field "spec.unknown"' in answer.body["message"]
    assert (await api.send("GET", f"{widgets}/a")).status == 404


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ({"size": 10}, ("spec.size", "FieldValueInvalid")),
        ({"size": "big"}, ("spec.size", "FieldValueTypeInvalid")),
        ({"size": None}, ("spec.size", "FieldValueRequired")),
        ({"colour": "blue"}, ("spec.colour", "FieldValueNotSupported")),
        ({"note": "too long"}, ("spec.note", "FieldValueTooLong")),
    ],
)
async def test_what_the_schema_forbids_is_invalid(
    api: Api, widgets: str, spec: dict[str, Any], cause: tuple[str, str]
) -> None:
    body = widget("a", **spec)
    body["spec"] = {key: value for key, value in body["spec"].items() if value is not None}
    answer = await api.send("POST", widgets, body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert cause in answer.causes
    details = answer.body["details"]
    assert (details["group"], details["kind"]) == ("contract.mcs-controller.io", "Widget")


async def test_the_versions_of_a_kind_show_the_same_objects(api: Api, widgets: str) -> None:
    made = await api.ok("POST", widgets, widget("a"))
    other_path = widgets.replace("/v1/", "/v1alpha1/")
    other = await api.ok("GET", f"{other_path}/a")
    assert other["apiVersion"] == "contract.mcs-controller.io/v1alpha1"
    assert other["metadata"]["uid"] == made["metadata"]["uid"]
    version = (await api.ok("GET", widgets))["metadata"]["resourceVersion"]
    async with await api.watch(widgets, resourceVersion=version) as watch:
        other["spec"]["size"] = 2
        await api.ok("PUT", f"{other_path}/a", other)
        type_, shown = await watch.next()
    assert (type_, shown["spec"]["size"], shown["apiVersion"]) == ("MODIFIED", 2, made["apiVersion"])


async def test_a_definition_is_accepted_served_and_taken_back(api: Api, namespace: str) -> None:
    crd = widget_crd()
    group = "passing.mcs-controller.io"
    crd["metadata"]["name"] = f"gadgets.{group}"
    crd["spec"]["group"] = group
    crd["spec"]["names"] = {"plural": "gadgets", "kind": "Gadget", "listKind": "GadgetList"}
    await api.ok("POST", CRDS, crd)
    path = f"{CRDS}/gadgets.{group}"

    def established(answer: Any) -> bool:
        conditions = answer.body.get("status", {}).get("conditions") or ()
        return {"Established", "NamesAccepted"} <= {
            one["type"] for one in conditions if one["status"] == "True"
        }

    shown = (await api.until(path, established)).body
    assert shown["status"]["acceptedNames"]["kind"] == "Gadget"
    assert shown["status"]["storedVersions"] == ["v1"]
    collection = f"/apis/{group}/v1/namespaces/{namespace}/gadgets"
    await api.until(collection, lambda answer: answer.status == 200)
    gadget = widget("a") | {"apiVersion": f"{group}/v1", "kind": "Gadget"}
    await api.ok("POST", collection, gadget)

    await api.ok("DELETE", path)
    await api.until_gone(path)
    await api.until_gone(collection)


@pytest.mark.parametrize(
    "change",
    [
        {"names": {"plural": "others", "kind": "Widget"}},
        {"scope": "Elsewhere"},
        {"versions": []},
    ],
)
async def test_a_definition_that_contradicts_itself_is_invalid(api: Api, change: dict[str, Any]) -> None:
    crd = widget_crd()
    crd["spec"] |= {"group": "broken.mcs-controller.io"} | change
    crd["metadata"]["name"] = "widgets.broken.mcs-controller.io"
    answer = await api.send("POST", CRDS, crd)
    assert (answer.status, answer.reason) == (422, "Invalid")


async def test_discovery_lists_the_versions_of_the_group(api: Api, widgets: str) -> None:
    group = await api.until("/apis/contract.mcs-controller.io", lambda answer: answer.status == 200)
    assert {one["version"] for one in group.body["versions"]} == {"v1", "v1alpha1"}
    resources = (await api.ok("GET", WIDGETS))["resources"]
    assert {one["name"] for one in resources} == {"widgets", "widgets/status"}
