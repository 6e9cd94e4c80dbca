"""The verbs of the Kubernetes API, over one transport.

It sends requests (`requests.py` spells them), reads answers, raises our errors, and renews the credential
once after a 401. It does not retry writes (the work queue does, with the error's `Retry-After`), holds no
objects and knows no kind. Objects are parsed JSON as the server sent it: callers take what they need and drop
the rest, since held dicts are what makes the collector slow.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar

from mcs_controller.api.resources import Resource
from mcs_controller.kube.connection.lifetime import Lifetime
from mcs_controller.kube.connection.transport import (
    ANSWER_MAX_BYTES,
    HasLifetime,
    Request,
    Response,
    Transport,
)
from mcs_controller.kube.contact import Contact
from mcs_controller.kube.decoding.field_parser import WHOLE, ObjectParser
from mcs_controller.kube.decoding.json_parser import parse_json
from mcs_controller.kube.decoding.left_out import LeftOutLedger
from mcs_controller.kube.decoding.listing import ONE_PAGE_MAX_BYTES, ListPage, PageLimit, list_pages
from mcs_controller.kube.decoding.listing import PAGE_SIZE as PAGE_SIZE
from mcs_controller.kube.decoding.object_reader import UNBOUNDED, Bounds, LeftOut, ObjectReader, Page
from mcs_controller.kube.decoding.object_reader import JsonObject as JsonObject
from mcs_controller.kube.decoding.shallow import shallow
from mcs_controller.kube.error_mapping import error_of_response
from mcs_controller.kube.errors import TEXT_MAX_CHARS, DecodeError, KubeError
from mcs_controller.kube.fence import Fence
from mcs_controller.kube.pacing.turns import Turn, WorkClock
from mcs_controller.kube.requests import (
    Query,
    delete_options,
    get_request,
    list_request,
    namespace_of,
    patch_request,
    path_of,
    selectors,
    text_request,
    watch_request,
    write_request,
)
from mcs_controller.kube.watch import Watch
from mcs_controller.observe.masking import mask_secrets

JsonArray = list[Any]
_T = TypeVar("_T")

LIST_TIMEOUT_SECONDS: Final = 60.0
"""A page of a list may take the API server as long as its own limit allows."""

WATCH_TIMEOUT_SECONDS: Final = 300.0
"""After which the server is asked to close a watch, so that connections spread over API servers again."""

WATCH_INACTIVITY_SECONDS: Final = 90.0
"""A real API server sends a bookmark about once a minute; a watch silent for longer is taken for dead."""


READINESS_MAX_BYTES: Final = 16_384
"""Of what an API server says of its checks: some forty lines."""


class ListResult(NamedTuple):
    """A whole list."""

    items: list[JsonObject]
    resource_version: str


class Client:
    """One API server, by name (`local`, `broker`).

    With a `fence` nothing is written that the fence does not let pass: all writes raise `NotLeading` then.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        name: str = "",
        timeout_seconds: float = 15.0,
        work_clock: WorkClock = perf_counter,
        contact: Contact | None = None,
        fence: Fence | None = None,
    ) -> None:
        self.name = name
        self.contact = contact or Contact()
        self.left_out = LeftOutLedger(name)
        self._transport = transport
        self._timeout_seconds = timeout_seconds
        self._fence = fence
        self._before_sending = fence.check if fence is not None else None
        self._work_clock = work_clock
        # Shared by all that is read from this server: together they take one turn at a time.
        self._turn = Turn(now=work_clock)

    def fenced(self, fence: Fence) -> "Client":
        """The same server over the same connections, with `fence` before each write."""
        return Client(
            self._transport,
            name=self.name,
            timeout_seconds=self._timeout_seconds,
            work_clock=self._work_clock,
            contact=self.contact,
            fence=fence,
        )

    @property
    def reachable(self) -> bool:
        """Whether the last attempt got any answer, a refusal included."""
        return self.contact.reachable

    @property
    def last_contact(self) -> float | None:
        """The loop time of the last answer or watch line, None before the first."""
        return self.contact.last_contact

    @property
    def credential_lifetime(self) -> Lifetime | None:
        """From when until when the credential is valid, None if nothing is known of its end."""
        return self._transport.lifetime() if isinstance(self._transport, HasLifetime) else None

    async def get(
        self, resource: Resource, name: str, namespace: str = "", *, timeout_seconds: float | None = None
    ) -> JsonObject:
        """One object."""
        request = get_request(resource.path(namespace, name))
        return await self._ask("get", resource.kind, request, self._named, timeout_seconds=timeout_seconds)

    async def get_raw(self, path: str, query: Query = ()) -> JsonObject:
        """What lies at a path that is no resource, such as `/version`."""
        return await self._send("get", "", get_request(path, query))

    async def get_text(self, path: str) -> str:
        """What lies at a path that answers with text, such as a pod's metrics behind the API server."""
        return await self._ask("get", "", text_request(path), _text)

    async def unreadiness(self) -> str:
        """What the API server says of its own checks if it is not ready, in full; "" if it is ready.

        Raises `KubeError` if it does not say.
        """
        response = await self._answer(text_request("/readyz"), self._timeout_seconds)
        if response.status < 300:
            return ""
        if response.status < 500:
            raise error_of_response(response.status, response.headers, response.body)
        # Whoever stands before the server may repeat our credential.
        text = mask_secrets(response.body[:READINESS_MAX_BYTES].decode("utf-8", "replace"))
        return text or f"status {response.status}"

    async def date(self) -> datetime | None:
        """What time it is for the API server, to the second; None if it does not say. Raises `KubeError`."""
        response = await self._answer(get_request("/version"), self._timeout_seconds)
        if response.status >= 300:
            raise error_of_response(response.status, response.headers, response.body)
        try:
            told = parsedate_to_datetime(response.headers.get("date", ""))
        except (ValueError, OverflowError):
            return None
        # "-0000" is UTC, too, and makes a time without a zone.
        return told if told.tzinfo is not None else told.replace(tzinfo=UTC)

    async def list(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str | None = None,
        page_size: int = PAGE_SIZE,
        timeout_seconds: float | None = None,
    ) -> ListResult:
        """Every object that can be read, all pages; raises `Gone` when the list expired between two pages.

        `timeout_seconds` is for each page; None is enough for the longest.
        """
        items: list[JsonObject] = []
        version = ""
        async for page in self.pages(
            resource,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            page_size=page_size,
            timeout_seconds=timeout_seconds,
        ):
            items += [body async for body in page.objects if not isinstance(body, LeftOut)]
            version = page.resource_version
        return ListResult(items, version)

    def pages(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str | None = None,
        page_size: int = PAGE_SIZE,
        first_page_size: int | None = None,
        parse: ObjectParser = WHOLE,
        bounds: Bounds = UNBOUNDED,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[ListPage, None]:
        """A list page by page; `parse` makes objects of what the server sent, one by one.

        What is beyond the `bounds` or cannot be read is left out; `left_out` counts and names it.
        Without `resource_version` the list is consistent: it holds every write that ended before the call.
        With a `page_size` of 0 there is one page. For objects that are small that is better: an API server
        reads custom resources page by page from etcd, which costs it seven times what its cache would.
        Pages that are too large are asked for again, with fewer objects; where objects may be large, begin
        with a small `first_page_size`.
        """
        path = resource.path(namespace)
        chosen = selectors(label_selector, field_selector)
        version = () if resource_version is None else (("resourceVersion", resource_version),)
        limit = PageLimit(page_size, first_page_size)
        first_objects = limit.objects
        within_seconds = timeout_seconds or max(self._timeout_seconds, LIST_TIMEOUT_SECONDS)
        reader = ObjectReader(parse, bounds, self._turn)

        def fetch(token: str, objects: int) -> Coroutine[Any, Any, Page]:
            query = (("limit", str(objects)), *chosen) if objects else chosen
            if token:
                query = (*query, ("continue", token))
            elif objects == first_objects:
                # Asked for again it is consistent: a list from the server's cache may ignore the limit.
                query = (*query, *version)
            bound_bytes = ANSWER_MAX_BYTES if objects else ONE_PAGE_MAX_BYTES
            request = list_request(path, query, bound_bytes)
            return self._ask("list", resource.kind, request, reader.page, timeout_seconds=within_seconds)

        return list_pages(fetch, limit, reader, partial(self._note, resource.kind))

    async def watch(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str,
        timeout_seconds: float = WATCH_TIMEOUT_SECONDS,
        inactivity_seconds: float = WATCH_INACTIVITY_SECONDS,
        parse: ObjectParser = WHOLE,
        bounds: Bounds = UNBOUNDED,
    ) -> Watch:
        """What happens after `resource_version`: `async with await client.watch(...) as events`.

        An event has a `LeftOut` for its object where that is beyond the `bounds` or cannot be read.
        """
        chosen = selectors(label_selector, field_selector)
        request = watch_request(resource.path(namespace), chosen, resource_version, timeout_seconds)
        started = asyncio.get_running_loop().time()
        try:
            stream = await self._transport.stream(
                request, timeout_seconds=self._timeout_seconds, inactivity_seconds=inactivity_seconds
            )
            if stream.status == 401 and await self._transport.renew_credential():
                await stream.close()
                stream = await self._transport.stream(
                    request, timeout_seconds=self._timeout_seconds, inactivity_seconds=inactivity_seconds
                )
            if stream.status != 200:
                try:
                    body = await stream.read_error()
                finally:
                    await stream.close()
                raise error_of_response(stream.status, stream.headers, body)
        except KubeError as error:
            self.contact.failed("watch", resource.kind, error, started)
            raise
        self.contact.answered("watch", resource.kind, "200", started)
        return Watch(
            stream,
            self.contact.touch,
            ObjectReader(parse, bounds, self._turn),
            partial(self._note, resource.kind),
        )

    async def create(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        *,
        namespace: str = "",
        name: str = "",
        subresource: str = "",
    ) -> JsonObject:
        """POST, also to a `subresource` of `name`; raises `AlreadyExists`, `NamespaceTerminating`."""
        namespace = namespace or namespace_of(body)
        path = resource.path(namespace, name, subresource)
        request = write_request("POST", path, body, self._before_sending)
        return await self._write("create", resource, request)

    async def update(self, resource: Resource, body: Mapping[str, Any]) -> JsonObject:
        """PUT; `metadata.resourceVersion` in the body is the precondition, `Conflict` its failure."""
        request = write_request("PUT", path_of(resource, body), body, self._before_sending)
        return await self._write("update", resource, request)

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: bytes | Mapping[str, Any] | JsonArray,
        *,
        namespace: str = "",
        content_type: str = "application/merge-patch+json",
        subresource: str = "",
    ) -> JsonObject:
        """PATCH in the format that `content_type` names."""
        path = resource.path(namespace, name, subresource)
        request = patch_request(path, patch, content_type, self._before_sending)
        return await self._write("patch", resource, request)

    async def apply(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        *,
        manager: str,
        subresource: str = "",
        force: bool = False,
    ) -> JsonObject:
        """Server-side apply: create the object, or make what `manager` wants of it equal to `body`.

        What `manager` applied before and no longer does goes; what others wrote stays. Raises `Conflict`
        where another writer wants something else and `force` does not overrule it, or where the object is
        not the one whose `metadata.uid` the body names.
        """
        query = (("fieldManager", manager), *((("force", "true"),) if force else ()))
        path = path_of(resource, body) + (f"/{subresource}" if subresource else "")
        request = patch_request(path, body, "application/apply-patch+yaml", self._before_sending, query=query)
        return await self._write("patch", resource, request)

    async def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str = "",
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
    ) -> None:
        """DELETE, only if the object still has that `uid` and `resource_version`; raises `NotFound`."""
        options = delete_options(uid, resource_version, propagation)
        request = write_request("DELETE", resource.path(namespace, name), options, self._before_sending)
        await self._write("delete", resource, request)

    async def close(self) -> None:
        """Give all connections up."""
        await self._transport.close()

    async def _write(self, verb: str, resource: Resource, request: Request) -> JsonObject:
        if self._fence is not None:
            await self._fence.opened()
        return await self._send(verb, resource.kind, request)

    async def _send(self, verb: str, kind: str, request: Request) -> JsonObject:
        return await self._ask(verb, kind, request, self._object)

    async def _object(self, body: bytes) -> JsonObject:
        try:
            parsed = parse_json(body)
        except ValueError as error:
            try:
                parsed = parse_json(await shallow(body, self._turn))
            except ValueError:
                raise error from None
        if not isinstance(parsed, dict):
            raise ValueError("it is no object")
        return parsed

    async def _named(self, body: bytes) -> JsonObject:
        found = await self._object(body)
        if not isinstance(found.get("metadata"), dict):
            raise ValueError("it has no metadata")
        return found

    async def _ask(
        self,
        verb: str,
        kind: str,
        request: Request,
        parse: Callable[[bytes], Awaitable[_T]],
        *,
        timeout_seconds: float | None = None,
    ) -> _T:
        started = asyncio.get_running_loop().time()
        try:
            response = await self._answer(request, timeout_seconds or self._timeout_seconds)
            if not 200 <= response.status < 300:
                raise error_of_response(response.status, response.headers, response.body)
            try:
                parsed = await parse(response.body)
            except ValueError as error:
                text = f"{request.method} {request.path}: the answer cannot be read: {error}"
                raise DecodeError(text[:TEXT_MAX_CHARS]) from error
        except KubeError as error:
            self.contact.failed(verb, kind, error, started)
            raise
        self.contact.answered(verb, kind, str(response.status), started)
        return parsed

    def _note(self, kind: str, left: LeftOut) -> None:
        self.left_out.note(kind, left, asyncio.get_running_loop().time())

    async def _answer(self, request: Request, timeout_seconds: float) -> Response:
        response = await self._transport.request(request, timeout_seconds=timeout_seconds)
        if response.status == 401 and await self._transport.renew_credential():
            response = await self._transport.request(request, timeout_seconds=timeout_seconds)
        return response


async def _text(body: bytes) -> str:
    return body.decode()
