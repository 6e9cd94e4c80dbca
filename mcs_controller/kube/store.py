"""What is known of one kind of object, as slim values, with one index.

A reflector writes; controllers and the zone builder read. Values are what `decode` made of an object, never
the object itself: ten thousand slices must fit in some tens of MiB and cost the collector nothing.

Invariants: a version older than the one held never replaces or removes it, in whatever order a list, a
watch and a single read arrive; only a complete list or a DELETED event removes anything; listeners see
every change once, after it has happened, in order.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

Key = tuple[str, str]
"""Namespace and name."""


class Entry(NamedTuple, Generic[T]):
    """One object as it is held: where it lies, which version of it, and its value."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    value: T

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return (self.namespace, self.name)


Listener = Callable[[Entry[T] | None, Entry[T] | None], None]


def is_older(version: str, other: str) -> bool:
    """Whether `version` is certainly older than `other`: versions that are no numbers cannot be ordered."""
    try:
        return int(version) < int(other)
    except ValueError:
        return False


class Store(Generic[T]):
    """Entries by namespace and name, and by what `index` says; an entry indexed as None is in no index."""

    def __init__(self, *, index: Callable[[Entry[T]], Hashable | None] | None = None) -> None:
        self._entries: dict[Key, Entry[T]] = {}
        self._index_of = index
        self._index: dict[Hashable, dict[Key, Entry[T]]] = {}
        self._listeners: list[Listener[T]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(tuple(self._entries.values()))

    def get(self, namespace: str, name: str) -> Entry[T] | None:
        """The entry of that name, None when there is none."""
        return self._entries.get((namespace, name))

    def indexed(self, key: Hashable) -> tuple[Entry[T], ...]:
        """The entries that the index has under `key`, in the order in which they came."""
        found = self._index.get(key)
        return tuple(found.values()) if found else ()

    def index_keys(self) -> Collection[Hashable]:
        """The keys under which the index has something."""
        return self._index.keys()

    def subscribe(self, listener: Listener[T]) -> None:
        """Call `listener(old, new)` after every change: None for what was not, or is no longer, there.

        It is called from within the change: it must be cheap and must not raise.
        """
        self._listeners.append(listener)

    def apply(self, entry: Entry[T], *, silent: bool = False) -> bool:
        """Hold `entry` unless the same or a newer version is held already; True if something changed.

        `silent` tells no listener: for what the reader of the store has just written itself.
        """
        held = self._entries.get((entry.namespace, entry.name))
        if held is not None and (
            held.resource_version == entry.resource_version
            or is_older(entry.resource_version, held.resource_version)
        ):
            return False
        self._put(held, entry, silent=silent)
        return True

    def remove(self, namespace: str, name: str, resource_version: str | None = None) -> None:
        """Forget an entry; with `resource_version`, only if what is held is not newer than that."""
        held = self._entries.get((namespace, name))
        if held is None:
            return
        if resource_version is not None and is_older(resource_version, held.resource_version):
            return
        self._drop(held)

    def replace(self, entries: Iterable[Entry[T]], resource_version: str, *, reset: bool = False) -> None:
        """Take a complete list, read at `resource_version`: what is not in it is removed, unless newer.

        `reset` says that the server's own history went back (it was restored from a backup): then the list
        is the truth and versions are not compared.
        """
        present: set[Key] = set()
        for entry in entries:
            present.add(entry.key)
            if reset:
                # The same version may stand for something else in the new history.
                self._put(self._entries.get(entry.key), entry)
            else:
                self.apply(entry)
        for key, held in tuple(self._entries.items()):
            if key not in present and (reset or not is_older(resource_version, held.resource_version)):
                self._drop(held)

    def _put(self, held: Entry[T] | None, entry: Entry[T], *, silent: bool = False) -> None:
        key = (entry.namespace, entry.name)
        self._entries[key] = entry
        if self._index_of is not None:
            new_index = self._index_of(entry)
            if held is not None:
                old_index = self._index_of(held)
                if old_index is not None and old_index != new_index:
                    self._unindex(old_index, key)
            if new_index is not None:
                self._index.setdefault(new_index, {})[key] = entry
        if silent:
            return
        for listener in self._listeners:
            listener(held, entry)

    def _drop(self, held: Entry[T]) -> None:
        key = (held.namespace, held.name)
        del self._entries[key]
        if self._index_of is not None:
            index = self._index_of(held)
            if index is not None:
                self._unindex(index, key)
        for listener in self._listeners:
            listener(held, None)

    def _unindex(self, index: Hashable, key: Key) -> None:
        under = self._index[index]
        del under[key]
        if not under:
            del self._index[index]
