"""A canned API server for the DNS server, whose endpoints change at a rate, and which costs next to nothing.

    python -m tests.bench.dns_churn --services N --kubeconfig FILE

A real or a simulated API server that takes 300 writes a second needs the core that the load comes from. Here
everything that is ever sent is made beforehand, as a real API server sends it (managedFields included); a
change puts a resource version into bytes and writes them to the open watch. Threads and blocking sockets: a
sleep and a send are all that a change needs, and an event loop around them costs half as much again.

Told on stdin, a line at a time, how many changes a second to make from now on; each line is answered with
what there was since the one before: changes, seconds, and CPU seconds of this process.
"""

import argparse
import gc
import json
import select
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Lock, Thread
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs

from mcs_controller.api.resources import ENDPOINT_SLICES, Resource, service_imports
from tests.bench.dns_objects import NAMESPACE, Shape, endpoint_slice

CHANGES: Final = 20_000
"""So many different ones; then the same again, as later versions."""

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
    content = Content(Shape(arguments.services, slices_per_headless=2, endpoints_per_slice=10))
    gc.freeze()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(content))
    Thread(target=server.serve_forever, daemon=True).start()
    arguments.kubeconfig.write_text(_kubeconfig(f"http://127.0.0.1:{server.server_port}"))
    print("ready", flush=True)
    take_orders(content)


def handler_of(content: "Content") -> type["Handler"]:
    """What serves a connection; http.server makes one for each, with no arguments of ours."""
    return type("BoundHandler", (Handler,), {"content": content})


def take_orders(content: "Content") -> None:
    """Until stdin ends."""
    since, made, used_s = time.perf_counter(), 0, time.process_time()
    changer: Changer | None = None
    for line in sys.stdin:
        if changer is not None:
            changer.stop()
            changer = None
        now, now_used_s = time.perf_counter(), time.process_time()
        told = {"changes": content.made - made, "seconds": now - since, "cpu_s": now_used_s - used_s}
        since, made, used_s = now, content.made, now_used_s
        if rate := float(line):
            changer = Changer(content, rate)
            changer.start()
        print(json.dumps(told), flush=True)


class Watch:
    """An open watch, to which two threads write."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = Lock()

    def send(self, data: bytes) -> None:
        with self._lock:
            self._sock.sendall(data)


class Content:
    """All that the DNS server asks for: the group, lists page by page, and what its watches are sent."""

    def __init__(self, shape: Shape, changes: int = CHANGES) -> None:
        imports = service_imports("v1beta1")
        served = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": imports.api_version}
        kinds = {"resources": [{"name": imports.plural, "kind": imports.kind, "namespaced": True}]}
        self.pages = {
            f"/apis/{imports.api_version}": [_compact(served | kinds)],
            imports.path(): _pages(imports, (_as_served(body) for body in shape.imports())),
            ENDPOINT_SLICES.path(): _pages(ENDPOINT_SLICES, map(_as_served, shape.slices())),
        }
        self.made = 0
        self.watches: dict[str, Watch] = {}
        self._kinds = {resource.path(): resource for resource in (imports, ENDPOINT_SLICES)}
        self._changes = _changes(shape, changes)

    def change(self) -> None:
        """The next change, if there is anybody to see it."""
        watch = self.watches.get(ENDPOINT_SLICES.path())
        if watch is not None:
            before, after = self._changes[self.made % len(self._changes)]
            watch.send(b"%b%d%b" % (before, FIRST_VERSION + self.made + 1, after))
            self.made += 1

    def bookmark(self, path: str) -> bytes:
        """As a real API server sends it, or the watch of what never changes would be taken for dead."""
        resource = self._kinds[path]
        metadata = {"resourceVersion": str(FIRST_VERSION + self.made)}
        body = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        line = _event("BOOKMARK", body)
        return b"%x\r\n%b\r\n" % (len(line), line)


class Changer(Thread):
    """Makes changes at a rate; after a delay it catches up."""

    def __init__(self, content: Content, rate: float) -> None:
        super().__init__(daemon=True)
        self._content = content
        self._seconds = 1 / rate
        self._stopped = False

    def run(self) -> None:
        due = time.perf_counter()
        while not self._stopped:
            with suppress(OSError):  # the server has gone, or opens another watch in a moment
                self._content.change()
            due += self._seconds
            time.sleep(max(0.0, due - time.perf_counter()))

    def stop(self) -> None:
        self._stopped = True
        self.join()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    content: ClassVar[Content]

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        options = parse_qs(query)
        pages = self.content.pages.get(path)
        if pages is None:
            self.send_error(404)
        elif "watch" in options:
            self._watch(path)
        else:
            page = pages[int(options.get("continue", ["0"])[0])]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

    def _watch(self, path: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        watch = self.content.watches[path] = Watch(self.connection)
        while not select.select([self.connection], (), (), BOOKMARK_SECONDS)[0]:
            watch.send(self.content.bookmark(path))
        # A client that watches says nothing more before it goes.
        self.close_connection = True
        if self.content.watches.get(path) is watch:
            del self.content.watches[path]

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


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


def _changes(shape: Shape, count: int) -> Sequence[tuple[bytes, bytes]]:
    """What is sent for each change, before and after its resource version, which always has as many digits.

    The slices of the headless services get other addresses, one after the other.
    """
    random = Random(1)
    names = shape.names("db")
    digits = str(FIRST_VERSION)
    found = []
    for number in range(count):
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


def _pages(resource: Resource, bodies: Iterable[Json]) -> list[bytes]:
    items = list(bodies)
    starts = range(0, len(items), PAGE_ITEMS)
    pages = []
    for number, start in enumerate(starts, 1):
        metadata = {"resourceVersion": str(FIRST_VERSION)}
        if number < len(starts):
            metadata["continue"] = str(number)
        kind = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version}
        pages.append(_compact(kind | {"metadata": metadata, "items": items[start : start + PAGE_ITEMS]}))
    return pages


def _compact(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


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
