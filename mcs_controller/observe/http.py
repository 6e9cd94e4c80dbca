"""What operators and probes read over HTTP: /metrics, /healthz and /readyz.

The answers are made by others (the registry's collectors, `health.py`); this serves them, and starts before
anything else of the process so that /readyz can say what is still missing. It never waits for anything, and
it is bounded: at the limit of connections the oldest is closed for the newest, so that idle or slow clients
cannot keep a probe out. Anybody may ask, so no credential is in an answer, and a client's own mistakes are
not logged.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

from mcs_controller.observe.health import CheckResult, Health
from mcs_controller.observe.listening import ListenAddress, listen_tcp
from mcs_controller.observe.masking import mask_secrets

CONNECTIONS_MAX: Final = 64
KEEPALIVE_SECONDS: Final = 75.0
STOP_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)

_request_log = logging.getLogger(f"{__name__}.requests")


def _is_a_fault_of_ours(record: logging.LogRecord) -> bool:
    """aiohttp logs requests that it cannot read, and clients that are gone, like errors of its own."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError | web.RequestPayloadError | ConnectionError):
        return True
    _log.debug("a request could not be answered: %s", " ".join(str(error).split())[:256])
    return False


_request_log.addFilter(_is_a_fault_of_ours)


class HttpServer:
    """The HTTP face of one process; `start` raises `ListenError`."""

    def __init__(self, registry: CollectorRegistry, health: Health, listen: ListenAddress) -> None:
        self._registry = registry
        self._health = health
        self._listen = listen
        self._runner: web.AppRunner | None = None
        self._servers: list[asyncio.Server] = []
        self.port = 0
        """The port that is listened on, once started; it differs from the one asked for when that was 0."""

    async def start(self) -> None:
        """Listen and serve until `stop`."""
        sockets = listen_tcp(self._listen)
        self.port = sockets[0].getsockname()[1]
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_request_log,
            handle_signals=False,
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=STOP_SECONDS,
        )
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        for listener in sockets:
            self._servers.append(await loop.create_server(self._accept, sock=listener))
        _log.info("serving metrics and health on http port %d", self.port, extra={"http_port": self.port})

    async def stop(self) -> None:
        """Close the port and every connection; safe to call twice."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def _accept(self) -> RequestHandler:
        server = None if self._runner is None else self._runner.server
        assert server is not None, "a connection arrived before the server was set up"
        connections = server.connections
        for oldest in connections[: max(0, len(connections) - CONNECTIONS_MAX + 1)]:
            oldest.force_close()
        return server()

    async def _metrics(self, request: web.Request) -> web.Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        except (ValueError, TypeError):
            # The library reads version numbers from the header without checking them.
            encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _healthz(self, request: web.Request) -> web.Response:
        return _verdict("healthz", self._health.liveness(), verbose="verbose" in request.query)

    async def _readyz(self, request: web.Request) -> web.Response:
        return _verdict("readyz", self._health.readiness(), verbose="verbose" in request.query)


def _verdict(name: str, results: Iterable[CheckResult], *, verbose: bool) -> web.Response:
    """In the words of the Kubernetes components: "ok", or each check, [+] passed, [-] failed."""
    checks = list(results)
    failed = any(check.problem is not None for check in checks)
    if not failed and not verbose:
        return web.Response(text="ok\n")
    lines = [
        f"[+] {check.name} ok" if check.problem is None else f"[-] {check.name}: {_shown(check.problem)}"
        for check in checks
    ]
    lines.append(f"{name} check {'failed' if failed else 'passed'}")
    return web.Response(text="\n".join(lines) + "\n", status=503 if failed else 200)


def _shown(problem: str) -> str:
    """On one line, so that no text from outside looks like a check of ours."""
    return mask_secrets(" ".join(problem.split()))
