"""The second look after a start, which proves what is gone (docs/decisions/0008-proof.md).

An agent that has just started knows what is there, not what was there before. Objects that nobody exports
any more, here or in our part of the broker, are leftovers of an earlier life: they are found by their
marker, and removed only after everything was read once more, a while after the first time, and still lacks
what they stand for (MCS-LIFE-08). The removal itself is the reconcilers'.
"""

import asyncio
import logging
from collections.abc import Callable

from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.evidence import Evidence
from mcs_controller.controllers.services.stores.broker import BrokerState
from mcs_controller.controllers.services.stores.local import LocalState
from mcs_controller.kube.errors import KubeError
from mcs_controller.kube.pacing.backoff import Backoff

_log = logging.getLogger(__name__)


class Confirmation:
    """Runs once after a start; `look_at_everything` is called when absence has become proof."""

    def __init__(
        self,
        local: LocalState,
        broker: BrokerState,
        membership: Membership,
        evidence: Evidence,
        delay_seconds: float,
        backoff: Backoff,
        look_at_everything: Callable[[], None],
    ) -> None:
        self._local = local
        self._broker = broker
        self._membership = membership
        self._evidence = evidence
        self._delay_seconds = delay_seconds
        self._backoff = backoff
        self._look_at_everything = look_at_everything

    async def run(self) -> None:
        """Wait for the first complete read, read again later, and say so."""
        await self._local.wait_synced()
        await self._broker.wait_synced()
        await self._membership.wait_observed()
        wait_seconds = self._delay_seconds
        while not self._evidence.confirmed:
            await asyncio.sleep(wait_seconds)
            await self._try_to_confirm()
            wait_seconds = self._backoff.next_seconds()

    async def _try_to_confirm(self) -> None:
        try:
            await self._local.confirm()
            await self._membership.confirm()
        except KubeError as error:
            _log.warning("cannot confirm what is gone, again soon: %s", error)
            return
        self._evidence.confirm()
        self._look_at_everything()
