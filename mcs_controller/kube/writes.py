"""The mechanics of writing to an object that others write to as well.

Whether a write is needed at all is decided by the caller, who compares values: nothing is written when
nothing differs. Here is only the read, change, write, and the bounded repetition when someone else was
faster.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from mcs_controller.api.resources import Resource
from mcs_controller.kube.client import Client, JsonObject
from mcs_controller.kube.errors import Conflict
from mcs_controller.kube.store import Key

CONFLICT_TRIES = 3

Mutate = Callable[[JsonObject], JsonObject | None]
"""Given the object as it is, the object as it should be (the same one, changed, will do); None: leave it."""


async def write_status(
    client: Client, resource: Resource, key: Key, mutate: Mutate, *, current: JsonObject | None = None
) -> JsonObject | None:
    """Write `status` as `mutate` wants it; what was written, or None when nothing was.

    `current`, if the caller has just read the object, saves the first read. Raises `NotFound` when the
    object is gone and `Conflict` when others were faster `CONFLICT_TRIES` times.
    """
    return await _write(client, client.update_status, resource, key, mutate, current)


async def write_object(
    client: Client, resource: Resource, key: Key, mutate: Mutate, *, current: JsonObject | None = None
) -> JsonObject | None:
    """The same for everything but `status`."""
    return await _write(client, client.update, resource, key, mutate, current)


async def _write(
    client: Client,
    put: Callable[[Resource, JsonObject], Awaitable[JsonObject]],
    resource: Resource,
    key: Key,
    mutate: Mutate,
    current: JsonObject | None,
) -> JsonObject | None:
    namespace, name = key
    tries = 0
    while True:
        body: dict[str, Any] = current if current is not None else await client.get(resource, name, namespace)
        wanted = mutate(body)
        if wanted is None:
            return None
        tries += 1
        try:
            return await put(resource, wanted)
        except Conflict:
            if tries >= CONFLICT_TRIES:
                raise
            current = None
