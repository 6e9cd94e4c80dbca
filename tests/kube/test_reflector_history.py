"""A server that goes on with another history: its watches, or those of other kinds, tell; in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Gone, KubeError, Timeout, Unreachable
from mcs_controller.kube.reflector import LATE_SECONDS
from mcs_controller.kube.settling import LONGEST_WAIT_SECONDS, NEWS_SECONDS, SETTLED_SECONDS, SPREAD_SECONDS
from mcs_controller.kube.store import Entry, Store
from tests.kube.fakes import WIDGETS, FakeKind
from tests.kube.reflectors import SOON_UP, contents, make, running, settle

pytestmark = pytest.mark.looptime


@asynccontextmanager
async def witness(client: Client) -> AsyncIterator[FakeKind]:
    """Another kind on the same server, followed by a watch of its own that is open."""
    kind = FakeKind()
    async with running(make(kind, Store[str](), client=Client(kind, contact=client.contact))):
        await settle()
        yield kind


SETTLED_BY_SECONDS = SETTLED_SECONDS + SPREAD_SECONDS + 1


def restored(kind: FakeKind) -> None:
    """Its history goes on from a backup, up to versions that were seen before; no watch of it is open."""
    kind.restore({}, version=99)
    for name in "abc":
        kind.put(name, value="of another")


@pytest.mark.parametrize("error", [None, Unreachable("reset"), Gone(410, "Expired", "too old")])
@pytest.mark.parametrize("late_seconds", [0.0, 40.0])
async def test_what_was_written_before_a_watch_opens_on_a_restored_server_is_found(
    error: KubeError | None, late_seconds: float
) -> None:
    """The news that another watch broke comes while this one is being opened, or long after."""
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="of one history")
    client = Client(kind)
    async with witness(client) as other:
        kind.watch_delay_seconds = 3.0
        reflector = make(kind, store, client=client, inactivity_seconds=3600)
        async with running(reflector):
            await asyncio.sleep(1)
            restored(kind)
            await asyncio.sleep(late_seconds)
            other.cut(error)
            await asyncio.sleep(SETTLED_SECONDS - 1)
            assert reflector.current()
            assert kind.count("list") == 1
            await asyncio.sleep(SPREAD_SECONDS + 2)
            assert contents(store) == dict.fromkeys("abc", "of another")
            await asyncio.sleep(600)
            assert kind.count("list") == 2


async def test_what_was_written_while_a_watch_is_resumed_on_a_restored_server_is_found() -> None:
    """A bookmark of the lost history comes after the news that another watch broke."""
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="of one history")
    client = Client(kind)
    async with witness(client) as other, running(make(kind, store, client=client, watch_seconds=SOON_UP)):
        await asyncio.sleep(60)
        kind.watch_delay_seconds = 3.0
        other.cut()
        kind.bookmark()
        kind.cut()
        restored(kind)
        kind.put("d", value="of another")
        await asyncio.sleep(SETTLED_BY_SECONDS)
        assert contents(store) == dict.fromkeys("abcd", "of another")


async def test_a_second_break_soon_after_the_first_is_news_too() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="of one history")
    client = Client(kind)
    kind.watch_delay_seconds = 3.0
    async with witness(client) as other, witness(client) as one_more:
        other.cut()
        await settle()
        async with running(make(kind, store, client=client)):
            await asyncio.sleep(SETTLED_SECONDS - 1)
            restored(kind)
            one_more.cut()
            await asyncio.sleep(SETTLED_BY_SECONDS)
            assert contents(store) == dict.fromkeys("abc", "of another")


async def test_the_late_answer_to_a_write_of_the_lost_history_does_not_last() -> None:
    """It comes while the new history is listed, and its version is later than the list's."""
    kind, store = FakeKind(), Store[str]()
    before = kind.put("a", value="before")
    async with running(make(kind, store)):
        await asyncio.sleep(60)
        kind.page_delay_seconds = 1.0
        kind.restore({("shop", "a"): before}, version=101)
        await asyncio.sleep(0.5)
        held = store.get("shop", "a")
        assert held is not None
        store.apply(Entry("shop", "a", held.uid, "102", "written"))
        await asyncio.sleep(1)
        assert contents(store) == {"a": "written"}
        await asyncio.sleep(SETTLED_BY_SECONDS)
        assert contents(store) == {"a": "before"}


async def test_a_watch_that_was_dead_when_its_time_was_up_is_followed_by_a_list() -> None:
    kind, store = FakeKind(), Store[str]()
    client = Client(kind)
    async with running(make(kind, store, client=client, watch_seconds=SOON_UP)):
        await asyncio.sleep(SOON_UP - 1)
        kind.open.clear()
        kind.faults.append(("list", Timeout("slow")))
        with pytest.raises(Timeout):
            await client.list(WIDGETS)
        restored(kind)
        await asyncio.sleep(LATE_SECONDS)
        await client.list(WIDGETS)
        await asyncio.sleep(1)
        assert contents(store) == dict.fromkeys("abc", "of another")


