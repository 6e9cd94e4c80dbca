"""Creation: what the server sets, what it drops, and what it refuses."""

from __future__ import annotations

import pytest

from tests.contract.api import Api, config_map, service, widget


async def test_a_created_object_has_an_identity_and_a_version(api: Api, core: str) -> None:
    answer = await api.send("POST", f"{core}/configmaps", config_map("a", key="value"))
    assert answer.status == 201
    metadata = answer.body["metadata"]
    assert {"uid", "creationTimestamp", "resourceVersion"} <= metadata.keys()
    assert answer.body["data"] == {"key": "value"}
    assert (await api.ok("GET", f"{core}/configmaps/a"))["metadata"] == metadata | {
        key: value for key, value in metadata.items() if key == "managedFields"
    }


async def test_the_system_fields_of_a_client_are_not_believed(api: Api, widgets: str) -> None:
    body = widget("a")
    body["metadata"] |= {"uid": "made-up", "creationTimestamp": "2000-01-01T00:00:00Z", "generation": 7}
    made = await api.ok("POST", widgets, body)
    assert made["metadata"]["uid"] != "made-up"
    assert made["metadata"]["creationTimestamp"] > "2020"
    assert made["metadata"]["generation"] == 1


async def test_creating_a_second_time_says_already_exists(api: Api, core: str) -> None:
    await api.ok("POST", f"{core}/configmaps", config_map("a"))
    answer = await api.send("POST", f"{core}/configmaps", config_map("a"))
    assert (answer.status, answer.reason) == (409, "AlreadyExists")
    assert answer.body["details"] == {"name": "a", "kind": "configmaps"}
    assert answer.body["message"] == 'configmaps "a" already exists'


async def test_a_name_is_generated(api: Api, core: str) -> None:
    body = {"metadata": {"generateName": "made-"}}
    names = {(await api.ok("POST", f"{core}/configmaps", body))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("made-") and len(name) == 10 for name in names)


async def test_a_dry_run_answers_and_stores_nothing(api: Api, core: str) -> None:
    answer = await api.send("POST", f"{core}/services", service("a"), query={"dryRun": "All"})
    assert answer.status == 201
    assert answer.body["metadata"]["uid"]
    assert (await api.send("GET", f"{core}/services/a")).status == 404


async def test_the_status_in_a_creation_is_dropped(api: Api, widgets: str) -> None:
    made = await api.ok("POST", widgets, widget("a") | {"status": {"phase": "Ready"}})
    assert "status" not in made


@pytest.mark.requirement("MCS-LIFE-09")
async def test_nothing_is_created_in_a_namespace_that_does_not_exist(api: Api) -> None:
    answer = await api.send("POST", "/api/v1/namespaces/no-such/configmaps", config_map("a"))
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.body["details"] == {"name": "no-such", "kind": "namespaces"}


async def test_a_resource_that_is_not_served_is_404(api: Api) -> None:
    answer = await api.send("GET", "/apis/no.such.group/v1/things")
    assert (answer.status, answer.body) == (404, "404 page not found\n")
    for path in ("/api/v1/things", "/apis/discovery.k8s.io/v7/endpointslices"):
        answer = await api.send("GET", path)
        assert (answer.status, answer.reason) == (404, "NotFound")
        assert answer.body["message"] == "the server could not find the requested resource"


async def test_a_namespace_that_differs_from_the_paths_is_a_bad_request(api: Api, core: str) -> None:
    body = config_map("a")
    body["metadata"]["namespace"] = "other"
    answer = await api.send("POST", f"{core}/configmaps", body)
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert "does not match the namespace sent on the request" in answer.body["message"]


async def test_a_body_of_another_kind_is_a_bad_request(api: Api, core: str) -> None:
    answer = await api.send("POST", f"{core}/configmaps", service("a"))
    assert (answer.status, answer.reason) == (400, "BadRequest")


async def test_a_body_that_is_not_json_is_a_bad_request(api: Api, core: str) -> None:
    answer = await api.send("POST", f"{core}/configmaps", b"{")
    assert (answer.status, answer.reason) == (400, "BadRequest")


async def test_a_body_of_an_unknown_media_type_is_refused(api: Api, widgets: str) -> None:
    answer = await api.send("POST", widgets, b"x", content_type="text/csv")
    assert (answer.status, answer.reason) == (415, "UnsupportedMediaType")


async def test_a_custom_object_must_name_its_kind(api: Api, widgets: str) -> None:
    body = widget("a")
    del body["kind"]
    assert (await api.send("POST", widgets, body)).status == 400


@pytest.mark.parametrize(
    ("metadata", "cause"),
    [
        ({}, ("metadata.name", "FieldValueRequired")),
        ({"name": "Not-A-Name"}, ("metadata.name", "FieldValueInvalid")),
        ({"name": "a", "labels": {"k": "not a value"}}, ("metadata.labels", "FieldValueInvalid")),
        ({"name": "a", "labels": {"not a key": "v"}}, ("metadata.labels", "FieldValueInvalid")),
        ({"name": "a", "annotations": {"not a key": "v"}}, ("metadata.annotations", "FieldValueInvalid")),
    ],
)
async def test_bad_metadata_is_invalid_and_the_cause_says_where(
    api: Api, core: str, metadata: dict[str, object], cause: tuple[str, str]
) -> None:
    answer = await api.send("POST", f"{core}/configmaps", {"metadata": metadata})
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert cause in answer.causes
    assert answer.body["details"]["kind"] == "ConfigMap"


async def test_a_version_in_a_creation_is_refused(api: Api, core: str) -> None:
    body = config_map("a")
    body["metadata"]["resourceVersion"] = "7"
    answer = await api.send("POST", f"{core}/configmaps", body)
    assert answer.status == 500
    assert "resourceVersion should not be set on objects to be created" in answer.body["message"]
