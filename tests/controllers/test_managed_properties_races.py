"""What others do to the well-known properties between the agent's look and its write is not overwritten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mcs_controller.kube.connection.transport import Request, Response, Transport
from tests.controllers.test_managed_properties import (
    BOTH,
    ID,
    PROPERTIES,
    SET,
    a_world,
    began,
    foreign,
    held,
    set_to,
    until_held,
    until_told,
)
from tests.support.transports import PassingTransport

pytestmark = pytest.mark.looptime


class Meddling:
    """Before the next PATCH of a ClusterProperty somebody else does something."""

    def __init__(self) -> None:
        self.meddle: Callable[[], Awaitable[object]] | None = None

    def through(self, transport: Transport) -> Transport:
        return _Meddled(self, transport)


class _Meddled(PassingTransport):
    def __init__(self, meddling: Meddling, transport: Transport) -> None:
        super().__init__(transport)
        self._meddling = meddling

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if request.method == "PATCH" and "/clusterproperties/" in request.path:
            meddle, self._meddling.meddle = self._meddling.meddle, None
            if meddle is not None:
                await meddle()
        return await super().request(request, timeout_seconds=timeout_seconds)


@pytest.mark.requirement("ABT-09")
async def test_a_clusterset_that_others_set_just_before_the_agent_writes_is_theirs() -> None:
    async with a_world() as world:
        east, meddling = world["east"], Meddling()
        await began(east, through=meddling.through)
        await until_told(world, "PropertiesSet")

        async def replace() -> None:
            await east.api.delete(PROPERTIES, SET)
            await east.api.create(PROPERTIES, foreign(SET, "test"))

        meddling.meddle = replace
        await set_to(east, SET, "other")
        await until_told(world, "AnotherClusterset")
        await asyncio.sleep(120)
        assert await held(east) == {ID: "east", SET: "test"}


@pytest.mark.requirement("ABT-05")
async def test_a_value_that_somebody_edits_once_more_is_put_back_all_the_same() -> None:
    async with a_world() as world:
        east, meddling = world["east"], Meddling()
        await began(east, through=meddling.through)
        await until_told(world, "PropertiesSet")

        async def edit() -> None:
            await set_to(east, ID, "once-more")

        meddling.meddle = edit
        await set_to(east, ID, "other")
        await until_held(world, BOTH)
        assert meddling.meddle is None
