"""Namespaces: how they begin and how they end."""

from __future__ import annotations

import pytest

from tests.contract.api import MERGE, Api, config_map, service

HOLD = "contract.mcs-controller.io/hold"


async def test_a_new_namespace_is_active_and_labelled(api: Api, namespace: str) -> None:
    shown = await api.ok("GET", f"/api/v1/namespaces/{namespace}")
    assert shown["status"] == {"phase": "Active"}
    assert shown["spec"] == {"finalizers": ["kubernetes"]}
    assert shown["metadata"]["labels"]["kubernetes.io/metadata.name"] == namespace


@pytest.mark.requirement("MCS-LIFE-09")
async def test_a_namespace_that_is_deleted_takes_its_content_along_and_takes_no_more(
    api: Api, core: str, namespace: str
) -> None:
    held = config_map("held")
    held["metadata"]["finalizers"] = [HOLD]
    await api.ok("POST", f"{core}/configmaps", held)
    await api.ok("POST", f"{core}/services", service("web"))
    marked = await api.ok("DELETE", f"/api/v1/namespaces/{namespace}")
    assert marked["status"]["phase"] == "Terminating"

    answer = await api.send("POST", f"{core}/configmaps", config_map("late"))
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert answer.causes == [("metadata.namespace", "NamespaceTerminating")]
    assert answer.body["message"] == (
        f'configmaps "late" is forbidden: unable to create new content in namespace {namespace} because it '
        "is being terminated"
    )

    await api.until_gone(f"{core}/services/web")
    await api.until(f"{core}/configmaps/held", lambda one: "deletionTimestamp" in one.body["metadata"])
    assert (await api.send("GET", f"/api/v1/namespaces/{namespace}")).status == 200
    none = {"metadata": {"finalizers": None}}
    await api.ok("PATCH", f"{core}/configmaps/held", none, content_type=MERGE)
    await api.until_gone(f"/api/v1/namespaces/{namespace}")


async def test_the_namespaces_of_the_system_cannot_be_deleted(api: Api) -> None:
    for name in ("default", "kube-system", "kube-public"):
        answer = await api.send("DELETE", f"/api/v1/namespaces/{name}")
        assert (answer.status, answer.reason) == (403, "Forbidden")
        assert (
            answer.body["message"] == f'namespaces "{name}" is forbidden: this namespace may not be deleted'
        )


async def test_the_cluster_has_an_identity(api: Api) -> None:
    shown = await api.ok("GET", "/api/v1/namespaces/kube-system")
    assert len(shown["metadata"]["uid"]) == 36


async def test_a_namespace_needs_a_label_as_its_name(api: Api) -> None:
    answer = await api.send("POST", "/api/v1/namespaces", {"metadata": {"name": "a.b"}})
    assert (answer.status, answer.causes) == (422, [("metadata.name", "FieldValueInvalid")])
