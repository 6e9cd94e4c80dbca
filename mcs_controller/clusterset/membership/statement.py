"""A member's statement: all that it exports, in a few bytes (docs/decisions/0008-proof.md).

An object that is missing on the broker need not be gone: the broker may have lost it. So each member states,
with its heartbeat, how many records and slices it wants there, and a digest of their names. If an importer's
copy of the broker agrees, nothing is missing. A statement counts only once, and only if it is newer than all
earlier ones: a broker that was restored from a backup brings old statements back.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from mcs_controller.clusterset.model import Statement

SETBACKS: Final = 6
"""After so many statements with times in the past, the member's clock was set back; it is no backup."""
HEARTBEATS_WITHOUT_STATEMENT: Final = 2
SECONDS_WITHOUT_STATEMENT: Final = 30.0
"""Older versions state nothing: so many heartbeats and seconds are needed before missing data counts as
gone."""

_DIGEST_CHARS: Final = 16


def digest(records: Collection[str], slices: Collection[str]) -> str:
    """The digest of the names of all records and all slices, in any order."""
    text = "\n".join(("records", *sorted(records), "slices", *sorted(slices)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]


def statement(at: str, records: Collection[str], slices: Collection[str]) -> Statement:
    """The statement about these names, made at time `at`."""
    return Statement(at, len(records), len(slices), digest(records, slices))


def agrees(said: Statement, records: Collection[str], slices: Collection[str]) -> bool:
    """Whether these are the names that the member stated."""
    return (
        said.services == len(records)
        and said.endpoint_slices == len(slices)
        and said.digest == digest(records, slices)
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """What one reader has heard from one member since the reader started.

    `newest` is the latest time of a statement, `last` the time of the last one read. `heartbeats` counts the
    changes of the heartbeat. `fresh`: the last read brought a statement that counts.
    """

    heartbeat: str
    newest: str = ""
    last: str = ""
    setbacks: int = 0
    heartbeats: int = 0
    fresh: bool = False

    @property
    def states(self) -> bool:
        """Whether the member makes statements; older versions do not."""
        return bool(self.newest)


def hear(before: Heard | None, heartbeat: str, said: Statement | None) -> Heard:
    """The state after one more read. A statement from before the first read does not count."""
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
        # This includes the first statement of a member that was upgraded since the first read.
        return replace(now, newest=at, last=at, setbacks=0, fresh=True)
    if before.setbacks + 1 >= SETBACKS:
        return replace(now, newest=at, last=at, setbacks=0, fresh=True)
    return replace(now, last=at, setbacks=before.setbacks + 1)


def miss(before: Heard) -> Heard:
    """The state after one more read in which the member is missing: what it said last is no news any more."""
    return replace(before, fresh=False)
