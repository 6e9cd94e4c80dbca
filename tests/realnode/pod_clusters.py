"""Two clusters as users have them: everything in pods, their own DNS too, and nothing of ours yet.

Both have our container image, under the name that the charts give it without a value.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import replace
from pathlib import Path

from mcs_controller import __version__
from tests.realkube.binaries import locate_helm
from tests.realkube.product import PROGRAM
from tests.realnode import cluster_dns
from tests.realnode.bare import BareClusters, pod_cluster_spec
from tests.realnode.image import write_image
from tests.realnode.machine import Machine

MEMBERS, BROKER = ("east", "west"), "west"
"""One of the members has the broker, too, as in many clustersets."""
OUR_IMAGE = "docker.io/library/mcs-controller"
"""What `mcs-controller` alone means to a kubelet."""


class CommandError(Exception):
    """What a command wrote to stderr."""


class PodClusters(BareClusters):
    def __init__(self, work_dir: Path, machine: Machine, image: Path) -> None:
        coredns = work_dir / "coredns.tar"
        write_image(coredns, machine.programs / "coredns", (cluster_dns.IMAGE,))
        # Who comes to the broker, and with which token, is written down.
        specs = [replace(pod_cluster_spec(name), audited=name == BROKER) for name in MEMBERS]
        super().__init__(work_dir, machine, specs, (coredns, image))

    async def _start(self) -> None:
        await super()._start()
        async with asyncio.TaskGroup() as group:
            for name in MEMBERS:
                group.create_task(self.start_node(name, cluster_dns.ADDRESS))
                apply = self.plane(name).kubectl("apply", "-f", "-", stdin=cluster_dns.manifests())
                group.create_task(apply)

    async def wait_ready(self) -> None:
        await super().wait_ready()
        async with asyncio.TaskGroup() as group:
            for name in MEMBERS:
                group.create_task(cluster_dns.wait_ready(self.plane(name)))

    async def offer_image(self, tag: str) -> None:
        """The image of the nodes has this tag, too."""
        for name in MEMBERS:
            await self.node(name).name_image(f"{OUR_IMAGE}:{__version__}", f"{OUR_IMAGE}:{tag}")

    async def helm(self, cluster: str, *arguments: str | Path) -> str:
        """What Helm told, and what its hooks did; `CommandError` where it fails."""
        return await self._run(locate_helm(), *arguments, kubeconfig=self.plane(cluster).kubeconfig())

    async def mcs(self, *arguments: str | Path) -> str:
        """What `mcs-controller` told; `CommandError` where it fails."""
        return await self._run(PROGRAM, *arguments)

    async def _run(self, *argv: str | Path, kubeconfig: Path | None = None) -> str:
        home = self._work_dir / "home"
        home.mkdir(exist_ok=True)
        environment = {"HOME": str(home), "PATH": os.environ.get("PATH", os.defpath)}
        if kubeconfig is not None:
            environment["KUBECONFIG"] = str(kubeconfig)
        process = await asyncio.create_subprocess_exec(
            *self.fabric.place.command(argv),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode != 0:
            raise CommandError(f"{' '.join(map(str, argv))}: {err.decode().strip() or out.decode().strip()}")
        return out.decode() + err.decode()
