"""Fake API servers for the tests of kube/: no sockets, virtual time, faults on demand.

`ScriptedTransport` answers as the test's own function says. `FakeKind` is one kind of object with a
history: it lists in pages, streams watches from a version, forgets its past when told to, and refuses when
told to. Both speak `Transport`, so that what is tested is everything above it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mcs_controller.api.resources import Resource
from mcs_controller.kube.connection.transport import HEAD_BYTES, LineStream, Request, Response
from mcs_controller.kube.errors import KubeError, Timeout, TooLarge, Unreachable

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")

Answer = Response | KubeError


def status_body(code: int, reason: str, message: str = "no", **details: Any) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


def refusal(
    code: int, reason: str, message: str = "no", headers: dict[str, str] | None = None, **details: Any
) -> Response:
    return Response(code, headers or {}, json.dumps(status_body(code, reason, message, **details)).encode())


_raw: dict[str, bytes] = {}


def raw(text: bytes) -> str:
    """Stands in a body for JSON that no Python object could be made of, or that none would look like."""
    token = f"@{len(_raw)}@"
    _raw[token] = text
    return token


def encoded(body: Any) -> bytes:
    text = json.dumps(body).encode()
    if b'"@' in text:
        for token, what in _raw.items():
            text = text.replace(f'"{token}"'.encode(), what)
    return text


def nested(levels: int) -> str:
    """JSON that is so many levels deep, for a body."""
    return raw(b'{"f:a":' * levels + b"{}" + b"}" * levels)


def ok(body: Any, status: int = 200) -> Response:
    return Response(status, {}, encoded(body))


class FakeStream:
    """A stream whose lines the test pushes."""

    def __init__(self, inactivity_seconds: float = 3600.0) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.closed = False
        self._inactivity_seconds = inactivity_seconds
        self._lines: asyncio.Queue[bytes | KubeError] = asyncio.Queue()

    def push(self, event: dict[str, Any] | bytes) -> None:
        self._lines.put_nowait(event if isinstance(event, bytes) else encoded(event) + b"\n")

    def end(self) -> None:
        self._lines.put_nowait(b"")

    def fail(self, error: KubeError) -> None:
        self._lines.put_nowait(error)

    async def readline(self) -> bytes:
        try:
            async with asyncio.timeout(self._inactivity_seconds):
                line = await self._lines.get()
        except TimeoutError:
            raise Timeout("silent") from None
        if isinstance(line, KubeError):
            raise line
        return line

    async def read_error(self) -> bytes:
        return b""

    async def close(self) -> None:
        self.closed = True


class RefusedStream:
    """What a transport returns for a watch that was answered with an error status."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.headers = response.headers
        self.closed = False
        self._body = response.body

    async def readline(self) -> bytes:
        raise AssertionError("there are no lines in a refusal")

    async def read_error(self) -> bytes:
        return self._body

    async def close(self) -> None:
        self.closed = True


class ScriptedTransport:
    """`answer(request)` says what comes back; `renewals` says what each forced renewal achieves."""

    def __init__(self, answer: Callable[[Request], Answer | Awaitable[Answer]]) -> None:
        self.requests: list[Request] = []
        self.timeouts_seconds: list[float] = []
        self.renewals: list[bool] = []
        self.streams: list[LineStream] = []
        self.closed = False
        self._answer = answer

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if request.before_sending is not None:
            request.before_sending()
        self.requests.append(request)
        self.timeouts_seconds.append(timeout_seconds)
        answer = self._answer(request)
        if isinstance(answer, Awaitable):
            answer = await answer
        if isinstance(answer, KubeError):
            raise answer
        return answer

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        response = await self.request(request, timeout_seconds=timeout_seconds)
        stream: LineStream = (
            FakeStream(inactivity_seconds) if response.status == 200 else RefusedStream(response)
        )
        self.streams.append(stream)
        return stream

    async def renew_credential(self) -> bool:
        return self.renewals.pop(0) if self.renewals else False

    async def close(self) -> None:
        self.closed = True


