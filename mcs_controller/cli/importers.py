"""Waits until the other members have let go of what a cluster exported, and says who has not."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from mcs_controller.cli.installing import say
from mcs_controller.clusterset.membership.farewell import WAITED_FOR, State, in_state
from mcs_controller.controllers.membership.farewell import AGENT_SILENT_SECONDS, Hearing

ROUND_SECONDS: Final = 1.0
TELL_SECONDS: Final = 10.0

_WAITED: Final[dict[State, str]] = {"holds": "still in use by", "unheard": "not answered yet by"}
_TOLD: Final[dict[State, str]] = {
    "silent": "does not renew its heartbeat, and was not waited for: what it still has of this cluster goes "
    "when it is back and this cluster was removed on the broker",
    "mute": "does not say what it still has of this cluster, as older versions, and was not waited for",
}


async def wait_for_importers(hearing: Hearing, seconds: float) -> None:
    """Return when all that can answer have answered, and no agent of this cluster runs, or time is over.

    The time to hear whether an agent runs is taken in any case, however short `seconds` are.
    """
    loop = asyncio.get_running_loop()
    began_at = told_at = loop.time()
    ends_at = began_at + max(seconds, AGENT_SILENT_SECONDS)
    while True:
        await hearing.listen()
        now = loop.time()
        reasons = _reasons(hearing, answers=now < began_at + seconds)
        if not reasons or hearing.excluded or now >= ends_at:
            return
        if now >= told_at + TELL_SECONDS:
            told_at = now
            say(f"waiting, at most {ends_at - now:.0f} s more: {'; '.join(reasons)}")
        await asyncio.sleep(min(ROUND_SECONDS, ends_at - now))


def _reasons(hearing: Hearing, *, answers: bool) -> list[str]:
    """What is still to be waited for, in words; with `answers` also those of the other members."""
    reasons = []
    if hearing.problem is not None:
        reasons.append(hearing.problem)
    for state, words in _WAITED.items():
        members = in_state(hearing.importers, state) if answers else []
        if members:
            reasons.append(f"{words} {', '.join(members)}")
    if hearing.agent_runs():
        reasons.append("an agent of this cluster may still run")
    return reasons


def not_waited_for(hearing: Hearing) -> list[str]:
    """One line for each member that cannot have answered, and one if nobody can."""
    found = [
        f"member {member} {_TOLD[state]}" for state in _TOLD for member in in_state(hearing.importers, state)
    ]
    if not hearing.understood:
        found.append(
            "the broker's definitions are older than this program, so that no member can say what it still "
            "has of another: its administrator renews them by `broker init`"
        )
    return found


def holders(hearing: Hearing) -> Sequence[str]:
    """The members that were waited for in vain."""
    return in_state(hearing.importers, *WAITED_FOR)


def as_objects(hearing: Hearing) -> list[dict[str, Any]]:
    """What each member has said, for programs."""
    return [
        {"name": member, "state": hearing.importers[member].state} for member in sorted(hearing.importers)
    ]
