"""What the server says about itself: discovery, OpenAPI and its version.

The documents depend on the served kinds only, and are made again when those have changed.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.served import ServedKinds
from mcs_controller.simcluster.kubectl import discovery, openapi

_OPENAPI_V3 = "openapi/v3"


class Documents:
    """The answers to requests that are for no resource."""

    def __init__(self, served: ServedKinds) -> None:
        self._served = served
        self._revision = -1
        self._kept: dict[str, bytes] = {}

    def answer(self, request: Request) -> Response | None:
        """None when there is no such document. Raises 406."""
        if request.method not in ("GET", "HEAD"):
            return None
        path = request.path.strip("/")
        if path == "openapi/v2":
            return _openapi_v2(request)
        if self._revision != self._served.revision:
            self._revision = self._served.revision
            self._kept.clear()
        if path not in self._kept:
            document = self._document(path)
            if document is None:
                return None
            self._kept[path] = to_json(document)
        return Response(200, {"content-type": "application/json"}, self._kept[path])

    def _document(self, path: str) -> dict[str, Any] | None:
        kinds = self._served.all()
        if path == _OPENAPI_V3:
            return openapi.openapi_v3_index(kinds)
        if path.startswith(f"{_OPENAPI_V3}/"):
            return openapi.openapi_v3(kinds, path.removeprefix(f"{_OPENAPI_V3}/"))
        return discovery.respond(path, kinds)


def _openapi_v2(request: Request) -> Response:
    if not any(one in request.headers.get("accept", "*/*") for one in ("proto-openapi", "*/*")):
        raise status.not_acceptable([openapi.V2_TYPE])
    return Response(200, {"content-type": openapi.V2_TYPE}, openapi.V2_DOCUMENT)
