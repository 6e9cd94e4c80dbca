"""What operators and probes read over HTTP: /metrics, /healthz and /readyz.

The answers are made by others (the registry's collectors, `health.py`); this serves them, and starts before
anything else of the process so that /readyz can say what is still missing. A client that is idle or slow
cannot keep a probe out (`serving.py`). Anybody may ask, so no credential is in an answer.

Making the metrics keeps the process from everything else. So who asks again at once gets the same text, or
waits: however many ask, no more than a tenth of the time goes into that.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

from mcs_controller.observe.health import CheckResult, Health
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.masking import mask_secrets
from mcs_controller.observe.serving import BoundedServer

SHARE: Final = 10.0

_log = logging.getLogger(__name__)


class HttpServer:
    """The HTTP face of one process; `start` raises `ListenError`."""

    def __init__(self, registry: CollectorRegistry, health: Health, listen: ListenAddress) -> None:
        self._registry = registry
        self._health = health
        self._kept = "", b""
        self._kept_until_seconds = 0.0
        self._making = asyncio.Lock()
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._server = BoundedServer(app, listen)

    @property
    def port(self) -> int:
        """The port that is listened on, once started; it differs from the one asked for when that was 0."""
        return self._server.port

    async def start(self) -> None:
        """Listen and serve until `stop`."""
        await self._server.start()
        _log.info("serving metrics and health on http port %d", self.port, extra={"http_port": self.port})

    async def stop(self) -> None:
        """Close the port and every connection; safe to call twice."""
        await self._server.stop()

    async def _metrics(self, request: web.Request) -> web.Response:
        try:
            encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        except (ValueError, TypeError):
            # The library reads version numbers from the header without checking them.
            encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
        loop = asyncio.get_running_loop()
        async with self._making:
            left_seconds = self._kept_until_seconds - loop.time()
            if left_seconds <= 0.0 or self._kept[0] != content_type:
                await asyncio.sleep(max(0.0, left_seconds))
                begun_seconds = loop.time()
                self._kept = content_type, encode(self._registry)
                done_seconds = loop.time()
                self._kept_until_seconds = done_seconds + (SHARE - 1) * (done_seconds - begun_seconds)
            return web.Response(body=self._kept[1], headers={"Content-Type": content_type})

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
