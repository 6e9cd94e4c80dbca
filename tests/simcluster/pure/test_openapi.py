from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcs_controller.simcluster.kinds.builtin import BUILTIN_KINDS
from mcs_controller.simcluster.kubectl.openapi import openapi_v3, openapi_v3_index
from mcs_controller.simcluster.patches.patch import STRATEGIC_PATCH
from tests.simcluster.pure.builders import Object, shipped

KINDS = (*BUILTIN_KINDS, shipped("serviceimports"))
MCS = "apis/multicluster.x-k8s.io/v1beta1"


def links(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(document.get("$ref"), str):
            yield document["$ref"]
        for value in document.values():
            yield from links(value)
    elif isinstance(document, list):
        for value in document:
            yield from links(value)


def kinds_in(schemas: Object) -> set[str]:
    gvks = (gvk for schema in schemas.values() for gvk in schema.get("x-kubernetes-group-version-kind", ()))
    return {gvk["kind"] for gvk in gvks}


@pytest.mark.parametrize("path", openapi_v3_index(KINDS)["paths"])
def test_each_document_of_version_3_explains_its_kinds_and_has_no_dead_link(path: str) -> None:
    document = openapi_v3(KINDS, path)
    assert document is not None
    schemas = document["components"]["schemas"]
    group_version = path.removeprefix("apis/").removeprefix("api/")
    wanted = {kind.kind for kind in KINDS if kind.api_version == group_version}
    assert wanted <= kinds_in(schemas)
    assert {link.removeprefix("#/components/schemas/") for link in links(document)} <= set(schemas)
    assert all(schema for schema in schemas.values())


def test_patches_take_field_validation_which_is_what_kubectl_looks_for() -> None:
    document = openapi_v3(KINDS, MCS)
    assert document is not None
    patch = document["paths"][f"/{MCS}/namespaces/{{namespace}}/serviceimports/{{name}}"]["patch"]
    assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}
    gvk = {"group": "multicluster.x-k8s.io", "version": "v1beta1", "kind": "ServiceImport"}
    assert patch["x-kubernetes-group-version-kind"] == gvk
    assert STRATEGIC_PATCH not in patch["requestBody"]["content"]


def test_a_group_that_is_not_served_has_no_document() -> None:
    assert openapi_v3(KINDS, "apis/apps/v1") is None


def test_an_address_in_the_index_changes_with_its_document_only() -> None:
    before = openapi_v3_index(BUILTIN_KINDS)["paths"]
    after = openapi_v3_index(KINDS)["paths"]
    assert {path: after[path] for path in before} == before
    assert set(after) - set(before) == {MCS}
    other = openapi_v3_index((*BUILTIN_KINDS, shipped("serviceexports")))["paths"]
    assert other[MCS] != after[MCS]


def test_merge_keys_are_there_for_clients_that_make_strategic_patches() -> None:
    document = openapi_v3(KINDS, "api/v1")
    assert document is not None
    spec = document["components"]["schemas"]["io.k8s.api.core.v1.ServiceSpec"]
    ports = spec["properties"]["ports"]
    assert ports["x-kubernetes-patch-merge-key"] == "port"
    assert ports["x-kubernetes-list-map-keys"] == ["port", "protocol"]
