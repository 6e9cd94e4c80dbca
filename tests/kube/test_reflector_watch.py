"""What a reflector does when its watch is closed, silent, refused or broken; in virtual time."""

import asyncio
import math

import pytest

from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import KubeError, Timeout, Unreachable
from mcs_controller.kube.store import Store
from tests.kube.fakes import WIDGETS, FakeKind, refusal, status_body
from tests.kube.reflectors import SOON_UP, contents, make, running, settle

pytestmark = pytest.mark.looptime


async def test_a_watch_whose_time_is_up_is_resumed_without_a_new_list() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store, watch_seconds=SOON_UP)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.put("a", value="1")
        await settle()
        kind.cut()
        kind.put("b", value="2")
        await settle()
        assert contents(store) == {"a": "1", "b": "2"}
        assert kind.count("list") == 1
        assert kind.count("watch") == 2
        assert kind.requests[-1][1]["resourceVersion"] == "101"
        assert reflector.restarts["closed"] == 1
        assert reflector.problem is None


async def test_a_watch_is_resumed_from_the_last_bookmark() -> None:
    kind, store = FakeKind(), Store[str]()
    async with running(make(kind, store, watch_seconds=SOON_UP)):
        await asyncio.sleep(60)
        kind.bookmark()
        kind.bookmark()
        await settle()
        kind.compact()
        kind.cut()
        await settle()
        assert kind.requests[-1][1]["resourceVersion"] == str(kind.version)
        assert kind.count("list") == 1


async def test_a_watch_refused_with_410_leads_to_a_new_list() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.faults.append(("watch", refusal(410, "Expired")))
    async with running(make(kind, store)):
        await asyncio.sleep(5)
        assert kind.count("list") == 2


async def test_a_watch_that_is_silent_past_its_bookmarks_is_followed_by_a_list() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store, inactivity_seconds=90)
    async with running(reflector):
        await asyncio.sleep(89)
        assert kind.count("watch") == 1
        await asyncio.sleep(2)
        assert kind.count("watch") == 2
        assert kind.count("list") == 2
        assert reflector.restarts["inactive"] == 1
        assert reflector.problem is None


async def test_what_failed_before_a_watch_that_was_open_for_long_puts_nothing_off() -> None:
    """Nothing happened in it, and nothing is followed until it is opened again."""
    kind, store = FakeKind(), Store[str]()
    kind.faults += [("list", Unreachable("down"))] * 8
    async with running(make(kind, store, inactivity_seconds=90)):
        assert asyncio.get_running_loop().time() > 5
        await asyncio.sleep(89)
        kind.open.clear()
        kind.put("a", value="1")
        await asyncio.sleep(1.2)
        assert contents(store) == {"a": "1"}


@pytest.mark.parametrize(("each_seconds", "watches_max"), [(0.5, 120), (4.0, 450)])
async def test_watches_that_break_soon_after_they_are_opened_are_opened_less_and_less_often(
    each_seconds: float, watches_max: int
) -> None:
    kind = FakeKind()
    async with running(make(kind, Store[str]())):
        for _ in range(600):
            await asyncio.sleep(each_seconds)
            kind.cut(Unreachable("reset"))
        assert kind.count("watch") < watches_max


async def test_a_watch_as_silent_as_the_server_was_is_opened_again_once_that_answers() -> None:
    """As after a black hole: new connections work, and the watch's is dead and does not say so."""
    kind, store = FakeKind(), Store[str]()
    client = Client(kind)
    reflector = make(kind, store, client=client, inactivity_seconds=90)
    async with running(reflector):
        await asyncio.sleep(5)
        kind.open.clear()
        kind.put("a", value="1")
        kind.faults.append(("list", Timeout("slow")))
        with pytest.raises(Timeout):
            await client.list(WIDGETS)
        await asyncio.sleep(5)
        assert contents(store) == {}
        await client.list(WIDGETS)
        await asyncio.sleep(1)
        assert contents(store) == {"a": "1"}
        assert (reflector.lists, reflector.restarts["inactive"]) == (2, 1)
        assert client.contact.history_doubted_at == -math.inf


async def test_a_watch_that_heard_something_a_moment_before_a_black_hole_is_opened_again_too() -> None:
    """A request was under way when the last event came, and lost its answer."""
    kind, store = FakeKind(), Store[str]()
    client = Client(kind)
    async with running(make(kind, store, client=client)):
        await asyncio.sleep(5)
        async with asyncio.TaskGroup() as group:
            group.create_task(_unanswered(kind, client))
            await asyncio.sleep(1)
            kind.put("a", value="1")
            await settle()
            kind.open.clear()
        kind.put("b", value="2")
        await _answered(client)
        await asyncio.sleep(1)
        assert contents(store) == {"a": "1", "b": "2"}


async def test_a_list_as_silent_as_the_server_was_is_begun_again_once_that_answers() -> None:
    """Its answer was lost in a black hole: it would be waited for for a minute."""
    kind, store = FakeKind(), Store[str]()
    client = Client(kind)
    reflector = make(kind, store, client=client)
    async with running(reflector):
        kind.page_delay_seconds = 1000
        reflector.relist()
        await settle()
        await _unanswered(kind, client)
        await asyncio.sleep(1)
        assert not reflector.current()
        await _answered(client)
        await asyncio.sleep(1)
        assert reflector.current()
        assert (reflector.lists, reflector.problem) == (2, None)


