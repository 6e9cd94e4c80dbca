"""A canned API server for the DNS server, whose endpoints change at a rate, and which costs next to nothing.

    python -m tests.bench.dns_churn --services N --kubeconfig FILE

A real or a simulated API server that takes 300 writes a second needs the core that the load comes from. Here
everything that is ever sent is made beforehand, as a real API server sends it (managedFields included); a
change puts a resource version into bytes and writes them to the open watch.

Told on stdin, a line at a time, how many changes a second to make from now on; each line is answered with
what there was since the one before: changes, seconds, and CPU seconds of this process.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs

from mcs_controller.api.resources import ENDPOINT_SLICES, MCS_GROUP, Resource, service_imports
from tests.bench.dns_objects import NAMESPACE, Shape, endpoint_slice

CHANGES: Final = 20_000
"""So many different ones, then the same again, later ones by their version."""

FIRST_VERSION: Final = 10_000_000
PAGE_ITEMS: Final = 500
ADDRESS_BLOCKS: Final = 50_000
BOOKMARK_SECONDS: Final = 30.0
_VERSION_MARK: Final = "#version#"

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--services", type=int, required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    arguments = parser.parse_args()
    shape = Shape(arguments.services, slices_per_headless=2, endpoints_per_slice=10)
    asyncio.run(CannedApiServer(shape).run(arguments.kubeconfig))


class CannedApiServer:
    """Answers what the DNS server asks for: the group, lists page by page, watches."""

    def __init__(self, shape: Shape) -> None:
        imports = service_imports("v1beta1")
        group = {"kind": "APIGroup", "apiVersion": "v1", "name": MCS_GROUP}
        versions = {"versions": [{"groupVersion": imports.api_version, "version": imports.version}]}
        self._pages = {
            f"/apis/{MCS_GROUP}": [_answer(group | versions)],
            imports.path(): _pages(imports, (_as_served(body) for body in shape.imports())),
            ENDPOINT_SLICES.path(): _pages(ENDPOINT_SLICES, map(_as_served, shape.slices())),
        }
        self._changes = _changes(shape)
        self._resources = {imports.path(): imports, ENDPOINT_SLICES.path(): ENDPOINT_SLICES}
        self._watches: dict[str, asyncio.StreamWriter] = {}
        self._rate = 0.0
        self._due = 0.0
        self._made = 0
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, kubeconfig: Path) -> None:
        """Serve until stdin ends."""
        loop = asyncio.get_running_loop()
        orders = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await asyncio.to_thread(kubeconfig.write_text, _kubeconfig(f"http://127.0.0.1:{port}"))
        loop.call_later(BOOKMARK_SECONDS, self._bookmark)
        print("ready", flush=True)
        since, made, used_s = loop.time(), 0, time.process_time()
        while line := await orders.readline():
            self._set_rate(float(line))
            now, now_used_s = loop.time(), time.process_time()
            told = {"changes": self._made - made, "seconds": now - since, "cpu_s": now_used_s - used_s}
            since, made, used_s = now, self._made, now_used_s
            print(json.dumps(told), flush=True)

    def _set_rate(self, rate: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rate = rate
        if rate:
            self._due = asyncio.get_running_loop().time()
            self._change()

    def _change(self) -> None:
        watch = self._watches.get(ENDPOINT_SLICES.path())
        if watch is not None:
            before, after = self._changes[self._made % CHANGES]
            self._made += 1
            watch.write(b"%b%d%b" % (before, FIRST_VERSION + self._made, after))
        self._due += 1 / self._rate
        self._timer = asyncio.get_running_loop().call_at(self._due, self._change)

    def _bookmark(self) -> None:
        """As a real API server does, or a watch of what never changes would be taken for dead."""
        metadata = {"resourceVersion": str(FIRST_VERSION + self._made)}
        for path, watch in self._watches.items():
            watch.write(_chunk(_event("BOOKMARK", _kind_of(self._resources[path]) | {"metadata": metadata})))
        asyncio.get_running_loop().call_later(BOOKMARK_SECONDS, self._bookmark)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path, _, query = head.split(" ", 2)[1].partition("?")
                options = parse_qs(query)
                if path not in self._pages:
                    writer.write(_NOT_FOUND)
                elif "watch" in options:
                    writer.write(_WATCH_HEAD)
                    self._watches[path] = writer
                else:
                    writer.write(self._pages[path][int(options.get("continue", ["0"])[0])])
                await writer.drain()
        self._watches = {path: watch for path, watch in self._watches.items() if watch is not writer}
        writer.close()


def _kind_of(resource: Resource) -> Json:
    return {"kind": resource.kind, "apiVersion": resource.api_version}


def _as_served(body: Json, version: str = str(FIRST_VERSION)) -> Json:
    """An object in the order, and with all the fields, in which an API server has it."""
    metadata = dict(body["metadata"])
    labels = metadata.pop("labels", {})
    served: Json = {
        "kind": body["kind"],
        "apiVersion": body["apiVersion"],
        "metadata": {
            **metadata,
            "namespace": NAMESPACE,
            "uid": "0b7cbd3e-5a52-4b5c-9d2e-8b6f6c2f1a10",
            "resourceVersion": version,
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            **({"labels": labels} if labels else {}),
            "managedFields": [
                {
                    "manager": "bench",
                    "operation": "Update",
                    "apiVersion": body["apiVersion"],
                    "time": "2026-01-01T00:00:00Z",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {
                        **({"f:metadata": {"f:labels": _fields(labels)}} if labels else {}),
                        **{f"f:{key}": {} for key in body if key not in ("kind", "apiVersion", "metadata")},
                    },
                }
            ],
        },
    }
    return served | {key: value for key, value in body.items() if key not in served}


def _fields(names: Iterable[str]) -> Json:
    return {".": {}} | {f"f:{name}": {} for name in names}


def _changes(shape: Shape) -> Sequence[tuple[bytes, bytes]]:
    """What is sent for each change, before and after its resource version, which always has as many digits.

    The slices of the headless services get other addresses, one after the other.
    """
    random = Random(1)
    names = shape.names("db")
    digits = str(FIRST_VERSION)
    found = []
    for number in range(CHANGES):
        service = names[number % len(names)]
        block = random.randrange(ADDRESS_BLOCKS)
        body = endpoint_slice(f"{service}-0", service, block, shape.endpoints_per_slice)
        line = _event("MODIFIED", _as_served(body, _VERSION_MARK)).decode()
        before, _, after = line.partition(_VERSION_MARK)
        size = len(before) + len(digits) + len(after)
        found.append((f"{size:x}\r\n{before}".encode(), f"{after}\r\n".encode()))
    return found


def _event(type_: str, body: Json) -> bytes:
    return _compact({"type": type_, "object": body}) + b"\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _pages(resource: Resource, bodies: Iterable[Json]) -> list[bytes]:
    items = list(bodies)
    starts = range(0, len(items), PAGE_ITEMS)
    pages = []
    for number, start in enumerate(starts, 1):
        metadata = {"resourceVersion": str(FIRST_VERSION)}
        if number < len(starts):
            metadata["continue"] = str(number)
        kind = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version}
        pages.append(_answer(kind | {"metadata": metadata, "items": items[start : start + PAGE_ITEMS]}))
    return pages


def _answer(body: Json, status: str = "200 OK") -> bytes:
    data = _compact(body)
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def _compact(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


_NOT_FOUND: Final = _answer(
    {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404},
    "404 Not Found",
)
_WATCH_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def _kubeconfig(url: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "bench", "cluster": {"server": url}}],
            "users": [{"name": "bench", "user": {"token": "bench"}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
            "current-context": "bench",
        }
    )


if __name__ == "__main__":
    main()
