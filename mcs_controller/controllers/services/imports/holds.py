"""What one fuse holds, and since when: each hold ends by itself (docs/decisions/0007-fuse.md).

The time of a hold passes while its exporters go on stating what they export
(`clusterset/membership/word.py`).
"""

from collections.abc import Collection, Iterator
from datetime import timedelta

from mcs_controller.clusterset.fuse import Hold, held_before_seconds
from mcs_controller.clusterset.model import Condition, ServiceKey
from mcs_controller.controllers.membership.members import Membership
from mcs_controller.kube.clock import Clock, rfc3339


class Holds:
    """The services that a fuse holds, each with its hold."""

    def __init__(self, membership: Membership, clock: Clock, *, hold_seconds: float) -> None:
        self._membership = membership
        self._clock = clock
        self._hold_seconds = hold_seconds
        self._holds: dict[ServiceKey, Hold] = {}

    def __len__(self) -> int:
        return len(self._holds)

    def __contains__(self, key: ServiceKey) -> bool:
        return key in self._holds

    def get(self, key: ServiceKey) -> Hold | None:
        """The hold of a service."""
        return self._holds.get(key)

    def begin(self, key: ServiceKey, exporters: Collection[str], told: Condition | None = None) -> None:
        """Hold a service that these clusters exported, unless it is held already.

        `told` is the condition by which an earlier process said that it held the service.
        """
        if key in self._holds:
            return
        now, before_seconds, ends_at = self._clock.now(), 0.0, ""
        if told is not None:
            before_seconds = held_before_seconds(told.last_transition_at, now.timestamp(), self._hold_seconds)
        if self._hold_seconds:
            ends_at = rfc3339(now + timedelta(seconds=self._hold_seconds - before_seconds))
        words = tuple((one, self._membership.word_seconds(one)) for one in sorted(exporters) or [""])
        self._holds[key] = Hold(words, self._hold_seconds, before_seconds, ends_at)

    def end(self, key: ServiceKey) -> None:
        """The service is held no more."""
        self._holds.pop(key, None)

    def is_over(self, key: ServiceKey) -> bool:
        """Whether the service was held for so long that its loss counts as meant."""
        hold = self._holds.get(key)
        return hold is not None and hold.left_seconds(self._membership.word_seconds) <= 0.0

    def over(self) -> Iterator[ServiceKey]:
        """The services whose hold is over."""
        return (key for key in tuple(self._holds) if self.is_over(key))

    def of_member(self, cluster: str) -> Iterator[ServiceKey]:
        """The services that are held and that this cluster exported."""
        return (
            key for key, hold in tuple(self._holds.items()) if any(one == cluster for one, _ in hold.words)
        )
