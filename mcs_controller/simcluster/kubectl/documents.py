"""What the server says about itself: discovery, OpenAPI, version, and who may do what.

The documents depend on the served kinds only, and are made again when those have changed. Authorisation
reviews say yes: whoever reaches a simulated server may do everything.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.simcluster.answers import json_response
from mcs_controller.simcluster.bodies import read_body
from mcs_controller.simcluster.kinds.crds import ServedKinds
from mcs_controller.simcluster.kubectl import discovery, openapi

_REVIEWS = "/apis/authorization.k8s.io/v1/"
_OPENAPI_V3 = "/openapi/v3"


class Documents:
    """The answers to requests that are for no resource."""

    def __init__(self, served: ServedKinds) -> None:
        self._served = served
        self._revision = -1
        self._kept: dict[tuple[str, str], Response] = {}

    def answer(self, request: Request) -> Response | None:
        """None when there is no such document."""
        if request.method == "POST" and request.path.startswith(_REVIEWS):
            return _review(request)
        if request.method not in ("GET", "HEAD"):
            return None
        if self._revision != self._served.revision:
            self._revision = self._served.revision
            self._kept.clear()
        key = (request.path.rstrip("/"), request.headers.get("accept", ""))
        if key not in self._kept and (document := self._render(*key)) is not None:
            self._kept[key] = document
        return self._kept.get(key)

    def _render(self, path: str, accept: str) -> Response | None:
        kinds = self._served.all()
        document: Any = None
        if path == _OPENAPI_V3:
            document = openapi.openapi_v3_index(kinds)
        elif path.startswith(f"{_OPENAPI_V3}/"):
            document = openapi.openapi_v3(kinds, path.removeprefix(f"{_OPENAPI_V3}/"))
        elif path == "/openapi/v2":
            document = openapi.openapi_v2(kinds)
        else:
            document = discovery.respond(path, accept, kinds)
        if document is None:
            return None
        content_type = discovery.content_type(document)
        return Response(200, {"content-type": content_type}, to_json(document))


def _review(request: Request) -> Response | None:
    body = read_body(request)
    match request.path.removeprefix(_REVIEWS):
        case "selfsubjectaccessreviews" | "subjectaccessreviews":
            verdict: dict[str, Any] = {"allowed": True}
        case "selfsubjectrulesreviews":
            everything = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
            anywhere = [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
            verdict = {"resourceRules": everything, "nonResourceRules": anywhere, "incomplete": False}
        case _:
            return None
    return json_response(to_json(body | {"status": verdict}), 201)
