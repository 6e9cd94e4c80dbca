"""What this cluster left on the broker under an id that it no longer has (MCS-NS-07).

A changed id is a leave followed by a join. The MemberCluster of the old id still names our kube-system UID;
once nobody renews it any more, its exports are withdrawn, where our credential may do that. Mostly it may
not, since a credential is for one member's namespace: then the broker's administrator is told what to
delete. Nobody else acts on this: a member could name any UID as its own.
"""

import asyncio
import logging

from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.membership.withdrawal import withdraw_exports
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Forbidden, KubeError

_log = logging.getLogger(__name__)


class FormerIds:
    """Looks for former ids at an interval, and leaves under each of them; `left_behind` names the others."""

    def __init__(self, membership: Membership, broker: Client, *, interval_seconds: float) -> None:
        self.left_behind: frozenset[str] = frozenset()
        self._membership = membership
        self._broker = broker
        self._interval_seconds = interval_seconds
        self._told: set[str] = set()

    async def run(self) -> None:
        """Go on until cancelled: an old id shows only when its heartbeat has been missing for long."""
        await self._membership.wait_observed()
        while True:
            await self.step()
            await asyncio.sleep(self._interval_seconds)

    async def step(self) -> None:
        """Leave under every former id that is known now."""
        left_behind = set()
        for cluster in sorted(self._membership.former_ids()):
            try:
                await self._leave(cluster)
                self._tell(cluster, "it has nothing on the broker any more")
            except Forbidden as error:
                left_behind.add(cluster)
                self._tell(cluster, f"its exports stay until then, since {error}")
            except KubeError as error:
                left_behind.add(cluster)
                _log.warning("cannot leave as %s yet: %s", cluster, error)
        self.left_behind = frozenset(left_behind)

    async def _leave(self, cluster: str) -> None:
        async for _ in withdraw_exports(self._broker, member_namespace(cluster)):
            pass

    def _tell(self, cluster: str, state: str) -> None:
        if cluster in self._told:
            return
        self._told.add(cluster)
        _log.warning(
            "this cluster was member %s before: the broker's administrator should delete namespace %s; %s",
            cluster,
            member_namespace(cluster),
            state,
        )
