"""What every running command has around its own work: logs, metrics and health over HTTP, a watched loop.

The HTTP server starts before anything else and stops after everything else, so that /readyz can always say
what is still missing.
"""

import asyncio
import gc
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, disable_created_metrics

from mcs_controller import __version__
from mcs_controller.cli.errors import UsageError
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.config import load_in_cluster, load_kubeconfig, load_kubeconfigs
from mcs_controller.kube.errors import ConfigError
from mcs_controller.kube.tasks import Tasks
from mcs_controller.observe.health import Health
from mcs_controller.observe.http import HttpServer
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.metrics import ProcessMetrics
from mcs_controller.observe.process import LoopMonitor
from mcs_controller.observe.usage import Pids

SYNC_POLL_SECONDS: Final = 0.2
STALL_DUMP_SECONDS: Final = 10.0
KUBECONFIG: Final = "KUBECONFIG"
IN_POD: Final = "KUBERNETES_SERVICE_HOST"

_log = logging.getLogger(__name__)


@asynccontextmanager
async def observed(
    http: ListenAddress, registry: CollectorRegistry, health: Health, *, workers: Pids = tuple
) -> AsyncIterator[ProcessMetrics]:
    """Serve metrics and health for as long as the block runs. Raises `ListenError`.

    `workers` tells which processes belong to this one.
    """
    # One more series for each counter and histogram, which nothing of ours or of common dashboards reads.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    metrics = ProcessMetrics(registry, version=__version__, workers=workers)
    monitor = LoopMonitor(metrics.loop_lag, stall_dump_seconds=STALL_DUMP_SECONDS)
    health.add_liveness("event loop", monitor.problem)
    server = HttpServer(registry, health, http)
    await server.start()
    try:
        async with Tasks("process") as tasks:
            tasks.start(monitor.run(), name="loop monitor", essential=False)
            yield metrics
            tasks.stop()
    finally:
        await server.stop()


def connect(
    kubeconfig: Path | None,
    context: str | None,
    *,
    name: str,
    environment: Mapping[str, str] = os.environ,
) -> Client:
    """The API server that `kubeconfig` names; without it, in a pod the one of the pod's own cluster, and
    outside of one what KUBECONFIG names. Raises `ConfigError`.
    """
    if kubeconfig is not None:
        return Client(load_kubeconfig(kubeconfig, context), name=name)
    files = kubeconfig_files(environment)
    if files:
        return Client(load_kubeconfigs(files, context), name=name)
    try:
        return Client(load_in_cluster(environment=environment), name=name)
    except ConfigError as error:
        raise ConfigError(f"{error} with --kubeconfig or KUBECONFIG") from error


def file_of_broker(
    kubeconfig: Path | None, broker_kubeconfig: Path | None, broker_context: str | None
) -> Path | None:
    """Where the broker's credential stands; None for what KUBECONFIG names. Raises `UsageError`."""
    if broker_kubeconfig is not None:
        return broker_kubeconfig
    if broker_context is not None and (kubeconfig is not None or kubeconfig_files()):
        return kubeconfig
    raise UsageError(
        "--broker-kubeconfig is missing: give it, or set MCS_BROKER_KUBECONFIG, "
        "or name a context of --kubeconfig with --broker-context"
    )


def kubeconfig_files(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """What KUBECONFIG lists, outside of a pod: in one, a variable that was left behind changes nothing."""
    if environment.get(IN_POD):
        return []
    return [Path(name) for name in environment.get(KUBECONFIG, "").split(os.pathsep) if name.strip()]


async def settle_after_sync(synced: Callable[[], bool]) -> None:
    """Once everything has been read, take it out of the garbage collector's sight.

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
