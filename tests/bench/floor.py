"""The bare program that an agent is measured against: watch, write, watch, write, and no rules at all.

    python -m tests.bench.floor < settings.json     (one line; answers `watching` when it is)

It makes the writes that agents have to make, and no other: the EndpointSlices of one namespace go from
east to the broker, from there to west, and within east to its own import. One process, with nothing but a
line reader, a JSON parser and an HTTP session. It forgets, checks and merges nothing: what remains is what
three writes of each change cost in Python on these API servers.
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
IMPORTED = "multicluster.kubernetes.io/service-name"
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
        label_selector: str = "",
    ) -> None:
        self._source, self._source_path = source, source_path
        self._target, self._target_path = target, target_path
        self._translate = translate
        self._params = {"watch": "true", "allowWatchBookmarks": "true", "labelSelector": label_selector}
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
                params=self._params,
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
                path = f"{self._target_path}/{wanted['metadata']['name']}"
                call = self._target.put(path, data=to_json(wanted), headers=_JSON)
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
    """A slice of the broker's as an importing cluster holds it."""
    spec = body["spec"]
    return _imported(body["metadata"]["name"], spec["serviceName"], spec)


def to_own_import(body: Json) -> Json:
    """A slice of east's own as it imports it itself."""
    metadata = body["metadata"]
    return _imported(metadata["name"], metadata["labels"]["kubernetes.io/service-name"], body)


def _imported(name: str, service: str, content: Json) -> Json:
    head = _head(ENDPOINT_SLICES, f"imported-{name}")
    head["metadata"]["labels"] = {
        IMPORTED: service,
        "endpointslice.kubernetes.io/managed-by": "floor",
    }
    return {**head, **{key: content[key] for key in ("addressType", "ports", "endpoints")}}


def _head(resource: Resource, name: str) -> Json:
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}}


async def run(settings: Json) -> None:
    east, broker, west = (Server(**settings[name]) for name in ("east", "broker", "west"))
    slices = ENDPOINT_SLICES.path(settings["namespace"])
    exported = EXPORTED_ENDPOINT_SLICES.path(settings["broker_namespace"])
    async with east.session() as source, broker.session() as middle, west.session() as target:
        hops = (
            Hop(source, slices, middle, exported, to_broker, f"!{IMPORTED}"),
            Hop(middle, exported, target, slices, to_import),
            Hop(source, slices, source, slices, to_own_import, f"!{IMPORTED}"),
        )
        async with asyncio.TaskGroup() as running:
            for hop in hops:
                running.create_task(hop.run())
            for hop in hops:
                await hop.watching.wait()
            print("watching", flush=True)


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.stdin.readline())))
