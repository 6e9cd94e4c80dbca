"""The few things that an API server does with events.k8s.io/v1 Events, in memory, with faults on demand.

It checks what a real kube-apiserver's validation of Events checks (required fields, the limits, a series of
at least two), so that an event that this takes is one that a cluster takes.
"""

import re
from typing import Any

from pydantic_core import from_json, to_json

from mcs_controller.kube.connection.transport import LineStream, Request, Response
from mcs_controller.kube.errors import Unreachable

MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
EVENTS_PATH = re.compile(r"/apis/events\.k8s\.io/v1/namespaces/(?P<namespace>[^/]+)/events(?:/(?P<name>.+))?")


class EventStoreTransport:
    """A `Transport` whose API server knows Events only."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[str] = []
        self.failures: list[int | None] = []
        """What the next requests meet instead of an answer: an HTTP status, or None for no answer at all."""

        self.ending: set[str] = set()
        """The namespaces that are being deleted."""

        self.lose_answers = 0
        """So many of the next requests are carried out, but their answer is lost."""

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        self.requests.append(request.method)
        if self.failures:
            status = self.failures.pop(0)
            if status is None:
                raise Unreachable("connection refused")
            return _refusal(status)
        response = self._carry_out(request)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unreachable("connection reset")
        return response

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        raise AssertionError("nobody watches events here")

    async def renew_credential(self) -> bool:
        return False

    async def close(self) -> None:
        pass

    def _carry_out(self, request: Request) -> Response:
        match = EVENTS_PATH.fullmatch(request.path)
        assert match is not None, request.path
        assert request.body is not None
        body = from_json(request.body)
        if request.method == "POST":
            key = (match["namespace"], body["metadata"]["name"])
            if match["namespace"] in self.ending:
                return _refusal(403, "Forbidden", causes=[{"reason": "NamespaceTerminating"}])
            if key in self.events:
                return _refusal(409, "AlreadyExists")
            stored = body
        else:
            assert request.method == "PATCH"
            assert request.headers["content-type"] == "application/merge-patch+json"
            key = (match["namespace"], match["name"])
            if key not in self.events:
                return _refusal(404)
            stored = {**self.events[key], **body}
        _validate(stored)
        self.events[key] = stored
        return Response(201, {}, to_json(stored))


def _validate(event: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", event["metadata"]["name"])
    assert len(event["metadata"]["name"]) <= 253
    assert event["metadata"]["namespace"] == (event["regarding"].get("namespace") or "default")
    assert MICRO_TIME.fullmatch(event["eventTime"])
    assert re.fullmatch(r"[a-z0-9.-]+/[A-Za-z0-9._-]{1,63}", event["reportingController"])
    assert 0 < len(event["reportingInstance"]) <= 128
    assert 0 < len(event["action"]) <= 128
    assert 0 < len(event["reason"]) <= 128
    assert len(event["note"].encode()) <= 1024
    assert event["type"] in ("Normal", "Warning")
    if "series" in event:
        assert event["series"]["count"] >= 2
        assert MICRO_TIME.fullmatch(event["series"]["lastObservedTime"])


def _refusal(status: int, reason: str = "", **details: Any) -> Response:
    body = {
        "kind": "Status",
        "status": "Failure",
        "code": status,
        "reason": reason,
        "message": "no",
        "details": details,
    }
    return Response(status, {}, to_json(body))
