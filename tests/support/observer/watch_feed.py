"""Shows the observer real API servers, by list and watch of its own: each event is one look.

It shares nothing with the product's informers. A watch that ends is opened again where it ended, so that
nothing is missed. Where that cannot be, the cluster is blind until there is a list again, and the difference
is one look. So it is while the server does not answer at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from mcs_controller.api.names import LABEL_SERVICE_NAME, LABEL_SOURCE_CLUSTER
from mcs_controller.api.resources import ENDPOINT_SLICES, SERVICES, Resource, service_imports
from tests.support.observer.beside import beside
from tests.support.observer.observer import Observer
from tests.support.observer.picture import Picture
from tests.support.waiting import until

LIST_SECONDS = 5.0
RETRY_SECONDS = 0.1
PROBE_SECONDS = 0.5
PROBE_TIMEOUT_SECONDS = 2.0
WATCH_SECONDS = 3600
CHUNK_BYTES = 65536
_BROKEN = (aiohttp.ClientError, OSError, TimeoutError, json.JSONDecodeError)


class ApiServer(NamedTuple):
    """How to reach it: `url` without a path; `ca_file` is None for plain HTTP."""

    url: str
    token: str
    ca_file: Path | None = None


class _Lost(Exception):
    """What happened since the last event cannot be had any more: a list is needed."""


@contextlib.asynccontextmanager
async def watching(
    observer: Observer, servers: Mapping[str, ApiServer], *, mcs_version: str = "v1beta1"
) -> AsyncIterator[None]:
    """Inside, from the first lists on, the observer sees all of these clusters."""
    async with contextlib.AsyncExitStack() as stack:
        clusters = [
            await stack.enter_async_context(_Cluster(observer, name, server))
            for name, server in servers.items()
        ]
        work = [
            one
            for cluster in clusters
            for one in (
                cluster.probe(),
                cluster.follow(service_imports(mcs_version), ""),
                cluster.follow(SERVICES, LABEL_SERVICE_NAME),
                cluster.follow(ENDPOINT_SLICES, f"{LABEL_SERVICE_NAME},{LABEL_SOURCE_CLUSTER}"),
            )
        ]
        async with beside(*work):
            await until(lambda: all(cluster.sees() for cluster in clusters))
            yield


class _Cluster:
    def __init__(self, observer: Observer, name: str, server: ApiServer) -> None:
        self._observer = observer
        self._name = name
        self._server = server
        self._picture = Picture(name, observer)
        self._cannot_see = {"serviceimports", "services", "endpointslices"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> _Cluster:
        context = ssl.create_default_context(cafile=self._server.ca_file) if self._server.ca_file else True
        self._session = aiohttp.ClientSession(
            self._server.url,
            headers={"Authorization": f"Bearer {self._server.token}"},
            connector=aiohttp.TCPConnector(ssl=context),
        )
        self._observer.blind(self._name)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    def sees(self) -> bool:
        return not self._cannot_see

    async def probe(self) -> None:
        """A server that stands still ends no watch: only this tells it from one where nothing happens."""
        while True:
            try:
                await self._get("/readyz", {}, PROBE_TIMEOUT_SECONDS)
            except _BROKEN:
                self._blind("an answer")
            else:
                self._sees("an answer")
            await asyncio.sleep(PROBE_SECONDS)

    async def follow(self, resource: Resource, selector: str) -> None:
        """One kind, for ever."""
        selected = {"labelSelector": selector} if selector else {}
        version = ""
        while True:
            try:
                if not version:
                    version = await self._list(resource, selected)
                version = await self._watch(resource, selected, version)
            except (_Lost, *_BROKEN):
                self._blind(resource.plural)
                version = ""
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self, resource: Resource, selected: Mapping[str, str]) -> str:
        """The version of the list; "" where the kind is not served, and so has no objects."""
        found = await self._get(resource.path(), selected, LIST_SECONDS)
        items = found["items"] if found is not None else []
        self._picture.replace(resource.plural, items)
        self._sees(resource.plural)
        if found is None:
            await asyncio.sleep(RETRY_SECONDS)
            return ""
        return str(found["metadata"]["resourceVersion"])

    async def _watch(self, resource: Resource, selected: Mapping[str, str], version: str) -> str:
        """One watch from this version to its end; the version where it ended."""
        if not version:
            return ""
        assert self._session is not None
        query = {
            **selected,
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        timeout = aiohttp.ClientTimeout(total=None)
        async with asyncio.timeout(LIST_SECONDS):
            answer = await self._session.get(resource.path(), params=query, timeout=timeout)
        async with answer:
            if answer.status != 200:
                raise _Lost
            rest = b""
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    self._saw(resource.plural, event["type"], event["object"])
                    version = event["object"]["metadata"]["resourceVersion"]
        return version

    def _saw(self, plural: str, kind: str, body: dict[str, Any]) -> None:
        if kind == "ERROR":
            raise _Lost
        if kind == "DELETED":
            self._picture.remove(plural, body)
        elif kind != "BOOKMARK":
            self._picture.put(plural, body)

    async def _get(self, path: str, query: Mapping[str, str], timeout_seconds: float) -> Any:
        """The JSON, or the text; None for 404."""
        assert self._session is not None
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        async with self._session.get(path, params=query, timeout=timeout) as answer:
            if answer.status == 404:
                return None
            answer.raise_for_status()
            text = await answer.text()
            return json.loads(text) if answer.content_type == "application/json" else text

    def _blind(self, what: str) -> None:
        self._cannot_see.add(what)
        self._observer.blind(self._name)

    def _sees(self, what: str) -> None:
        self._cannot_see.discard(what)
        if not self._cannot_see:
            self._observer.sees(self._name)
