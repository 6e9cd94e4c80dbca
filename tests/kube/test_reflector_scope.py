"""What a reflector asks for: its own part of a kind, and no more of it when it reads some objects at once."""

import asyncio
from random import Random
from typing import Any

import pytest

from mcs_controller.api.resources import Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.kube.errors import Forbidden, KubeError, NotFound
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Store
from tests.kube.fakes import WIDGETS, FakeKind, refusal
from tests.kube.reflectors import decode, running

pytestmark = pytest.mark.looptime

EVERYWHERE = "/apis/example.com/v1/widgets"
IN_SHOP = "/apis/example.com/v1/namespaces/shop/widgets"
IN_BANK = "/apis/example.com/v1/namespaces/bank/widgets"


class Asked(FakeKind):
    """Keeps what was asked: path, label selector and field selector."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, str]] = []

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        query = dict(request.query)
        self.asked.append((request.path, query.get("labelSelector", ""), query.get("fieldSelector", "")))
        return await super().request(request, timeout_seconds=timeout_seconds)


@pytest.mark.parametrize(
    ("scope", "fetch", "asked"),
    [
        ({}, {}, (EVERYWHERE, "", "")),
        ({}, {"namespace": "bank"}, (IN_BANK, "", "")),
        ({}, {"name": "a", "namespace": "bank"}, (IN_BANK, "", "metadata.name=a")),
        ({}, {"label_selector": "c=d"}, (EVERYWHERE, "c=d", "")),
        ({"namespace": "shop"}, {}, (IN_SHOP, "", "")),
        ({"namespace": "shop"}, {"name": "a"}, (IN_SHOP, "", "metadata.name=a")),
        ({"label_selector": "a=b"}, {"label_selector": "c=d"}, (EVERYWHERE, "a=b,c=d", "")),
        ({"label_selector": "a=b"}, {"name": "a"}, (EVERYWHERE, "a=b", "metadata.name=a")),
        ({"field_selector": "x=y"}, {"name": "a"}, (EVERYWHERE, "", "x=y,metadata.name=a")),
        ({"field_selector": "x=y"}, {}, (EVERYWHERE, "", "x=y")),
    ],
)
async def test_a_fetch_asks_for_what_is_named_within_the_reflectors_own_scope(
    scope: dict[str, Any], fetch: dict[str, str], asked: tuple[str, str, str]
) -> None:
    kind = Asked()
    reflector = Reflector(Client(kind), WIDGETS, Store[str](), decode, name="w", random=Random(3), **scope)
    async with running(reflector):
        first = kind.asked.pop()
        assert first == (
            IN_SHOP if "namespace" in scope else EVERYWHERE,
            scope.get("label_selector", ""),
            scope.get("field_selector", ""),
        )
        await reflector.fetch(**fetch)
        assert kind.asked == [asked]


async def test_a_fetch_takes_only_what_it_can_read_and_what_is_newer_than_its_removal() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    kind.put("bad")
    reflector = Reflector(Client(kind), WIDGETS, store, decode, name="w", random=Random(3))
    async with running(reflector):
        kind.page_delay_seconds = 1.0
        fetching = asyncio.create_task(reflector.fetch())
        await asyncio.sleep(0.5)
        kind.remove("a")
        kind.put("b", value="2")
        await asyncio.sleep(0.1)
        kind.put("a", value="3")
        await fetching
        assert {entry.name: entry.value for entry in store} == {"a": "3", "b": "2"}
        # The removal is forgotten with the last fetch: the next one finds what is there.
        kind.remove("b")
        await asyncio.sleep(0.1)
        await reflector.fetch()
        assert {entry.name: entry.value for entry in store} == {"a": "3"}


async def test_each_problem_and_the_end_of_all_is_logged_once_with_whose_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    kind = FakeKind()
    for status, reason in (
        (403, "Forbidden"),
        (403, "Forbidden"),
        (403, "Forbidden"),
        (500, "InternalError"),
    ):
        kind.faults.append(("list", refusal(status, reason)))
    reflector = Reflector(Client(kind), WIDGETS, Store[str](), decode, name="w", random=Random(3))
    for _ in range(4):
        await reflector.step()
    async with running(reflector):
        await asyncio.sleep(20)
    said = [entry.getMessage() for entry in caplog.records]
    assert said == [
        "w: cannot list widgets: 403 Forbidden: no",
        "w: cannot list widgets: 500 InternalError: no",
        "w: recovered",
    ]


@pytest.mark.parametrize("late", [{"type": "DELETED"}, {"type": "MODIFIED", "object": {"value": None}}])
async def test_a_removal_that_is_older_than_what_is_held_removes_nothing(late: dict[str, Any]) -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    reflector = Reflector(Client(kind), WIDGETS, store, decode, name="w", random=Random(3))
    async with running(reflector):
        await asyncio.sleep(1)
        kind.put("a", value="2")
        await asyncio.sleep(1)
        metadata = {**kind.objects["shop", "a"]["metadata"], "resourceVersion": "101"}
        kind.open[0].push({**late, "object": {**late.get("object", {}), "metadata": metadata}})
        await asyncio.sleep(1)
        assert [entry.value for entry in store] == ["2"]


async def test_a_version_that_cannot_be_found_out_is_told_by_the_reflectors_name() -> None:
    answers: list[KubeError] = [
        Forbidden(403, "Forbidden", "no"),
        NotFound(404, "NotFound", "the MCS API is not there"),
    ]

    async def resolve() -> Resource:
        raise answers.pop(0)

    reflector = Reflector(Client(FakeKind()), resolve, Store[str](), decode, name="imports", random=Random(3))
    told = []
    for _ in range(2):
        await reflector.step()
        told.append(reflector.problem)
    assert told == [
        "cannot list imports: 403 Forbidden: no",
        "CRD not installed: the MCS API is not there; waiting for it",
    ]


async def test_what_is_removed_while_two_reads_are_under_way_comes_back_with_neither() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="1")
    reflector = Reflector(Client(kind), WIDGETS, store, decode, name="w", random=Random(3))
    async with running(reflector):
        kind.page_delay_seconds = 1.0
        first = asyncio.create_task(reflector.fetch())
        await asyncio.sleep(0.3)
        second = asyncio.create_task(reflector.fetch())
        await asyncio.sleep(0.2)
        kind.remove("a")
        await first
        assert not second.done()
        await second
        assert list(store) == []
