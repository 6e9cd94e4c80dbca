"""How Services of new exports are read: one by one while they are few, with one list when they are many."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcs_controller.controllers.services.stores.local import READ_ONE_BY_ONE_MAX
from mcs_controller.kube.connection.transport import Request, Response, Transport
from tests.support.clusterset import Clusterset

pytestmark = pytest.mark.looptime


class Recorded:
    """A transport that notes what is asked with GET."""

    def __init__(self, transport: Transport, asked: list[Request]) -> None:
        self._transport, self._asked = transport, asked

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        if request.method == "GET":
            self._asked.append(request)
        return await self._transport.request(request, timeout_seconds=timeout_seconds)

    stream = property(lambda self: self._transport.stream)
    renew_credential = property(lambda self: self._transport.renew_credential)
    close = property(lambda self: self._transport.close)


def of_services(asked: list[Request]) -> tuple[int, int]:
    """How many reads of one Service, and how many lists of all in the namespace."""
    paths = [one for one in asked if one.path.startswith("/api/v1/namespaces/shop/services")]
    lists = [
        one
        for one in paths
        if one.path.endswith("/services") and not any(name == "fieldSelector" for name, _ in one.query)
    ]
    return len(paths) - len(lists), len(lists)


@pytest.mark.parametrize(
    ("exports", "reads"),
    [(READ_ONE_BY_ONE_MAX, (READ_ONE_BY_ONE_MAX, 0)), (READ_ONE_BY_ONE_MAX + 1, (0, 1))],
    ids=["few", "many"],
)
async def test_so_many_new_exports_of_one_namespace_are_read_one_by_one_and_more_with_one_list(
    exports: int, reads: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Clusterset("east", "west") as world:
        east, asked = world["east"], list[Request]()
        await world.everywhere("shop")
        names = [f"web-{number}" for number in range(exports)]
        for name in names:
            await east.service("shop", name)
            await east.endpoints("shop", name, "10.1.0.1")
        plain: Callable[[str], Transport] = east.sim.transport
        monkeypatch.setattr(east.sim, "transport", lambda user: Recorded(plain(user), asked))
        await east.restart()
        await east.ready()
        await world.settle()
        asked.clear()
        # A look at the namespace finds all of them.
        stalled = east.sim.faults.stall_watches(resources=["serviceexports"])
        for name in names:
            await east.export("shop", name)
        stalled.lift()
        await world.settle()
        assert of_services(asked) == reads
        for name in names:
            await world.imported("shop", name, {"10.1.0.1"})
