"""Lists taken page by page.

The next page is on its way while the consumer works on this one, and no more than that; the objects of a
page are parsed one by one, when their turn comes.

How much is held at once is bounded: an answer may have `ANSWER_MAX_BYTES` (one page for all, which needs no
second, `ONE_PAGE_MAX_BYTES`), pages are made to have about `PAGE_AIM_BYTES`, and while a larger one is worked
on there is no next one. That is 24 MiB, or 32, and the last answer twice while its parts are put together.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from mcs_controller.kube.connection.transport import ANSWER_MAX_BYTES
from mcs_controller.kube.decoding.object_reader import JsonObject, LeftOut, ObjectReader, Page, page_of_head
from mcs_controller.kube.errors import TooLarge

PAGE_SIZE: Final = 500
PAGE_AIM_BYTES: Final = ANSWER_MAX_BYTES // 2
ONE_PAGE_MAX_BYTES: Final = 2 * ANSWER_MAX_BYTES


class ListPage(NamedTuple):
    """One page of a list; all pages of one list carry the same resource version.

    `objects` can be gone through once. It parses each object when its turn comes, gives the rest of the
    program its turns in between, and has a `LeftOut` in the place of an object that is not decoded.
    """

    objects: AsyncGenerator[JsonObject | LeftOut, None]
    resource_version: str


Fetch = Callable[[str, int], Coroutine[Any, Any, Page]]
"""Asks for the page that a continue token stands for, the first one for an empty token, and for so many
objects at the most; 0 is any number."""


class PageLimit:
    """How many objects to ask for at once: `objects`, between 1 and `longest`; 0 asks for all in one page."""

    def __init__(self, longest: int, first: int | None = None) -> None:
        self.objects = longest if first is None else first
        self._longest = longest

    def shrink(self) -> bool:
        """An answer was too large; False if there is no asking for less."""
        if self.objects == 1:
            return False
        self._longest = self._longest or PAGE_SIZE
        self.objects = self.objects // 2 or self._longest
        return True

    def took(self, objects: int, size_bytes: int) -> None:
        """So much did the last page hold: the next should be about `PAGE_AIM_BYTES`, but grow slowly."""
        if self.objects and objects:
            fitting = PAGE_AIM_BYTES * objects // max(1, size_bytes)
            self.objects = max(1, min(self._longest, 2 * self.objects, fitting))


async def list_pages(
    fetch: Fetch, limit: PageLimit, reader: ObjectReader, left_out: Callable[[LeftOut], None]
) -> AsyncGenerator[ListPage, None]:
    """All pages; raises what `fetch` raises. `left_out` is told of each object that is not decoded.

    A page that is too large is asked for again, with half as many objects in it. An object that is too large
    by itself is left out.
    """

    async def get(token: str) -> Page:
        while True:
            try:
                return await fetch(token, limit.objects)
            except TooLarge as error:
                if limit.shrink():
                    continue
                page = page_of_head(error.head)
                if page is None:
                    raise
                return page

    ahead: asyncio.Task[Page] | None = asyncio.create_task(get(""))
    try:
        while ahead is not None:
            page = await ahead
            limit.took(len(page.objects), page.size_bytes)
            token, ahead = page.continue_token, None
            if token and page.size_bytes <= PAGE_AIM_BYTES:
                ahead = asyncio.create_task(get(token))
            async with aclosing(_objects(page, reader, left_out)) as objects:
                yield ListPage(objects, page.resource_version)
            # It may be megabytes.
            del page
            if token and ahead is None:
                ahead = asyncio.create_task(get(token))
    finally:
        if ahead is not None and ahead.cancel():
            await asyncio.wait((ahead,))


async def _objects(
    page: Page, reader: ObjectReader, left_out: Callable[[LeftOut], None]
) -> AsyncGenerator[JsonObject | LeftOut, None]:
    turn = reader.turn
    began = turn.now()
    if page.left_out is not None:
        left_out(page.left_out)
        yield page.left_out
    for text in page.objects:
        body = await reader.object(text)
        if isinstance(body, LeftOut):
            left_out(body)
        yield body
        # What the consumer did with it counts, too.
        now = turn.now()
        if turn.used_up_by(now - began):
            await turn.pause()
            now = turn.now()
        began = now
