"""The objects of a simulated API server, and the recent history of each resource.

It takes the place of etcd and of the watch cache, and knows no rules of kinds: those are in `objects.py`.

Invariants: there is one resourceVersion counter for the whole server, and every write raises it. A dict that
is put in belongs to the storage and is never changed again, so reading needs no copies. An object is
serialised once for all readers.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pydantic_core import to_json

from mcs_controller.kube.decoding.json_parser import parse_json
from mcs_controller.simcluster import status

HISTORY_EVENTS_PER_RESOURCE = 2048

Object = dict[str, Any]
Render = Callable[["Stored"], bytes]
Bucket = tuple[str, str]
"""Where a kind's objects lie (`Kind.storage`), whatever API version they are read in."""


class Stored:
    """One object at one resourceVersion; frozen."""

    __slots__ = ("_encoded", "_object", "_views", "api_version", "key", "namespace", "resource_version")

    def __init__(self, key: str, body: Object, resource_version: int) -> None:
        self.key = key
        self.namespace = key.partition("/")[0]
        self.resource_version = resource_version
        self.api_version: str = body["apiVersion"]
        self._object: Object | None = body
        self._encoded: bytes | None = None
        self._views: dict[str, bytes] = {}

    @property
    def object(self) -> Object:
        """Read only; use `copy` to change it."""
        if self._object is not None:
            return self._object
        return self.copy()

    @property
    def metadata(self) -> Object:
        metadata: Object = self.object["metadata"]
        return metadata

    @property
    def name(self) -> str:
        return self.key.partition("/")[2]

    def copy(self) -> Object:
        """A deep copy, which the caller may change."""
        body: Object = parse_json(self.encoded)
        return body

    @property
    def encoded(self) -> bytes:
        """As JSON, in the form that it is stored in."""
        if self._encoded is None:
            self._encoded = to_json(self._object)
        return self._encoded

    def rendered(self, view: str, render: Render) -> bytes:
        """Another representation, rendered once for each name."""
        if (body := self._views.get(view)) is None:
            body = self._views[view] = render(self)
        return body

    def at(self, resource_version: int) -> Stored:
        """The same content under a later version, as a DELETED event shows it."""
        metadata = self.metadata | {"resourceVersion": str(resource_version)}
        return Stored(self.key, self.object | {"metadata": metadata}, resource_version)

    def retire(self) -> None:
        """A newer version exists: keep only the bytes, which take a tenth of the memory of the dict."""
        if self._encoded is None:
            self._encoded = to_json(self._object)
        self._object = None
        self._views = {}


class Event(NamedTuple):
    """One write: `before` is None for the first, `after` is None for a deletion."""

    resource_version: int
    before: Stored | None
    after: Stored | None
    last: Stored
    """What watchers get: `after`, or for a deletion the last state with the version of the deletion."""


Listener = Callable[[Event], None]


class Snapshot(NamedTuple):
    """All objects at one moment."""

    revision: int
    objects: dict[Bucket, dict[str, Stored]]


class _Shelf:
    """The objects of one bucket, in key order, with their recent events and their watchers."""

    def __init__(self, compacted: int) -> None:
        self.objects: dict[str, Stored] = {}
        self.keys: list[str] = []
        self.events: deque[Event] = deque()
        self.compacted = compacted
        self.listeners: dict[int, Listener] = {}


