"""The process in which links live: TCP on loopback, passed on as the weather of each link allows.

`links.py` is the tests' side, and says what a weather means.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import struct

from tests.support.links import Weather
from tests.support.side_process import Json, obey

CHUNK_BYTES = 8 * 1024
WAITING_CHUNKS = 128
FAIR = Weather()


class Flow:
    """What all connections of a link may carry one way."""

    def __init__(self) -> None:
        self._free_at_seconds = 0.0

    async def carry(self, size: int, bytes_per_second: float | None) -> None:
        if bytes_per_second is None:
            return
        now = asyncio.get_running_loop().time()
        self._free_at_seconds = max(now, self._free_at_seconds) + size / bytes_per_second
        await asyncio.sleep(self._free_at_seconds - now)


class Connection:
    """One connection of a program, and the one to the server that belongs to it."""

    def __init__(self, link: LinkServer, near: asyncio.StreamWriter) -> None:
        self.dead = False
        self._link = link
        self._writers = [near]
        self._reset_timer: asyncio.TimerHandle | None = None

    async def run(self, reader: asyncio.StreamReader) -> None:
        self.suffer(self._link.weather)
        if self.dead:
            await self._swallow(reader)
            return
        far_reader, far_writer = await asyncio.open_connection(*self._link.target)
        self._writers.append(far_writer)
        self.suffer(self._link.weather)
        near_writer = self._writers[0]
        async with asyncio.TaskGroup() as ways:
            ways.create_task(self._pass_on(reader, far_writer, self._link.up))
            ways.create_task(self._pass_on(far_reader, near_writer, self._link.down))

    def suffer(self, weather: Weather) -> None:
        """The weather is so now."""
        if weather.swallowing:
            self.dead = True
        if self._reset_timer is not None:
            self._reset_timer.cancel()
        if weather.cut:
            self.reset()
        elif weather.life_seconds is not None:
            seconds = random.uniform(0.0, 2.0 * weather.life_seconds)
            self._reset_timer = asyncio.get_running_loop().call_later(seconds, self.reset)

    def reset(self) -> None:
        """Both ends are told by RST, as when something between them fails."""
        self._link.resets += 1
        self._close(with_reset=True)

    def end(self) -> None:
        if self._reset_timer is not None:
            self._reset_timer.cancel()
        self._close(with_reset=False)

    def _close(self, *, with_reset: bool) -> None:
        for writer in self._writers:
            peer = writer.get_extra_info("socket")
            if with_reset and peer is not None and peer.fileno() >= 0:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: Flow) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_CHUNKS)
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._take(reader, waiting))
            ends.create_task(self._deliver(waiting, writer, flow))

    async def _take(self, reader: asyncio.StreamReader, waiting: asyncio.Queue[tuple[float, bytes]]) -> None:
        data = b"-"
        while data:
            try:
                data = await reader.read(CHUNK_BYTES)
            except OSError:
                if not self.dead:
                    raise
                data = b""
            due_seconds = asyncio.get_running_loop().time() + self._link.weather.delay_seconds
            await waiting.put((due_seconds, data))

    async def _deliver(
        self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, flow: Flow
    ) -> None:
        data = b"-"
        while data:
            due_seconds, data = await waiting.get()
            await asyncio.sleep(max(0.0, due_seconds - asyncio.get_running_loop().time()))
            await flow.carry(len(data), self._link.weather.bytes_per_second)
            await self._link.flowing.wait()
            if self.dead:
                if not data:
                    # The other end does not hear of it, either.
                    await asyncio.Event().wait()
                continue
            self._link.bytes += len(data)
            if data:
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(CHUNK_BYTES):
            pass


class LinkServer:
    """Where one link listens, for the server at `target`."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.weather = FAIR
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.up, self.down = Flow(), Flow()
        self.connections = self.resets = self.bytes = 0
        self._open: set[Connection] = set()

    async def listen(self) -> int:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=CHUNK_BYTES)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def set(self, weather: Weather) -> None:
        self.weather = weather
        if weather.stalled:
            self.flowing.clear()
        else:
            self.flowing.set()
        for connection in tuple(self._open):
            connection.suffer(weather)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = Connection(self, writer)
        self._open.add(connection)
        try:
            await connection.run(reader)
        except* OSError:
            # Either end broke: the other one hears of it.
            connection.reset()
        finally:
            connection.end()
            self._open.discard(connection)


async def main() -> None:
    links: list[LinkServer] = []

    async def carry_out(do: str, what: Json) -> Json:
        if do == "open":
            links.append(LinkServer(what["host"], what["port"]))
            return {"number": len(links) - 1, "port": await links[-1].listen()}
        link = links[what["number"]]
        if do == "set":
            link.set(Weather(**what["weather"]))
            return {}
        return {"connections": link.connections, "resets": link.resets, "bytes": link.bytes}

    await obey(carry_out)
    # Connections end with the process: nobody is left who would be told in order.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
