"""The lines of all services, made when somebody looks, in short steps, and kept for a moment.

However many look, they are made once. They are made again when they are a second old, or, in a large
clusterset, twenty times as old as it took to make them: so a page costs at most a twentieth of the time, and
each step of it no more than a few milliseconds in one go.
"""

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter
from typing import Final

from mcs_controller.clusterset.board.rows import ServiceFacts, ServiceRow, service_row
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.runtime.manager import Manager
from mcs_controller.kube.pacing.turns import Turn
from mcs_controller.page.source import Held

FRESH_SECONDS: Final = 1.0
SHARE: Final = 20.0
TURN_SECONDS: Final = 0.002
AFTER_ERROR_SECONDS: Final = 5.0
FORGET_SECONDS: Final = 60.0
"""Nobody has looked for so long."""

_log = logging.getLogger(__name__)


class Services:
    """The lines of one cluster's services. `held` gives what the agent holds, None while it does not work."""

    def __init__(self, cluster: str, held: Callable[[], Held | None]) -> None:
        self._cluster = cluster
        self._held = held
        self._of: Manager | None = None
        self._rows: tuple[ServiceRow, ...] | None = None
        self._known: dict[ServiceKey, tuple[ServiceFacts, ServiceRow]] = {}
        self._stale_at_seconds = 0.0
        self._wanted = asyncio.Event()
        self._made = asyncio.Event()

    async def run(self) -> None:
        """Make them whenever they are wanted, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(FORGET_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                self._forget()
                continue
            self._wanted.clear()
            try:
                await self.step()
            except Exception:  # noqa: BLE001 - a page that fails must be there again when its cause is gone
                _log.exception("the lines of the services could not be made for the status page")
                await asyncio.sleep(AFTER_ERROR_SECONDS)

    async def rows(self, within_seconds: float) -> tuple[ServiceRow, ...] | None:
        """As fresh as can be had within this time; None if there are none of this term by then."""
        held = self._held()
        if held is None:
            return None
        is_known = self._rows is not None and self._of is held.of
        if not is_known or asyncio.get_running_loop().time() >= self._stale_at_seconds:
            made = self._made
            self._wanted.set()
            try:
                async with asyncio.timeout(within_seconds):
                    await made.wait()
            except TimeoutError:
                if not is_known:
                    return None
        return self._rows if self._of is held.of else None

    async def step(self) -> None:
        """Make them once."""
        held = self._held()
        if held is None:
            self._forget()
            return
        begun_seconds = asyncio.get_running_loop().time()
        turn, rows = Turn(TURN_SECONDS), []
        known: dict[ServiceKey, tuple[ServiceFacts, ServiceRow]] = {}
        before = perf_counter()
        for key in held.services():
            facts = held.facts(key)
            if facts is not None:
                kept = self._known.get(key)
                row = kept[1] if kept is not None and kept[0] == facts else service_row(facts, self._cluster)
                known[key] = facts, row
                rows.append(row)
            now = perf_counter()
            if turn.used_up_by(now - before):
                await turn.pause()
                now = perf_counter()
            before = now
        self._known, self._rows, self._of = known, tuple(rows), held.of
        took_seconds = asyncio.get_running_loop().time() - begun_seconds
        self._stale_at_seconds = begun_seconds + took_seconds + max(FRESH_SECONDS, SHARE * took_seconds)
        made, self._made = self._made, asyncio.Event()
        made.set()

    def _forget(self) -> None:
        self._known, self._rows, self._of = {}, None, None
