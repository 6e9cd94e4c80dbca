"""Works in the place of a cluster's agent: stops it, and holds its Lease meanwhile.

Whoever holds the Lease leads, so no replica that still runs writes anything. The agent of the chart is
stopped by its Deployment; any other must be stopped by whoever started it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from mcs_controller.api.resources import DEPLOYMENTS, NAMESPACES
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.installing import Row, say
from mcs_controller.cli.process import replica_name
from mcs_controller.install.lease import LeaseName
from mcs_controller.install.leftovers import AGENT
from mcs_controller.kube.client import Client
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.errors import NotFound
from mcs_controller.kube.fence import Fence
from mcs_controller.kube.leader import LeaderElector

STOPS_WITHIN_SECONDS: Final = 60.0
"""An agent that ends gives the Lease up at once; that of one that was killed expires after 15 s."""
TELL_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.2
_LEAVE: Final = "leave_"


async def stop_agent(local: Client, namespace: str, *, dry_run: bool) -> list[Row]:
    """Scale the agent's Deployment to nothing, if there is one; what became of it. Raises `KubeError`."""
    try:
        found = await local.get(DEPLOYMENTS, AGENT, namespace)
    except NotFound:
        return []
    replicas = (found.get("spec") or {}).get("replicas")
    if not replicas:
        return []
    if not dry_run:
        # With another number than its own, Helm refuses the next upgrade.
        start = f"kubectl --namespace {namespace} scale deployment {AGENT} --replicas {replicas}"
        say(
            f"stopping the agent: Deployment {namespace}/{AGENT} had {replicas} replicas. If this cluster "
            f"is to stay, or to join again, `{start}` starts it, before any `helm upgrade`"
        )
        await local.patch(DEPLOYMENTS, AGENT, {"spec": {"replicas": 0}}, namespace=namespace)
    return [(DEPLOYMENTS.kind, namespace, AGENT, "to be scaled to 0" if dry_run else "scaled to 0")]


async def holding_lease(
    local: Client,
    lease: LeaseName,
    work: Callable[[Fence | None], Awaitable[None]],
    *,
    clock: Clock,
) -> None:
    """Do `work` while no agent leads. Its writes pass the fence that it gets.

    Raises `CliError` if an agent goes on leading, and what `work` raises.
    """
    try:
        await local.get(NAMESPACES, lease.namespace)
    except NotFound:
        # No agent can have a Lease there, nor can we.
        await work(None)
        return
    # Another one each time: two at once must not take each other's Lease for their own.
    identity = f"{_LEAVE}{replica_name(None, Random())}"
    elector = LeaderElector(local, lease.namespace, lease.name, identity, clock=clock, random=Random())
    leading = asyncio.Event()

    async def lead() -> None:
        leading.set()
        await work(elector.fence)

    task = asyncio.ensure_future(elector.run(lead))
    try:
        await _wait_until_led(elector, task, leading, lease)
        await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


def is_agent(holder: str) -> bool:
    """Whether who holds the Lease is an agent, and not nobody or a `leave`."""
    return bool(holder) and not holder.startswith(_LEAVE)


async def _wait_until_led(
    elector: LeaderElector, task: "asyncio.Future[None]", leading: asyncio.Event, lease: LeaseName
) -> None:
    """Return once the Lease is ours, or the election has ended. Raises `CliError`."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + STOPS_WITHIN_SECONDS
    tell_at = loop.time() + TELL_SECONDS
    while not leading.is_set() and not task.done():
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
        now = loop.time()
        who = "an agent of this cluster" if is_agent(elector.holder) else "another `leave`"
        if now >= ends_at and not leading.is_set():
            # By now it has renewed the Lease.
            reason = elector.problem or f"{who} runs, as {elector.holder} (Lease {lease})"
            raise CliError(
                f"{reason}; nothing was removed: stop it as it was started, and run the command again"
            )
        if now >= tell_at:
            tell_at = now + TELL_SECONDS
            reason = elector.problem or f"Lease {lease} names {elector.holder} as its holder, {who}"
            say(
                f"{reason}: waiting until it gives the Lease up, or does not renew it any more, at most "
                f"{ends_at - now:.0f} s more ..."
            )