class Storage:
    """All objects of one API server."""

    def __init__(self, *, history_events: int = HISTORY_EVENTS_PER_RESOURCE) -> None:
        self.revision = 1
        self._compacted = 0
        self._history_events = history_events
        self._shelves: dict[Bucket, _Shelf] = {}
        self._tickets = 0
        self._write_listeners: list[Callable[[Bucket, Event], None]] = []

    def get(self, bucket: Bucket, namespace: str, name: str) -> Stored | None:
        shelf = self._shelves.get(bucket)
        return None if shelf is None else shelf.objects.get(f"{namespace}/{name}")

    def select(self, bucket: Bucket, namespace: str = "") -> list[Stored]:
        """All objects, or those of a namespace, in key order."""
        shelf = self._shelves.get(bucket)
        if shelf is None:
            return []
        return [shelf.objects[key] for key in _range(shelf.keys, namespace)]

    def select_at(self, bucket: Bucket, namespace: str, resource_version: int) -> list[Stored]:
        """The same as of an earlier version: later events are undone. Raises 410 when they are forgotten."""
        shelf = self._shelves.get(bucket)
        if shelf is None or resource_version == self.revision:
            return self.select(bucket, namespace)
        if resource_version < shelf.compacted:
            raise status.expired(f"The resourceVersion for the provided list is too old: {resource_version}")
        objects = dict(shelf.objects)
        for event in reversed(shelf.events):
            if event.resource_version <= resource_version:
                break
            if event.before is None:
                objects.pop(event.last.key, None)
            else:
                objects[event.before.key] = event.before
        return [objects[key] for key in _range(sorted(objects), namespace)]

    def put(self, bucket: Bucket, body: Object) -> Stored:
        """Create or replace; the object's own resourceVersion is set here."""
        shelf = self._shelf(bucket)
        self.revision += 1
        metadata = body["metadata"]
        metadata["resourceVersion"] = str(self.revision)
        key = f"{metadata.get('namespace', '')}/{metadata['name']}"
        before = shelf.objects.get(key)
        stored = shelf.objects[key] = Stored(key, body, self.revision)
        if before is None:
            insort(shelf.keys, key)
        self._record(bucket, shelf, Event(self.revision, before, stored, stored))
        return stored

    def remove(self, bucket: Bucket, namespace: str, name: str) -> Stored:
        """Take an object out; its last state, under the version of the removal."""
        shelf = self._shelves[bucket]
        before = shelf.objects.pop(f"{namespace}/{name}")
        del shelf.keys[bisect_left(shelf.keys, before.key)]
        self.revision += 1
        last = before.at(self.revision)
        self._record(bucket, shelf, Event(self.revision, before, None, last))
        return last

    def events_since(self, bucket: Bucket, resource_version: int) -> list[Event]:
        """What happened after a version. Raises 410 when some of it is forgotten."""
        shelf = self._shelf(bucket)
        if resource_version < shelf.compacted:
            raise status.expired(f"too old resource version: {resource_version} ({shelf.compacted})")
        found: list[Event] = []
        for event in reversed(shelf.events):
            if event.resource_version <= resource_version:
                break
            found.append(event)
        found.reverse()
        return found

    def compact(self) -> None:
        """Forget all history: clients that ask for an older version have to list again."""
        self._compacted = self.revision
        for shelf in self._shelves.values():
            shelf.events.clear()
            shelf.compacted = self.revision

    def snapshot(self) -> Snapshot:
        """A backup."""
        return Snapshot(
            self.revision, {bucket: dict(shelf.objects) for bucket, shelf in self._shelves.items()}
        )

    def restore(self, snapshot: Snapshot, *, bump_revision: int = 0) -> None:
        """Go back to a backup, without events: history is forgotten, and versions go back, too.

        `bump_revision` works as etcd's `snapshot restore --bump-revision --mark-compacted`: objects keep
        their versions, and the server continues from a higher one, so that no version is used twice.
        """
        self.revision = snapshot.revision + bump_revision
        for bucket in dict.fromkeys((*self._shelves, *snapshot.objects)):
            shelf = self._shelf(bucket)
            shelf.objects = dict(snapshot.objects.get(bucket, {}))
            shelf.keys = sorted(shelf.objects)
        self.compact()

    def subscribe(self, bucket: Bucket, listener: Listener) -> Callable[[], None]:
        """Call `listener` during every write to a bucket; the returned function ends that."""
        self._tickets += 1
        ticket = self._tickets
        listeners = self._shelf(bucket).listeners
        listeners[ticket] = listener

        def end() -> None:
            listeners.pop(ticket, None)

        return end

    def subscribe_all(self, listener: Callable[[Bucket, Event], None]) -> None:
        """For the server's own controllers: called during every write, before the watchers."""
        self._write_listeners.append(listener)

    def buckets(self) -> Iterator[Bucket]:
        """Every bucket that holds something."""
        return (bucket for bucket, shelf in list(self._shelves.items()) if shelf.objects)

    def _shelf(self, bucket: Bucket) -> _Shelf:
        if (shelf := self._shelves.get(bucket)) is None:
            shelf = self._shelves[bucket] = _Shelf(self._compacted)
        return shelf

    def _record(self, bucket: Bucket, shelf: _Shelf, event: Event) -> None:
        shelf.events.append(event)
        if len(shelf.events) > self._history_events:
            shelf.compacted = shelf.events.popleft().resource_version
        for tell in self._write_listeners:
            tell(bucket, event)
        for listener in tuple(shelf.listeners.values()):
            listener(event)
        if event.before is not None:
            event.before.retire()


def _range(keys: list[str], namespace: str) -> list[str]:
    """The keys of one namespace, which lie together; "" for all."""
    if not namespace:
        return keys
    first = f"{namespace}/"
    return keys[bisect_left(keys, first) : bisect_left(keys, f"{namespace}0")]
