"""Reads a CustomResourceDefinition as the kinds that it adds, and checks it.

There is one `Kind` for each served version. They share their objects, which are stored in the storage
version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Column, Context, Kind, Object
from mcs_controller.simcluster.kubectl.columns import AGE, NAME
from mcs_controller.simcluster.schemas import names, object_meta
from mcs_controller.simcluster.schemas.builtin import OBJECT_META, whole
from mcs_controller.simcluster.schemas.structural import StructuralSchema
from mcs_controller.simcluster.status import FieldError

SCOPES = ("Cluster", "Namespaced")


def kinds_of_crd(crd: Mapping[str, Any]) -> list[Kind]:
    spec = crd["spec"]
    stored = next(one["name"] for one in spec["versions"] if one.get("storage"))
    return [_kind(spec, version, stored) for version in spec["versions"] if version.get("served")]


def _kind(spec: Mapping[str, Any], version: Mapping[str, Any], stored_version: str) -> Kind:
    crd_names = spec["names"]
    group, name, kind = spec["group"], version["name"], crd_names["kind"]
    namespaced = spec["scope"] == "Namespaced"
    openapi = (version.get("schema") or {}).get("openAPIV3Schema") or {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    fields = [one["jsonPath"].removeprefix(".") for one in version.get("selectableFields") or ()]
    return Kind(
        group=group,
        version=name,
        kind=kind,
        plural=crd_names["plural"],
        singular=crd_names.get("singular") or kind.lower(),
        short_names=tuple(crd_names.get("shortNames") or ()),
        categories=tuple(crd_names.get("categories") or ()),
        namespaced=namespaced,
        has_status="status" in (version.get("subresources") or {}),
        has_generation=True,
        is_custom=True,
        schema=StructuralSchema(openapi, whole(OBJECT_META)),
        columns=(NAME, *_columns(version)),
        list_kind=crd_names.get("listKind") or f"{kind}List",
        prepare=_prepare_namespaced if namespaced else _prepare_cluster_scoped,
        field_paths={field: (field,) for field in fields},
        definition=".".join([*reversed(group.split(".")), name, kind]),
        stored_version=f"{group}/{stored_version}",
    )


def _columns(version: Mapping[str, Any]) -> tuple[Column, ...]:
    declared = version.get("additionalPrinterColumns")
    if not declared:
        return (AGE,)
    return tuple(
        Column(
            name=one["name"],
            type=one["type"],
            json_path=one["jsonPath"],
            priority=one.get("priority", 0),
            format=one.get("format", ""),
        )
        for one in declared
    )


def _prepare_namespaced(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    return object_meta.validate_metadata(new, old, namespaced=True)


def _prepare_cluster_scoped(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    return object_meta.validate_metadata(new, old, namespaced=False)


def prepare_crd(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    spec = new.get("spec") or {}
    crd_names, versions = spec.get("names") or {}, spec.get("versions") or []
    if crd_names.get("kind"):
        crd_names.setdefault("singular", crd_names["kind"].lower())
        crd_names.setdefault("listKind", f"{crd_names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    errors = [*_names(new, spec, crd_names)]
    if spec.get("scope") not in SCOPES:
        errors.append(status.not_supported("spec.scope", spec.get("scope", ""), SCOPES))
    errors += _versions(versions)
    if old is not None:
        errors += _changes(spec, old["spec"])
    return errors


def _names(new: Object, spec: Object, crd_names: Mapping[str, Any]) -> Iterator[FieldError]:
    group, plural = spec.get("group") or "", crd_names.get("plural") or ""
    if not group:
        yield status.required("spec.group")
    elif complaint := names.subdomain_complaint(group):
        yield status.invalid_value("spec.group", group, complaint)
    for field in ("plural", "kind"):
        if not crd_names.get(field):
            yield status.required(f"spec.names.{field}")
    if new["metadata"].get("name") != f"{plural}.{group}":
        detail = 'must be spec.names.plural+"."+spec.group'
        yield status.invalid_value("metadata.name", new["metadata"].get("name"), detail)


def _versions(versions: list[Object]) -> Iterator[FieldError]:
    if not versions:
        yield status.required("spec.versions")
        return
    if sum(bool(one.get("storage")) for one in versions) != 1:
        shown = [one.get("name") for one in versions]
        detail = "must have exactly one version marked as storage version"
        yield status.invalid_value("spec.versions", shown, detail)
    seen: set[str] = set()
    for index, version in enumerate(versions):
        path, name = f"spec.versions[{index}]", version.get("name") or ""
        if complaint := names.label_complaint(name):
            yield status.invalid_value(f"{path}.name", name, complaint)
        if name in seen:
            yield status.duplicate(f"{path}.name", name)
        seen.add(name)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if not schema:
            yield status.required(f"{path}.schema.openAPIV3Schema")
        elif schema.get("type") != "object":
            where = f"{path}.schema.openAPIV3Schema.type"
            yield status.invalid_value(where, schema.get("type", ""), "must be object at the root")
        for position, column in enumerate(version.get("additionalPrinterColumns") or ()):
            for field in ("name", "type", "jsonPath"):
                if not column.get(field):
                    yield status.required(f"{path}.additionalPrinterColumns[{position}].{field}")


def _changes(spec: Object, old: Object) -> Iterator[FieldError]:
    for field in ("group", "scope"):
        if spec.get(field) != old.get(field):
            yield status.invalid_value(f"spec.{field}", spec.get(field), "field is immutable")
    for field in ("plural", "kind"):
        value = (spec.get("names") or {}).get(field)
        if value != old["names"].get(field):
            yield status.invalid_value(f"spec.names.{field}", value, "field is immutable")
