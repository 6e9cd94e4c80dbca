"""The demo itself, in this process: the whole clusterset over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from mcs_controller.cli.demo.checks import Resolved, becomes, resolve
from mcs_controller.cli.demo.clusterset import DemoClusterset, demo_clusterset
from mcs_controller.cli.demo.export_steps import set_up
from mcs_controller.cli.demo.kubeconfigs import KubeconfigFolder
from mcs_controller.cli.demo.sites import make_sites
from mcs_controller.cli.demo.story import STORY, Step, play


@pytest.fixture
async def demo(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[DemoClusterset]:
    count = getattr(request, "param", 2)
    sites = make_sites(count, *[(0,) * count] * 3)
    async with demo_clusterset(sites, KubeconfigFolder(tmp_path)) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("demo", [2, 4], indirect=True)
async def test_the_whole_story_holds(demo: DemoClusterset) -> None:
    told: list[str] = []
    assert await play(demo, told.append), "\n".join(told)
    assert [line[:2] for line in told[:-1]] == ["ok"] * len(STORY)
    assert told[-1].startswith(f"all {len(STORY)} steps held")


async def test_everything_that_the_hints_promise_is_there_when_they_are_printed(demo: DemoClusterset) -> None:
    await set_up(demo)
    for cluster in demo.clusters:
        assert (await resolve(cluster, "cart")).rcode == "NOERROR"
        assert (await resolve(cluster, "db-1.west.db")).data == ("10.2.2.11",)


async def test_a_step_that_does_not_hold_ends_the_story_with_what_was_expected_and_seen(
    demo: DemoClusterset,
) -> None:
    async def fails(demo: DemoClusterset) -> None:
        def look() -> Awaitable[object]:
            return resolve(demo.clusters[0], "web")

        # Until its zone has been read the server answers SERVFAIL.
        await becomes("web", look, Resolved("NXDOMAIN"))
        await becomes("web", look, Resolved("NOERROR"), within_seconds=0.1)

    async def succeeds(demo: DemoClusterset) -> None:
        pass

    story = (Step("in {east} all is well", succeeds), Step("{west} resolves", fails), Step("more", succeeds))
    told: list[str] = []
    assert not await play(demo, told.append, story)
    assert [line.split()[0] for line in told] == ["ok", "FAILED", "expected:", "last"]
    assert told[0].endswith("s  in east all is well")
    assert told[2].strip() == "expected: web is NOERROR"
    assert told[3].strip() == "last seen: NXDOMAIN"


async def test_nothing_is_left_when_the_demo_has_ended(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    folder = KubeconfigFolder(tmp_path)
    async with demo_clusterset(make_sites(2, (0, 0), (0, 0), (0, 0)), folder) as demo:
        addresses = [cluster.dns_address for cluster in demo.clusters]
        assert len(asyncio.all_tasks()) > len(before)
    assert asyncio.all_tasks() == before
    for address in addresses:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
