"""Faults: what a client meets while one is on, and that all is well once it is lifted."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from mcs_controller.kube.connection.transport import Request
from mcs_controller.kube.errors import Timeout, Unreachable
from mcs_controller.simcluster.cluster import SimCluster
from tests.contract.api import Api, config_map

PATH = "/api/v1/namespaces/default/configmaps"
WATCH = Request("GET", PATH, (("watch", "1"), ("resourceVersion", "1")))


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def test_the_next_requests_fail_and_then_no_more(cluster: SimCluster, api: Api) -> None:
    cluster.faults.fail(429, count=2, retry_after_seconds=3, verbs=("create",), resources=("configmaps",))
    assert (await api.send("GET", PATH)).status == 200
    for _ in range(2):
        answer = await api.send("POST", PATH, config_map("a"))
        assert (answer.status, answer.reason) == (429, "TooManyRequests")
        assert answer.headers["retry-after"] == "3"
        assert answer.body["details"]["retryAfterSeconds"] == 3
    assert (await api.send("POST", PATH, config_map("a"))).status == 201


@pytest.mark.parametrize(
    ("code", "reason"), [(500, "InternalError"), (503, "ServiceUnavailable"), (401, "Unauthorized")]
)
async def test_a_server_that_is_told_to_fail(cluster: SimCluster, api: Api, code: int, reason: str) -> None:
    fault = cluster.faults.fail(code)
    answer = await api.send("GET", PATH)
    assert (answer.status, answer.reason) == (code, reason)
    refused = await cluster.transport().stream(WATCH, timeout_seconds=1, inactivity_seconds=1)
    assert refused.status == code
    fault.lift()
    assert (await api.send("GET", PATH)).status == 200


async def test_a_share_of_the_requests_fails_and_the_same_ones_each_time() -> None:
    runs = []
    for _ in range(2):
        async with SimCluster("east", random=Random(3)) as cluster:
            api = Api(cluster.transport(), cluster.faults.compact)
            cluster.faults.fail(500, share=0.3)
            runs.append([(await api.send("GET", PATH)).status for _ in range(100)])
    assert runs[0] == runs[1]
    assert 15 <= runs[0].count(500) <= 45


@pytest.mark.looptime
async def test_a_slow_server_answers_late_and_watches_stay_in_order(cluster: SimCluster, api: Api) -> None:
    stream = await cluster.transport().stream(WATCH, timeout_seconds=1, inactivity_seconds=60)
    fault = cluster.faults.delay(1.0, 5.0)
    started = seconds()
    for number in range(5):
        await api.ok("POST", PATH, config_map(f"made-{number}"))
    assert 5 <= seconds() - started <= 25
    lines = [await stream.readline() for _ in range(5)]
    assert [f"made-{number}".encode() in line for number, line in enumerate(lines)] == [True] * 5
    fault.lift()
    started = seconds()
    await api.ok("GET", PATH)
    assert seconds() - started < 0.1
    await stream.close()


@pytest.mark.looptime
async def test_a_late_answer_is_to_what_has_been_done(cluster: SimCluster, api: Api) -> None:
    cluster.faults.delay_answers(2.0, 2.0, verbs=("create",))
    started = seconds()
    async with asyncio.TaskGroup() as group:
        group.create_task(api.ok("POST", PATH, config_map("made")))
        await asyncio.sleep(1)
        await api.ok("GET", f"{PATH}/made")
    assert seconds() - started == pytest.approx(2)


@pytest.mark.looptime
async def test_delayed_lines_of_a_watch_that_arrive_at_one_moment_keep_their_order(
    cluster: SimCluster, api: Api
) -> None:
    stream = await cluster.transport().stream(WATCH, timeout_seconds=5, inactivity_seconds=60)
    fault = cluster.faults.delay(3.0, verbs=("watch",))
    for number in range(50):
        await api.ok("POST", PATH, config_map(f"made-{number}"))
    fault.lift()
    lines = [await stream.readline() for _ in range(50)]
    assert [f'"made-{number}"'.encode() in line for number, line in enumerate(lines)] == [True] * 50
    await stream.close()


@pytest.mark.looptime
async def test_a_server_that_hangs_is_given_up_on_and_goes_on_when_it_is_let(
    cluster: SimCluster, api: Api
) -> None:
    fault = cluster.faults.hang(verbs=("create",))
    with pytest.raises(Timeout):
        await api.send("POST", PATH, config_map("a"))
    waiting = asyncio.create_task(api.send("POST", PATH, config_map("b")))
    await asyncio.sleep(5)
    assert not waiting.done()
    fault.lift()
    assert (await waiting).status == 201
    assert (await api.send("GET", f"{PATH}/a")).status == 404


async def test_refused_connections_break_what_is_open_for_those_users_only(cluster: SimCluster) -> None:
    mine, theirs = cluster.transport("east"), cluster.transport("west")
    stream = await mine.stream(WATCH, timeout_seconds=1, inactivity_seconds=5)
    fault = cluster.faults.refuse_connections(users=("east",))
    with pytest.raises(Unreachable):
        await stream.readline()
    with pytest.raises(Unreachable):
        await mine.request(Request("GET", PATH), timeout_seconds=1)
    assert (await theirs.request(Request("GET", PATH), timeout_seconds=1)).status == 200
    fault.lift()
    assert (await mine.request(Request("GET", PATH), timeout_seconds=1)).status == 200


async def test_an_answer_can_be_lost_after_the_deed(cluster: SimCluster, api: Api) -> None:
    cluster.faults.lose_answers(count=1, verbs=("create",))
    with pytest.raises(Unreachable):
        await api.send("POST", PATH, config_map("a"))
    assert (await api.send("POST", PATH, config_map("a"))).reason == "AlreadyExists"


@pytest.mark.looptime
async def test_a_stalled_watch_is_silent_and_then_says_it_all(cluster: SimCluster, api: Api) -> None:
    stream = await cluster.transport().stream(WATCH, timeout_seconds=1, inactivity_seconds=30)
    fault = cluster.faults.stall_watches(resources=("configmaps",))
    await api.ok("POST", PATH, config_map("a"))
    with pytest.raises(Timeout):
        await stream.readline()
    late = await cluster.transport().stream(WATCH, timeout_seconds=1, inactivity_seconds=30)
    with pytest.raises(Timeout):
        await late.readline()
    fault.lift()
    assert b'"name":"a"' in await stream.readline()
    assert b'"name":"a"' in await late.readline()
    for one in (stream, late):
        await one.close()


async def test_watches_are_cut_or_ended(cluster: SimCluster, api: Api) -> None:
    transport = cluster.transport()
    ended = await transport.stream(WATCH, timeout_seconds=1, inactivity_seconds=5)
    await api.ok("POST", PATH, config_map("a"))
    assert cluster.faults.cut_watches(in_order=True) == 1
    assert b"ADDED" in await ended.readline()
    assert await ended.readline() == b""
    cut = await transport.stream(WATCH, timeout_seconds=1, inactivity_seconds=5)
    assert cluster.faults.cut_watches(resources=("services",)) == 0
    assert cluster.faults.cut_watches() == 1
    with pytest.raises(Unreachable):
        await cut.readline()


async def test_after_a_compaction_a_list_in_pages_expires(cluster: SimCluster, api: Api) -> None:
    for name in ("a", "b", "c"):
        await api.ok("POST", PATH, config_map(name))
    page = await api.ok("GET", PATH, query={"limit": "1"})
    await api.ok("DELETE", f"{PATH}/b")
    cluster.faults.compact()
    answer = await api.send("GET", PATH, query={"limit": "1", "continue": page["metadata"]["continue"]})
    assert (answer.status, answer.reason) == (410, "Expired")


async def test_clearing_lifts_everything(cluster: SimCluster, api: Api) -> None:
    cluster.faults.fail(500)
    cluster.faults.refuse_connections()
    cluster.faults.hang()
    cluster.faults.clear()
    assert (await api.send("GET", PATH)).status == 200


async def test_requests_are_counted_by_verb_and_resource(cluster: SimCluster, api: Api) -> None:
    before = cluster.requests["create", "configmaps"]
    await api.send("POST", PATH, config_map("a"))
    await api.send("POST", PATH, config_map("a"))
    await api.send("GET", PATH)
    assert cluster.requests["create", "configmaps"] - before == 2
    assert cluster.requests["list", "configmaps"] == 1
