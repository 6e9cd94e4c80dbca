"""A DNS server of ours in this process, for a cluster that tests run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

from prometheus_client import CollectorRegistry

from mcs_controller.dns.config import DnsConfig
from mcs_controller.dns.server.dns_server import DnsServer
from mcs_controller.kube.client import Client
from tests.support.waiting import eventually


@contextlib.asynccontextmanager
async def dns_server(client: Client) -> AsyncIterator[tuple[str, int]]:
    """The address where it answers, over UDP and TCP, once it knows all of the cluster behind `client`."""
    server = DnsServer(
        DnsConfig(listen=(("127.0.0.1", 0),)), client, registry=CollectorRegistry(), random=Random(1)
    )
    await server.start()
    task = asyncio.create_task(server.run())

    async def synced() -> bool:
        return server.synced()

    try:
        await eventually(synced, bool)
        yield server.addresses()[0][:2]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
