"""Things to break in a running demo: while a file is there, an agent is dead, or a link is cut.

    touch DIR/west.stopped      the agent of west is dead, as after a crash
    touch DIR/west.cut-off      west does not reach the broker
    touch DIR/broker.stopped    nobody does

A user removes the file to mend it. Files, since then a shell in another terminal is enough to break things,
and a page that says how can be followed by a test.
"""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Final

from mcs_controller.cli.demo.clusterset import DemoClusterset
from mcs_controller.cli.demo.sites import BROKER
from mcs_controller.simcluster.faults import Fault

LOOK_SECONDS: Final = 0.2
STOPPED: Final = "stopped"
CUT_OFF: Final = "cut-off"


async def break_as_told(demo: DemoClusterset, folder: Path) -> None:
    """Follow the files in `folder`. Until cancelled."""
    dead: set[str] = set()
    cuts: dict[str, Fault] = {}

    def cut(name: str, users: Collection[str]) -> None:
        told = (folder / name).exists()
        if told and name not in cuts:
            cuts[name] = demo.broker.simulation.faults.refuse_connections(users=users)
        elif not told and name in cuts:
            cuts.pop(name).lift()

    while True:
        for cluster in demo.clusters:
            told_to_stop = (folder / f"{cluster.name}.{STOPPED}").exists()
            if told_to_stop and cluster.name not in dead:
                dead.add(cluster.name)
                await cluster.kill_agent()
            elif not told_to_stop and cluster.name in dead:
                dead.remove(cluster.name)
                cluster.start_agent()
            # On the broker a member is the user of its own name.
            cut(f"{cluster.name}.{CUT_OFF}", (cluster.name,))
        cut(f"{BROKER}.{STOPPED}", ())
        await asyncio.sleep(LOOK_SECONDS)
