"""Parses request paths and queries.

Only the syntax is checked here. Whether the resource exists, and what it allows, is decided in `server.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mcs_controller.kube.connection.transport import Request
from mcs_controller.simcluster import status
from mcs_controller.simcluster.status import FieldError, StatusError

_MATCHES = ("Exact", "NotOlderThan")
_PATHS_KEPT = 4096
_TRUE = ("1", "true", "True", "")


@dataclass(frozen=True, slots=True)
class Target:
    """A collection (`name` is ""), an object, or an object's subresource."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@lru_cache(_PATHS_KEPT)
def parse_path(path: str) -> Target | None:
    """The resource behind a path, or None when it is not the path of a resource."""
    root, *parts = path.strip("/").split("/")
    if root == "api" and len(parts) >= 2:
        group, version, rest = "", parts[0], parts[1:]
    elif root == "apis" and len(parts) >= 3:
        group, version, rest = parts[0], parts[1], parts[2:]
    else:
        return None
    namespace = ""
    is_namespaced = rest[0] == "namespaces" and len(rest) >= 3
    if is_namespaced and not (group == "" and rest[2] == "status"):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3 or not all(rest):
        return None
    name, subresource = (*rest[1:], "", "")[:2]
    return Target(group, version, rest[0], namespace, name, subresource)


class Query:
    """The parameters of one request, as their types; a malformed one is a 400."""

    def __init__(self, request: Request) -> None:
        self._values = dict(reversed(request.query))

    def text(self, name: str) -> str:
        return self._values.get(name, "")

    def flag(self, name: str) -> bool:
        return name in self._values and self._values[name] in _TRUE

    def number(self, name: str) -> int | None:
        """A whole number that is not negative, or None when it is not given."""
        text = self._values.get(name, "")
        if not text:
            return None
        if not text.isascii() or not text.isdigit():
            raise status.bad_request(f'invalid value for query parameter {name}: "{text}"')
        return int(text)

    @property
    def dry_run(self) -> bool:
        wish = self.text("dryRun")
        if wish not in ("", "All"):
            raise status.bad_request(f'dryRun: Unsupported value: "{wish}": supported values: "All"')
        return wish == "All"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The parameters that list, watch and deletecollection share; versions None when not given."""

    label_selector: str
    field_selector: str
    resource_version: int | None
    match: str
    limit: int
    continue_: str

    @classmethod
    def parse(cls, query: Query) -> ListOptions:
        match, version = query.text("resourceVersionMatch"), query.text("resourceVersion")
        field = "resourceVersionMatch"
        if match not in ("", *_MATCHES):
            raise _invalid_options(status.not_supported(field, match, _MATCHES))
        if match and not version and not query.flag("sendInitialEvents"):
            why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            raise _invalid_options(status.forbidden_field(field, why))
        if match == "Exact" and version == "0":
            why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            raise _invalid_options(status.forbidden_field(field, why))
        return cls(
            label_selector=query.text("labelSelector"),
            field_selector=query.text("fieldSelector"),
            resource_version=query.number("resourceVersion"),
            match=match,
            limit=query.number("limit") or 0,
            continue_=query.text("continue"),
        )


class _OptionsKind(NamedTuple):
    """The kind that a refusal of list parameters names."""

    group: str = "meta.k8s.io"
    plural: str = ""
    kind: str = "ListOptions"


def _invalid_options(error: FieldError) -> StatusError:
    return status.invalid(_OptionsKind(), "", [error])
