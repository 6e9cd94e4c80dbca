"""A story of disorder before it is told: events at times, so that some can be left out of one that fails."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

PART_SECONDS = 90.0


@dataclass(frozen=True)
class Event:
    """Something that happens in some part of a story; `seed` makes the choices."""

    part: int
    at_seconds: float
    act: str
    seed: int


USERS = ("deploy", "unexport", "change", "change", "change", "empty", "reexport", "ports")
RARE = ("remake_namespace", "retype")
AGENTS = ("restart", "restart", "kill_for_a_while", "second_replica", "clock")
SERVERS = ("refuse", "fail", "fail", "slow", "lose_answers", "stall", "stall", "cut", "compact", "hang")
DISASTERS = ("restore", "restore", "restore_bumped", "wipe", "remake_all", "remake_kind", "remake_member")
RAREST = "remove_member"


def plan(seed: int, parts: int = 3) -> list[Event]:
    """All events of a story."""
    random = Random(seed)
    events = []
    for part in range(parts):
        acts = [random.choice(USERS) for _ in range(random.randint(3, 12))]
        acts += [random.choice(RARE)] * (random.random() < 0.3)
        acts += [random.choice(AGENTS) for _ in range(random.randint(0, 4))]
        acts += [random.choice(SERVERS) for _ in range(random.randint(0, 5))]
        acts += [random.choice(DISASTERS) for _ in range(random.randint(0, 2))]
        if random.random() < 0.1:
            acts.append(RAREST)
        timed = sorted((random.uniform(0, PART_SECONDS), act) for act in acts)
        events += [Event(part, round(at, 3), act, random.getrandbits(32)) for at, act in timed]
    return events
