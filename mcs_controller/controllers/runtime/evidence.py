"""What has been seen since this process started, and so what counts as proof that something is gone.

Nothing is removed on the strength of a first-ever list (docs/decisions/0008-proof.md). A deletion is
proven when this process saw the thing and then saw it go, or when a second complete list, read a while
after the first, lacks it still (`confirm`).
"""

from collections.abc import Hashable, Iterable


class Evidence:
    """Which things may be believed gone. Things are any keys, such as (cluster, service)."""

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()
        self.confirmed = False

    def saw(self, things: Iterable[Hashable]) -> None:
        """Remember that these exist, or existed, in this process's lifetime."""
        if not self.confirmed:
            self._seen.update(things)

    def proves_gone(self, things: Iterable[Hashable]) -> bool:
        """Whether all of these, absent now, may be believed gone."""
        return self.confirmed or self._seen.issuperset(things)

    def confirm(self) -> None:
        """A second complete list has been read: from now on absence is proof."""
        self.confirmed = True
        self._seen.clear()
