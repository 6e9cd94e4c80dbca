"""What a request means on this API server: it finds the kind, picks the verb, and returns the answer.

Lists are read in `reading.py`, watches served by `watches.py`, objects written in `storage/objects.py`;
`answers.py` renders them. Requests arrive through `transport.py` (same process) or `http.py` (a socket) and
are handled alike.

Invariant: every refusal is a `metav1.Status`. The only exception that leaves this module is `Unreachable`,
when a fault breaks the connection.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

from mcs_controller.kube.clock import Clock
from mcs_controller.kube.connection.transport import LineStream, Request, Response
from mcs_controller.simcluster import status
from mcs_controller.simcluster.faults import Call, Faults
from mcs_controller.simcluster.kinds.kind import Kind
from mcs_controller.simcluster.kinds.served import ServedKinds
from mcs_controller.simcluster.kubectl import documents
from mcs_controller.simcluster.patches.patch import APPLY, apply_patch
from mcs_controller.simcluster.serving.answers import (
    choose_view,
    error_response,
    json_response,
    text_response,
)
from mcs_controller.simcluster.serving.bodies import (
    check_fields,
    media_type,
    payload_of,
    read_body,
    read_delete_options,
    read_object,
)
from mcs_controller.simcluster.serving.paths import ListOptions, Query, Target, parse_path
from mcs_controller.simcluster.serving.reading import Page, read_page, selection
from mcs_controller.simcluster.serving.watches import BOOKMARK_INTERVAL_SECONDS, Stream, Watch, WatchOptions
from mcs_controller.simcluster.status import StatusError
from mcs_controller.simcluster.storage.objects import Objects
from mcs_controller.simcluster.storage.versions import Bucket, Object

WATCH_MIN_SECONDS = 1800.0
_HEALTH_PATHS = ("/healthz", "/livez", "/readyz")
_OF_COLLECTIONS = ("create", "list", "watch", "deletecollection")
_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for a resource, resolved."""

    request: Request
    query: Query
    target: Target
    kind: Kind
    verb: str


