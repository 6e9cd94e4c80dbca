"""How objects look to the client: as JSON in its API version, as a Table, or as metadata only.

A `View` is chosen once per request, from the kind and the Accept header. What does not depend on the time is
rendered once per version of an object and kept with it, so that many watchers cost one serialisation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from pydantic_core import to_json

from mcs_controller.kube.connection.transport import Response
from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.kubectl.tables import render_table, wants_table
from mcs_controller.simcluster.serving.reading import Page
from mcs_controller.simcluster.status import StatusError
from mcs_controller.simcluster.storage.versions import Object, Stored

_JSON = "application/json"
_META_VERSION = "meta.k8s.io/v1"


class View(Protocol):
    """One representation of one kind."""

    def one(self, stored: Stored) -> bytes:
        """The body of an answer with one object."""
        ...

    def page(self, page: Page) -> bytes:
        """The body of an answer with a list."""
        ...

    def event(self, type_: str, stored: Stored) -> bytes:
        """A line of a watch."""
        ...


def choose_view(kind: Kind, accept: str, include_object: str, now: Callable[[], datetime]) -> View:
    """Raises 406 for a client that takes no JSON."""
    if wants_table(accept):
        return _TableView(kind, include_object, now)
    if "as=PartialObjectMetadata" in accept:
        return _ObjectView(kind, partial=True)
    if accept and not any(one in accept for one in ("json", "*/*", "application/*")):
        raise status.not_acceptable([_JSON])
    return _ObjectView(kind, partial=False)


def json_response(body: object, code: int = 200) -> Response:
    """From a dict, or from JSON."""
    payload = body if isinstance(body, bytes) else to_json(body)
    return Response(code, {"content-type": _JSON}, payload)


def text_response(text: str, code: int = 200) -> Response:
    """For endpoints that are no API."""
    return Response(code, {"content-type": "text/plain; charset=utf-8"}, text.encode())


def error_response(error: StatusError) -> Response:
    """A refusal."""
    headers = {"content-type": _JSON}
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(error.retry_after_seconds)
    return Response(error.code, headers, to_json(error.body()))


def error_event(error: StatusError) -> bytes:
    """A refusal during a watch."""
    return b'{"type":"ERROR","object":' + to_json(error.body()) + b"}\n"


def bookmark_event(kind: Kind, resource_version: int, *, ends_initial_events: bool = False) -> bytes:
    """A line with the version that a watch has reached."""
    metadata: Object = {"resourceVersion": str(resource_version), "creationTimestamp": None}
    if ends_initial_events:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    shown = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}
    return to_json({"type": "BOOKMARK", "object": shown}) + b"\n"


def list_metadata(page: Page) -> Object:
    """The metadata of a list."""
    metadata: Object = {"resourceVersion": str(page.resource_version)}
    if page.continue_:
        metadata["continue"] = page.continue_
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    return metadata


class _ObjectView:
    """Whole objects, or their metadata only."""

    def __init__(self, kind: Kind, *, partial: bool) -> None:
        self._kind = kind
        self._partial = partial
        self._name = f"{'partial ' if partial else ''}{kind.api_version}"
        self._is_stored_form = not partial and kind.decode is None
        # Items of a list repeat their kind and version only for custom kinds.
        self._leaves_out = b""
        if not partial and not kind.is_custom:
            self._leaves_out = f'{{"kind":"{kind.kind}","apiVersion":"{kind.api_version}",'.encode()

    def one(self, stored: Stored) -> bytes:
        if self._is_stored_form and stored.api_version == self._kind.api_version:
            return stored.encoded
        return stored.rendered(self._name, self._render)

    def page(self, page: Page) -> bytes:
        kind = self._kind
        head = {
            "kind": "PartialObjectMetadataList" if self._partial else kind.list_kind,
            "apiVersion": _META_VERSION if self._partial else kind.api_version,
            "metadata": list_metadata(page),
        }
        bodies: Sequence[bytes] = [self.one(stored) for stored in page.items]
        if (prefix := self._leaves_out) != b"":
            bodies = [b"{" + body.removeprefix(prefix).removeprefix(b"{") for body in bodies]
        return to_json(head)[:-1] + b',"items":[' + b",".join(bodies) + b"]}"

    def event(self, type_: str, stored: Stored) -> bytes:
        return b'{"type":"' + type_.encode() + b'","object":' + self.one(stored) + b"}\n"

    def _render(self, stored: Stored) -> bytes:
        shown = self._kind.from_storage(stored.object)
        if self._partial:
            shown = {
                "kind": "PartialObjectMetadata",
                "apiVersion": _META_VERSION,
                "metadata": shown["metadata"],
            }
        else:
            ends = ("kind", "apiVersion")
            rest = {key: value for key, value in shown.items() if key not in ends}
            shown = {"kind": self._kind.kind, "apiVersion": self._kind.api_version} | rest
        return to_json(shown)


class _TableView:
    """Rows with ages, which change with time, so that nothing can be kept."""

    def __init__(self, kind: Kind, include_object: str, now: Callable[[], datetime]) -> None:
        self._kind = kind
        self._include_object = include_object or "Metadata"
        self._now = now
        self._has_columns = False

    def one(self, stored: Stored) -> bytes:
        return to_json(self._table([stored], stored.resource_version, ""))

    def page(self, page: Page) -> bytes:
        table = self._table(page.items, page.resource_version, page.continue_)
        if page.remaining is not None:
            table["metadata"]["remainingItemCount"] = page.remaining
        return to_json(table)

    def event(self, type_: str, stored: Stored) -> bytes:
        table = self._table([stored], stored.resource_version, "")
        if self._has_columns:
            table["columnDefinitions"] = None
        self._has_columns = True
        return to_json({"type": type_, "object": table}) + b"\n"

    def _table(self, items: Sequence[Stored], resource_version: int, continue_: str) -> Object:
        return render_table(
            self._kind,
            [self._kind.from_storage(stored.object) for stored in items],
            resource_version=str(resource_version),
            continue_=continue_,
            include_object=self._include_object,
            now=self._now(),
        )
