"""JSON over HTTPS to an API server, as little as tests need and with the standard library only.

A connection for each request, in a thread: slow next to the product's own client, but nothing
that is kept open between tests or bound to a test's event loop.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.realkube.place import LOOPBACK, Place

MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: Any
    """The decoded JSON; plain text where it was none."""


def retry_after_seconds(response: Response) -> float | None:
    """When the server wants to be asked again, by its Status; None unless it refused for now."""
    if response.status != http.client.TOO_MANY_REQUESTS or not isinstance(response.body, dict):
        return None
    seconds = response.body.get("details", {}).get("retryAfterSeconds")
    return None if seconds is None else float(seconds)


class ApiError(Exception):
    def __init__(self, request: str, response: Response) -> None:
        super().__init__(f"{request}: {response.status} {str(response.body)[:512]}")
        self.response = response


async def send(
    url: str,
    method: str,
    path: str,
    *,
    ca_file: Path | None = None,
    token: str | None = None,
    body: Any = None,
    content_type: str | None = None,
    timeout_s: float = 10,
    place: Place = LOOPBACK,
) -> Response:
    """One request; `OSError` or `http.client.HTTPException` where nothing (whole) answers."""
    return await asyncio.to_thread(
        _send, url, method, path, ca_file, token, body, content_type, timeout_s, place
    )


async def answers_ok(url: str, path: str, ca_file: Path | None = None, place: Place = LOOPBACK) -> bool:
    """Whether a health path answers 200: anything else, or nothing, is only "not yet"."""
    try:
        return (await send(url, "GET", path, ca_file=ca_file, timeout_s=2, place=place)).status == 200
    except (OSError, http.client.HTTPException):
        return False


def _send(
    url: str,
    method: str,
    path: str,
    ca_file: Path | None,
    token: str | None,
    body: Any,
    content_type: str | None,
    timeout_s: float,
    place: Place,
) -> Response:
    target = urlsplit(url)
    host = target.netloc
    connection = http.client.HTTPConnection(host, timeout=timeout_s)
    if target.scheme == "https":
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        connection = http.client.HTTPSConnection(host, timeout=timeout_s, context=context)
    headers = {"Accept": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = content_type or "application/json"
    try:
        with place.entered():
            connection.connect()
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        raw = answer.read()
    finally:
        connection.close()
    is_json = answer.headers.get_content_type() == "application/json"
    return Response(answer.status, json.loads(raw) if is_json else raw.decode(errors="replace"))
