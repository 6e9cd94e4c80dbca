"""The status pages of agents in pods, as people in their cluster get to them.

In east from a pod, which the chart's NetworkPolicy names; in west on the pod's loopback address, through a
port that kubectl forwards, as docs/status-page.md has it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.realkube.controlplane import ControlPlane
from tests.realnode import fetcher
from tests.realnode.installation import NAMESPACE, PAGE_PORT, Installation
from tests.realnode.workloads import Json

FRONT, SERVICE = "/", "/services/shop/web"
FORWARDED_WITHIN_SECONDS = 30.0


class Page(NamedTuple):
    """One answer of the page's server."""

    status: int
    text: str


class PagesOf(NamedTuple):
    """Of the replica that leads; `of_another` is what another replica answered, None if it was not asked."""

    front: Page
    service: Page
    posted: Page
    of_another: Page | None = None


async def seen_from_a_pod(plane: ControlPlane, installation: Installation, pod: Sequence[str]) -> PagesOf:
    """`pod` is what `kubectl exec` needs of one that has `fetcher.py` in /programs."""
    leader = await installation.leader(plane.name)
    addresses: dict[str, str] = {
        one["metadata"]["name"]: one["status"]["podIP"]
        for one in await installation.pods(plane.name)
        if one["metadata"]["labels"]["app.kubernetes.io/component"] == "agent"
    }
    (other,) = addresses.keys() - {leader}

    async def fetch(method: str, *urls: str) -> list[Page]:
        told = await plane.kubectl("exec", *pod, "--", "python3", "/programs/fetcher.py", method, *urls)
        return _pages(told.stdout)

    at = f"http://{addresses[leader]}:{PAGE_PORT}"
    front, service, of_another = await fetch(
        "GET", at + FRONT, at + SERVICE, f"http://{addresses[other]}:{PAGE_PORT}{FRONT}"
    )
    (posted,) = await fetch("POST", at + SERVICE)
    return PagesOf(front, service, posted, of_another)


async def seen_through_a_forwarded_port(plane: ControlPlane, installation: Installation) -> PagesOf:
    pod = f"pod/{await installation.leader(plane.name)}"
    command = plane.kubectl_command("port-forward", f"--namespace={NAMESPACE}", pod, f":{PAGE_PORT}")
    forwarding = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert forwarding.stdout is not None, "piped above"

    async def fetch(method: str, *urls: str) -> list[Page]:
        argv = plane.place.command([sys.executable, Path(fetcher.__file__), method, *urls])
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode == 0
        return _pages(out.decode())

    try:
        async with asyncio.timeout(FORWARDED_WITHIN_SECONDS):
            line = (await forwarding.stdout.readline()).decode()
        address = line.removeprefix("Forwarding from ").partition(" ")[0]
        at = f"http://{address}"
        front, service = await fetch("GET", at + FRONT, at + SERVICE)
        (posted,) = await fetch("POST", at + SERVICE)
        return PagesOf(front, service, posted)
    finally:
        forwarding.kill()
        await forwarding.wait()


def _pages(told: str) -> list[Page]:
    return [Page(*one) for one in json.loads(told)]


def endpoints_taking_traffic(page: Page, pods: Sequence[Json], cluster: str) -> int:
    """How many of these pods of a cluster the page of their service shows so."""
    rows = [part.split("</tr>")[0] for part in page.text.split("<tr ")]
    return sum(
        f'id="endpoint-{cluster}-{pod["status"]["podIP"]}"' in row and ">yes<" in row
        for row in rows
        for pod in pods
    )
