"""Lists taken page by page.

The next page is on its way while the consumer works on this one, and no more than that; the objects of a
page are parsed one by one, when their turn comes.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, NamedTuple

from msgspec import Raw

from mcs_controller.kube.reading import JsonObject, LeftOut, ObjectReader, Page


class ListPage(NamedTuple):
    """One page of a list; all pages of one list carry the same resource version.

    `objects` can be gone through once. It parses each object when its turn comes, gives the rest of the
    program its turns in between, and has a `LeftOut` in the place of an object that is not decoded.
    """

    objects: AsyncGenerator[JsonObject | LeftOut, None]
    resource_version: str


Fetch = Callable[[str], Coroutine[Any, Any, Page]]
"""Asks for the page that a continue token stands for, the first one for an empty token."""


async def list_pages(
    fetch: Fetch, reader: ObjectReader, left_out: Callable[[LeftOut], None]
) -> AsyncGenerator[ListPage, None]:
    """All pages; raises what `fetch` raises. `left_out` is told of each object that is not decoded."""
    ahead: asyncio.Task[Page] | None = asyncio.create_task(fetch(""))
    try:
        while ahead is not None:
            page = await ahead
            ahead = asyncio.create_task(fetch(page.continue_token)) if page.continue_token else None
            async with aclosing(_objects(page.objects, reader, left_out)) as objects:
                yield ListPage(objects, page.resource_version)
            # It may be megabytes.
            del page
    finally:
        if ahead is not None and ahead.cancel():
            await asyncio.wait((ahead,))


async def _objects(
    texts: Iterable[Raw], reader: ObjectReader, left_out: Callable[[LeftOut], None]
) -> AsyncGenerator[JsonObject | LeftOut, None]:
    turn = reader.turn
    began = turn.now()
    for text in texts:
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
