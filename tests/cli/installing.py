"""A broker and two clusters that nothing is installed on, for the commands that set a clusterset up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from mcs_controller.api.resources import NAMESPACES
from mcs_controller.simcluster.cluster import SimCluster
from tests.cli.program import Ended, run
from tests.support.kubeconfigs import write

TOKEN = "system:serviceaccount:mcs-member-east:member"
"""What simcluster takes for the member's token, and nobody may see."""


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clusters = {
            name: SimCluster(name, random=Random(number))
            for number, name in enumerate(("broker", "east", "west"))
        }
        self.api = {name: cluster.client() for name, cluster in self.clusters.items()}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Scene]:
        broker, east, west = self.clusters.values()
        async with broker, broker.serve(), east, east.serve(), west, west.serve():
            yield self

    def kubeconfig(self, name: str) -> Path:
        return write(self.folder, f"{name}.kubeconfig", self.clusters[name].kubeconfig())

    async def broker(self, *words: str | Path) -> Ended:
        return await run("broker", *words, "--broker-kubeconfig", self.kubeconfig("broker"))

    async def member(self, *words: str | Path, name: str = "east") -> Path:
        """A broker with a member; the file with its credential."""
        file = self.folder / f"{name}-on-broker.kubeconfig"
        assert (await self.broker("init")).exit_code == 0
        ended = await self.broker("create-member", name, "--output-file", file, *words)
        assert ended.exit_code == 0, ended
        return file

    async def join(self, file: Path, *words: str | Path, cluster: str = "east") -> Ended:
        return await run(
            "join", "--broker-kubeconfig", file, "--kubeconfig", self.kubeconfig(cluster), *words
        )

    async def uid(self, cluster: str) -> str:
        """What tells a cluster from all others."""
        system = await self.api[cluster].get(NAMESPACES, "kube-system")
        return str(system["metadata"]["uid"])

    def contents(self, cluster: str) -> object:
        """All that a cluster holds, to tell whether something was written."""
        return self.clusters[cluster].snapshot()


def results(ended: Ended) -> list[str]:
    """The last column of the table that a command printed."""
    assert ended.exit_code == 0, ended
    return [line.split()[-1] for line in ended.stdout.splitlines()[1:]]


def told(ended: Ended) -> str:
    """The one line with which a command ended that could not do its work."""
    assert (ended.exit_code, ended.stdout) == (1, ""), ended
    (line,) = (one for one in ended.stderr.splitlines() if not one.startswith("warning: "))
    return line
