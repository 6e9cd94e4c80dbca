"""An API server as these tests speak to it: paths and dicts, over the product's own transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from mcs_controller.kube.connection.transport import LineStream, Request, Transport
from tests.support.waiting import eventually

Object = dict[str, Any]
Query = Mapping[str, str]

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
WIDGETS = "/apis/contract.mcs-controller.io/v1"
TIMEOUT_SECONDS = 15.0
UNTIL_SECONDS = 60.0
"""A namespace that something holds is looked at again after eight seconds, and later on a busy machine."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `body` is the text itself when it is no JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", ""))

    @property
    def causes(self) -> list[tuple[str, str]]:
        """(field, reason) of each cause."""
        found = (self.body.get("details") or {}).get("causes") or []
        return [(one.get("field", ""), one.get("reason", "")) for one in found]


class Api:
    """One server, as an administrator."""

    def __init__(self, transport: Transport, forget_history: Callable[[], None]) -> None:
        self._transport = transport
        self.forget_history = forget_history
        """Make version 1 too old, where it is not already."""

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Query | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> Answer:
        payload = body if isinstance(body, bytes) else None if body is None else to_json(body)
        headers = {"accept": accept, "accept-encoding": "identity"}
        if payload is not None:
            headers["content-type"] = content_type
        request = Request(method, path, tuple((query or {}).items()), headers, payload)
        response = await self._transport.request(request, timeout_seconds=TIMEOUT_SECONDS)
        text = response.body
        is_json = response.headers.get("content-type", "").startswith("application/json")
        return Answer(response.status, response.headers, from_json(text) if is_json else text.decode())

    async def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The body of an answer that must be a good one."""
        answer = await self.send(method, path, body, **options)
        assert answer.status < 300, answer.body
        return answer.body

    async def watch(self, path: str, query: Query | None = None, **options: str) -> Watching:
        """A watch that must be opened."""
        parameters = {"watch": "true", **(query or {}), **options}
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        request = Request("GET", path, tuple(parameters.items()), headers)
        stream = await self._transport.stream(
            request, timeout_seconds=TIMEOUT_SECONDS, inactivity_seconds=TIMEOUT_SECONDS
        )
        assert stream.status == 200, await stream.read_error()
        return Watching(stream)

    async def until(self, path: str, holds: Callable[[Answer], bool]) -> Answer:
        """Ask again and again until the answer is as wanted."""
        return await eventually(lambda: self.send("GET", path), holds, UNTIL_SECONDS, poll_seconds=0.02)

    async def until_gone(self, path: str) -> None:
        await self.until(path, lambda answer: answer.status == 404)


class Watching:
    """The events of a watch."""

    def __init__(self, stream: LineStream) -> None:
        self._stream = stream

    async def __aenter__(self) -> Watching:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stream.close()

    async def next(self) -> tuple[str, Object]:
        """The next event."""
        line = await self._stream.readline()
        assert line, "the watch ended"
        event = from_json(line)
        return event["type"], event["object"]

    async def names(self, count: int) -> list[tuple[str, str]]:
        """The next events as (type, name)."""
        events = [await self.next() for _ in range(count)]
        return [(type_, shown["metadata"]["name"]) for type_, shown in events]

    async def rest(self) -> list[tuple[str, Object]]:
        """Everything until the server ends the watch."""
        events = []
        while line := await self._stream.readline():
            event = from_json(line)
            events.append((event["type"], event["object"]))
        return events


def config_map(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def widget(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "contract.mcs-controller.io/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": 1} | spec,
    }


def service(name: str, **spec: Any) -> Object:
    ports = [{"port": 80, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": ports} | spec,
    }


def widget_crd() -> Object:
    """A custom resource of two versions with everything that these tests look at."""
    size = {"type": "integer", "minimum": 1, "maximum": 9}
    spec = {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": size,
            "colour": {"type": "string", "default": "grey", "enum": ["grey", "red"]},
            "note": {"type": "string", "maxLength": 5},
        },
    }
    status = {"type": "object", "properties": {"phase": {"type": "string"}}}
    schema = {"type": "object", "required": ["spec"], "properties": {"spec": spec, "status": status}}

    def version(name: str, *, stored: bool) -> Object:
        return {
            "name": name,
            "served": True,
            "storage": stored,
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
            "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
        }

    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.contract.mcs-controller.io"},
        "spec": {
            "group": "contract.mcs-controller.io",
            "scope": "Namespaced",
            "names": names,
            "versions": [version("v1", stored=True), version("v1alpha1", stored=False)],
        },
    }
