"""What every running command has around its own work: logs, metrics and health over HTTP, a watched loop.

The HTTP server starts before anything else and stops after everything else, so that /readyz can always say
what is still missing.
"""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, disable_created_metrics

from mcs_controller import __version__
from mcs_controller.kube.tasks import Tasks
from mcs_controller.observe.health import Health
from mcs_controller.observe.http import HttpServer
from mcs_controller.observe.listening import ListenAddress, ListenError
from mcs_controller.observe.metrics import ProcessMetrics, ReadinessCollector
from mcs_controller.observe.process import LoopMonitor
from mcs_controller.observe.usage import Pids

SYNC_POLL_SECONDS: Final = 0.2
STALL_DUMP_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class _Server(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@asynccontextmanager
async def serving_metrics_and_health(
    http: ListenAddress, registry: CollectorRegistry, health: Health, *, workers: Pids = tuple
) -> AsyncIterator[ProcessMetrics]:
    """Serve metrics and health for as long as the block runs. Raises `ListenError`.

    `workers` tells which processes belong to this one.
    """
    # One more series for each counter and histogram, which nothing of ours or of common dashboards reads.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    metrics = ProcessMetrics(registry, version=__version__, workers=workers)
    registry.register(ReadinessCollector(health))
    monitor = LoopMonitor(metrics.loop_lag, stall_dump_seconds=STALL_DUMP_SECONDS)
    health.add_liveness("event loop", monitor.problem)
    async with serving(HttpServer(registry, health, http), monitor.run, name="loop monitor", option="--http"):
        yield metrics


@asynccontextmanager
async def serving(
    server: _Server, beside: Callable[[], Coroutine[Any, Any, None]], *, name: str, option: str
) -> AsyncIterator[None]:
    """Serve for as long as the block runs, and do `beside` meanwhile. Raises what `server.start` raises.

    `option` is what the address was given by: a `ListenError` names it.
    """
    try:
        await server.start()
    except ListenError as error:
        raise ListenError(f"{option}: {error}") from error
    try:
        async with Tasks("process") as tasks:
            tasks.start(beside(), name=name, essential=False)
            yield
            tasks.stop()
    finally:
        await server.stop()


async def freeze_after_sync(synced: Callable[[], bool]) -> None:
    """Once everything has been read, exclude it from garbage collection.

    What was read lives as long as the process, and a full collection over tens of thousands of objects would
    stop the event loop, and with it every answer, for tenths of a second each time.
    """
    loop = asyncio.get_running_loop()
    started_seconds = loop.time()
    while not synced():  # noqa: ASYNC110 - half a dozen parts make up the answer, and none tells of the whole
        await asyncio.sleep(SYNC_POLL_SECONDS)
    gc.collect()
    gc.freeze()
    _log.info("everything has been read, %.1f s after the start", loop.time() - started_seconds)


def instance_name() -> str:
    """What tells this process from its replicas in Leases and Events: in a pod, the pod's name."""
    return socket.gethostname()


def replica_name(identity: str | None, random: Random) -> str:
    """Who this process is in the Lease: with an `identity`, the same when it is started again.

    The host's name comes first: it keeps two replicas apart that were given the same identity.
    """
    return f"{instance_name()}_{identity or f'{random.getrandbits(32):08x}'}"
