"""Asks the clusters' DNS servers for the names of all services, all the time, over UDP, at a bounded rate.

It is a resolver without a cache: after a timeout it asks once more. No name is asked for twice at one time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from mcs_controller.dnscheck.client import QueryFailed, query
from tests.support.observer.beside import beside
from tests.support.observer.observer import Observer

TIMEOUT_SECONDS = 1.5
QUESTIONS_PER_SECOND = 100.0


@contextlib.asynccontextmanager
async def asking(
    observer: Observer,
    servers: Mapping[str, tuple[str, int]],
    *,
    per_second: float = QUESTIONS_PER_SECOND,
    zone: str = "clusterset.local",
) -> AsyncIterator[None]:
    """Inside, each cluster's server is asked `per_second` questions; `servers` is read again for each."""
    for cluster in servers:
        observer.has_dns(cluster)
    async with beside(*(_go_on(observer, cluster, servers, 1 / per_second, zone) for cluster in servers)):
        yield


async def _go_on(
    observer: Observer,
    cluster: str,
    servers: Mapping[str, tuple[str, int]],
    pause_seconds: float,
    zone: str,
) -> None:
    under_way: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            for service in observer.to_ask(cluster):
                if service not in under_way or under_way[service].done():
                    asked = _ask(observer, cluster, servers[cluster], service, zone)
                    under_way[service] = group.create_task(asked)
                    await asyncio.sleep(pause_seconds)
            await asyncio.sleep(pause_seconds)


async def _ask(observer: Observer, cluster: str, server: tuple[str, int], service: str, zone: str) -> None:
    namespace, name = service.split("/")
    was_down = observer.is_dns_down(cluster)
    found: set[str] = set()
    why = ""
    for kind in observer.families(cluster, service):
        try:
            answer = await _answer(server, f"{name}.{namespace}.svc.{zone}.", kind)
        except QueryFailed as error:
            # Who was down when it was asked may be up by the time that nobody answered.
            if was_down == observer.is_dns_down(cluster):
                observer.answered(cluster, service, None, str(error))
            return
        rcode, data = answer
        if rcode not in ("NOERROR", "NXDOMAIN"):
            observer.answered(cluster, service, None, rcode)
            return
        why = rcode
        found.update(data)
    observer.answered(cluster, service, frozenset(found), why)


async def _answer(server: tuple[str, int], name: str, kind: str) -> tuple[str, tuple[str, ...]]:
    """The rcode and the addresses. Raises `QueryFailed` after a second timeout."""
    try:
        answer = await query(server, name, kind, timeout_seconds=TIMEOUT_SECONDS)
    except QueryFailed as error:
        if not isinstance(error.__cause__, TimeoutError):
            raise
        answer = await query(server, name, kind, timeout_seconds=TIMEOUT_SECONDS)
    if answer.truncated:
        answer = await query(server, name, kind, tcp=True, timeout_seconds=TIMEOUT_SECONDS)
    return answer.rcode, answer.data(kind)