class FakeKind:
    """One kind of object on one API server; its state is what the test writes."""

    def __init__(self, *, first_version: int = 100) -> None:
        self.version = first_version
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.history: list[tuple[int, dict[str, Any]]] = []
        self.oldest = first_version
        self.faults: list[tuple[str, Answer]] = []
        """(what, answer): the next request of that sort (`list`, `continue`, `watch`) gets that answer."""
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.open: list[FakeStream] = []
        self.page_delay_seconds = 0.0
        self.watch_delay_seconds = 0.0
        self.closes_watches_at_once = False

    def put(
        self, name: str, namespace: str = "shop", *, managed_fields: Any = None, **fields: Any
    ) -> dict[str, Any]:
        """Create the object or write a new version of it."""
        self.version += 1
        key = (namespace, name)
        kind = "MODIFIED" if key in self.objects else "ADDED"
        uid = self.objects[key]["metadata"]["uid"] if key in self.objects else f"uid-{self.version}"
        metadata = {"namespace": namespace, "name": name, "uid": uid, "resourceVersion": str(self.version)}
        if managed_fields is not None:
            metadata = {"managedFields": [{"fieldsV1": managed_fields}], **metadata}
        self.objects[key] = {"metadata": metadata, **fields}
        self._happen({"type": kind, "object": self.objects[key]})
        return self.objects[key]

    def remove(self, name: str, namespace: str = "shop") -> None:
        self.version += 1
        gone = self.objects.pop((namespace, name))
        gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
        self._happen({"type": "DELETED", "object": gone})

    def bookmark(self) -> None:
        self.version += 1
        event = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(self.version)}}}
        for stream in self.open:
            stream.push(event)

    def compact(self) -> None:
        """Forget the past: a watch from any earlier version is Gone."""
        self.oldest = self.version
        self.history.clear()

    def restore(self, objects: dict[tuple[str, str], dict[str, Any]], *, version: int) -> None:
        """As from a backup: another history, which begins with these objects; every watch ends."""
        self.cut()
        self.version, self.oldest = version, version
        self.history.clear()
        self.objects = dict(objects)

    def cut(self, error: KubeError | None = None) -> None:
        """End every open watch, as a server does (None) or as a network does."""
        for stream in self.open:
            stream.end() if error is None else stream.fail(error)
        self.open.clear()

    def count(self, sort: str) -> int:
        return sum(1 for what, _ in self.requests if what == sort)

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        query = dict(request.query)
        sort = "continue" if "continue" in query else "list"
        self.requests.append((sort, query))
        fault = self._fault(sort)
        if isinstance(fault, KubeError):
            raise fault
        if fault is not None:
            return fault
        if sort == "continue":
            version, start = (int(part) for part in query["continue"].split("/"))
        else:
            version, start = self.version, 0
        if self.page_delay_seconds:
            try:
                async with asyncio.timeout(timeout_seconds):
                    await asyncio.sleep(self.page_delay_seconds)
            except TimeoutError:
                raise Timeout("slow") from None
        items = self._snapshot(query, version)
        end = start + int(query.get("limit", len(items)))
        metadata = {"resourceVersion": str(version)}
        if end < len(items):
            metadata["continue"] = f"{version}/{end}"
        response = ok({"metadata": metadata, "items": items[start:end] or None})
        if len(response.body) > request.answer_max_bytes:
            raise TooLarge("too large", head=response.body[:HEAD_BYTES])
        return response

    async def stream(
        self, request: Request, *, timeout_seconds: float, inactivity_seconds: float
    ) -> LineStream:
        query = dict(request.query)
        self.requests.append(("watch", query))
        fault = self._fault("watch")
        if isinstance(fault, KubeError):
            raise fault
        if fault is not None:
            return RefusedStream(fault)
        if self.watch_delay_seconds:
            await asyncio.sleep(self.watch_delay_seconds)
        stream = FakeStream(inactivity_seconds)
        since = int(query["resourceVersion"])
        if since < self.oldest:
            stream.push({"type": "ERROR", "object": status_body(410, "Expired", "too old resource version")})
            stream.end()
            return stream
        for version, event in self.history:
            if version > since:
                stream.push(event)
        if self.closes_watches_at_once:
            stream.end()
        else:
            self.open.append(stream)
        return stream

    async def renew_credential(self) -> bool:
        return False

    async def close(self) -> None:
        self.cut(Unreachable("closed"))

    def _happen(self, event: dict[str, Any]) -> None:
        self.history.append((self.version, event))
        for stream in self.open:
            stream.push(event)

    def _fault(self, sort: str) -> Answer | None:
        for number, (what, answer) in enumerate(self.faults):
            if what == sort:
                del self.faults[number]
                return answer
        return None

    def _snapshot(self, query: dict[str, str], version: int) -> list[dict[str, Any]]:
        state: dict[tuple[str, str], dict[str, Any]] = dict(self.objects)
        for happened, event in reversed(self.history):
            if happened > version:
                metadata = event["object"]["metadata"]
                key = (metadata["namespace"], metadata["name"])
                before = self._before(key, happened)
                if before is None:
                    state.pop(key, None)
                else:
                    state[key] = before
        wanted = query.get("fieldSelector", "").removeprefix("metadata.name=")
        return [body for key, body in sorted(state.items()) if not wanted or key[1] == wanted]

    def _before(self, key: tuple[str, str], happened: int) -> dict[str, Any] | None:
        for version, event in reversed(self.history):
            metadata = event["object"]["metadata"]
            if version < happened and (metadata["namespace"], metadata["name"]) == key:
                return None if event["type"] == "DELETED" else event["object"]
        return None


class FakeClock:
    """Wall-clock time that follows the loop's, from a moment of the test's choice."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.start = start

    def now(self) -> datetime:
        return self.start + timedelta(seconds=asyncio.get_running_loop().time())
