"""Watches: where they begin, what they show, and how they end."""

from __future__ import annotations

import pytest

from tests.contract.api import MERGE, Api, config_map, widget

pytestmark = pytest.mark.slow


async def version_of(api: Api, path: str) -> str:
    return str((await api.ok("GET", path))["metadata"]["resourceVersion"])


async def test_a_watch_goes_on_from_the_version_of_a_list(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("before"))
    version = await version_of(api, widgets)
    await api.ok("POST", widgets, widget("a"))
    async with await api.watch(widgets, resourceVersion=version) as watch:
        await api.ok("PATCH", f"{widgets}/a", {"spec": {"size": 2}}, content_type=MERGE)
        await api.ok("DELETE", f"{widgets}/a")
        events = [await watch.next() for _ in range(3)]
    assert [type_ for type_, _ in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert [shown["spec"]["size"] for _, shown in events] == [1, 2, 2]
    versions = [int(shown["metadata"]["resourceVersion"]) for _, shown in events]
    assert versions == sorted(set(versions))
    assert all(shown["kind"] == "Widget" for _, shown in events)


async def test_without_a_version_it_begins_with_what_is_there(api: Api, widgets: str) -> None:
    for name in ("a", "b"):
        await api.ok("POST", widgets, widget(name))
    for start in ({}, {"resourceVersion": "0"}):
        async with await api.watch(widgets, start) as watch:
            assert sorted(await watch.names(2)) == [("ADDED", "a"), ("ADDED", "b")]
            await api.ok(
                "PATCH", f"{widgets}/a", {"metadata": {"labels": {"n": str(len(start))}}}, content_type=MERGE
            )
            assert await watch.names(1) == [("MODIFIED", "a")]


async def test_a_selector_shows_objects_coming_and_going(api: Api, core: str) -> None:
    path = f"{core}/configmaps"
    await api.ok("POST", path, config_map("a"))
    version = await version_of(api, path)
    async with await api.watch(path, resourceVersion=version, labelSelector="in=yes") as watch:
        for value, data in (("yes", "1"), ("yes", "2"), ("no", "3"), ("no", "4")):
            patch = {"metadata": {"labels": {"in": value}}, "data": {"k": data}}
            await api.ok("PATCH", f"{path}/a", patch, content_type=MERGE)
        await api.ok("POST", path, config_map("outside"))
        events = [await watch.next() for _ in range(3)]
        assert [(type_, shown["data"]["k"]) for type_, shown in events] == [
            ("ADDED", "1"),
            ("MODIFIED", "2"),
            ("DELETED", "2"),
        ]


async def test_a_watch_of_one_object_by_name(api: Api, core: str) -> None:
    path = f"{core}/configmaps"
    version = await version_of(api, path)
    async with await api.watch(path, resourceVersion=version, fieldSelector="metadata.name=b") as watch:
        for name in ("a", "b", "c"):
            await api.ok("POST", path, config_map(name))
        await api.ok("DELETE", f"{path}/b")
        assert await watch.names(2) == [("ADDED", "b"), ("DELETED", "b")]


async def test_the_server_ends_a_watch_after_the_time_asked_for(api: Api, widgets: str) -> None:
    version = await version_of(api, widgets)
    async with await api.watch(widgets, resourceVersion=version, timeoutSeconds="1") as watch:
        assert await watch.rest() == []


async def test_a_bookmark_says_how_far_the_watch_has_come(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("a"))
    version = await version_of(api, widgets)
    options = {"resourceVersion": version, "timeoutSeconds": "4", "allowWatchBookmarks": "true"}
    async with await api.watch(widgets, options) as watch:
        events = await watch.rest()
    assert {type_ for type_, _ in events} == {"BOOKMARK"}
    shown = events[-1][1]
    assert (shown["kind"], shown["apiVersion"]) == ("Widget", "contract.mcs-controller.io/v1")
    assert int(shown["metadata"]["resourceVersion"]) >= int(version)


async def test_initial_events_end_with_a_marked_bookmark(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("a"))
    options = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "resourceVersion": "",
        "allowWatchBookmarks": "true",
    }
    async with await api.watch(widgets, options) as watch:
        assert await watch.names(1) == [("ADDED", "a")]
        type_, shown = await watch.next()
    assert type_ == "BOOKMARK"
    assert shown["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_forgotten_version_is_an_error_event(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("a"))
    api.forget_history()
    async with await api.watch(widgets, resourceVersion="1") as watch:
        type_, shown = await watch.next()
        assert type_ == "ERROR"
        assert (shown["kind"], shown["code"], shown["reason"]) == ("Status", 410, "Expired")
        assert await watch.rest() == []


async def test_a_watch_from_a_future_version_is_silent_until_it_is_overtaken(api: Api, widgets: str) -> None:
    await api.ok("POST", widgets, widget("a"))
    future = str(int(await version_of(api, widgets)) + 100_000)
    options = {"resourceVersion": future, "timeoutSeconds": "4", "allowWatchBookmarks": "true"}
    async with await api.watch(widgets, options) as watch:
        await api.ok("PATCH", f"{widgets}/a", {"spec": {"size": 2}}, content_type=MERGE)
        assert await watch.rest() == []
    version = str(int(await version_of(api, widgets)) + 1)
    async with await api.watch(widgets, resourceVersion=version) as watch:
        for size in range(3, 9):
            await api.ok("PATCH", f"{widgets}/a", {"spec": {"size": size}}, content_type=MERGE)
        _, shown = await watch.next()
        assert int(shown["metadata"]["resourceVersion"]) > int(version)


async def test_the_last_finalizer_taken_off_is_seen_as_a_deletion(api: Api, core: str) -> None:
    path = f"{core}/configmaps"
    body = config_map("a")
    body["metadata"]["finalizers"] = ["contract.mcs-controller.io/hold"]
    await api.ok("POST", path, body)
    version = await version_of(api, path)
    async with await api.watch(path, resourceVersion=version, fieldSelector="metadata.name=a") as watch:
        await api.ok("DELETE", f"{path}/a")
        none = {"metadata": {"finalizers": None}}
        await api.ok("PATCH", f"{path}/a", none, content_type=MERGE)
        events = [await watch.next() for _ in range(2)]
    assert [type_ for type_, _ in events] == ["MODIFIED", "DELETED"]
    assert "deletionTimestamp" in events[0][1]["metadata"]
