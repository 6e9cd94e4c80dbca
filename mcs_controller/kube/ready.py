"""The keys that wait for a worker, and whose turn it is."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)


class Ready(Protocol[K]):
    """Keys in a line, each once, with the time at which it came."""

    def __len__(self) -> int: ...

    def add(self, key: K, now_seconds: float) -> bool:
        """Put a key at the end of its line; False if it stands in it already."""
        ...

    def pop(self) -> tuple[K, float]:
        """Take the next key. Raises `LookupError` when there is none."""
        ...

    def oldest_seconds(self) -> float:
        """When the key that waits longest came; infinity when there is none."""
        ...


class OneLine(Generic[K]):
    """First come, first served."""

    def __init__(self) -> None:
        self._keys: deque[K] = deque()
        self._added: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: K, now_seconds: float) -> bool:
        """Put a key at the end."""
        if key in self._added:
            return False
        self._added[key] = now_seconds
        self._keys.append(key)
        return True

    def pop(self) -> tuple[K, float]:
        """Take the first."""
        key = self._keys.popleft()
        return key, self._added.pop(key)

    def oldest_seconds(self) -> float:
        """When the first came."""
        return self._added[self._keys[0]] if self._keys else float("inf")


class Lanes(Generic[K]):
    """A line for each lane, served in turns: one key of each lane that has any, round and round.

    However many keys a lane has, a key of another one waits for one turn of each lane and for what stands
    before it in its own.
    """

    def __init__(self, lane: Callable[[K], Hashable]) -> None:
        self._lane = lane
        # The first lane is the next one to be served; none is empty.
        self._lanes: OrderedDict[Hashable, deque[K]] = OrderedDict()
        self._added: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._added)

    def add(self, key: K, now_seconds: float) -> bool:
        """Put a key at the end of its lane."""
        if key in self._added:
            return False
        self._added[key] = now_seconds
        self._lanes.setdefault(self._lane(key), deque()).append(key)
        return True

    def pop(self) -> tuple[K, float]:
        """Take the first key of the next lane."""
        lane, keys = self._lanes.popitem(last=False)
        key = keys.popleft()
        if keys:
            self._lanes[lane] = keys
        return key, self._added.pop(key)

    def oldest_seconds(self) -> float:
        """When the first of all first keys came."""
        return min((self._added[keys[0]] for keys in self._lanes.values()), default=float("inf"))
