"""The story that `demo --once` plays: what users and operators experience, each step checked.

Nothing is taken from inside: a step acts through the API servers and is checked over real sockets
(`checks.py`). It has no time of its own: it ends as soon as the world is as it should be, and fails when that
takes too long. Steps build on each other, so the first failure ends the story.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from mcs_controller.cli.demo import export_steps, failure_steps, inventory_steps
from mcs_controller.cli.demo.checks import NotAsExpected
from mcs_controller.cli.demo.clusterset import DemoClusterset
from mcs_controller.kube.errors import KubeError

Say = Callable[[str], None]


class Step(NamedTuple):
    """One line of the story; `title` may name the clusters `east`, `west` and `all`."""

    title: str
    act: Callable[[DemoClusterset], Awaitable[None]]


STORY: Final = (
    Step("agents and DNS servers of {all} are ready", export_steps.ready),
    Step(
        "the inventory on the broker lists {all}: of this clusterset, joined, healthy",
        inventory_steps.listed,
    ),
    Step("services run in {east} and {west}, and no other cluster knows them", export_steps.deployed),
    Step("{east} exports shop/web: {all} import it, with a clusterset IP", export_steps.exported),
    Step("its name resolves to that IP, by DNS over UDP and TCP", export_steps.resolved),
    Step("{west} exports it, too: same IP, endpoints of both", export_steps.exported_twice),
    Step("shop/db is headless: its name has every pod's address, each pod has a name", export_steps.headless),
    Step("shop/cart has conflicting ports: both ServiceExports say so", export_steps.conflicting),
    Step("pods of shop/db come and go in {east}: the name follows everywhere", export_steps.scaled),
    Step("{west}, then {east} unexport shop/cart: no conflict, then no import", export_steps.unexported),
    Step("broker down: answers go on, own changes are followed; up: the rest follows", failure_steps.outage),
    Step("agent of {west} dies: its endpoints are withdrawn, clusterset IPs stay", failure_steps.death),
    Step("the inventory does not know how {west} is, and says so", inventory_steps.silent),
    Step("agent of {west} is back, and so are its endpoints", failure_steps.returned),
    Step("the inventory says that {west} is healthy again", inventory_steps.listed),
    Step("metrics over HTTP show all this", failure_steps.measured),
)


async def play(demo: DemoClusterset, say: Say, story: Sequence[Step] = STORY) -> bool:
    """Play the story on a fresh clusterset, a line a step; whether all of it held."""
    loop = asyncio.get_running_loop()
    east, west = demo.exporters
    begun_seconds = loop.time()
    for step in story:
        title = step.title.format(east=east.name, west=west.name, all=f"all {len(demo.clusters)} clusters")
        step_begun_seconds = loop.time()
        problem = await _problem_of(step, demo)
        took_seconds = loop.time() - step_begun_seconds
        say(f"{'ok    ' if problem is None else 'FAILED'} {took_seconds:6.2f} s  {title}")
        if problem is not None:
            for line in problem:
                say(f"{'':17}{line}")
            return False
    say(f"all {len(story)} steps held, in {loop.time() - begun_seconds:.1f} s")
    return True


async def _problem_of(step: Step, demo: DemoClusterset) -> tuple[str, ...] | None:
    try:
        await step.act(demo)
    except NotAsExpected as failure:
        return f"expected: {failure.expected}", f"last seen: {failure.last_seen}"
    except KubeError as error:
        return (f"an API server refused what the story does: {error}",)
    return None
