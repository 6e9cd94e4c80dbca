"""Writes objects, and puts the server's answer into the store that the next step reads.

So a reconciler never writes twice because its watch is late. The echo of its own write finds the store
up to date and enqueues nothing. If a write shows that the store is wrong (a conflict, or an object that is
gone), the object is read and the store corrected before the error is raised: the next try then works on the
true state, even if the watch is late. The caller decides whether anything differs.

Most answers equal what was sent. To compare the two costs much less than to decode the answer, so if they are
equal the written value is kept. A server that prunes or fills in fields is noticed.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from mcs_controller.api.resources import Resource
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Conflict, DecodeError, KubeError, NotFound, NotServed
from mcs_controller.kube.store import Entry, Key, Store

T = TypeVar("T")

_SERVERS_METADATA: Final = frozenset(
    ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
)


class ObjectWriter(Generic[T]):
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

    async def create(self, body: Mapping[str, Any], value: T | None = None) -> Entry[T]:
        """Create `body` in the namespace that its metadata names.

        `value` is what `body` was made from, for kinds whose values the server does not change. It is stored
        as the new value, unless the server's answer differs from `body`.
        """
        namespace = body["metadata"].get("namespace", "")
        key = (namespace, body["metadata"]["name"])
        with self._store.writing(key, value):
            request = self._client.create(self._resource(), body, namespace=namespace)
            answer = await self._corrected(key, request)
            return self._remember(answer, value if _is_as_sent(answer, body) else None)

    async def replace(self, entry: Entry[T], body: Mapping[str, Any], value: T | None = None) -> Entry[T]:
        """Replace the object known as `entry`, if nobody has written it since; `value` as in `create`."""
        metadata = {**body["metadata"], "resourceVersion": entry.resource_version, "uid": entry.uid}
        with self._store.writing(entry.key, value):
            request = self._client.update(self._resource(), {**body, "metadata": metadata})
            answer = await self._corrected(entry.key, request)
            return self._remember(answer, value if _is_as_sent(answer, body) else None)

    async def patch(
        self, entry: Entry[T], patch: Mapping[str, Any], *, subresource: str = "", expected: T | None = None
    ) -> Entry[T]:
        """Merge `patch` into the object known as `entry`, if nobody has written it since.

        `expected` is the value that the patch should lead to, None if it is not known.
        """
        metadata = {**patch.get("metadata", {}), "resourceVersion": entry.resource_version, "uid": entry.uid}
        with self._store.writing(entry.key, expected):
            request = self._client.patch(
                self._resource(),
                entry.name,
                {**patch, "metadata": metadata},
                namespace=entry.namespace,
                subresource=subresource,
            )
            return self._remember(await self._corrected(entry.key, request))

    async def delete(self, entry: Entry[T], *, propagation: str | None = None) -> None:
        """Delete exactly the version known as `entry`; no error if it is gone already."""
        request = self._client.delete(
            self._resource(),
            entry.name,
            namespace=entry.namespace,
            uid=entry.uid,
            resource_version=entry.resource_version,
            propagation=propagation,
        )
        try:
            await request
        except NotFound:
            pass  # It is gone already.
        except Conflict:
            await self._read_again(entry.key)
            raise
        held = self._store.get(*entry.key)
        if held is not None and held.uid == entry.uid:
            # By the time of a late answer somebody else may have made one of this name.
            self._store.remove(entry.namespace, entry.name)

    async def is_gone(self, entry: Entry[T]) -> bool:
        """Whether the server says that the object known as `entry` is gone, and the store then, too.

        To be asked when a deletion got no answer. False also if this gets none.
        """
        try:
            await self._read(entry.key)
        except KubeError:
            return False
        held = self._store.get(*entry.key)
        return held is None or held.uid != entry.uid

    async def _corrected(self, key: Key, request: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
        """The answer to a write of `key`; if the write shows that the store is wrong, corrects it first."""
        try:
            return await request
        except (Conflict, NotFound):
            await self._read_again(key)
            raise

    async def _read_again(self, key: Key) -> None:
        # An error of this read is dropped: the error of the write is raised, and the caller retries.
        with contextlib.suppress(KubeError):
            await self._read(key)

    async def _read(self, key: Key) -> None:
        held = self._store.get(*key)
        try:
            raw = await self._client.get(self._resource(), key[1], key[0])
        except NotServed:
            raise
        except NotFound:
            self._store.correct(held, None, key)
            return
        value = self._read_value(raw)
        self._store.correct(held, None if value is None else _entry(raw, value), key)

    def _remember(self, raw: Mapping[str, Any], value: T | None = None) -> Entry[T]:
        if value is None:
            value = self._read_value(raw)
        if value is None:
            name = raw["metadata"]["name"]
            raise DecodeError(f"the server answered with {name} as an object that is not ours")
        entry = _entry(raw, value)
        self._store.apply(entry, silent=True)
        return entry

    def _read_value(self, raw: Mapping[str, Any]) -> T | None:
        try:
            return self._decode(raw)
        except MalformedObject as error:
            name = raw["metadata"]["name"]
            raise DecodeError(f"{name} cannot be read as the server holds it: {error}") from error


def _is_as_sent(answer: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether the answer is `body` with only the server's own metadata added."""
    if len(answer) != len(body):
        return False
    for field, value in body.items():
        if field != "metadata" and answer.get(field) != value:
            return False
    metadata, sent = answer["metadata"], body["metadata"]
    for field, value in sent.items():
        if metadata.get(field) != value:
            return False
    return len(metadata) == len(sent) + len(metadata.keys() & _SERVERS_METADATA)


def _entry(raw: Mapping[str, Any], value: T) -> Entry[T]:
    metadata = raw["metadata"]
    return Entry(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        value=value,
    )
