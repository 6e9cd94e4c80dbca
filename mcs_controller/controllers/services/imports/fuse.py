"""What the two fuses of a cluster share: their bounds, what they hold, and what they let go a moment ago."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from typing import ClassVar, Final

from mcs_controller.clusterset.fuse import Hold
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.controllers.runtime.context import Context
from mcs_controller.controllers.services.imports.holds import Holds
from mcs_controller.controllers.services.stores.stores import Stores

WINDOW_SECONDS: Final = 60.0
TELL_SECONDS: Final = 60.0
"""A member whose services go and return all the time is told of once in this time."""

_log = logging.getLogger(__name__)


class Recent:
    """Services that the fuse let go; each counts as lost for `WINDOW_SECONDS`."""

    def __init__(self) -> None:
        self._since_seconds: dict[ServiceKey, float] = {}

    def __len__(self) -> int:
        return len(self._since_seconds)

    def __contains__(self, key: ServiceKey) -> bool:
        return key in self._since_seconds

    def add(self, key: ServiceKey) -> None:
        """It went now; one that is here already keeps its time."""
        self._since_seconds.setdefault(key, asyncio.get_running_loop().time())

    def discard(self, key: ServiceKey) -> None:
        """It counts no more."""
        self._since_seconds.pop(key, None)

    def expired(self) -> Iterator[ServiceKey]:
        """Those whose time is over; they are discarded one by one."""
        until_seconds = asyncio.get_running_loop().time() - WINDOW_SECONDS
        while self._since_seconds:
            oldest = next(iter(self._since_seconds))
            if self._since_seconds[oldest] > until_seconds:
                return
            del self._since_seconds[oldest]
            yield oldest


class Fuse:
    """A fuse of one cluster. `enqueue` is called with a service whose hold is over."""

    _things: ClassVar[str]

    def __init__(self, context: Context, stores: Stores, membership: Membership) -> None:
        config = context.config
        self.enqueue: Callable[[ServiceKey], None] = lambda key: None
        self._local = stores.local
        self._view = stores.view
        self._membership = membership
        self._share = config.fuse_share
        self._minimum = config.fuse_minimum
        self._holds = Holds(membership, context.clock, hold_seconds=config.fuse_hold_seconds)
        self._recent = Recent()
        self._is_told = False
        self._told_at_seconds = -math.inf

    def hold(self, key: ServiceKey) -> Hold | None:
        """The hold of a service; None if it is not held."""
        return self._holds.get(key)

    def held_of(self, cluster: str) -> Iterator[ServiceKey]:
        """The services that are held and that this cluster exported."""
        return self._holds.of_member(cluster)

    def end_holds(self) -> None:
        """Enqueue what has been held for long enough."""
        for key in self._holds.over():
            self.enqueue(key)
        self._tell()

    def _what_is_held(self) -> str:
        """What was lost, and what is held now, in words; "" if nothing is."""
        raise NotImplementedError

    def _tell(self) -> None:
        """Log that something is held, but not again and again; and that nothing is any more."""
        if not self._is_told and asyncio.get_running_loop().time() < self._told_at_seconds + TELL_SECONDS:
            return
        held = self._what_is_held()
        if held and not self._is_told:
            self._is_told, self._told_at_seconds = True, asyncio.get_running_loop().time()
            _log.error("%s: see `mcs-controller fuse status`", held)
        elif self._is_told and not held:
            self._is_told = False
            _log.warning("recovered: no %s are held any more", self._things)
