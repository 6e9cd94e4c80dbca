"""Each verb, byte by byte: what is sent, with which deadline, and what the observer is told of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mcs_controller.api.resources import NAMESPACES, SERVICES
from mcs_controller.kube.client import (
    LIST_TIMEOUT_SECONDS,
    WATCH_INACTIVITY_SECONDS,
    WATCH_TIMEOUT_SECONDS,
    Client,
)
from mcs_controller.kube.connection.transport import ANSWER_MAX_BYTES, Request, Response
from mcs_controller.kube.decoding.listing import ONE_PAGE_MAX_BYTES
from mcs_controller.kube.errors import ConfigError, DecodeError, KubeError, TooLarge, Unreachable
from tests.kube.fakes import Answer, ScriptedTransport, ok, refusal

pytestmark = pytest.mark.looptime

OF_SHOP = "/api/v1/namespaces/shop/services"
WEB = {"metadata": {"namespace": "shop", "name": "web", "resourceVersion": "7"}, "spec": {"a": "ü"}}
PLAIN = {"accept": "application/json", "accept-encoding": "identity"}
WITH_BODY = {**PLAIN, "content-type": "application/json"}
LISTED = {"metadata": {"resourceVersion": "9"}, "items": []}
NO_OPTIONS = {"kind": "DeleteOptions", "apiVersion": "v1"}

Call = Callable[[Client], Awaitable[Any]]


def calls() -> list[tuple[str, Call, Request, Any]]:
    """Verb as it is observed, call, what is sent, and the body."""
    patched = {**PLAIN, "content-type": "application/merge-patch+json"}
    as_json = {**PLAIN, "content-type": "application/json-patch+json"}
    both = {"uid": "u", "resourceVersion": "7"}
    return [
        ("get", lambda c: c.get(SERVICES, "web", "shop"), Request("GET", f"{OF_SHOP}/web", (), PLAIN), None),
        (
            "get",
            lambda c: c.get_raw("/version", (("a", "b"),)),
            Request("GET", "/version", (("a", "b"),), PLAIN),
            None,
        ),
        ("create", lambda c: c.create(SERVICES, WEB), Request("POST", OF_SHOP, (), WITH_BODY), WEB),
        (
            "create",
            lambda c: c.create(SERVICES, WEB, namespace="bank"),
            Request("POST", "/api/v1/namespaces/bank/services", (), WITH_BODY),
            WEB,
        ),
        (
            "create",
            lambda c: c.create(NAMESPACES, {}),
            Request("POST", "/api/v1/namespaces", (), WITH_BODY),
            {},
        ),
        ("update", lambda c: c.update(SERVICES, WEB), Request("PUT", f"{OF_SHOP}/web", (), WITH_BODY), WEB),
        (
            "patch",
            lambda c: c.patch(SERVICES, "web", {"a": None}, namespace="shop"),
            Request("PATCH", f"{OF_SHOP}/web", (), patched),
            {"a": None},
        ),
        (
            "patch",
            lambda c: c.patch(
                NAMESPACES, "shop", b"[]", content_type=as_json["content-type"], subresource="x"
            ),
            Request("PATCH", "/api/v1/namespaces/shop/x", (), as_json),
            [],
        ),
        (
            "delete",
            lambda c: c.delete(SERVICES, "web", namespace="shop"),
            Request("DELETE", f"{OF_SHOP}/web", (), WITH_BODY),
            NO_OPTIONS,
        ),
        (
            "delete",
            lambda c: c.delete(NAMESPACES, "shop", uid="u", resource_version="7", propagation="Orphan"),
            Request("DELETE", "/api/v1/namespaces/shop", (), WITH_BODY),
            {**NO_OPTIONS, "preconditions": both, "propagationPolicy": "Orphan"},
        ),
        (
            "delete",
            lambda c: c.delete(SERVICES, "web", namespace="shop", uid="u"),
            Request("DELETE", f"{OF_SHOP}/web", (), WITH_BODY),
            {**NO_OPTIONS, "preconditions": {"uid": "u"}},
        ),
    ]


@pytest.mark.parametrize(("verb", "call", "sent", "body"), calls())
async def test_a_verb_sends_one_request_and_is_observed_by_its_name(
    verb: str, call: Call, sent: Request, body: Any
) -> None:
    async def answer(request: Request) -> Answer:
        await asyncio.sleep(3)
        return ok(WEB, 201)

    transport = ScriptedTransport(answer)
    client = Client(transport, timeout_seconds=7)
    told: list[tuple[str, str, str, float]] = []
    client.contact.observer = lambda *what: told.append(what)

    await call(client)

    [request] = transport.requests
    assert (request.method, request.path, request.query) == (sent.method, sent.path, sent.query)
    assert dict(request.headers) == sent.headers
    assert request.answer_max_bytes == ANSWER_MAX_BYTES
    assert (None if request.body is None else json.loads(request.body)) == body
    assert transport.timeouts_seconds == [7]
    kind = "" if sent.path == "/version" else "Service" if "services" in sent.path else "Namespace"
    assert told == [(verb, kind, "201", 3)]


@pytest.mark.parametrize(
    ("page_size", "timeout_seconds", "limit", "deadline_seconds", "max_bytes"),
    [
        (20, 7, (("limit", "20"),), LIST_TIMEOUT_SECONDS, ANSWER_MAX_BYTES),
        (0, 100, (), 100, ONE_PAGE_MAX_BYTES),
    ],
)
async def test_a_list_says_what_it_wants_and_has_a_longer_deadline(
    page_size: int, timeout_seconds: float, limit: Any, deadline_seconds: float, max_bytes: int
) -> None:
    transport = ScriptedTransport(lambda request: ok(LISTED))
    client = Client(transport, timeout_seconds=timeout_seconds)
    told: list[tuple[str, str, str]] = []
    client.contact.observer = lambda verb, kind, result, seconds: told.append((verb, kind, result))
    await client.list(
        SERVICES,
        namespace="shop",
        label_selector="a=b",
        field_selector="c=d",
        resource_version="0",
        page_size=page_size,
    )
    [request] = transport.requests
    assert request.path == OF_SHOP
    assert request.query == (
        *limit,
        ("labelSelector", "a=b"),
        ("fieldSelector", "c=d"),
        ("resourceVersion", "0"),
    )
    assert dict(request.headers) == {"accept": "application/json", "accept-encoding": "gzip"}
    assert request.answer_max_bytes == max_bytes
    assert transport.timeouts_seconds == [deadline_seconds]
    assert told == [("list", "Service", "200")]


async def test_a_watch_says_what_it_wants_and_how_long_it_may_be_silent() -> None:
    seen: list[tuple[float, float]] = []

    class Listening(ScriptedTransport):
        async def stream(self, request: Request, *, timeout_seconds: float, inactivity_seconds: float) -> Any:
            seen.append((timeout_seconds, inactivity_seconds))
            return await super().stream(
                request, timeout_seconds=timeout_seconds, inactivity_seconds=inactivity_seconds
            )

    transport = Listening(lambda request: ok({}))
    client = Client(transport, timeout_seconds=7)
    told: list[tuple[str, str, str, float]] = []
    client.contact.observer = lambda *what: told.append(what)
    async with await client.watch(SERVICES, resource_version="5"):
        pass
    async with await client.watch(
        SERVICES,
        namespace="shop",
        label_selector="a=b",
        field_selector="c=d",
        resource_version="6",
        timeout_seconds=0.2,
        inactivity_seconds=3,
    ):
        pass
    ours = (("watch", "true"), ("allowWatchBookmarks", "true"))
    assert [(one.method, one.path, one.query) for one in transport.requests] == [
        (
            "GET",
            "/api/v1/services",
            (*ours, ("resourceVersion", "5"), ("timeoutSeconds", str(round(WATCH_TIMEOUT_SECONDS)))),
        ),
        (
            "GET",
            OF_SHOP,
            (
                *ours,
                ("resourceVersion", "6"),
                ("timeoutSeconds", "1"),
                ("labelSelector", "a=b"),
                ("fieldSelector", "c=d"),
            ),
        ),
    ]
    assert [dict(one.headers) for one in transport.requests] == [PLAIN, PLAIN]
    assert seen == [(7, WATCH_INACTIVITY_SECONDS), (7, 3)]
    assert told == [("watch", "Service", "200", 0)] * 2


@pytest.mark.parametrize(
    ("answer", "result", "reachable"),
    [
        (refusal(403, "Forbidden"), "403", True),
        (Response(200, {}, b"junk"), "undecodable", True),
        (TooLarge("too large", head=b""), "too_large", True),
        (ConfigError("no token"), "credential", False),
        (Unreachable("refused"), "unreachable", False),
    ],
)
async def test_how_a_request_ended_is_observed_with_the_time_that_it_took(
    answer: Answer, result: str, reachable: bool
) -> None:
    async def late(request: Request) -> Answer:
        await asyncio.sleep(2)
        return answer

    client = Client(ScriptedTransport(late))
    told: list[tuple[str, str, str, float]] = []
    client.contact.observer = lambda *what: told.append(what)
    await asyncio.sleep(10)
    with pytest.raises(KubeError):
        await client.get(SERVICES, "web", "shop")
    assert told == [("get", "Service", result, 2)]
    assert client.reachable == reachable
    assert client.last_contact == (12 if reachable else None)


async def test_a_watch_that_is_refused_is_observed_as_one() -> None:
    client = Client(ScriptedTransport(lambda request: refusal(410, "Expired")))
    told: list[tuple[str, str, str, float]] = []
    client.contact.observer = lambda *what: told.append(what)
    with pytest.raises(KubeError):
        await client.watch(SERVICES, resource_version="5")
    assert told == [("watch", "Service", "410", 0)]


async def test_a_client_has_its_name_and_has_heard_of_nobody_at_first() -> None:
    client = Client(ScriptedTransport(lambda request: ok({})), name="broker")
    assert (client.name, client.reachable, client.last_contact) == ("broker", False, None)
    assert Client(ScriptedTransport(lambda request: ok({}))).name == ""


async def test_after_a_401_the_same_is_asked_again_with_the_same_deadlines() -> None:
    unauthorized = refusal(401, "Unauthorized")
    answers = [unauthorized, ok(WEB), unauthorized, ok({})]
    deadlines: list[tuple[float, float]] = []

    class Listening(ScriptedTransport):
        async def stream(self, request: Request, *, timeout_seconds: float, inactivity_seconds: float) -> Any:
            deadlines.append((timeout_seconds, inactivity_seconds))
            return await super().stream(
                request, timeout_seconds=timeout_seconds, inactivity_seconds=inactivity_seconds
            )

    transport = Listening(lambda request: answers.pop(0))
    transport.renewals = [True, True]
    client = Client(transport, timeout_seconds=7)
    await client.get(SERVICES, "web", "shop")
    async with await client.watch(SERVICES, resource_version="5", inactivity_seconds=3):
        pass
    assert transport.timeouts_seconds == [7, 7, 7, 7]
    assert deadlines == [(7, 3), (7, 3)]
    first, again, watched, watched_again = transport.requests
    assert first == again
    assert watched == watched_again


@pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null"])
async def test_an_answer_that_is_no_object_is_told_with_what_was_asked(body: bytes) -> None:
    client = Client(ScriptedTransport(lambda request: Response(200, {}, body)))
    with pytest.raises(DecodeError) as caught:
        await client.get(SERVICES, "web", "shop")
    assert str(caught.value) == f"GET {OF_SHOP}/web: the answer cannot be read: it is no object"
