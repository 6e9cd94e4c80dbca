"""How a cluster leaves: it says so, and the others answer when they have let go of it (MCS-LIFE-06).

The cluster withdraws all that it exports, and then states in its MemberCluster since when it is leaving. Each
importer that holds nothing of it any more repeats that time in its own MemberCluster. So an answer is never
older than the question, and nobody writes anything for this unless somebody leaves.

What others say is judged by whoever leaves with its own monotonic clock, and decides nothing but for how long
it waits: an importer that never answers is named, and cannot hold up anybody for ever.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from mcs_controller.api.names import MAX_LET_GO
from mcs_controller.clusterset.model import Member

SILENT_SECONDS: Final = 30.0
"""A member whose heartbeat does not change for so long is not waited for: three intervals by default."""
MUTE_HEARTBEATS: Final = 3
"""After so many new heartbeats without any answer to anybody, a member is of a version that gives none."""

State = Literal["let go", "unheard", "holds", "silent", "mute"]
WAITED_FOR: Final[frozenset[State]] = frozenset({"unheard", "holds"})


@dataclass(frozen=True, slots=True)
class Importer:
    """What is known of one other member. `heartbeats`: how many new ones were read since the first read."""

    heartbeat: str
    state: State = "unheard"
    heartbeats: int = 0
    changed_at_seconds: float = 0.0


def asked(members: Iterable[Member]) -> dict[str, str]:
    """The members that are leaving, and since when; of too many, those that began last."""
    leaving = [(member.leaving, member.cluster) for member in members if member.leaving]
    return {cluster: since for since, cluster in sorted(leaving, reverse=True)[:MAX_LET_GO]}


def observe(
    before: Mapping[str, Importer], members: Iterable[Member], cluster: str, since: str, now_seconds: float
) -> dict[str, Importer]:
    """What is known of the members other than `cluster`, which is leaving since `since`, after one more read.

    One without a heartbeat has never been there, and holds nothing; so does one that was removed.
    """
    return {
        member.cluster: _seen(before.get(member.cluster), member, cluster, since, now_seconds)
        for member in members
        if member.cluster != cluster and member.heartbeat
    }


def in_state(importers: Mapping[str, Importer], *states: State) -> list[str]:
    """The members in one of these states, sorted."""
    return sorted(cluster for cluster, one in importers.items() if one.state in states)


def _seen(before: Importer | None, member: Member, cluster: str, since: str, now_seconds: float) -> Importer:
    if before is None:
        now = Importer(member.heartbeat, changed_at_seconds=now_seconds)
    elif before.heartbeat != member.heartbeat:
        now = replace(
            before,
            heartbeat=member.heartbeat,
            heartbeats=before.heartbeats + 1,
            changed_at_seconds=now_seconds,
        )
    else:
        now = before
    return replace(now, state=_state(now, member, cluster, since, now_seconds))


def _state(now: Importer, member: Member, cluster: str, since: str, now_seconds: float) -> State:
    said = member.let_go
    if said is not None and said.get(cluster) == since:
        return "let go"
    if now_seconds - now.changed_at_seconds >= SILENT_SECONDS:
        return "silent"
    if said is None:
        return "mute" if now.heartbeats >= MUTE_HEARTBEATS else "unheard"
    return "holds" if now.heartbeats >= MUTE_HEARTBEATS else "unheard"
