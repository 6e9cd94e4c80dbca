"""MCS-CHK-09: do the clocks agree?

Heartbeats are never compared with a clock, so a wrong one stops nothing at once. But the age of exports
decides conflicts, and credentials are valid from one time to another.
"""

from typing import Final

from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.install.checks.facts import Facts, Lease
from mcs_controller.install.checks.model import Check, Notes, Outcome, Unknown
from mcs_controller.install.joining import CLOCKS_MAX_DIFFERENCE_SECONDS

FAR_SECONDS: Final = 60.0
HEARTBEAT_AGE_MAX_SECONDS: Final = 15.0
"""Of one that is alive: its interval is 10 s."""

_BY_NTP: Final = "Set the clocks of all clusters by NTP."


def judge(facts: Facts) -> Outcome:
    """The clocks of both API servers, of this machine, of the agent's node, and of the members' agents."""
    notes = Notes()
    cluster, broker = facts.cluster.ahead_seconds, facts.broker.ahead_seconds
    told = {"this cluster's API server": cluster, "the broker": broker}
    silent = [Unknown(f"{name} tells no time") for name, value in told.items() if value is None]
    notes.unknown(*told.values(), *silent)
    ahead = {name: value for name, value in told.items() if isinstance(value, float)}
    if len(ahead) == 2:
        difference = ahead["this cluster's API server"] - ahead["the broker"]
        text = f"this cluster's API server is {_apart(difference)} the broker"
        if abs(difference) > FAR_SECONDS:
            notes.failed(text, _BY_NTP)
        elif abs(difference) > CLOCKS_MAX_DIFFERENCE_SECONDS:
            notes.warning(text, _BY_NTP)
        else:
            notes.ok(
                f"this cluster's API server and the broker agree within {CLOCKS_MAX_DIFFERENCE_SECONDS:g} s"
            )
    for name, value in ahead.items():
        if abs(value) > CLOCKS_MAX_DIFFERENCE_SECONDS:
            notes.warning(
                f"{name} is {_apart(value)} this machine",
                "Set the clock of this machine by NTP: ages that this command tells are by it.",
            )
        elif len(ahead) == 1:
            notes.ok(f"{name} and this machine agree within {CLOCKS_MAX_DIFFERENCE_SECONDS:g} s")
    _judge_lease(notes, facts)
    _judge_members(notes, facts)
    return notes.outcome()


def _judge_lease(notes: Notes, facts: Facts) -> None:
    lease, ahead = facts.cluster.lease, facts.cluster.ahead_seconds
    if not isinstance(lease, Lease) or not isinstance(ahead, float):
        return
    renewed = seconds_of_time(lease.renewed)
    if renewed is None:
        return
    early = renewed - (facts.now_seconds + ahead)
    if early > CLOCKS_MAX_DIFFERENCE_SECONDS:
        notes.warning(f"the agent's node is {early:.0f} s ahead of its API server, by its Lease", _BY_NTP)
    elif _lease_lives(facts) and -early > lease.duration_seconds:
        notes.warning(f"the agent's node is {-early:.0f} s behind its API server, by its Lease", _BY_NTP)


def _lease_lives(facts: Facts) -> bool:
    earlier = facts.earlier.cluster.lease if facts.earlier is not None else None
    return isinstance(earlier, Lease) and earlier != facts.cluster.lease


def _judge_members(notes: Notes, facts: Facts) -> None:
    members, ahead = facts.broker.members, facts.broker.ahead_seconds
    if isinstance(members, Unknown) or not isinstance(ahead, float):
        return
    before = earlier_heartbeats(facts)
    for member in members:
        beat = seconds_of_time(member.heartbeat)
        if beat is None:
            continue
        age = facts.now_seconds + ahead - beat
        lives = before.get(member.cluster, member.heartbeat) != member.heartbeat
        if age < -CLOCKS_MAX_DIFFERENCE_SECONDS:
            notes.warning(f"the agent of {member.cluster} is {-age:.0f} s ahead of the broker", _BY_NTP)
        elif lives and age > HEARTBEAT_AGE_MAX_SECONDS:
            notes.warning(f"the agent of {member.cluster} is {age:.0f} s behind the broker", _BY_NTP)


def earlier_heartbeats(facts: Facts) -> dict[str, str]:
    """What the look before this one saw, by member; empty without one."""
    if facts.earlier is None or isinstance(facts.earlier.broker.members, Unknown):
        return {}
    return {member.cluster: member.heartbeat for member in facts.earlier.broker.members}


def _apart(seconds: float) -> str:
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"


CLOCKS: Final = Check(
    "MCS-CHK-09",
    "clocks",
    looks_at="The `Date` of the answers of both API servers against each other and against this machine; "
    "the times in the agent's Lease and in the heartbeats of members that are alive.",
    means="A warning: two clocks differ by more than 5 s. Failed: the API servers of this cluster and of "
    "the broker differ by more than a minute. The oldest export decides conflicts, and credentials are "
    "valid by the broker's clock.",
    todo="Set all clocks by NTP.",
    judge=judge,
    passing=True,
)
