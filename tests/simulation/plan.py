"""A story before it is told: a clusterset, and events at times, some of which can be left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

PART_SECONDS = 90.0
PARTS = 3
NAMES = (
    *("east", "west", "north", "south", "up", "down", "left", "right", "near", "far"),
    *("red", "green", "blue", "black", "white", "one", "two", "three", "four", "five"),
)
SIZES = (3,) * 12 + (4,) * 4 + (5,) * 2 + (8,)
LARGE = (12, 20)
LARGE_SHARE = 0.02


@dataclass(frozen=True)
class Layout:
    """The clusters, and how many replicas of the agent those have that elect a leader."""

    clusters: tuple[str, ...]
    replicas: Mapping[str, int]
    fuse_share: float = 1.0


@dataclass(frozen=True)
class Event:
    """Something that happens in some part of a story; `seed` makes the choices."""

    part: int
    at_seconds: float
    act: str
    seed: int

    def __str__(self) -> str:
        return f"part {self.part} at {self.at_seconds:6.2f}: {self.act} ({self.seed})"


@dataclass(frozen=True)
class Plan:
    """All of a story: the same plan is the same story."""

    seed: int
    layout: Layout
    events: tuple[Event, ...]
    parts: int = PARTS


USERS = ("deploy", "unexport", "change", "change", "change", "empty", "unready", "reexport", "ports")
RARE = ("remake_namespace", "retype")
AGENTS = ("restart", "restart", "kill_for_a_while", "second_replica", "clock", "stand_still", "restart_zone")
NETWORK = ("late_requests", "repeated_requests")
SERVERS = ("refuse", "fail", "fail", "slow", "lose_answers", "stall", "stall", "cut", "compact", "hang")
MEDDLERS = (
    "block_import",
    "block_service",
    "delete_import",
    "delete_derived",
    "delete_slices",
    "lose_record",
)
MEMBERS = ("remake_exports", "remake_imports", "restore_member", "be_away", "reach_limits", "hostile")
DISASTERS = ("restore", "restore", "restore_bumped", "wipe", "remake_all", "remake_kind", "remake_member")
RAREST = "remove_member"
DRILLS = (
    *("lost_while_down", "lost_and_refused", "restored_while_away"),
    *("dns_alone", "start_half_blind"),
)
MORE_DRILLS = ("back_unnoticed", "first_list_lacks")
"""These came later. Whether a story has one is drawn apart, so that all others stay as they were."""
MORE_SHARE = 0.08
LEADERS_DRILL = "stop_leader"
LEADERS_SHARE = 0.03
"""In stories of their own: each cluster has two replicas, and one is stopped now and then."""
CALM_DRILL = "export_unread"
LATE_SLIP = "remove_all"
LATE_SHARE = 0.02
LATE_SECONDS = 660.0
"""In stories of their own: agents that have listened for ten minutes know who is no member."""
FUSE_DRILL = "mass_unexport"
ALL_DRILLS = (*DRILLS, *MORE_DRILLS, CALM_DRILL, LEADERS_DRILL, FUSE_DRILL)
WITH_FUSE_SHARE = 0.06
CALM = ("restart", "restart_zone", "cut", "compact", "clock", "change", "ports")
"""What happens in stories of the fuse, in which nothing else may be lost."""
LONG_CALM = ("restart_zone", "change", "ports", "unexport", "deploy")
"""What happens in ten minutes in which no agent is restarted."""


def plan(seed: int) -> Plan:
    """The story of a seed."""
    apart = Random(f"{seed} apart")
    draw = apart.random()
    if draw < LATE_SHARE:
        return _late(seed, apart)
    if draw < LATE_SHARE + LEADERS_SHARE:
        return _of_leaders(seed, apart)
    told = _plan(seed)
    if draw > 1.0 - MORE_SHARE and told.layout.fuse_share == 1.0:
        at_seconds = round(apart.uniform(0, PART_SECONDS), 3)
        more = Event(apart.randrange(PARTS), at_seconds, apart.choice(MORE_DRILLS), apart.getrandbits(32))
        events = sorted((*told.events, more), key=lambda one: (one.part, one.at_seconds))
        return replace(told, events=tuple(events))
    return told


def _plan(seed: int) -> Plan:
    random = Random(f"{seed} plan")
    if random.random() < WITH_FUSE_SHARE:
        return _with_fuse(seed, random)
    layout = _layout(random)
    events: list[Event] = []
    for part in range(PARTS):
        acts = [random.choice(USERS) for _ in range(random.randint(3, 12))]
        acts += [random.choice(RARE)] * (random.random() < 0.3)
        acts += [random.choice(AGENTS) for _ in range(random.randint(0, 4))]
        acts += [random.choice(NETWORK)] * (random.random() < 0.3)
        acts += [random.choice(SERVERS) for _ in range(random.randint(0, 5))]
        acts += [random.choice(MEDDLERS) for _ in range(random.randint(0, 2))]
        acts += [random.choice(MEMBERS)] * (random.random() < 0.4)
        acts += [random.choice(DISASTERS) for _ in range(random.randint(0, 2))]
        acts += [RAREST] * (random.random() < 0.1)
        acts += [random.choice(DRILLS)] * (random.random() < 0.4)
        timed = sorted((random.uniform(0, PART_SECONDS), act) for act in acts)
        events += [Event(part, round(at, 3), act, random.getrandbits(32)) for at, act in timed]
    return Plan(seed, layout, tuple(events))


def _late(seed: int, random: Random) -> Plan:
    timed = [(random.uniform(0, LATE_SECONDS), random.choice(LONG_CALM)) for _ in range(8)]
    timed += [(random.uniform(30.0, LATE_SECONDS - 30.0), CALM_DRILL)]
    timed += [(LATE_SECONDS + random.uniform(0, PART_SECONDS), LATE_SLIP)]
    events = tuple(Event(0, round(at, 3), act, random.getrandbits(32)) for at, act in sorted(timed))
    return Plan(seed, Layout(NAMES[:3], {}), events, parts=1)


def _of_leaders(seed: int, random: Random) -> Plan:
    layout = Layout(NAMES[:3], dict.fromkeys(NAMES[:3], 2))
    events: list[Event] = []
    for part in range(PARTS):
        timed = [(random.uniform(20, PART_SECONDS), LEADERS_DRILL)]
        timed += [(random.uniform(0, PART_SECONDS), random.choice(USERS)) for _ in range(4)]
        events += [Event(part, round(at, 3), act, random.getrandbits(32)) for at, act in sorted(timed)]
    return Plan(seed, layout, tuple(events))


def _with_fuse(seed: int, random: Random) -> Plan:
    acts = sorted((random.uniform(0, PART_SECONDS), random.choice(CALM)) for _ in range(4))
    timed = sorted([(random.uniform(0, 10.0), FUSE_DRILL), *acts])
    events = tuple(Event(0, round(at, 3), act, random.getrandbits(32)) for at, act in timed)
    return Plan(seed, Layout(NAMES[:3], {}, fuse_share=0.5), events, parts=1)


def _layout(random: Random) -> Layout:
    size = random.choice(LARGE) if random.random() < LARGE_SHARE else random.choice(SIZES)
    clusters = NAMES[:size]
    elect = random.random() < 0.3
    return Layout(clusters, {name: 2 for name in clusters if random.random() < 0.5} if elect else {})
