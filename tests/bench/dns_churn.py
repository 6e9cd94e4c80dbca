"""A simulated cluster in a process of its own, whose endpoints change at a rate.

A real API server that takes 300 writes a second would need the core that the load comes from. This one is
told on stdin, a line at a time, how many changes to make and how many a second, and says when it has.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from random import Random

from mcs_controller.api.crd import all_crds
from mcs_controller.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    ENDPOINT_SLICES,
    NAMESPACES,
    service_imports,
)
from mcs_controller.kube.client import Client
from mcs_controller.simcluster.cluster import SimCluster
from tests.bench.dns_objects import NAMESPACE, Shape, endpoint_slice


async def fill(client: Client, shape: Shape) -> None:
    """The CRDs, the namespace and the services."""
    for crd in all_crds():
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd)
    await client.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    for resource, bodies in (
        (service_imports("v1beta1"), shape.imports()),
        (ENDPOINT_SLICES, shape.slices()),
    ):
        for number, body in enumerate(bodies):
            body["metadata"]["namespace"] = NAMESPACE
            await client.create(resource, body)
            if number % 100 == 0:
                await asyncio.sleep(0)


async def change(client: Client, shape: Shape, count: int, rate: float, random: Random) -> None:
    """Give the slices of the headless services other addresses, one after the other."""
    loop = asyncio.get_running_loop()
    names = shape.names("db")
    versions = {
        body["metadata"]["name"]: body["metadata"]["resourceVersion"]
        for body in (await client.list(ENDPOINT_SLICES, namespace=NAMESPACE)).items
    }
    started = loop.time()
    for number in range(count):
        service = names[number % len(names)]
        body = endpoint_slice(f"{service}-0", service, random.randrange(50_000), shape.endpoints_per_slice)
        body["metadata"] |= {"namespace": NAMESPACE, "resourceVersion": versions[f"{service}-0"]}
        written = await client.update(ENDPOINT_SLICES, body)
        versions[f"{service}-0"] = written["metadata"]["resourceVersion"]
        await asyncio.sleep(max(0.0, started + (number + 1) / rate - loop.time()))


async def run(shape: Shape, kubeconfig: Path) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    # One source of addresses for all orders: a write that changes nothing is no change.
    random = Random(1)
    cluster = SimCluster("bench", random=random)
    async with cluster, cluster.serve():
        client = cluster.client()
        await fill(client, shape)
        await asyncio.to_thread(kubeconfig.write_text, cluster.kubeconfig())
        print("ready", flush=True)
        while line := await reader.readline():
            order = json.loads(line)
            started = loop.time()
            await change(client, shape, order["count"], order["rate"], random)
            print(json.dumps({"seconds": loop.time() - started}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    arguments = parser.parse_args()
    shape = Shape(arguments.services, slices_per_headless=2, endpoints_per_slice=10)
    asyncio.run(run(shape, arguments.kubeconfig))
