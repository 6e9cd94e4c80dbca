"""What is known of one kind of object, as slim values, with one index.

A reflector writes; controllers and the zone builder read. Values are what `decode` made of an object, never
the object itself: ten thousand slices must fit in some tens of MiB and cost the collector nothing.

Invariants: a single object never replaces or removes a newer version of itself, in whatever order watch,
writes and reads arrive; a complete list is newer than all that was held when it was asked for, and so is
taken as it is, older versions included (a server that was restored from a backup has nothing else); only a
complete list or a DELETED event removes anything; listeners see every change once, after it has happened,
in order. What the reader of the store writes itself is no change to its listeners, whether the answer or the
watch is the first to show it (`writing`).
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Writing(Generic[T]):
    """A write that is under way: the value that it is to lead to, None if that is unknown.

    `untold` is what a watch showed meanwhile: old and new entry of what may be its own echo. `removed` are
    the uids of what went meanwhile.
    """

    expected: T | None
    writers: int = 1
    keeps_back: bool = True
    untold: tuple[Entry[T] | None, Entry[T]] | None = None
    removed: set[str] = field(default_factory=set)


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
        self._writes: dict[Key, _Writing[T]] = {}
        # What came singly while a list was being read; None while none is.
        self._touched: set[Key] | None = None

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

    @contextmanager
    def writing(self, key: Key, expected: T | None = None) -> Iterator[None]:
        """Within this the reader of the store writes `key`, and says silently what came of it (`apply`).

        A watch may show that before the answer does. Who listens is told of a change that comes meanwhile
        when this ends, and not at all if it was the very version that the answer has. Only one change is
        kept back, none that has another value than is `expected`, none that a list shows, and no removal.
        What was removed meanwhile stays so, though an answer, which is of before, still shows it.
        """
        others = self._writes.get(key)
        if others is not None:
            # Of two writes one is refused, and then its writer has to be told what the other one wrote.
            others.writers += 1
        write = others or _Writing(expected)
        self._writes[key] = write
        try:
            yield
        finally:
            write.writers -= 1
            if not write.writers:
                del self._writes[key]
            if others is None:
                write.keeps_back = False
                self._tell_untold(key, write)

    def apply(self, entry: Entry[T], *, silent: bool = False) -> bool:
        """Hold `entry` unless the same or a newer version is held already; True if something changed.

        `silent` tells no listener: for what the reader of the store has just written itself.
        """
        held = self._entries.get((entry.namespace, entry.name))
        write = self._writes.get((entry.namespace, entry.name)) if self._writes else None
        if write is not None and entry.uid in write.removed:
            if silent:
                return False
            write.removed.discard(entry.uid)
        if silent and write is not None and write.untold is not None and _same(write.untold[1], entry):
            write.untold = None
        if self._touched is not None:
            self._touched.add(entry.key)
        if held is not None and (
            held.resource_version == entry.resource_version
            or is_older(entry.resource_version, held.resource_version)
        ):
            return False
        if (
            not silent
            and write is not None
            and write.keeps_back
            and write.untold is None
            and write.expected in (None, entry.value)
        ):
            write.untold = (held, entry)
            silent = True
        self._put(held, entry, silent=silent)
        return True

    def correct(self, held: Entry[T] | None, entry: Entry[T] | None, key: Key) -> None:
        """Take what the server answered when it was asked for `key` alone, older or not; None: it is gone.

        `held` is what was held when it was asked: what came since is compared by version.
        """
        now = self._entries.get(key)
        if now is not held:
            write = self._writes.get(key)
            if entry is not None and not (write is not None and entry.uid in write.removed):
                self.apply(entry)
            return
        if self._touched is not None:
            self._touched.add(key)
        if entry is None:
            if now is not None:
                self._drop(now)
        elif now is None or not _is_same(now, entry):
            self._put(now, entry)

    def remove(self, namespace: str, name: str, resource_version: str | None = None) -> None:
        """Forget an entry; with `resource_version`, only if what is held is not newer than that."""
        held = self._entries.get((namespace, name))
        if held is None:
            return
        if resource_version is not None and is_older(resource_version, held.resource_version):
            return
        self._drop(held)

    def begin_list(self) -> None:
        """A complete list is about to be asked for: what comes singly from now on may be newer than it."""
        self._touched = set()

    def replace(self, entries: Iterable[Entry[T]], resource_version: str) -> None:
        """Take a complete, consistent list, read at `resource_version`: what is not in it is removed.

        What came singly since `begin_list` (the answer to a write of our own, say) is compared by version.
        """
        touched, self._touched = self._touched or set(), None
        present: set[Key] = set()
        for entry in entries:
            present.add(entry.key)
            if entry.key in touched:
                self.apply(entry)
                continue
            held = self._entries.get(entry.key)
            if held is None or not _is_same(held, entry):
                self._put(held, entry)
        for key, held in tuple(self._entries.items()):
            if key not in present and not (
                key in touched and is_older(resource_version, held.resource_version)
            ):
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
        if not silent:
            self._tell(key, held, entry)

    def _drop(self, held: Entry[T]) -> None:
        key = (held.namespace, held.name)
        del self._entries[key]
        if self._index_of is not None:
            index = self._index_of(held)
            if index is not None:
                self._unindex(index, key)
        write = self._writes.get(key)
        if write is not None:
            write.removed.add(held.uid)
        self._tell(key, held, None)

    def _tell_untold(self, key: Key, write: _Writing[T]) -> None:
        untold, write.untold = write.untold, None
        if untold is not None:
            self._tell(key, *untold)

    def _tell(self, key: Key, old: Entry[T] | None, new: Entry[T] | None) -> None:
        write = self._writes.get(key) if self._writes else None
        if write is not None:
            # In order: the next change shows that another writer writes it, too.
            self._tell_untold(key, write)
        for listener in self._listeners:
            listener(old, new)

    def _unindex(self, index: Hashable, key: Key) -> None:
        under = self._index[index]
        del under[key]
        if not under:
            del self._index[index]


def _same(one: Entry[T], other: Entry[T]) -> bool:
    """The same version of the same object."""
    return one.resource_version == other.resource_version and one.uid == other.uid


def _is_same(held: Entry[T], entry: Entry[T]) -> bool:
    """The same version may stand for something else in another history of the server."""
    return _same(held, entry) and held.value == entry.value
