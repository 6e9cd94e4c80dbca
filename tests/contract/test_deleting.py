"""Deletion: preconditions, finalizers, collections, and what becomes of dependents."""

from __future__ import annotations

from typing import Any

from tests.contract.api import MERGE, Api, config_map

HOLD = "contract.mcs-controller.io/hold"


def owned(name: str, owner: dict[str, Any], uid: str = "", **more: Any) -> dict[str, Any]:
    body = config_map(name)
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner["metadata"]["name"],
        "uid": uid or owner["metadata"]["uid"],
    }
    body["metadata"]["ownerReferences"] = [reference | more]
    return body


async def test_a_deletion_says_what_it_deleted(api: Api, core: str) -> None:
    made = await api.ok("POST", f"{core}/configmaps", config_map("a"))
    gone = await api.ok("DELETE", f"{core}/configmaps/a")
    assert (gone["kind"], gone["status"]) == ("Status", "Success")
    assert gone["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    again = await api.send("DELETE", f"{core}/configmaps/a")
    assert (again.status, again.reason) == (404, "NotFound")


async def test_preconditions_keep_another_object_from_being_deleted(api: Api, core: str) -> None:
    made = await api.ok("POST", f"{core}/configmaps", config_map("a"))
    await api.ok("PUT", f"{core}/configmaps/a", config_map("a", key="new"))
    metadata = made["metadata"]
    for wrong in (
        {"uid": "00000000-0000-4000-8000-000000000000"},
        {"resourceVersion": metadata["resourceVersion"]},
    ):
        answer = await api.send("DELETE", f"{core}/configmaps/a", {"preconditions": wrong})
        assert (answer.status, answer.reason) == (409, "Conflict")
    await api.ok("DELETE", f"{core}/configmaps/a", {"preconditions": {"uid": metadata["uid"]}})


async def test_a_finalizer_holds_an_object_until_it_is_taken_off(api: Api, core: str) -> None:
    body = config_map("a")
    body["metadata"]["finalizers"] = [HOLD]
    await api.ok("POST", f"{core}/configmaps", body)
    marked = await api.ok("DELETE", f"{core}/configmaps/a")
    assert marked["metadata"]["deletionTimestamp"]
    held = await api.ok("GET", f"{core}/configmaps/a")
    assert held["metadata"]["deletionTimestamp"] == marked["metadata"]["deletionTimestamp"]

    more = {"metadata": {"finalizers": [HOLD, "contract.mcs-controller.io/more"]}}
    answer = await api.send("PATCH", f"{core}/configmaps/a", more, content_type=MERGE)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert set(answer.causes) == {("metadata.finalizers", "FieldValueForbidden")}

    none = {"metadata": {"finalizers": None}}
    await api.ok("PATCH", f"{core}/configmaps/a", none, content_type=MERGE)
    assert (await api.send("GET", f"{core}/configmaps/a")).status == 404


async def test_a_collection_is_deleted_by_selector(api: Api, core: str) -> None:
    for name, side in (("a", "left"), ("b", "right"), ("c", "left")):
        body = config_map(name)
        body["metadata"]["labels"] = {"side": side}
        await api.ok("POST", f"{core}/configmaps", body)
    await api.ok("DELETE", f"{core}/configmaps", query={"labelSelector": "side=left"})
    left = await api.ok("GET", f"{core}/configmaps", query={"labelSelector": "side"})
    assert [one["metadata"]["name"] for one in left["items"]] == ["b"]


async def test_a_dry_run_deletes_nothing(api: Api, core: str) -> None:
    await api.ok("POST", f"{core}/configmaps", config_map("a"))
    await api.ok("DELETE", f"{core}/configmaps/a", query={"dryRun": "All"})
    await api.ok("GET", f"{core}/configmaps/a")


async def test_dependents_go_when_their_owner_has_gone(api: Api, core: str) -> None:
    owner = await api.ok("POST", f"{core}/configmaps", config_map("owner"))
    await api.ok("POST", f"{core}/configmaps", owned("dependent", owner))
    await api.ok("POST", f"{core}/configmaps", config_map("other"))
    await api.ok("DELETE", f"{core}/configmaps/owner")
    await api.until_gone(f"{core}/configmaps/dependent")
    await api.ok("GET", f"{core}/configmaps/other")


async def test_a_namesake_of_the_owner_owns_nothing(api: Api, core: str) -> None:
    owner = await api.ok("POST", f"{core}/configmaps", config_map("owner"))
    stranger = owned("dependent", owner, uid="00000000-0000-4000-8000-000000000000")
    await api.ok("POST", f"{core}/configmaps", stranger)
    await api.until_gone(f"{core}/configmaps/dependent")


async def test_orphans_stay_and_forget_their_owner(api: Api, core: str) -> None:
    owner = await api.ok("POST", f"{core}/configmaps", config_map("owner"))
    await api.ok("POST", f"{core}/configmaps", owned("dependent", owner))
    # A real collector orphans what it has seen; it has seen all once it follows a second object.
    second = await api.ok("POST", f"{core}/configmaps", config_map("second"))
    await api.ok("POST", f"{core}/configmaps", owned("probe", second))
    await api.ok("DELETE", f"{core}/configmaps/second")
    await api.until_gone(f"{core}/configmaps/probe")
    await api.ok("DELETE", f"{core}/configmaps/owner", {"propagationPolicy": "Orphan"})
    await api.until_gone(f"{core}/configmaps/owner")
    left = await api.ok("GET", f"{core}/configmaps/dependent")
    assert "ownerReferences" not in left["metadata"]


async def test_in_the_foreground_the_owner_goes_last(api: Api, core: str) -> None:
    owner = await api.ok("POST", f"{core}/configmaps", config_map("owner"))
    held = owned("dependent", owner, blockOwnerDeletion=True)
    held["metadata"]["finalizers"] = [HOLD]
    await api.ok("POST", f"{core}/configmaps", held)
    await api.ok("DELETE", f"{core}/configmaps/owner", {"propagationPolicy": "Foreground"})
    await api.until(f"{core}/configmaps/dependent", lambda one: "deletionTimestamp" in one.body["metadata"])
    waiting = await api.ok("GET", f"{core}/configmaps/owner")
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
    none = {"metadata": {"finalizers": None}}
    await api.ok("PATCH", f"{core}/configmaps/dependent", none, content_type=MERGE)
    await api.until_gone(f"{core}/configmaps/owner")