class ApiServer:
    """One simulated API server."""

    def __init__(
        self,
        objects: Objects,
        served: ServedKinds,
        faults: Faults,
        *,
        clock: Clock,
        random: Random,
        bookmark_interval_seconds: float = BOOKMARK_INTERVAL_SECONDS,
    ) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """How often each (verb, plural) was asked for, refusals included."""
        self._objects = objects
        self._served = served
        self._faults = faults
        self._clock = clock
        self._random = random
        self._bookmark_interval_seconds = bookmark_interval_seconds
        self._documents = documents.Documents(served)

    async def handle(self, request: Request, *, user: str) -> Response:
        """Answer one request that is not a watch."""
        try:
            asked = self._resolve(request)
            call = _call(user, request, asked)
            self.requests[call.verb, call.resource] += 1
            if self._faults.present:
                await self._faults.before(call)
                # While a fault held the request back, the served kinds may have changed.
                asked = self._resolve(request)
            response = self._resource(asked) if asked is not None else self._other(request)
            await self._faults.after(call)
        except StatusError as error:
            return error_response(error)
        return response

    async def stream(self, request: Request, *, user: str) -> LineStream:
        """Open a watch; the answer is not 200 when it is refused."""
        try:
            asked = self._resolve(request)
            if asked is None:
                return _Refusal(self._other(request))
            call = _call(user, request, asked)
            self.requests[call.verb, call.resource] += 1
            await self._faults.before(call)
            return self._watch(asked, call)
        except StatusError as error:
            return _Refusal(error_response(error))

    @property
    def may_wait(self) -> bool:
        """Whether an answer may take time: without faults it takes none."""
        return self._faults.present

    @staticmethod
    def is_watch(request: Request) -> bool:
        """Whether the answer is a stream."""
        return request.method == "GET" and Query(request).flag("watch")

    def close_watches(self, bucket: Bucket) -> None:
        """End the watches of a resource whose definition has changed; clients start new ones."""
        for call, stream in self._faults.watches():
            if call.resource == bucket[1]:
                stream.finish()

    def _resolve(self, request: Request) -> _Asked | None:
        target = parse_path(request.path)
        if target is None:
            return None
        kind = self._served.find(target.group, target.version, target.plural)
        if kind is None or (target.subresource and not _has_subresource(kind, target)):
            return None
        query = Query(request)
        verb = _VERBS.get(request.method, "")
        if verb == "get" and query.flag("watch"):
            verb = "watch"
        elif not target.name:
            verb = {"get": "list", "delete": "deletecollection"}.get(verb, verb)
        return _Asked(request, query, target, kind, verb)

    def _other(self, request: Request) -> Response:
        if request.path in _HEALTH_PATHS:
            return text_response("ok")
        answer = self._documents.answer(request)
        if answer is not None:
            return answer
        target = parse_path(request.path)
        if target is not None and self._served.is_builtin(target.group):
            raise status.path_not_found()
        return text_response("404 page not found\n", 404)

    def _resource(self, asked: _Asked) -> Response:
        kind, target, verb = asked.kind, asked.target, asked.verb
        if target.subresource in kind.asked:
            return self._ask(asked)
        misplaced = (verb in _OF_COLLECTIONS) == bool(target.name) or (
            kind.namespaced and not target.namespace and verb not in ("list", "watch")
        )
        if misplaced or verb not in kind.verbs:
            raise status.method_not_allowed(kind, verb or asked.request.method)
        match verb:
            case "get":
                stored = self._objects.get(kind, target.namespace, target.name)
                return json_response(self._view(asked).one(stored))
            case "list":
                options = ListOptions.parse(asked.query)
                page = read_page(self._objects.storage, kind, target.namespace, options)
                return json_response(self._view(asked).page(page))
            case "create":
                return self._create(asked)
            case "update":
                return self._update(asked)
            case "patch":
                return self._patch(asked)
            case "delete":
                return self._delete(asked)
            case "deletecollection":
                return self._delete_collection(asked)
            case _:
                raise status.method_not_allowed(kind, verb)

    def _ask(self, asked: _Asked) -> Response:
        kind, target = asked.kind, asked.target
        if asked.verb != "create":
            raise status.method_not_allowed(kind, asked.verb or asked.request.method)
        stored = self._objects.get(kind, target.namespace, target.name)
        sent = read_body(asked.request)
        return json_response(kind.asked[target.subresource](stored.copy(), sent, self._clock.now()), 201)

    def _create(self, asked: _Asked) -> Response:
        body = read_object(asked.request, asked.query, asked.kind)
        stored = self._objects.create(asked.kind, asked.target.namespace, body, dry_run=asked.query.dry_run)
        return json_response(self._view(asked).one(stored), 201)

    def _update(self, asked: _Asked) -> Response:
        kind, target = asked.kind, asked.target
        body = read_object(asked.request, asked.query, asked.kind)
        stored = self._objects.replace(
            kind,
            target.namespace,
            target.name,
            body,
            subresource=target.subresource,
            dry_run=asked.query.dry_run,
        )
        return json_response(self._view(asked).one(stored))

    def _patch(self, asked: _Asked) -> Response:
        kind, target = asked.kind, asked.target
        content_type = media_type(asked.request)
        patch = payload_of(asked.request)
        found = self._objects.storage.get(kind.storage, target.namespace, target.name)
        if found is None:
            if content_type != APPLY:
                raise status.not_found(kind, target.name)
            empty: Object = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": {}}
            body = apply_patch(content_type, empty, patch, kind)
            check_fields(body, asked.query, kind)
            created = self._objects.create(kind, target.namespace, body, dry_run=asked.query.dry_run)
            return json_response(self._view(asked).one(created), 201)
        body = apply_patch(content_type, kind.from_storage(found.copy()), patch, kind)
        check_fields(body, asked.query, kind)
        stored = self._objects.replace(
            kind,
            target.namespace,
            target.name,
            body,
            subresource=target.subresource,
            dry_run=asked.query.dry_run,
            is_patch=True,
        )
        return json_response(self._view(asked).one(stored))

    def _delete(self, asked: _Asked) -> Response:
        kind, target = asked.kind, asked.target
        options = read_delete_options(asked.request, asked.query)
        deletion = self._objects.delete(kind, target.namespace, target.name, options)
        if not deletion.gone:
            return json_response(self._view(asked).one(deletion.stored))
        details = {
            "name": target.name,
            "group": kind.group,
            "kind": kind.plural,
            "uid": deletion.stored.metadata["uid"],
        }
        return json_response(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": {key: value for key, value in details.items() if value},
            }
        )

    def _delete_collection(self, asked: _Asked) -> Response:
        kind, storage = asked.kind, self._objects.storage
        match = selection(kind, ListOptions.parse(asked.query))
        options = read_delete_options(asked.request, asked.query)
        found = [
            stored
            for stored in storage.select(kind.storage, asked.target.namespace)
            if match is None or match(stored.object)
        ]
        for stored in found:
            self._objects.delete(kind, stored.namespace, stored.name, options)
        return json_response(self._view(asked).page(Page(found, storage.revision)))

    def _watch(self, asked: _Asked, call: Call) -> Stream:
        if asked.verb != "watch" or "watch" not in asked.kind.verbs:
            raise status.method_not_allowed(asked.kind, "watch")
        options = WatchOptions.parse(asked.query, asked.target.namespace, asked.target.name)
        stream = Stream(delay_seconds=lambda: self._faults.watch_delay_seconds(call))
        watch = Watch(self._objects.storage, asked.kind, self._view(asked), options, stream)
        self._faults.watch_opened(call, stream)
        watch.start(
            timeout_seconds=options.timeout_seconds or WATCH_MIN_SECONDS * (1 + self._random.random()),
            bookmark_interval_seconds=self._bookmark_interval_seconds,
        )
        return stream

    def _view(self, asked: _Asked) -> Any:
        accept = asked.request.headers.get("accept", "")
        return choose_view(asked.kind, accept, asked.query.text("includeObject"), self._clock.now)


class _Refusal:
    """A watch that was not opened."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.headers = response.headers
        self._body = response.body

    async def readline(self) -> bytes:
        return b""

    async def read_error(self) -> bytes:
        return self._body

    async def close(self) -> None:
        return None


def _has_subresource(kind: Kind, target: Target) -> bool:
    return (target.subresource == "status" and kind.has_status) or target.subresource in kind.asked


def _call(user: str, request: Request, asked: _Asked | None) -> Call:
    if asked is None:
        return Call(user, _VERBS.get(request.method, ""), "")
    return Call(user, asked.verb, asked.kind.plural)
