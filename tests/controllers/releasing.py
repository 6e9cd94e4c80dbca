"""How the broker's administrator releases a member: as `mcs-controller fuse release --member` does it."""

from __future__ import annotations

from datetime import timedelta

from mcs_controller.api.names import ANNOTATION_WITHDRAW
from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.kube.clock import rfc3339
from tests.support.agents import LoopClock
from tests.support.clusterset import Clusterset
from tests.support.objects import Object


def annotated(value: str) -> Object:
    """The patch that writes a release, or what somebody takes for one."""
    return {"metadata": {"annotations": {ANNOTATION_WITHDRAW: value}}}


def in_seconds(seconds: float) -> str:
    """That many seconds from now, as a release says until when it is valid."""
    return rfc3339(LoopClock().now() + timedelta(seconds=seconds))


async def annotate_member(world: Clusterset, member: str, value: str) -> None:
    await world.broker_api.patch(MEMBER_CLUSTERS, member, annotated(value), namespace=f"mcs-member-{member}")


async def release_member(world: Clusterset, member: str, seconds: float = 3600.0) -> None:
    """The release of a member for this long."""
    await annotate_member(world, member, in_seconds(seconds))
