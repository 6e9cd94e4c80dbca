"""Serves the status page: GET and HEAD, a few connections, an answer within seconds.

Rendering is done in one thread of its own, from frozen values: the event loop, on which the agent works, goes
on meanwhile. Nobody is asked who he is: who can reach the port may look (docs/status-page.md). A page of
another site cannot read it, since no header allows that. Where only this machine can connect, nobody has
another name for it than a site that had its own name point here (DNS rebinding), and that is refused.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from aiohttp import web
from prometheus_client import Histogram

from mcs_controller import __version__
from mcs_controller.clusterset.board.listing import read_query, select
from mcs_controller.clusterset.board.rows import member_row, service_row
from mcs_controller.clusterset.board.summary import by_cause, summary
from mcs_controller.clusterset.explain.explaining import explain
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.kube.clock import Clock
from mcs_controller.kube.tasks import Tasks
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.serving import BoundedServer
from mcs_controller.page.lag_history import LagHistory
from mcs_controller.page.pages import Frame, Pages, asset
from mcs_controller.page.snapshot import Services
from mcs_controller.page.source import Agent, Held, held_by

CONNECTIONS_MAX: Final = 32
ANSWER_SECONDS: Final = 8.0
ROWS_SECONDS: Final = 5.0
PARTS_MAX: Final = 5000
"""Of a service that is explained: endpoints, slices, and ports of slices, with those that are imported."""
NAME_MAX_CHARS: Final = 63

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ASSETS: Final = {"style.css": "text/css", "live.js": "text/javascript"}

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class StatusPage:
    """The page of one agent; `start` raises `ListenError`."""

    def __init__(self, agent: Agent, listen: ListenAddress, clock: Clock) -> None:
        self._agent = agent
        self._clock = clock
        self._only_this_machine = _is_loopback(listen.host)
        self._pages = Pages()
        self._thread = ThreadPoolExecutor(1, "status-page")
        self._services = Services(agent.config.cluster_id, self._held)
        self._lag = LagHistory(self._histogram)
        app = web.Application(middlewares=[self._guard])
        app.on_response_prepare.append(_add_headers)
        app.router.add_get("/", self._front)
        app.router.add_get("/services", self._list)
        app.router.add_get("/services/{namespace}/{name}", self._service)
        for name, content_type in _ASSETS.items():
            app.router.add_get(f"/{name}", _file(asset(name), content_type))
        self._server = BoundedServer(app, listen, connections_max=CONNECTIONS_MAX)

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return self._server.port

    async def start(self) -> None:
        """Listen and serve until `stop`; what is shown is kept up to date by `run`."""
        await self._server.start()
        _log.info("serving the status page on http port %d", self.port, extra={"http_port": self.port})

    async def run(self) -> None:
        """Make what pages show, when somebody looks, until cancelled."""
        async with Tasks("status page") as tasks:
            tasks.start(self._services.run(), name="services")
            tasks.start(self._lag.run(), name="lag")

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._server.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self._only_this_machine and not _is_plain(request.host):
            return web.Response(status=421, text="Ask by address, as in http://127.0.0.1, or by localhost.\n")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await handler(request)
        except TimeoutError:
            return web.Response(status=503, text="There was no time to make this page. Ask again.\n")

    async def _front(self, request: web.Request) -> web.StreamResponse:
        held = self._held()
        rows = await self._services.rows(ROWS_SECONDS)
        if held is None or rows is None:
            return await self._waiting(held, depth=0)
        timeout_seconds = self._agent.config.member_timeout_seconds
        members = [member_row(one, timeout_seconds) for one in held.members()]
        frame, now_seconds = self._frame(held, depth=0), asyncio.get_running_loop().time()
        recent, points = self._lag.recent(), self._lag.points()
        own, reaches_broker = self._agent.config.cluster_id, held.sides()[1].reachable

        def make() -> str:
            found = summary(
                own, members, rows, reaches_broker=reaches_broker, member_timeout_seconds=timeout_seconds
            )
            return self._pages.front(frame, found, members, recent, points, now_seconds)

        return _page(await self._aside(make))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        held = self._held()
        rows = await self._services.rows(ROWS_SECONDS)
        if held is None or rows is None:
            return await self._waiting(held, depth=0)
        frame, query = self._frame(held, depth=0), read_query(request.query)
        members = [one.member.cluster for one in held.members()]
        return _page(
            await self._aside(lambda: self._pages.services(frame, query, select(rows, query), members))
        )

    async def _service(self, request: web.Request) -> web.StreamResponse:
        held = self._held()
        if held is None:
            return await self._waiting(held, depth=2)
        key = ServiceKey(
            request.match_info["namespace"][:NAME_MAX_CHARS], request.match_info["name"][:NAME_MAX_CHARS]
        )
        frame, facts = self._frame(held, depth=2), held.facts(key)
        if facts is None:
            return _page(await self._aside(lambda: self._pages.unknown(frame, key)), status=404)
        own, size = self._agent.config.cluster_id, held.size(key)
        if sum(size) > PARTS_MAX:
            return _page(
                await self._aside(lambda: self._pages.too_large(frame, key, service_row(facts, own), size))
            )
        epoch_seconds = self._clock.now().timestamp()
        picture, members = held.picture(key, epoch_seconds), [one.member.cluster for one in held.members()]
        unasked = not held.asks_export_policies()

        def make() -> str:
            return self._pages.service(
                frame, key, explain(picture), members, epoch_seconds, policies_unasked=unasked
            )

        return _page(await self._aside(make))

    async def _waiting(self, held: Held | None, *, depth: int) -> web.StreamResponse:
        frame = self._frame(held, depth=depth)
        why = "busy"
        if held is None:
            runs = self._agent.manager() is not None
            why = "nothing" if runs else "other" if frame.replica.holder else "nobody"
        return _page(await self._aside(lambda: self._pages.waiting(frame, why)), status=503)

    def _frame(self, held: Held | None, *, depth: int) -> Frame:
        return Frame(
            self._agent.replica(),
            f"{self._clock.now():%Y-%m-%d %H:%M:%S} UTC",
            self.port,
            __version__,
            depth,
            held.sides() if held is not None else (),
            by_cause(held.problems()) if held is not None else (),
        )

    async def _aside(self, make: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, make)

    def _held(self) -> Held | None:
        manager = self._agent.manager()
        return held_by(self._agent.config, manager) if manager is not None else None

    def _histogram(self) -> Histogram | None:
        held = self._held()
        return held.lag if held is not None else None


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html")


def _file(body: bytes, content_type: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    return answer


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_plain(host: str) -> bool:
    """Whether the Host of a request, with or without a port, is a name that no site can have."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower() == "localhost" or _address(name) is not None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
