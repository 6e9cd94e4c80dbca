"""The status page of an agent, for as long as the agent runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mcs_controller.cli.process import serving
from mcs_controller.kube.clock import Clock
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.page.source import Agent

if TYPE_CHECKING:
    from mcs_controller.page.server import StatusPage


@asynccontextmanager
async def serving_status_page(
    listen: ListenAddress | None, agent: Agent, clock: Clock
) -> "AsyncIterator[StatusPage | None]":
    """Serve it while the block runs; without an address, nothing. Raises `ListenError`."""
    if listen is None:
        yield None
        return
    # What renders HTML takes memory, and most agents serve no page.
    from mcs_controller.page.server import StatusPage

    page = StatusPage(agent, listen, clock)
    async with serving(page, page.run, name="status page", option="--status-page"):
        yield page
