"""What one change costs inside kube/: `python -m tests.bench.kube_path`.

Two figures, as CPU time of this process. First, canned watch lines (EndpointSlices of ten endpoints) through
watch, decode, store, index, listener and queue into a reconcile that does nothing. Second, one write over
HTTP and TLS-free loopback to a server in another process that answers with what it got, by the client and
by a bare aiohttp session for comparison.
"""

import asyncio
import json
import sys
import time
from random import Random
from typing import Any

import aiohttp

from mcs_controller.api.resources import ENDPOINT_SLICES
from mcs_controller.kube.client import Client
from mcs_controller.kube.connection.credentials import StaticCredential
from mcs_controller.kube.connection.http_transport import HttpTransport
from mcs_controller.kube.connection.transport import Request, Response
from mcs_controller.kube.queue.work_queue import WorkQueue
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Entry, Store

EVENTS = 20_000
WRITES = 3_000

Slim = tuple[str, tuple[str, ...]]


def slice_body(number: int, version: int) -> dict[str, Any]:
    """An EndpointSlice as kube-controller-manager makes it, managedFields included."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"web-{number:05d}",
            "namespace": "shop",
            "uid": f"7f6c1a52-0000-4000-8000-{number:012d}",
            "resourceVersion": str(version),
            "labels": {"kubernetes.io/service-name": f"web-{number}", "app": "web"},
            "managedFields": [{"manager": "kube-controller-manager", "fieldsV1": {"f:endpoints": {}}}] * 2,
        },
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [f"10.{number % 250}.{version % 250}.{host}"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": f"node-{host}",
                "zone": "zone-a",
                "targetRef": {"kind": "Pod", "namespace": "shop", "name": f"web-{host}"},
            }
            for host in range(10)
        ],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


def decode(body: dict[str, Any]) -> Slim:
    return (
        body["metadata"]["labels"]["kubernetes.io/service-name"],
        tuple(endpoint["addresses"][0] for endpoint in body["endpoints"]),
    )


class CannedServer:
    """A transport whose list is empty and whose one watch delivers prepared lines."""

    def __init__(self, lines: list[bytes]) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self._lines = iter(lines)

    async def request(self, request: Request, *, timeout_seconds: float) -> Response:
        return Response(200, {}, b'{"metadata":{"resourceVersion":"1"},"items":[]}')

    async def stream(self, request: Request, *, timeout_seconds: float, inactivity_seconds: float) -> Any:
        return self

    async def readline(self) -> bytes:
        line = next(self._lines, None)
        if line is None:
            await asyncio.Event().wait()
            return b""
        return line

    async def renew_credential(self) -> bool:
        return False

    async def close(self) -> None:
        return None


async def events() -> None:
    lines = [
        json.dumps({"type": "MODIFIED", "object": slice_body(number % 1000, number + 2)}).encode() + b"\n"
        for number in range(EVENTS)
    ]
    store: Store[Slim] = Store(index=lambda entry: (entry.namespace, entry.value[0]))
    done = asyncio.Event()
    reconciled = 0

    async def reconcile(key: tuple[str, str]) -> None:
        nonlocal reconciled
        reconciled += 1

    queue = WorkQueue("bench", reconcile, random=Random(1))

    def changed(old: Entry[Slim] | None, new: Entry[Slim] | None) -> None:
        if new is not None:
            queue.add((new.namespace, new.value[0]))
            if new.resource_version == str(EVENTS + 1):
                done.set()

    store.subscribe(changed)
    reflector = Reflector(
        Client(CannedServer(lines)), ENDPOINT_SLICES, store, decode, name="bench", random=Random(1)
    )
    started = time.process_time()
    tasks = [asyncio.create_task(queue.run()), asyncio.create_task(reflector.run())]
    await done.wait()
    await queue.idle()
    seconds = time.process_time() - started
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    size = sum(map(len, lines)) / len(lines)
    print(
        f"watch line ({size:.0f} bytes) to reconcile: {EVENTS / seconds:,.0f} events/s, "
        f"{1e6 * seconds / EVENTS:.0f} us each; {reconciled} reconciles"
    )


async def writes(port: int) -> None:
    server = f"http://127.0.0.1:{port}"
    body = slice_body(1, 1)
    client = Client(HttpTransport(server, credential=StaticCredential("Bearer x")))
    await client.update(ENDPOINT_SLICES, body)
    started = time.process_time()
    for _ in range(WRITES):
        await client.update(ENDPOINT_SLICES, body)
    ours = time.process_time() - started
    await client.close()
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
        url = server + ENDPOINT_SLICES.path("shop", "web")
        started = time.process_time()
        for _ in range(WRITES):
            async with session.put(url, data=json.dumps(body).encode(), headers=headers) as response:
                json.loads(await response.read())
        bare = time.process_time() - started
    print(
        f"one write: {1e6 * ours / WRITES:.0f} us by the client, {1e6 * bare / WRITES:.0f} us by bare aiohttp"
    )


async def echo_server() -> None:
    """Answer every request with its own body, as cheaply as can be."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            body = await reader.readexactly(length)
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAudit-Id: x\r\n"
                b"Cache-Control: no-cache, private\r\nDate: x\r\nContent-Length: %d\r\n\r\n"
                % len(body)
                + body
            )

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def main() -> None:
    await events()
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.kube_path", "serve", stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    try:
        await writes(int(await server.stdout.readline()))
    finally:
        server.terminate()
        await server.wait()


if __name__ == "__main__":
    asyncio.run(echo_server() if sys.argv[1:] == ["serve"] else main())
