"""Links between programs and servers, over TCP on loopback, whose weather changes while they are used.

    with Links() as links:
        link = links.to("https://127.0.0.1:6443")
        link.set(Weather(delay_seconds=0.5))

A program is given `link.url` in place of the server's: bytes are passed on as they are, so TLS goes from end
to end. The links of one `Links` live in a process of their own (`link_process.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from tests.support.side_process import SideProcess


@dataclass(frozen=True, slots=True)
class Weather:
    """What a link does to the bytes, both ways; fair unless something is said."""

    delay_seconds: float = 0.0
    """How much later each byte arrives, each way: a round trip takes twice that."""

    bytes_per_second: float | None = None
    """What all connections together may carry each way."""

    life_seconds: float | None = None
    """The mean time after which a connection is reset, the open ones included."""

    stalled: bool = False
    """Bytes wait, and all of them arrive when the weather is fair again: a dead network below live TCP."""

    swallowing: bool = False
    """A black hole: what is sent is lost, nothing is closed, new connections are taken and never answered.

    A connection that lost bytes is of no use any more, and stays dead in fair weather, too, as behind a
    firewall that forgot it.
    """

    cut: bool = False
    """Every connection is reset, new ones at once."""


class Counts(NamedTuple):
    """Since the link is there."""

    connections: int
    resets: int
    bytes: int


class Link:
    """The way to one server; `url` stands for the server's."""

    def __init__(self, process: SideProcess, number: int, url: str) -> None:
        self.url = url
        self._process = process
        self._number = number

    def set(self, weather: Weather) -> None:
        """From now on it is so, for the connections that are open as well."""
        self._process.order("set", number=self._number, weather=asdict(weather))

    def counts(self) -> Counts:
        return Counts(**self._process.order("counts", number=self._number))


class Links:
    """A context manager: inside it there are links."""

    def __init__(self) -> None:
        self._process = SideProcess("tests.support.link_process")

    def to(self, url: str) -> Link:
        """A new link to the server at `url`, in fair weather."""
        parts = urlsplit(url)
        opened = self._process.order("open", host=parts.hostname, port=parts.port)
        return Link(self._process, opened["number"], f"{parts.scheme}://127.0.0.1:{opened['port']}")

    def start(self) -> Self:
        self._process.start()
        return self

    def stop(self) -> None:
        self._process.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
