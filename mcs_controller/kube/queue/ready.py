"""The keys that wait for a worker, and whose turn it is."""

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)

Lane = str
"""On whose account a key is reconciled, such as a member's id."""

OWN_LANE: Final[Lane] = ""

lane_of_work: ContextVar[Lane] = ContextVar("lane_of_work", default=OWN_LANE)
"""The lane that the present task's work was taken from: what it enqueues goes into the same lane."""


@contextmanager
def working_for(lane: Lane) -> Iterator[None]:
    """What is enqueued within the block, in any queue, goes into this lane."""
    token = lane_of_work.set(lane)
    try:
        yield
    finally:
        lane_of_work.reset(token)


class Ready(Protocol[K]):
    """Keys in a line, each once, with the time at which it came."""

    def __len__(self) -> int: ...

    def add(self, key: K, now_seconds: float, lane: Lane) -> bool:
        """Put a key at the end of its line; False if it stood there already."""
        ...

    def has_next(self) -> bool:
        """Whether there is a key that may be taken."""
        ...

    def pop(self) -> tuple[K, float, Lane]:
        """Take the next key, when it came, and its lane. Raises `LookupError` when there is none."""
        ...

    def done(self, lane: Lane) -> None:
        """A key that was taken from this lane has been worked on."""
        ...

    def oldest_seconds(self) -> float:
        """When the key that waits longest came; infinity when there is none."""
        ...


class OneLine(Generic[K]):
    """First come, first served, whoever it is for."""

    def __init__(self) -> None:
        self._added: OrderedDict[K, tuple[float, Lane]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._added)

    def add(self, key: K, now_seconds: float, lane: Lane) -> bool:
        """Put a key at the end."""
        if key in self._added:
            return False
        self._added[key] = (now_seconds, lane)
        return True

    def has_next(self) -> bool:
        """Whether there is any."""
        return bool(self._added)

    def pop(self) -> tuple[K, float, Lane]:
        """Take the first."""
        key, (now_seconds, lane) = self._added.popitem(last=False)
        return key, now_seconds, lane

    def done(self, lane: Lane) -> None:
        """Nothing to do: there is one line for all."""

    def oldest_seconds(self) -> float:
        """When the first came."""
        return next(iter(self._added.values()))[0] if self._added else float("inf")


class Lanes(Generic[K]):
    """A line for each lane, served in turns: one key of each lane that has any, round and round.

    However many keys a lane has, a key of another one waits for one turn of each lane and for what stands
    before it in its own. A key that several parties enqueue is in the lane of each, and its turn
    is the first that comes. No lane is worked on by more than `workers_max` at a time, so that a worker is
    left for the others when the work of one is slow.
    """

    def __init__(self, workers_max: int) -> None:
        self._workers_max = workers_max
        # The first lane is the next one to be served. A key may have left by another lane.
        self._lanes: OrderedDict[Lane, deque[K]] = OrderedDict()
        self._added: dict[K, float] = {}
        self._lanes_of: dict[K, tuple[Lane, ...]] = {}
        self._working: Counter[Lane] = Counter()

    def __len__(self) -> int:
        return len(self._added)

    def add(self, key: K, now_seconds: float, lane: Lane) -> bool:
        """Put a key at the end of the lane."""
        lanes = self._lanes_of.get(key, ())
        if lane not in lanes:
            self._lanes_of[key] = (*lanes, lane)
            self._lanes.setdefault(lane, deque()).append(key)
        self._added.setdefault(key, now_seconds)
        return lane not in lanes

    def has_next(self) -> bool:
        """Whether a lane has a key and may have one more worker."""
        return self._next_lane() is not None

    def pop(self) -> tuple[K, float, Lane]:
        """Take the first key of the next lane."""
        lane = self._next_lane()
        if lane is None:
            raise LookupError("nothing is ready")
        key = self._lanes[lane].popleft()
        self._lanes.move_to_end(lane)
        del self._lanes_of[key]
        self._working[lane] += 1
        return key, self._added.pop(key), lane

    def done(self, lane: Lane) -> None:
        """The lane has one worker less."""
        self._working[lane] -= 1
        if not self._working[lane]:
            del self._working[lane]

    def oldest_seconds(self) -> float:
        """When the key came that waits longest."""
        return next(iter(self._added.values()), float("inf"))

    def _next_lane(self) -> Lane | None:
        empty: list[Lane] = []
        found = None
        for lane, keys in self._lanes.items():
            while keys and keys[0] not in self._added:
                keys.popleft()
            if not keys:
                empty.append(lane)
            elif self._working[lane] < self._workers_max:
                found = lane
                break
        for lane in empty:
            del self._lanes[lane]
        return found
