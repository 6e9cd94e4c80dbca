"""Events, which two API groups serve.

They are stored in the form of core/v1; events.k8s.io/v1 shows the same objects with other field names. So
`kubectl describe`, which asks the core group, finds what was reported through the other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Context, Object
from mcs_controller.simcluster.schemas import names, object_meta
from mcs_controller.simcluster.status import FieldError

CORE_API_VERSION = "v1"
API_VERSION = "events.k8s.io/v1"

_CORE_NAME_OF = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_NAME_OF = {core: name for name, core in _CORE_NAME_OF.items()}

_ALWAYS_SHOWN: dict[str, Any] = {
    "involvedObject": {},
    "eventTime": None,
    "firstTimestamp": None,
    "lastTimestamp": None,
    "reportingComponent": "",
    "reportingInstance": "",
    "source": {},
}
"""Fields that a core Event has even when they are empty; the new names show an empty text not at all."""

TEXT_MAX_CHARS = 128
NOTE_MAX_CHARS = 1024

FIELD_PATHS = {
    **{
        f"involvedObject.{field}": (f"involvedObject.{field}",)
        for field in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    },
    "reason": ("reason",),
    "type": ("type",),
    "source": ("source.component", "reportingComponent"),
    "reportingComponent": ("reportingComponent",),
}
"""What core Events can be selected by."""


def to_core(event: Object) -> Object:
    renamed = {_CORE_NAME_OF.get(field, field): value for field, value in event.items()}
    return _ALWAYS_SHOWN | renamed | {"apiVersion": CORE_API_VERSION, "kind": "Event"}


def from_core(event: Object) -> Object:
    renamed = {_NAME_OF.get(field, field): value for field, value in event.items() if value != ""}
    return renamed | {"apiVersion": API_VERSION, "kind": "Event"}


def prepare_core_event(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    """The old API checks next to nothing of an Event without `eventTime`."""
    for field, empty in _ALWAYS_SHOWN.items():
        new.setdefault(field, empty)
    return [*object_meta.validate_metadata(new, old, namespaced=True), *_shared(new, "reportingComponent")]


def prepare_event(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    core = to_core(new)
    errors = object_meta.validate_metadata(new, old, namespaced=True)
    errors += _shared(core, "reportingController")
    errors += _series(core)
    if old is not None:
        return [*errors, *_immutable(core, to_core(old))]
    if not core.get("eventTime"):
        errors.append(status.required("eventTime"))
    if core.get("type") not in ("Normal", "Warning"):
        errors.append(status.invalid_value("type", "", f"has invalid value: {core.get('type', '')}"))
    for field in ("firstTimestamp", "lastTimestamp", "count", "source"):
        if core.get(field):
            errors.append(status.invalid_value(field, "", "needs to be unset"))
    return errors


def _shared(core: Mapping[str, Any], controller_field: str) -> Iterator[FieldError]:
    namespace = core["metadata"].get("namespace", "")
    about = (core.get("involvedObject") or {}).get("namespace", "")
    new_style = bool(core.get("eventTime"))
    if new_style:
        fits = about or namespace in ("default", "kube-system")
    else:
        fits = about == namespace or (not about and namespace == "default")
    if not fits:
        yield status.invalid_value("involvedObject.namespace", about, "does not match event.namespace")
    if not new_style:
        return
    controller = core.get("reportingComponent") or ""
    if not controller:
        yield status.required(controller_field)
    if complaint := names.qualified_name_complaint(controller):
        yield status.invalid_value(controller_field, controller, complaint)
    for field in ("reportingInstance", "action", "reason"):
        text = core.get(field) or ""
        if not text:
            yield status.required(field)
        if len(text) > TEXT_MAX_CHARS:
            yield status.invalid_value(field, "", f"can have at most {TEXT_MAX_CHARS} characters")
    if len(core.get("message") or "") > NOTE_MAX_CHARS:
        yield status.invalid_value("message", "", f"can have at most {NOTE_MAX_CHARS} characters")


def _series(core: Mapping[str, Any]) -> Iterator[FieldError]:
    series = core.get("series")
    if series is None:
        return
    if series.get("count", 0) < 2:
        yield status.invalid_value("series.count", "", "should be at least 2")
    if not series.get("lastObservedTime"):
        yield status.required("series.lastObservedTime")


def _immutable(core: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[FieldError]:
    fields = ("involvedObject", "reason", "message", "type", "eventTime", "action", "related")
    for field in (*fields, "reportingComponent", "reportingInstance"):
        if core.get(field) != old.get(field):
            yield status.invalid_value(field, core.get(field), "field is immutable")
