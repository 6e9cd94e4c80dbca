"""Lists: pages of one moment, selectors, versions."""

from __future__ import annotations

import pytest

from tests.contract.api import Api, config_map, widget


async def make(api: Api, collection: str, *names: str) -> None:
    for name in names:
        body = config_map(name)
        body["metadata"]["labels"] = {"name": name, "test": "listing"}
        await api.ok("POST", collection, body)


def names_of(page: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    return [one["metadata"]["name"] for one in page["items"]]


OURS = {"labelSelector": "test=listing"}


async def test_a_list_is_in_order_and_carries_a_version(api: Api, core: str) -> None:
    await make(api, f"{core}/configmaps", "b", "c", "a")
    found = await api.ok("GET", f"{core}/configmaps", query=OURS)
    assert names_of(found) == ["a", "b", "c"]
    assert (found["kind"], found["apiVersion"]) == ("ConfigMapList", "v1")
    newest = max(int(one["metadata"]["resourceVersion"]) for one in found["items"])
    assert int(found["metadata"]["resourceVersion"]) >= newest


async def test_only_items_of_custom_kinds_repeat_their_kind(api: Api, core: str, widgets: str) -> None:
    await make(api, f"{core}/configmaps", "a")
    await api.ok("POST", widgets, widget("a"))
    builtin = await api.ok("GET", f"{core}/configmaps", query=OURS)
    assert not {"kind", "apiVersion"} & builtin["items"][0].keys()
    custom = await api.ok("GET", widgets)
    assert custom["kind"] == "WidgetList"
    assert custom["items"][0]["kind"] == "Widget"


async def test_a_collection_of_all_namespaces(api: Api, core: str, namespace: str) -> None:
    await make(api, f"{core}/configmaps", "a")
    found = await api.ok("GET", "/api/v1/configmaps", query=OURS)
    assert [
        one["metadata"]["name"] for one in found["items"] if one["metadata"]["namespace"] == namespace
    ] == ["a"]


async def test_pages_show_the_moment_of_the_first(api: Api, core: str) -> None:
    path = f"{core}/configmaps"
    await make(api, path, "a", "b", "c", "d", "e")
    first = await api.ok("GET", path, query=OURS | {"limit": "2"})
    assert names_of(first) == ["a", "b"]
    await make(api, path, "bb", "z")
    await api.ok("DELETE", f"{path}/d")
    second = await api.ok("GET", path, query=OURS | {"limit": "2", "continue": first["metadata"]["continue"]})
    assert names_of(second) == ["c", "d"]
    third = await api.ok("GET", path, query=OURS | {"limit": "2", "continue": second["metadata"]["continue"]})
    assert names_of(third) == ["e"]
    assert "continue" not in third["metadata"]
    versions = {page["metadata"]["resourceVersion"] for page in (first, second, third)}
    assert len(versions) == 1


async def test_a_page_says_how_many_are_left_unless_selected(api: Api, widgets: str) -> None:
    for name in ("a", "b", "c"):
        await api.ok("POST", widgets, widget(name))
    page = await api.ok("GET", widgets, query={"limit": "1"})
    assert page["metadata"]["remainingItemCount"] == 2
    page = await api.ok("GET", widgets, query={"limit": "1", "labelSelector": "!k"})
    assert "remainingItemCount" not in page["metadata"]


async def test_a_continue_token_that_is_none_is_a_bad_request(api: Api, widgets: str) -> None:
    answer = await api.send("GET", widgets, query={"limit": "1", "continue": "nonsense"})
    assert (answer.status, answer.reason) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("name=a", ["a"]),
        ("name==b", ["b"]),
        ("test=listing,name!=b", ["a", "c"]),
        ("test=listing,name in (a,c)", ["a", "c"]),
        ("test=listing,name notin (a,c)", ["b"]),
        ("test,!other", ["a", "b", "c"]),
        ("test=other", []),
    ],
)
async def test_label_selectors(api: Api, core: str, selector: str, found: list[str]) -> None:
    await make(api, f"{core}/configmaps", "a", "b", "c")
    page = await api.ok("GET", f"{core}/configmaps", query={"labelSelector": selector})
    assert names_of(page) == found


@pytest.mark.parametrize(
    ("selector", "found"), [("metadata.name=b", ["b"]), ("metadata.name!=b", ["a", "c"])]
)
async def test_field_selectors(api: Api, core: str, selector: str, found: list[str]) -> None:
    await make(api, f"{core}/configmaps", "a", "b", "c")
    page = await api.ok("GET", f"{core}/configmaps", query=OURS | {"fieldSelector": selector})
    assert names_of(page) == found


@pytest.mark.parametrize(
    "query",
    [
        {"labelSelector": "a in b"},
        {"labelSelector": "=x"},
        {"fieldSelector": "data.key=1"},
        {"limit": "many"},
    ],
)
async def test_what_cannot_be_understood_is_a_bad_request(api: Api, core: str, query: dict[str, str]) -> None:
    answer = await api.send("GET", f"{core}/configmaps", query=query)
    assert (answer.status, answer.reason) == (400, "BadRequest")


async def test_a_list_as_of_an_earlier_version(api: Api, core: str) -> None:
    await make(api, f"{core}/configmaps", "a")
    then = await api.ok("GET", f"{core}/configmaps", query=OURS)
    await make(api, f"{core}/configmaps", "b")
    version = then["metadata"]["resourceVersion"]
    exact = {"resourceVersion": version, "resourceVersionMatch": "Exact"}
    assert names_of(await api.ok("GET", f"{core}/configmaps", query=OURS | exact)) == ["a"]
    fresh = {"resourceVersion": version, "resourceVersionMatch": "NotOlderThan"}
    assert names_of(await api.ok("GET", f"{core}/configmaps", query=OURS | fresh)) in (["a", "b"], ["a"])


async def test_a_version_of_the_future_cannot_be_listed(api: Api, core: str) -> None:
    now = await api.ok("GET", f"{core}/configmaps")
    future = str(int(now["metadata"]["resourceVersion"]) + 100_000_000)
    query = {"resourceVersion": future, "resourceVersionMatch": "NotOlderThan"}
    answer = await api.send("GET", f"{core}/configmaps", query=query)
    assert (answer.status, answer.reason) == (504, "Timeout")
    assert "Too large resource version" in answer.body["message"]


async def test_there_is_no_exact_version_zero(api: Api, core: str) -> None:
    query = {"resourceVersion": "0", "resourceVersionMatch": "Exact"}
    answer = await api.send("GET", f"{core}/configmaps", query=query)
    assert (answer.status, answer.reason) == (422, "Invalid")


async def test_metadata_only(api: Api, core: str) -> None:
    await make(api, f"{core}/configmaps", "a")
    one = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    shown = await api.ok("GET", f"{core}/configmaps/a", accept=one)
    assert (shown["kind"], shown["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert shown["metadata"]["labels"]["name"] == "a"
    assert "data" not in shown
    many = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    page = await api.ok("GET", f"{core}/configmaps", accept=many, query=OURS)
    assert page["kind"] == "PartialObjectMetadataList"
    assert names_of(page) == ["a"]


async def test_a_table_has_the_columns_of_the_custom_kind(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("a", size=3))
    table = await api.ok("GET", widgets, accept="application/json;as=Table;g=meta.k8s.io;v=v1")
    assert table["kind"] == "Table"
    assert [one["name"] for one in table["columnDefinitions"]] == ["Name", "Size"]
    assert [row["cells"] for row in table["rows"]] == [["a", 3]]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
