"""Whether an import of a reserved namespace that vanished is made again, look by look."""

import asyncio

import pytest

from mcs_controller.clusterset.model import ImportSpec, LocalImport, ServiceKey
from mcs_controller.controllers.services.imports.reserved import DOUBT_SECONDS, ReservedNamespaces
from mcs_controller.kube.store import Entry, Store

pytestmark = pytest.mark.looptime

KEY = ServiceKey("default", "web")


class World:
    """An import of default/web lies here, and `lists` lists of imports were read so far."""

    def __init__(self) -> None:
        self.imports: Store[LocalImport] = Store()
        self.lists: int | None = 1
        self.reserved = ReservedNamespaces((), self.imports, lambda: self.lists)
        self.comes()

    def comes(self) -> None:
        value = LocalImport(KEY, "uid", 1, ImportSpec("ClusterSetIP", ()))
        self.imports.apply(Entry(*KEY, "uid", "1", value))

    def vanishes(self) -> None:
        self.imports.remove(*KEY)

    def is_made_again(self) -> bool:
        """As far as it is known by now."""
        return self.reserved.doubt_seconds(KEY) is None and not self.reserved.refuses(KEY)


async def test_one_that_somebody_deleted_is_known_after_some_seconds_and_not_made_again() -> None:
    world = World()
    world.vanishes()
    await asyncio.sleep(4)
    assert world.reserved.doubt_seconds(KEY) == DOUBT_SECONDS - 4
    await asyncio.sleep(DOUBT_SECONDS - 4)
    assert world.reserved.doubt_seconds(KEY) is None
    assert not world.is_made_again()
    world.lists = 2
    assert not world.is_made_again(), "whatever is listed later"


@pytest.mark.parametrize("lists", [2, None])
async def test_one_whose_watch_ended_soon_was_deleted_by_nobody_and_is_made_again_at_once(
    lists: int | None,
) -> None:
    world = World()
    world.vanishes()
    await asyncio.sleep(1)
    world.lists = lists
    assert world.is_made_again()
    world.lists = 3
    assert world.is_made_again()


async def test_one_that_vanished_while_there_was_no_list_is_made_again_at_once() -> None:
    world = World()
    world.lists = None
    world.vanishes()
    assert world.is_made_again()


@pytest.mark.parametrize("how", ["made again", "no longer exported"])
async def test_that_it_was_lost_once_does_not_bring_it_back_ever_after(how: str) -> None:
    world = World()
    world.lists = None
    world.vanishes()
    world.lists = 2
    if how == "made again":
        world.comes()
        world.vanishes()
        await asyncio.sleep(DOUBT_SECONDS)
    else:
        world.reserved.end(KEY)
    assert not world.is_made_again()


async def test_what_is_refused_counts_until_it_is_forgotten() -> None:
    world = World()
    world.reserved.end(KEY)
    assert world.reserved.refuses(KEY)
    assert world.reserved.refused() == 1
    world.reserved.forget(KEY)
    assert world.reserved.refused() == 0
