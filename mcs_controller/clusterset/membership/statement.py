"""What a member says of itself: all that it exports, in a few bytes (docs/decisions/0008-proof.md).

That something of a member is missing on the broker proves nothing: the broker may have lost it. So each
member states, with its heartbeat, how many records and slices it wants there and a digest of their names. An
importer whose own copy of the broker agrees knows that nothing is missing. A statement counts once only, and
only if it is newer than all that were heard: a broker that was restored from a backup brings old ones back.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from mcs_controller.clusterset.model import Statement

SETBACKS: Final = 6
"""So many changes of a time that went back are a clock that was set, and not a backup."""
HEARTBEATS_WITHOUT_STATEMENT: Final = 2
SECONDS_WITHOUT_STATEMENT: Final = 30.0
"""What an older version, which states nothing, has to be heard of before what is missing counts as gone."""

_DIGEST_CHARS: Final = 16


def digest(records: Collection[str], slices: Collection[str]) -> str:
    """Of the names of all records and all slices, whatever their order."""
    text = "\n".join(("records", *sorted(records), "slices", *sorted(slices)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]


def statement(at: str, records: Collection[str], slices: Collection[str]) -> Statement:
    """What is to be said at that time of these names."""
    return Statement(at, len(records), len(slices), digest(records, slices))


def agrees(said: Statement, records: Collection[str], slices: Collection[str]) -> bool:
    """Whether these are the names that the member spoke of."""
    return (
        said.services == len(records)
        and said.endpoint_slices == len(slices)
        and said.digest == digest(records, slices)
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """What one reader has heard of one member since it began to listen.

    `newest` is the latest time of a statement, `last` that of the last one read. `heartbeats` counts the
    changes of the heartbeat. `fresh` says that the last read brought a statement that counts.
    """

    heartbeat: str
    newest: str = ""
    last: str = ""
    setbacks: int = 0
    heartbeats: int = 0
    fresh: bool = False

    @property
    def states(self) -> bool:
        """Whether the member states anything: older versions do not."""
        return bool(self.newest)


def hear(before: Heard | None, heartbeat: str, said: Statement | None) -> Heard:
    """What is known after one more read. What was said before we listened is no news."""
    at = said.at if said is not None else ""
    if before is None:
        return Heard(heartbeat, newest=at, last=at)
    now = replace(
        before,
        heartbeat=heartbeat,
        heartbeats=before.heartbeats + (heartbeat != before.heartbeat),
        fresh=False,
    )
    if not at or at == before.last:
        return now
    if at > before.newest:
        # The first statement of a member that was upgraded while we listened is news as well.
        return replace(now, newest=at, last=at, setbacks=0, fresh=True)
    if before.setbacks + 1 >= SETBACKS:
        return replace(now, newest=at, last=at, setbacks=0, fresh=True)
    return replace(now, last=at, setbacks=before.setbacks + 1)
