"""Update: versions as preconditions, what counts as a change, and the status subresource."""

from __future__ import annotations

from typing import Any

from tests.contract.api import Api, config_map, widget


async def test_a_stale_version_is_a_conflict_and_changes_nothing(api: Api, core: str) -> None:
    first = await api.ok("POST", f"{core}/configmaps", config_map("a", key="1"))
    second = await api.ok("PUT", f"{core}/configmaps/a", first | {"data": {"key": "2"}})
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    answer = await api.send("PUT", f"{core}/configmaps/a", first | {"data": {"key": "3"}})
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert answer.body["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your '
        "changes to the latest version and try again"
    )
    assert (await api.ok("GET", f"{core}/configmaps/a"))["data"] == {"key": "2"}


async def test_an_update_that_changes_nothing_makes_no_new_version(api: Api, core: str, widgets: str) -> None:
    for collection, body in ((f"{core}/configmaps", config_map("a")), (widgets, widget("a"))):
        made = await api.ok("POST", collection, body)
        again = await api.ok("PUT", f"{collection}/a", made)
        assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_without_a_version_a_builtin_is_replaced_and_a_custom_one_is_not(
    api: Api, core: str, widgets: str
) -> None:
    await api.ok("POST", f"{core}/configmaps", config_map("a"))
    await api.ok("PUT", f"{core}/configmaps/a", config_map("a", key="new"))
    await api.ok("POST", widgets, widget("a"))
    answer = await api.send("PUT", f"{widgets}/a", widget("a", size=2))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == [("metadata.resourceVersion", "FieldValueInvalid")]


async def test_the_uid_in_an_update_is_a_precondition(api: Api, core: str) -> None:
    made = await api.ok("POST", f"{core}/configmaps", config_map("a"))
    made["metadata"]["uid"] = "00000000-0000-4000-8000-000000000000"
    answer = await api.send("PUT", f"{core}/configmaps/a", made)
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert "Precondition failed: UID in precondition" in answer.body["message"]


async def test_an_update_does_not_create(api: Api, widgets: str) -> None:
    answer = await api.send("PUT", f"{widgets}/a", widget("a"))
    assert (answer.status, answer.reason) == (404, "NotFound")


async def test_the_name_must_be_that_of_the_path(api: Api, core: str) -> None:
    await api.ok("POST", f"{core}/configmaps", config_map("a"))
    answer = await api.send("PUT", f"{core}/configmaps/a", config_map("b"))
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert answer.body["message"] == "the name of the object (b) does not match the name on the URL (a)"


async def test_only_a_change_of_the_spec_raises_the_generation(api: Api, widgets: str) -> None:
    made = await api.ok("POST", widgets, widget("a"))
    made["metadata"]["labels"] = {"k": "v"}
    labelled = await api.ok("PUT", f"{widgets}/a", made)
    assert labelled["metadata"]["generation"] == 1
    labelled["status"] = {"phase": "Ready"}
    reported = await api.ok("PUT", f"{widgets}/a/status", labelled)
    assert reported["metadata"]["generation"] == 1
    reported["spec"]["size"] = 2
    resized = await api.ok("PUT", f"{widgets}/a", reported)
    assert resized["metadata"]["generation"] == 2


async def test_the_status_is_written_through_its_subresource_only(api: Api, widgets: str) -> None:
    made = await api.ok("POST", widgets, widget("a"))
    changed = made | {"status": {"phase": "Ready"}}
    assert "status" not in await api.ok("PUT", f"{widgets}/a", changed)
    changed["spec"] = {"size": 5}
    changed["metadata"] = made["metadata"] | {"labels": {"k": "v"}}
    reported = await api.ok("PUT", f"{widgets}/a/status", changed)
    assert reported["status"] == {"phase": "Ready"}
    assert reported["spec"]["size"] == 1
    assert "labels" not in reported["metadata"]
    kept = await api.ok("PUT", f"{widgets}/a", reported | {"status": {}})
    assert kept["status"] == {"phase": "Ready"}


async def test_what_identifies_an_object_cannot_be_changed(api: Api, widgets: str) -> None:
    made = await api.ok("POST", widgets, widget("a"))
    kept = dict(made["metadata"])
    made["metadata"] |= {"creationTimestamp": "2000-01-01T00:00:00Z", "generation": 9}
    made["metadata"].pop("uid")
    made["spec"]["size"] = 3
    after = await api.ok("PUT", f"{widgets}/a", made)
    assert after["metadata"]["uid"] == kept["uid"]
    assert after["metadata"]["creationTimestamp"] == kept["creationTimestamp"]
    assert after["metadata"]["generation"] == 2


async def test_an_endpoint_slice_counts_its_generations(api: Api, namespace: str) -> None:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    body: dict[str, Any] = {
        "metadata": {"name": "a"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.0.1"]}],
        "ports": [{"port": 80}],
    }
    made = await api.ok("POST", path, body)
    assert made["metadata"]["generation"] == 1
    made["endpoints"] = [{"addresses": ["10.1.0.2"]}]
    made = await api.ok("PUT", f"{path}/a", made)
    assert made["metadata"]["generation"] == 2
    made["metadata"]["labels"] = {"k": "v"}
    made = await api.ok("PUT", f"{path}/a", made)
    assert made["metadata"]["generation"] == 3
    made["metadata"]["annotations"] = {"k": "v"}
    assert (await api.ok("PUT", f"{path}/a", made))["metadata"]["generation"] == 3
