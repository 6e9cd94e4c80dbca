"""The links of the fault tests do what the weather says, lest their faults be taken for the product's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.support.links import Link, Links, Weather

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def links() -> Iterator[Links]:
    with Links() as started:
        yield started


@pytest.fixture
async def link(links: Links) -> AsyncIterator[Link]:
    """To a server that says back what it is told."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        yield links.to(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")


Opens = Callable[[], Awaitable[Ends]]


@pytest.fixture
async def opens(link: Link) -> AsyncIterator[Opens]:
    """Makes connections, none of which outlives the test."""
    writers: list[asyncio.StreamWriter] = []

    async def open_one() -> Ends:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(link.url.rpartition(":")[2]))
        writers.append(writer)
        return reader, writer

    yield open_one
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def said(ends: Ends, text: bytes, *, within_seconds: float = 10.0) -> bytes:
    """What comes back."""
    reader, writer = ends
    writer.write(text)
    async with asyncio.timeout(within_seconds):
        return await reader.readexactly(len(text))


async def seconds_of(ends: Ends, text: bytes) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await said(ends, text) == text
    return loop.time() - began


async def test_a_fair_link_passes_on_what_it_is_given_until_an_end_closes(link: Link, opens: Opens) -> None:
    reader, writer = ends = await opens()
    text = b"x" * 1_000_000
    assert await said(ends, text) == text
    writer.write_eof()
    assert await reader.read() == b""
    assert link.url.startswith("https://127.0.0.1:")
    assert link.counts() == (1, 0, 2_000_000)


async def test_a_slow_link_takes_its_time_each_way_also_for_open_connections(
    link: Link, opens: Opens
) -> None:
    ends = await opens()
    assert await seconds_of(ends, b"fast") < 0.15
    link.set(Weather(delay_seconds=0.2))
    assert 0.4 <= await seconds_of(ends, b"slow") < 1.0
    link.set(Weather())
    assert await seconds_of(ends, b"fast") < 0.15


async def test_a_thin_link_carries_so_many_bytes_a_second_in_all(link: Link, opens: Opens) -> None:
    link.set(Weather(bytes_per_second=100_000))
    both = await opens(), await opens()
    seconds = await asyncio.gather(*(seconds_of(ends, b"x" * 50_000) for ends in both))
    assert 0.8 <= max(seconds) < 2.5


async def test_connections_are_reset_in_time_and_new_ones_work_until_theirs(link: Link, opens: Opens) -> None:
    reader, _ = await opens()
    link.set(Weather(life_seconds=0.05))
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 1.0)
    link.set(Weather())
    assert await said(await opens(), b"again") == b"again"
    assert link.counts().resets == 1


async def test_a_link_that_is_cut_resets_all_connections(link: Link, opens: Opens) -> None:
    reader, _ = ends = await opens()
    await said(ends, b"before")
    link.set(Weather(cut=True))
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 1.0)
    # The reset of a new one may be there before its connect was seen to succeed, or after.
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for((await opens())[0].read(), 1.0)


async def test_what_a_black_hole_swallows_is_lost_and_whom_it_met_is_dead(link: Link, opens: Opens) -> None:
    ends = await opens()
    await said(ends, b"before")
    link.set(Weather(swallowing=True))
    during = await opens()
    for dead in (ends, during):
        with pytest.raises(TimeoutError):
            await said(dead, b"lost", within_seconds=0.2)
    link.set(Weather())
    for dead in (ends, during):
        with pytest.raises(TimeoutError):
            await said(dead, b"lost, too", within_seconds=0.2)
    assert await said(await opens(), b"after") == b"after"
    assert link.counts().resets == 0


async def test_what_is_sent_on_a_stalled_link_arrives_when_it_flows_again(link: Link, opens: Opens) -> None:
    ends = await opens()
    link.set(Weather(stalled=True))
    with pytest.raises(TimeoutError):
        await said(ends, b"late", within_seconds=0.2)
    link.set(Weather())
    assert await ends[0].readexactly(4) == b"late"
