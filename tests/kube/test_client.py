"""The client's verbs: what goes over the wire, and what comes back as values and errors."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mcs_controller.api.resources import ENDPOINT_SLICES, NAMESPACES, SERVICES
from mcs_controller.kube.client import READINESS_MAX_BYTES, Client
from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.kube.decoding.entries import identify
from mcs_controller.kube.errors import (
    DecodeError,
    Forbidden,
    Gone,
    KubeError,
    NotFound,
    Timeout,
    Unauthorized,
    Unreachable,
)
from tests.kube.fakes import WIDGETS, Answer, FakeStream, RefusedStream, ScriptedTransport, ok, refusal


def client_of(*answers: Answer) -> tuple[Client, ScriptedTransport]:
    left = list(answers)
    transport = ScriptedTransport(lambda request: left.pop(0) if len(left) > 1 else left[0])
    return Client(transport, name="east"), transport


def only(transport: ScriptedTransport) -> tuple[str, str, dict[str, str], Any]:
    [request] = transport.requests
    body = None if request.body is None else json.loads(request.body)
    return request.method, request.path, dict(request.query), body


WEB = {"metadata": {"namespace": "shop", "name": "web", "resourceVersion": "7"}, "spec": {"a": 1}}


async def test_get_reads_one_object() -> None:
    client, transport = client_of(ok(WEB))
    assert await client.get(SERVICES, "web", "shop") == WEB
    assert only(transport) == ("GET", "/api/v1/namespaces/shop/services/web", {}, None)


@pytest.mark.parametrize("answer", [{}, {"metadata": None}, {"metadata": []}, []])
async def test_an_answer_that_is_no_object_of_the_api_is_not_passed_on(answer: Any) -> None:
    client, _ = client_of(ok(answer))
    with pytest.raises(DecodeError, match="services/web: the answer cannot be read: it "):
        await client.get(SERVICES, "web", "shop")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Response(200, {}, b"ok"), ""),
        (Response(500, {}, b"[+]ping ok\n[-]etcd failed: x\n"), "[+]ping ok\n[-]etcd failed: x\n"),
        (Response(503, {}, b""), "status 503"),
        # A proxy may repeat what it was sent.
        (Response(502, {}, b"sent: Authorization: Bearer abcdefgh1234"), "sent: Authorization: ***"),
        (Response(500, {}, b"\xff" * 100_000), "\ufffd" * READINESS_MAX_BYTES),
    ],
)
async def test_an_api_server_that_is_not_ready_says_so_in_full_within_bounds(
    answer: Response, told: str
) -> None:
    client, _ = client_of(answer)
    assert await client.unreadiness() == told


async def test_whoever_may_not_ask_whether_it_is_ready_is_told_so() -> None:
    client, _ = client_of(Response(403, {}, b"no"))
    with pytest.raises(Forbidden):
        await client.unreadiness()


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000"])
async def test_the_time_of_an_api_server_is_in_utc_however_it_is_written(zone: str) -> None:
    client, _ = client_of(Response(200, {"date": f"Sun, 22 Nov 2026 14:00:00 {zone}"}, b"{}"))
    assert await client.date() == datetime(2026, 11, 22, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "date", ["", "soon", f"Sun, 22 Nov {'9' * 30} 14:00:00 GMT", f"Sun, 22 Nov 2026 14:00:00 +{'9' * 30}"]
)
async def test_a_time_that_no_calendar_has_is_none(date: str) -> None:
    client, _ = client_of(Response(200, {"date": date}, b"{}"))
    assert await client.date() is None


async def test_a_reason_in_a_refusal_sends_no_control_codes_to_a_terminal() -> None:
    client, _ = client_of(refusal(500, "\x1b[1m" + "x" * 1000, "\x1b[2J"))
    with pytest.raises(KubeError) as raised:
        await client.get(SERVICES, "web", "shop")
    assert "\x1b" not in str(raised.value)
    assert len(str(raised.value)) < 600


async def test_get_reads_an_object_without_namespace() -> None:
    client, transport = client_of(ok(WEB))
    await client.get(NAMESPACES, "shop")
    assert only(transport)[1] == "/api/v1/namespaces/shop"


async def test_create_posts_into_the_namespace_that_the_body_names() -> None:
    client, transport = client_of(ok(WEB, 201))
    assert await client.create(SERVICES, WEB) == WEB
    assert only(transport) == ("POST", "/api/v1/namespaces/shop/services", {}, WEB)
    assert transport.requests[0].headers["content-type"] == "application/json"


async def test_update_puts_the_object() -> None:
    client, transport = client_of(ok(WEB))
    await client.update(SERVICES, WEB)
    assert only(transport) == ("PUT", "/api/v1/namespaces/shop/services/web", {}, WEB)


async def test_patch_names_its_format() -> None:
    client, transport = client_of(ok(WEB))
    await client.patch(SERVICES, "web", {"spec": None}, namespace="shop", subresource="status")
    assert only(transport) == (
        "PATCH",
        "/api/v1/namespaces/shop/services/web/status",
        {},
        {"spec": None},
    )
    assert transport.requests[0].headers["content-type"] == "application/merge-patch+json"


async def test_delete_states_its_preconditions() -> None:
    client, transport = client_of(ok({"kind": "Status"}))
    await client.delete(
        SERVICES, "web", namespace="shop", uid="u", resource_version="7", propagation="Background"
    )
    method, path, _, body = only(transport)
    assert (method, path) == ("DELETE", "/api/v1/namespaces/shop/services/web")
    assert body["preconditions"] == {"uid": "u", "resourceVersion": "7"}
    assert body["propagationPolicy"] == "Background"


async def test_delete_of_what_is_gone_is_told() -> None:
    client, _ = client_of(refusal(404, "NotFound"))
    with pytest.raises(NotFound):
        await client.delete(SERVICES, "web", namespace="shop")


async def test_a_list_follows_its_pages_and_states_its_selectors_on_each() -> None:
    client, transport = client_of(
        ok({"metadata": {"resourceVersion": "9", "continue": "t"}, "items": [{"n": 1}, {"n": 2}]}),
        ok({"metadata": {"resourceVersion": "9", "continue": ""}, "items": [{"n": 3}]}),
    )
    result = await client.list(
        ENDPOINT_SLICES, label_selector="a=b", field_selector="c=d", resource_version="0", page_size=2
    )
    assert [item["n"] for item in result.items] == [1, 2, 3]
    assert result.resource_version == "9"
    selectors = {"limit": "2", "labelSelector": "a=b", "fieldSelector": "c=d"}
    assert [dict(request.query) for request in transport.requests] == [
        {**selectors, "resourceVersion": "0"},
        {**selectors, "continue": "t"},
    ]
    assert {request.path for request in transport.requests} == {"/apis/discovery.k8s.io/v1/endpointslices"}


async def test_the_next_page_is_under_way_while_this_one_is_worked_on() -> None:
    """And only that one."""
    client, transport = client_of(
        *(ok({"metadata": {"resourceVersion": "9", "continue": f"{n}"}, "items": [n]}) for n in range(5))
    )
    pages = client.pages(WIDGETS)

    await anext(pages)
    for _ in range(20):
        await asyncio.sleep(0)

    assert len(transport.requests) == 2
    await pages.aclose()


async def test_a_page_that_nobody_wants_any_more_is_not_waited_for() -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def never(request: Request) -> Answer:
        if "continue" not in dict(request.query):
            return ok({"metadata": {"resourceVersion": "9", "continue": "t"}, "items": [1]})
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    pages = Client(ScriptedTransport(never), name="east").pages(WIDGETS)
    await anext(pages)
    async with asyncio.timeout(5):
        await asked.wait()
        await pages.aclose()

    assert cancelled.is_set()


async def test_a_list_in_one_page_names_no_limit() -> None:
    client, transport = client_of(ok({"metadata": {"resourceVersion": "9"}, "items": []}))
    await client.list(WIDGETS, page_size=0)
    assert only(transport)[2] == {}


async def test_only_lists_may_come_compressed() -> None:
    client, transport = client_of(ok({"metadata": {"resourceVersion": "9"}, "items": []}))
    await client.list(WIDGETS)
    await client.get(WIDGETS, "a", "shop")
    await client.watch(WIDGETS, resource_version="9")
    assert [request.headers["accept-encoding"] for request in transport.requests] == [
        "gzip",
        "identity",
        "identity",
    ]


async def test_a_list_that_expired_between_pages_is_gone() -> None:
    client, _ = client_of(
        ok({"metadata": {"resourceVersion": "9", "continue": "t"}, "items": [1]}), refusal(410, "Expired")
    )
    with pytest.raises(Gone):
        await client.list(WIDGETS)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'"text"',
        b'{"items": []}',
        b'{"metadata": {}, "items": []}',
        b'{"metadata": {}}',
        b'{"metadata": {"resourceVersion": "1"}, "items": {}}',
        b'{"items": [{"half": ',
    ],
)
async def test_an_answer_that_is_no_list_is_a_decode_error(body: bytes) -> None:
    client, _ = client_of(Response(200, {}, body))
    with pytest.raises(DecodeError) as caught:
        await client.list(WIDGETS)
    assert len(str(caught.value)) <= 256


async def test_a_401_renews_the_credential_once_and_tries_again() -> None:
    client, transport = client_of(refusal(401, "Unauthorized"), ok(WEB))
    transport.renewals = [True]
    assert await client.get(SERVICES, "web", "shop") == WEB


async def test_a_second_401_is_unauthorized() -> None:
    client, transport = client_of(refusal(401, "Unauthorized"))
    transport.renewals = [True, True]
    with pytest.raises(Unauthorized):
        await client.get(SERVICES, "web", "shop")
    assert len(transport.requests) == 2


async def test_a_401_without_a_new_credential_is_not_tried_again() -> None:
    client, transport = client_of(refusal(401, "Unauthorized"))
    with pytest.raises(Unauthorized):
        await client.watch(WIDGETS, resource_version="1")
    assert len(transport.requests) == 1


async def test_a_401_on_a_watch_renews_too_and_closes_the_refused_stream() -> None:
    client, transport = client_of(refusal(401, "Unauthorized"), ok({}))
    transport.renewals = [True]
    async with await client.watch(WIDGETS, resource_version="1"):
        pass
    assert [
        stream.closed for stream in transport.streams if isinstance(stream, RefusedStream | FakeStream)
    ] == [
        True,
        True,
    ]


async def test_writes_are_not_retried() -> None:
    client, transport = client_of(Unreachable("reset"))
    with pytest.raises(Unreachable):
        await client.update(SERVICES, WEB)
    assert len(transport.requests) == 1


async def test_watch_events_come_in_order_until_the_server_closes() -> None:
    client, transport = client_of(ok({}))
    async with await client.watch(WIDGETS, resource_version="5", timeout_seconds=300) as watch:
        [stream] = transport.streams
        assert isinstance(stream, FakeStream)
        stream.push({"type": "ADDED", "object": WEB})
        stream.push({"type": "BOOKMARK", "object": {"metadata": {"name": "", "resourceVersion": "9"}}})
        stream.end()
        assert [(event.type, identify(event.object)[1]) async for event in watch] == [
            ("ADDED", "7"),
            ("BOOKMARK", "9"),
        ]
    assert stream.closed
    assert only(transport)[2] == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "5",
        "timeoutSeconds": "300",
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"garbage\n", DecodeError),
        (b"[]\n", DecodeError),
        (b'{"type": "ADDED"}\n', DecodeError),
        (b'{"type": "ADDED", "object": 5}\n', DecodeError),
        (b'{"type": "ERROR", "object": {"kind": "Status", "code": 410}}\n', Gone),
        (b'{"type": "ADDED", "object": {"metad', Unreachable),
    ],
)
async def test_a_watch_line_that_is_no_event_is_an_error(line: bytes, expected: type[KubeError]) -> None:
    client, transport = client_of(ok({}))
    async with await client.watch(WIDGETS, resource_version="5") as watch:
        [stream] = transport.streams
        assert isinstance(stream, FakeStream)
        stream.push(line)
        with pytest.raises(expected):
            await anext(watch)


@pytest.mark.looptime
async def test_contact_and_reachability_follow_the_answers() -> None:
    client, _ = client_of(ok(WEB), Unreachable("refused"), refusal(403, "Forbidden"))
    assert (client.reachable, client.last_contact) == (False, None)
    await client.get(SERVICES, "web", "shop")
    assert (client.reachable, client.last_contact) == (True, 0)
    with pytest.raises(Unreachable):
        await client.get(SERVICES, "web", "shop")
    assert not client.reachable
    with pytest.raises(Forbidden):
        await client.get(SERVICES, "web", "shop")
    assert client.reachable


async def test_the_observer_counts_every_end_of_a_request() -> None:
    client, _ = client_of(
        ok(WEB), refusal(409, "Conflict"), Timeout("slow"), Unreachable("refused"), Response(200, {}, b"junk")
    )
    told: list[tuple[str, str, str]] = []
    client.contact.observer = lambda verb, kind, result, seconds: told.append((verb, kind, result))
    await client.get(SERVICES, "web", "shop")
    for _ in range(4):
        with pytest.raises(KubeError):
            await client.update(SERVICES, WEB)
    assert told == [
        ("get", "Service", "200"),
        ("update", "Service", "409"),
        ("update", "Service", "timeout"),
        ("update", "Service", "unreachable"),
        ("update", "Service", "undecodable"),
    ]


async def test_closing_the_client_closes_its_transport() -> None:
    client, transport = client_of(ok(WEB))
    await client.close()
    assert transport.closed


async def test_whoever_asked_is_told_when_a_server_that_did_not_answer_is_heard_of_again() -> None:
    answers: list[Answer] = [
        ok(WEB),
        Unreachable("away"),
        Timeout("away"),
        refusal(403, "Forbidden"),
        ok(WEB),
    ]
    client, transport = client_of(*answers)
    told: list[int] = []
    client.contact.on_reached_again(lambda: told.append(len(transport.requests)))
    for _ in answers:
        with contextlib.suppress(KubeError):
            await client.get(SERVICES, "web", "shop")
    assert told == [4]
