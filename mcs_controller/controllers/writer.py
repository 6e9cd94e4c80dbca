"""Writes that are remembered: what the server answered goes into the store that the next step reads.

So a reconciler never writes twice because its watch lags behind, and the echo of its own write finds the
store in step already and wakes nobody. Whether anything differs is the caller's decision.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from mcs_controller.api.resources import Resource
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound
from mcs_controller.kube.store import Entry, Store

T = TypeVar("T")


class Writer(Generic[T]):
    """Creates, replaces, patches and deletes objects of one kind on one API server.

    `resource` is asked at each write, since the served version can change. All methods raise `KubeError`.
    """

    def __init__(
        self,
        client: Client,
        resource: Callable[[], Resource],
        store: Store[T],
        decode: Callable[[Mapping[str, Any]], T | None],
    ) -> None:
        self._client = client
        self._resource = resource
        self._store = store
        self._decode = decode

    async def create(self, body: Mapping[str, Any]) -> Entry[T]:
        """Create `body` in the namespace that its metadata names."""
        namespace = body["metadata"].get("namespace", "")
        return self._remember(await self._client.create(self._resource(), body, namespace=namespace))

    async def replace(self, entry: Entry[T], body: Mapping[str, Any]) -> Entry[T]:
        """Replace the object known as `entry`, if nobody wrote it since."""
        metadata = {**body["metadata"], "resourceVersion": entry.resource_version, "uid": entry.uid}
        return self._remember(await self._client.update(self._resource(), {**body, "metadata": metadata}))

    async def patch(self, entry: Entry[T], patch: Mapping[str, Any], *, subresource: str = "") -> Entry[T]:
        """Merge `patch` into the object known as `entry`, if nobody wrote it since."""
        metadata = {**patch.get("metadata", {}), "resourceVersion": entry.resource_version, "uid": entry.uid}
        return self._remember(
            await self._client.patch(
                self._resource(),
                entry.name,
                {**patch, "metadata": metadata},
                namespace=entry.namespace,
                subresource=subresource,
            )
        )

    async def delete(self, entry: Entry[T], *, propagation: str | None = None) -> None:
        """Delete exactly the object known as `entry`; one that is gone already is fine."""
        with contextlib.suppress(NotFound):
            await self._client.delete(
                self._resource(),
                entry.name,
                namespace=entry.namespace,
                uid=entry.uid,
                propagation=propagation,
            )
        self._store.remove(entry.namespace, entry.name)

    def _remember(self, raw: Mapping[str, Any]) -> Entry[T]:
        value = self._decode(raw)
        metadata = raw["metadata"]
        if value is None:
            raise ValueError(f"the server changed {metadata['name']} into something that is not ours")
        entry = Entry(
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            value=value,
        )
        self._store.apply(entry, silent=True)
        return entry
