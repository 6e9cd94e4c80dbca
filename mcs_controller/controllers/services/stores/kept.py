"""Retained objects of one kind that vanished from the broker, by name and by service.

`retained.py` decides why an object is retained, and for how long.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.kube.store import Entry, Key, Store

Reason = Literal["missing", "older"]
REASONS: tuple[Reason, ...] = ("missing", "older")


class Exported(Protocol):
    @property
    def cluster(self) -> str: ...
    @property
    def service(self) -> ServiceKey: ...
    @property
    def changed_at_seconds(self) -> float: ...


T = TypeVar("T", bound=Exported)


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """The last state of an entry that vanished; `reads` is how often the members had been read by then."""

    entry: Entry[T]
    reason: Reason
    since_seconds: float
    reads: int


class KeptOfKind(Generic[T]):
    """One store and what is kept of it; `released` is called with each entry that is no longer kept."""

    def __init__(self, store: Store[T], released: Callable[[Entry[Any]], None]) -> None:
        self.store = store
        self._released = released
        self.kept: dict[Key, Kept[T]] = {}
        # Ordered, so that entries are released in the same order in every run.
        self.by_service: dict[ServiceKey, dict[Key, None]] = {}
        self._by_cluster: dict[str, dict[Key, None]] = {}
        # By cluster, the names in the store, without withdrawn entries.
        self.names: dict[str, set[str]] = {}

    def values(self, key: ServiceKey) -> Iterator[T]:
        """A service's values in the store, and those that are kept; a kept one replaces one in the store."""
        kept_keys = self.by_service.get(key)
        if not kept_keys:
            for entry in self.store.indexed(key):
                yield entry.value
            return
        for entry in self.store.indexed(key):
            if entry.key not in self.kept:
                yield entry.value
        for one in sorted(kept_keys):
            yield self.kept[one].entry.value

    def keep(self, kept: Kept[T]) -> None:
        """Keep an entry; it replaces a kept one of the same name."""
        self.kept[kept.entry.key] = kept
        self.by_service.setdefault(kept.entry.value.service, {})[kept.entry.key] = None
        self._by_cluster.setdefault(kept.entry.value.cluster, {})[kept.entry.key] = None

    def let_go(self, key: Key) -> ServiceKey | None:
        """Stop keeping an entry; returns the service that it belongs to, None if it was not kept."""
        kept = self.kept.pop(key, None)
        if kept is None:
            return None
        service = kept.entry.value.service
        under = self.by_service[service]
        under.pop(key, None)
        if not under:
            del self.by_service[service]
        cluster = kept.entry.value.cluster
        del self._by_cluster[cluster][key]
        if not self._by_cluster[cluster]:
            del self._by_cluster[cluster]
        self._released(kept.entry)
        return service

    def of_cluster(self, cluster: str) -> list[Kept[T]]:
        """What is kept of one member. The time depends on that number only, not on all that is kept."""
        return [self.kept[key] for key in self._by_cluster.get(cluster, ())]

    def clusters(self) -> set[str]:
        """The members with kept entries."""
        return set(self._by_cluster)

    def count(self, old: Entry[T] | None, new: Entry[T] | None, *, withdrawn: bool = False) -> None:
        """Follow a change of the store; `withdrawn`: the new entry is no export any more."""
        if old is not None:
            self.names.get(old.value.cluster, set()).discard(old.name)
        if new is not None and not withdrawn:
            self.names.setdefault(new.value.cluster, set()).add(new.name)
