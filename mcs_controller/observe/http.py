"""What operators and probes read over HTTP: /metrics, /healthz and /readyz.

The answers are made by others (the registry's collectors, `health.py`); this serves them, and starts before
anything else of the process so that /readyz can say what is still missing. It never waits for anything, and
a client that is idle or slow cannot keep a probe out (`serving.py`). Anybody may ask, so no credential is in
an answer.
"""

import logging
from collections.abc import Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest

from mcs_controller.observe.health import CheckResult, Health
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.masking import mask_secrets
from mcs_controller.observe.serving import BoundedServer

_log = logging.getLogger(__name__)


class HttpServer:
    """The HTTP face of one process; `start` raises `ListenError`."""

    def __init__(self, registry: CollectorRegistry, health: Health, listen: ListenAddress) -> None:
        self._registry = registry
        self._health = health
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
