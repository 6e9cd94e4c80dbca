"""A server that goes on with another history while a reflector's watch is being opened; in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Gone, KubeError, Timeout, Unreachable
from mcs_controller.kube.reflector import FIRST_DOUBT_SECONDS
from mcs_controller.kube.store import Store
from tests.kube.fakes import FakeKind
from tests.kube.reflectors import SOON_UP, contents, make, running, settle

pytestmark = pytest.mark.looptime


@asynccontextmanager
async def witness(client: Client) -> AsyncIterator[FakeKind]:
    """Another kind on the same server, followed by a watch of its own that is open."""
    kind = FakeKind()
    async with running(make(kind, Store[str](), client=Client(kind, contact=client.contact))):
        await settle()
        yield kind


def restored(kind: FakeKind) -> None:
    """Its history goes on from a backup, up to versions that were seen before; no watch of it is open."""
    kind.restore({}, version=99)
    for name in "abc":
        kind.put(name, value="of another")


@pytest.mark.parametrize("error", [None, Unreachable("reset"), Gone(410, "Expired", "too old")])
async def test_what_was_written_before_a_watch_opens_on_a_restored_server_is_found(
    error: KubeError | None,
) -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="of one history")
    client = Client(kind)
    async with witness(client) as other:
        kind.watch_delay_seconds = 3.0
        async with running(make(kind, store, client=client)):
            await asyncio.sleep(1)
            restored(kind)
            other.cut(error)
            await asyncio.sleep(4)
            assert contents(store) == dict.fromkeys("abc", "of another")
            assert kind.count("list") == 2


async def test_a_watch_that_is_itself_in_doubt_shows_it_too_when_it_is_closed() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="of one history")
    client = Client(kind)
    async with witness(client) as other:
        for _ in range(8):
            # The other is listed each time, and then watched for longer and longer, until it is listed again.
            other.cut()
            other.watch_delay_seconds = 1.5
            await asyncio.sleep(1)
            client.contact.watch_broke()
            other.watch_delay_seconds = 0.0
            await asyncio.sleep(1)
        kind.watch_delay_seconds = 3.0
        async with running(make(kind, store, client=client)):
            await asyncio.sleep(1)
            restored(kind)
            other.cut()
            await asyncio.sleep(4)
            assert contents(store) == dict.fromkeys("abc", "of another")


async def test_what_was_written_while_a_watch_is_resumed_on_a_restored_server_is_found() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="of one history")
    client = Client(kind)
    async with witness(client) as other, running(make(kind, store, client=client, watch_seconds=SOON_UP)):
        other.cut()
        await asyncio.sleep(60)
        kind.bookmark()
        await settle()
        kind.watch_delay_seconds = 3.0
        kind.cut()
        await asyncio.sleep(1)
        restored(kind)
        kind.put("d", value="of another")
        other.cut()
        await asyncio.sleep(4)
        assert contents(store) == dict.fromkeys("abcd", "of another")


async def test_a_list_that_was_under_way_when_another_watch_broke_is_taken_once_more() -> None:
    kind = FakeKind()
    client = Client(kind)
    kind.page_delay_seconds = 3.0
    async with witness(client) as other:
        asyncio.get_running_loop().call_later(1, other.cut)
        async with running(make(kind, Store[str](), client=client)):
            await asyncio.sleep(60)
            assert kind.count("list") == 2


async def test_watches_that_broke_before_the_last_bookmark_are_no_reason_to_doubt() -> None:
    kind = FakeKind()
    client = Client(kind)
    async with (
        witness(client) as other,
        running(make(kind, Store[str](), client=client, watch_seconds=SOON_UP)),
    ):
        await asyncio.sleep(60)
        other.cut()
        await settle()
        kind.bookmark()
        await settle()
        kind.cut()
        await asyncio.sleep(60)
        assert kind.count("watch") == 2
        assert kind.count("list") == 1


async def test_a_server_that_closes_all_watches_is_listed_once_more_by_each() -> None:
    """Whoever notices it first has begun the list when the others notice it."""
    kind = FakeKind()
    client = Client(kind)
    kind.page_delay_seconds = 0.3
    async with witness(client) as other, running(make(kind, Store[str](), client=client)):
        await asyncio.sleep(60)
        kind.cut()
        await asyncio.sleep(0.2)
        other.cut()
        await asyncio.sleep(60)
        assert kind.count("list") == other.count("list") == 2


async def test_a_watch_that_was_only_silent_says_nothing_of_the_servers_history() -> None:
    kind = FakeKind()
    client = Client(kind)
    async with witness(client) as other:
        kind.watch_delay_seconds = 3.0
        async with running(make(kind, Store[str](), client=client)):
            await asyncio.sleep(1)
            other.cut(Timeout("silent"))
            await asyncio.sleep(60)
            assert kind.count("list") == 1


async def test_watches_that_are_closed_at_once_are_opened_no_more_often_because_others_are_too() -> None:
    """As by a proxy that passes no streams on: each list follows the last one after a wait."""
    client = Client(FakeKind())
    async with AsyncExitStack() as stack:
        kinds = [await stack.enter_async_context(witness(client)) for _ in range(10)]
        for kind in kinds:
            kind.page_delay_seconds = 1.0
            kind.closes_watches_at_once = True
            kind.cut()
        await asyncio.sleep(600)
        # Up to ten seconds of backoff, five on average, and one for the list.
        assert all(60 < kind.count("list") < 150 for kind in kinds)


async def test_where_watches_break_all_the_time_long_lists_follow_less_and_less_often() -> None:
    """And what happens meanwhile is followed."""
    kind, store = FakeKind(), Store[str]()
    client = Client(kind)
    kind.page_delay_seconds = 5.0
    async with witness(client) as other, running(make(kind, store, client=client)):
        for second in range(600):
            await asyncio.sleep(1)
            other.cut()
            if second % 100 == 50:
                kind.put("a", value=str(second))
        # Without a pause it would be a list each 5 s.
        assert 15 < kind.count("list") < 45
        await asyncio.sleep(40)
        lists = kind.count("list")
        await asyncio.sleep(40)
        assert kind.count("list") == lists
        assert contents(store) == {"a": "550"}
        kind.cut()
        await asyncio.sleep(1)
        other.cut()
        await asyncio.sleep(4 + FIRST_DOUBT_SECONDS)
        assert kind.count("list") == lists + 2
