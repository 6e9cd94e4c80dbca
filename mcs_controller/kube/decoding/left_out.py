"""Counts the objects that were left out, and names each in the log, once a version and at a bounded rate."""

import logging
from collections import OrderedDict
from typing import Final

from mcs_controller.kube.decoding.object_reader import LeftOut
from mcs_controller.kube.pacing.rate import TokenBucket

_log = logging.getLogger(__name__)

NAMED_MAX: Final = 1024
"""So many are remembered as named; beyond that the same version may be named again."""
LINES_AT_ONCE: Final = 10
LINES_PER_SECOND: Final = 0.2


class LeftOutLedger:
    """What one client left out. `counts` is by kind and reason."""

    def __init__(self, client: str) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self._client = client
        self._named: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._lines = TokenBucket(LINES_AT_ONCE, LINES_PER_SECOND)
        self._unlogged = 0

    def note(self, kind: str, left: LeftOut, now_seconds: float) -> None:
        """One more; `now_seconds` is the loop's time."""
        count = (kind, left.reason)
        self.counts[count] = self.counts.get(count, 0) + 1
        key = (kind, left.namespace, left.name)
        if self._named.get(key) == left.resource_version:
            return
        self._named[key] = left.resource_version
        self._named.move_to_end(key)
        if len(self._named) > NAMED_MAX:
            self._named.popitem(last=False)
        if not self._lines.take(now_seconds):
            self._unlogged += 1
            return
        _log.warning(
            "%s: %s %s/%s at version %s (%d bytes) is left out, %s: %s%s",
            self._client,
            kind,
            left.namespace,
            left.name,
            left.resource_version,
            left.size_bytes,
            left.reason.replace("_", " "),
            left.detail,
            f"; {self._unlogged} more since the last such line" if self._unlogged else "",
        )
        self._unlogged = 0
