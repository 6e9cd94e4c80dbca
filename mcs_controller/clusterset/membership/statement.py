"""A member's statement: all that it exports, in a few bytes (docs/decisions/0008-proof.md).

An object that is missing on the broker need not be gone: the broker may have lost it. So each member states,
with its heartbeat, how many records and slices it wants there, and a digest of their names. If an importer's
copy of the broker agrees, nothing is missing. A statement counts only once, and only if it is newer than all
earlier ones of the same MemberCluster: a broker that was restored from a backup brings old statements back.
A heartbeat proves nothing: a member that has not stated anything yet is waited for.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mcs_controller.clusterset.model import Statement

SETBACKS: Final = 6
"""After so many statements with times in the past, the member's clock was set back; it is no backup."""
OBJECTS_MAX: Final = 8
"""Of so many former MemberClusters of one member the latest statement is remembered."""

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

    `object_uid` is the MemberCluster in which it was stated, `newest` the latest time of a statement, `last`
    the time of the last one read. `fresh`: the last read brought a statement that counts. `former` has the
    latest times of earlier MemberClusters of the member, by UID.
    """

    object_uid: str
    newest: str = ""
    last: str = ""
    setbacks: int = 0
    fresh: bool = False
    former: Mapping[str, str] = field(default_factory=dict)


def hear(before: Heard | None, object_uid: str, said: Statement | None) -> Heard:
    """The state after one more read. What a MemberCluster states when first seen does not count."""
    at = said.at if said is not None else ""
    if before is None:
        return Heard(object_uid, newest=at, last=at)
    if object_uid != before.object_uid:
        return _hear_in_another(before, object_uid, at)
    now = replace(before, fresh=False) if before.fresh else before
    if not at or at == before.last:
        return now
    if at > before.newest or before.setbacks + 1 >= SETBACKS:
        return replace(now, newest=at, last=at, setbacks=0, fresh=True)
    return replace(now, last=at, setbacks=before.setbacks + 1)


def _hear_in_another(before: Heard, object_uid: str, at: str) -> Heard:
    """The MemberCluster was made anew, or a restore brought an earlier one back.

    The member's clock may have been set back since it stated something in the former one. No statement in
    the new one is older than that, so their times need not be later.
    """
    former = {uid: newest for uid, newest in before.former.items() if uid != object_uid}
    former[before.object_uid] = before.newest
    while len(former) > OBJECTS_MAX:
        del former[next(iter(former))]
    return Heard(object_uid, newest=max(at, before.former.get(object_uid, "")), last=at, former=former)


def miss(before: Heard) -> Heard:
    """The state after one more read in which the member is missing: what it said last is no news any more."""
    return replace(before, fresh=False)
