"""The bare program that an agent is measured against: watch, write, watch, write, and no rules at all.

    python -m tests.bench.floor < settings.json     (one line; answers `watching` when it is)

It mirrors the EndpointSlices of one namespace from east to the broker and from there to west, in one process,
with nothing but a line reader, a JSON parser and an HTTP session. It forgets nothing, checks nothing, merges
nothing: what remains is what two hops over these API servers cost in Python.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from pydantic_core import from_json, to_json

from mcs_controller.api.resources import ENDPOINT_SLICES, EXPORTED_ENDPOINT_SLICES, Resource

Json = dict[str, Any]
LINE_LIMIT_BYTES = 4 << 20
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    ca_file: str
    token: str

    def session(self) -> aiohttp.ClientSession:
        context = ssl.create_default_context(cafile=self.ca_file)
        return aiohttp.ClientSession(
            self.url,
            headers={"Authorization": f"Bearer {self.token}", "Accept-Encoding": "identity"},
            connector=aiohttp.TCPConnector(ssl=context, limit=64),
            read_bufsize=LINE_LIMIT_BYTES,
        )


class Hop:
    """Everything that changes in one collection is written to another, each name in order."""

    def __init__(
        self,
        source: aiohttp.ClientSession,
        source_path: str,
        target: aiohttp.ClientSession,
        target_path: str,
        translate: Callable[[Json], Json],
    ) -> None:
        self._source, self._source_path = source, source_path
        self._target, self._target_path = target, target_path
        self._translate = translate
        self.watching = asyncio.Event()
        self._versions: dict[str, str] = {}
        self._latest: dict[str, Json] = {}
        self._writing: set[str] = set()

    async def run(self) -> None:
        while True:
            # A server closes the watch of a reader that fell behind; a new one begins with all there is.
            await self._watch()

    async def _watch(self) -> None:
        async with (
            asyncio.TaskGroup() as writes,
            self._source.get(
                self._source_path,
                params={"watch": "true", "allowWatchBookmarks": "true"},
                timeout=aiohttp.ClientTimeout(total=None),
            ) as answer,
        ):
            if answer.status == TOO_MANY_REQUESTS:
                # A kind that was installed a moment ago has no watch cache yet.
                await asyncio.sleep(1)
                return
            answer.raise_for_status()
            self.watching.set()
            while line := await answer.content.readline():
                event = from_json(line)
                if event["type"] not in ("ADDED", "MODIFIED"):
                    continue
                body = event["object"]
                name = body["metadata"]["name"]
                self._latest[name] = body
                if name not in self._writing:
                    self._writing.add(name)
                    writes.create_task(self._write(name))

    async def _write(self, name: str) -> None:
        while (body := self._latest.pop(name, None)) is not None:
            wanted = self._translate(body)
            version = self._versions.get(name)
            if version is None:
                call = self._target.post(self._target_path, data=to_json(wanted), headers=_JSON)
            else:
                wanted["metadata"]["resourceVersion"] = version
                call = self._target.put(f"{self._target_path}/{name}", data=to_json(wanted), headers=_JSON)
            async with call as answer:
                written = from_json(await answer.read())
                answer.raise_for_status()
            self._versions[name] = written["metadata"]["resourceVersion"]
        self._writing.discard(name)


_JSON = {"Content-Type": "application/json"}


def to_broker(body: Json) -> Json:
    """A slice as the broker holds it."""
    name = body["metadata"]["name"]
    return {
        **_head(EXPORTED_ENDPOINT_SLICES, name),
        "spec": {
            "serviceNamespace": body["metadata"]["namespace"],
            "serviceName": body["metadata"]["labels"]["kubernetes.io/service-name"],
            "sliceName": name,
            "addressType": body["addressType"],
            "ports": body["ports"],
            "endpoints": body["endpoints"],
        },
    }


def to_import(body: Json) -> Json:
    """A slice as the importing cluster holds it."""
    spec = body["spec"]
    head = _head(ENDPOINT_SLICES, body["metadata"]["name"])
    head["metadata"]["labels"] = {
        "multicluster.kubernetes.io/service-name": spec["serviceName"],
        "endpointslice.kubernetes.io/managed-by": "floor",
    }
    return {
        **head,
        "addressType": spec["addressType"],
        "ports": spec["ports"],
        "endpoints": spec["endpoints"],
    }


def _head(resource: Resource, name: str) -> Json:
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}}


async def run(settings: Json) -> None:
    east, broker, west = (Server(**settings[name]) for name in ("east", "broker", "west"))
    slices = ENDPOINT_SLICES.path(settings["namespace"])
    exported = EXPORTED_ENDPOINT_SLICES.path(settings["broker_namespace"])
    async with east.session() as source, broker.session() as middle, west.session() as target:
        first = Hop(source, slices, middle, exported, to_broker)
        second = Hop(middle, exported, target, slices, to_import)
        async with asyncio.TaskGroup() as hops:
            for hop in (first, second):
                hops.create_task(hop.run())
            for hop in (first, second):
                await hop.watching.wait()
            print("watching", flush=True)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.stdin.readline())))
