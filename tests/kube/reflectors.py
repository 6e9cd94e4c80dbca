"""A reflector of a fake kind, made, run and looked into."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import DecodeError
from mcs_controller.kube.reflector import Reflector
from mcs_controller.kube.store import Store
from tests.kube.fakes import WIDGETS, FakeKind

SOON_UP = 30.0
"""As `watch_seconds`: when the server closes a watch after a minute, its time was up."""


def decode(body: dict[str, Any]) -> str | None:
    if "value" not in body:
        raise DecodeError("no value")
    value: str | None = body["value"]
    return value


def contents(store: Store[str]) -> dict[str, str]:
    return {entry.name: entry.value for entry in store}


def make(kind: FakeKind, store: Store[str], **options: Any) -> Reflector[str]:
    options.setdefault("decode", decode)
    resource = options.pop("resource", WIDGETS)
    read = options.pop("decode")
    client = options.pop("client", None) or Client(kind)
    return Reflector(client, resource, store, read, name="widgets", random=Random(3), **options)


def problem_of(reflector: Reflector[Any]) -> str | None:
    return reflector.problem


@asynccontextmanager
async def running(reflector: Reflector[Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(reflector.run())
    try:
        await reflector.wait_synced()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def settle() -> None:
    """Let what has been pushed be read: no time passes."""
    for _ in range(20):
        await asyncio.sleep(0)