async def test_a_list_is_begun_again_once_only_as_the_server_may_be_busy_with_it() -> None:
    kind, store = FakeKind(), Store[str]()
    client = Client(kind)
    reflector = make(kind, store, client=client)
    async with running(reflector):
        kind.page_delay_seconds = 50
        reflector.relist()
        await settle()
        for _ in range(3):
            await _unanswered(kind, client)
            await _answered(client)
            kind.page_delay_seconds = 50
            await settle()
        await asyncio.sleep(21)
        assert reflector.current()
        assert reflector.lists == 2


async def _unanswered(kind: FakeKind, client: Client) -> None:
    """A request that gets no answer in time; those after it do."""
    kind.page_delay_seconds = 1000
    with pytest.raises(Timeout):
        await client.get(WIDGETS, "a", "shop")
    kind.page_delay_seconds = 0


async def _answered(client: Client) -> None:
    await client.get(WIDGETS, "a", "shop")


async def test_a_list_that_is_asked_for_while_a_watch_ends_already_is_taken() -> None:
    """Whoever asks, such as a heartbeat, may do so in the very step in which the watch's time is up."""
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        for _ in range(6):
            reflector.relist()
            await asyncio.sleep(0)
        kind.put("a", value="1")
        await asyncio.sleep(5)
        assert contents(store) == {"a": "1"}
        assert reflector.current()


async def test_a_watch_that_heard_something_since_is_not_doubted_nor_after_a_refusal() -> None:
    kind, store = FakeKind(), Store[str]()
    client = Client(kind)
    reflector = make(kind, store, client=client)

    async def fails(error: KubeError) -> None:
        kind.faults.append(("list", error))
        with pytest.raises(type(error)):
            await client.list(WIDGETS)

    async with running(reflector):
        await asyncio.sleep(5)
        await fails(Unreachable("reset"))
        await client.list(WIDGETS)
        await asyncio.sleep(5)
        await fails(Timeout("slow"))
        kind.put("a", value="1")
        await asyncio.sleep(5)
        await client.list(WIDGETS)
        await asyncio.sleep(5)
        assert kind.count("watch") == 1
    assert sum(reflector.restarts.values()) == 0


async def test_a_server_that_closes_watches_at_once_is_asked_less_and_less_often() -> None:
    kind, store = FakeKind(), Store[str]()
    kind.closes_watches_at_once = True
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(600)
        watches = kind.count("watch")
        assert reflector.restarts["closed"] == reflector.lists == watches
        assert 60 < watches < 600
        kind.closes_watches_at_once = False
        kind.put("a", value="1")
        await asyncio.sleep(20)
        assert contents(store) == {"a": "1"}


async def test_a_watch_that_is_closed_before_its_time_is_followed_by_a_list_at_once() -> None:
    """Unless it was too short, and without an event."""
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        for number in range(20):
            await asyncio.sleep(0.9 if number % 2 else 1.1)
            if number % 2:
                kind.put("a", value=str(number))
                await settle()
            before = asyncio.get_running_loop().time()
            kind.cut()
            await settle()
            assert (kind.count("list"), kind.count("watch")) == (number + 2, number + 2)
            assert asyncio.get_running_loop().time() == before


async def test_a_watch_that_is_refused_for_a_flood_waits_as_asked() -> None:
    kind, store = FakeKind(), Store[str]()
    flood = refusal(429, "TooManyRequests", headers={"retry-after": "20"})
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.faults += [("watch", flood)] * 3
        kind.cut()
        await asyncio.sleep(59)
        assert kind.count("watch") == 4
        await asyncio.sleep(8)
        assert kind.count("watch") == 5
        assert reflector.restarts["refused"] == 3


async def test_after_a_short_absence_of_the_server_what_happened_meanwhile_is_there() -> None:
    kind, store = FakeKind(), Store[str]()
    client = Client(kind)
    reflector = make(kind, store, client=client)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.cut(Unreachable("reset"))
        await settle()
        kind.faults += [("watch", Unreachable("refused")), ("watch", Timeout("slow"))]
        kind.put("a", value="1")
        await asyncio.sleep(30)
        assert client.contact.history_doubted_at == 60
        assert contents(store) == {"a": "1"}
        assert reflector.restarts["unreachable"] == 2
        assert reflector.restarts["inactive"] == 1


async def test_lines_that_are_no_events_lead_to_a_new_list() -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        for _ in range(6):
            await asyncio.sleep(15)
            for stream in kind.open:
                stream.push(b"garbage\n")
        assert reflector.restarts["undecodable"] >= 5
        assert reflector.lists == 1 + reflector.restarts["undecodable"]


async def test_a_watch_that_breaks_after_each_event_is_followed_by_the_next_one_soon() -> None:
    kind, store = FakeKind(), Store[str]()
    async with running(make(kind, store)):
        await settle()
        for number in range(20):
            kind.put("a", value=str(number))
            await settle()
            kind.cut(Unreachable("broken"))
            await asyncio.sleep(0.3)
            assert kind.count("watch") == number + 2


async def test_an_error_event_in_a_watch_does_not_stop_it() -> None:
    kind, store = FakeKind(), Store[str]()
    async with running(make(kind, store)):
        await asyncio.sleep(60)
        kind.open[0].push({"type": "ERROR", "object": status_body(500, "InternalError")})
        kind.open.clear()
        kind.put("a", value="1")
        await asyncio.sleep(30)
        assert contents(store) == {"a": "1"}


async def test_a_watch_that_broke_is_no_problem_to_tell(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kind, store = FakeKind(), Store[str]()
    reflector = make(kind, store)
    async with running(reflector):
        await asyncio.sleep(60)
        kind.cut(Unreachable("reset"))
        await asyncio.sleep(60)
        assert reflector.restarts["unreachable"] == 1
        assert caplog.records == []
