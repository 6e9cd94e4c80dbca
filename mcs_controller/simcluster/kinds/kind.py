"""What the simulated API server knows of one kind of object.

A `Kind` is data and a few pure hooks. Their order on a write: `schema.prune`, `schema.default`,
`schema.validate`, then `prepare`. `prepare` is the last one that may refuse, and the only one that changes
something besides the object: it allocates and releases cluster IPs.

Invariant: kinds with equal `storage` share their objects, for example two versions of one CRD or the two
groups of Events; `from_storage(to_storage(x))` is x as that kind shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mcs_controller.simcluster.kinds.service_ips import ServiceIpAllocator
from mcs_controller.simcluster.schemas.structural import StructuralSchema
from mcs_controller.simcluster.status import FieldError

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What hooks get besides the objects. With `dry_run` they must leave the allocator as it was."""

    ip_allocator: ServiceIpAllocator
    now: datetime
    dry_run: bool = False


Prepare = Callable[[Object, Object | None, Context], list[FieldError]]
"""Changes `new` in place to what the server stores; returns what is wrong. `old` is None on create."""

Answer = Callable[[Object, Object, datetime], Object]
"""What a subresource that stores nothing answers to a POST, from the object, what was sent, and the time."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a server-side Table: a JSONPath of a CRD, or a function for built-in kinds."""

    name: str
    type: str = "string"
    json_path: str = ""
    getter: Callable[[Mapping[str, Any], datetime], Any] | None = None
    priority: int = 0
    format: str = ""


ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One resource in one version."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    verbs: tuple[str, ...] = ALL_VERBS
    has_status: bool = False
    schema: StructuralSchema | None = None
    columns: tuple[Column, ...] = ()
    list_kind: str = ""
    prepare: Prepare | None = None
    on_delete: Callable[[Object, Context], None] | None = None
    """Called after an object is gone, to release what `prepare` allocated."""
    categories: tuple[str, ...] = ()
    field_paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field selectors besides metadata.name and metadata.namespace; paths are tried in order."""
    has_generation: bool = False
    is_custom: bool = False
    definition: str = ""
    """Name of the schema in the OpenAPI documents."""
    asked: Mapping[str, Answer] = field(default_factory=dict)
    """The subresources that answer and store nothing, by name."""
    stored_in: tuple[str, str] | None = None
    stored_version: str = ""
    """The apiVersion that objects are stored with, where it is not this kind's own."""
    encode: Callable[[Object], Object] | None = None
    decode: Callable[[Object], Object] | None = None

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage(self) -> tuple[str, str]:
        return self.stored_in or (self.group, self.plural)

    def to_storage(self, obj: Object) -> Object:
        if self.encode is not None:
            return self.encode(obj)
        version = self.stored_version or self.api_version
        return obj if obj.get("apiVersion") == version else {**obj, "apiVersion": version}

    def from_storage(self, obj: Object) -> Object:
        if self.decode is not None:
            return self.decode(obj)
        if obj.get("apiVersion") == self.api_version and obj.get("kind") == self.kind:
            return obj
        return {**obj, "apiVersion": self.api_version, "kind": self.kind}

    def raises_generation(self, new: Object, old: Object) -> bool:
        """Whether `new` differs from `old` in what counts as the wanted state."""
        if not self.has_generation:
            return False
        ignored = {"metadata", "status"} if self.has_status else {"metadata"}
        keys = (new.keys() | old.keys()) - ignored
        if any(new.get(key) != old.get(key) for key in keys):
            return True
        return self.plural == "endpointslices" and _labels(new) != _labels(old)


def _labels(obj: Object) -> Any:
    return obj.get("metadata", {}).get("labels") or {}
