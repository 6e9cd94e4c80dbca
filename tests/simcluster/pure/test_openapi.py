from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcs_controller.simcluster.kinds.kinds import BUILTIN_KINDS
from mcs_controller.simcluster.kubectl.openapi import openapi_v2, openapi_v3, openapi_v3_index
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
    schemas = document["components"]["schemas"]
    group_version = path.removeprefix("apis/").removeprefix("api/")
    wanted = {kind.kind for kind in KINDS if kind.api_version == group_version}
    assert wanted | {f"{kind}List" for kind in wanted} <= kinds_in(schemas)
    assert {link.removeprefix("#/components/schemas/") for link in links(document)} <= set(schemas)
    assert all(schema for schema in schemas.values())


def test_version_2_is_one_document_without_dead_links() -> None:
    document = openapi_v2(KINDS)
    assert {kind.kind for kind in KINDS} <= kinds_in(document["definitions"])
    assert {link.removeprefix("#/definitions/") for link in links(document)} <= set(document["definitions"])


def test_writes_take_field_validation_which_is_what_kubectl_looks_for() -> None:
    paths = openapi_v3(KINDS, MCS)["paths"]
    one = paths[f"/{MCS}/namespaces/{{namespace}}/serviceimports/{{name}}"]
    assert "fieldValidation" in {parameter["name"] for parameter in one["patch"]["parameters"]}
    gvk = {"group": "multicluster.x-k8s.io", "version": "v1beta1", "kind": "ServiceImport"}
    assert one["patch"]["x-kubernetes-group-version-kind"] == gvk
    assert f"/{MCS}/namespaces/{{namespace}}/serviceimports/{{name}}/status" in paths


def test_an_address_in_the_index_changes_with_its_document_only() -> None:
    before = openapi_v3_index(BUILTIN_KINDS)["paths"]
    after = openapi_v3_index(KINDS)["paths"]
    assert {path: after[path] for path in before} == before
    assert set(after) - set(before) == {MCS}
    other = openapi_v3_index((*BUILTIN_KINDS, shipped("serviceexports")))["paths"]
    assert other[MCS] != after[MCS]


def test_merge_keys_are_there_for_clients_that_make_strategic_patches() -> None:
    ports = openapi_v3(KINDS, "v1")["components"]["schemas"]["io.k8s.api.core.v1.ServiceSpec"]["properties"][
        "ports"
    ]
    assert ports["x-kubernetes-patch-merge-key"] == "port"
    assert ports["x-kubernetes-list-map-keys"] == ["port", "protocol"]