async def test_so_is_one_of_whose_end_is_heard_only_long_after_its_time() -> None:
    """As in a process that stood still, in which nobody's watch broke before its time."""
    kind, store = FakeKind(), Store[str]()
    kind.put("a", value="of one history")
    async with running(make(kind, store, watch_seconds=SOON_UP, inactivity_seconds=3600)):
        await asyncio.sleep(2 * SOON_UP + LATE_SECONDS + 1)
        restored(kind)
        await asyncio.sleep(1)
        assert contents(store) == dict.fromkeys("abc", "of another")


async def test_and_that_is_news_to_others_whose_time_was_just_up() -> None:
    kind, other, store = FakeKind(), FakeKind(), Store[str]()
    kind.put("a", value="of one history")
    client = Client(kind)
    theirs = Client(other, contact=client.contact)
    late = make(other, Store[str](), client=theirs, watch_seconds=SOON_UP, inactivity_seconds=3600)
    in_time = make(kind, store, client=client, watch_seconds=3 * SOON_UP, inactivity_seconds=3600)
    async with running(late), running(in_time):
        await asyncio.sleep(4 * SOON_UP)
        other.cut()
        restored(kind)
        await asyncio.sleep(1)
        assert contents(store) == {"a": "of one history", "c": "of another"}
        await asyncio.sleep(SETTLED_BY_SECONDS)
        assert contents(store) == dict.fromkeys("abc", "of another")


@pytest.mark.parametrize("begins_after_seconds", [-1, SETTLED_SECONDS - 1])
async def test_a_list_that_began_before_another_watchs_break_had_settled_is_taken_once_more(
    begins_after_seconds: float,
) -> None:
    kind = FakeKind()
    client = Client(kind)
    kind.page_delay_seconds = 3.0
    async with witness(client) as other:
        asyncio.get_running_loop().call_later(1, other.cut)
        await asyncio.sleep(1 + begins_after_seconds)
        async with running(make(kind, Store[str](), client=client, inactivity_seconds=3600)):
            await asyncio.sleep(600)
            assert kind.count("list") == 2


async def test_a_watch_that_was_open_long_before_goes_on_and_what_it_is_resumed_with_is_listed() -> None:
    kind = FakeKind()
    client = Client(kind)
    options = {"watch_seconds": NEWS_SECONDS, "inactivity_seconds": 3600}
    async with witness(client) as other, running(make(kind, Store[str](), client=client, **options)):
        await asyncio.sleep(NEWS_SECONDS + 1)
        other.cut()
        await asyncio.sleep(LATE_SECONDS)
        assert (kind.count("list"), kind.count("watch")) == (1, 1)
        kind.cut()
        await asyncio.sleep(60)
        assert (kind.count("list"), kind.count("watch")) == (2, 3)
        await asyncio.sleep(600)
        assert kind.count("list") == 2


async def test_a_server_that_closes_all_watches_is_listed_once_more_by_each() -> None:
    """At once, and once more when nothing of its history can come any more; not all at the same time."""
    client = Client(FakeKind())
    async with AsyncExitStack() as stack:
        kinds = [await stack.enter_async_context(witness(client)) for _ in range(5)]
        await asyncio.sleep(60)
        for kind in kinds:
            kind.cut()
            await asyncio.sleep(0.2)
        assert [kind.count("list") for kind in kinds] == [2] * 5
        await asyncio.sleep(SETTLED_SECONDS + SPREAD_SECONDS / 2)
        assert 0 < sum(kind.count("list") for kind in kinds) - 10 < 5
        await asyncio.sleep(SPREAD_SECONDS)
        assert [kind.count("list") for kind in kinds] == [3] * 5


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
        assert len(client.contact._history_doubted) <= len(kinds)
        # Up to ten seconds of backoff, five on average, and one for the list.
        assert all(60 < kind.count("list") < 150 for kind in kinds)


async def test_where_watches_break_all_the_time_long_lists_follow_less_and_less_often() -> None:
    """And what happens meanwhile is followed."""
    kind, store = FakeKind(), Store[str]()
    client = Client(kind)
    kind.page_delay_seconds = 5.0
    reflector = make(kind, store, client=client, inactivity_seconds=3600)
    async with witness(client) as other, running(reflector):
        for second in range(3600):
            await asyncio.sleep(1)
            other.cut()
            if second % 100 == 50:
                kind.put("a", value=str(second))
        assert 3600 / LONGEST_WAIT_SECONDS < kind.count("list") < 40
        await asyncio.sleep(LONGEST_WAIT_SECONDS + SETTLED_BY_SECONDS)
        assert contents(store) == {"a": "3550"}
        lists = kind.count("list")
        await asyncio.sleep(1200)
        assert kind.count("list") == lists
        kind.cut(Unreachable("reset"))
        await asyncio.sleep(5 + SETTLED_BY_SECONDS)
        assert kind.count("list") == lists + 2
