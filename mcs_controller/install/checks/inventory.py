"""MCS-CHK-26: is the inventory kept, and does each member stand in it?

Only the broker's administrator can look: members read neither Leases nor ClusterProfiles there.
"""

from typing import Final

from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.install.checks.facts import Facts, Lease, ProfileFacts
from mcs_controller.install.checks.model import Check, Notes, Outcome, Unknown, counted, some
from mcs_controller.install.members import age_text

_SHOWN_CHARS: Final = 80


def judge(facts: Facts) -> Outcome:
    """The hub's Lease, and its ClusterProfiles."""
    notes = Notes()
    lease, profiles = facts.broker.hub_lease, facts.broker.profiles
    if not notes.knows(lease) or not notes.knows(profiles):
        return notes.outcome()
    if lease is None and not profiles:
        notes.ok("no hub keeps an inventory here")
        return notes.outcome()
    _judge_lease(notes, facts, lease)
    if lease is not None:
        _judge_profiles(notes, facts, profiles)
    return notes.outcome()


def _judge_lease(notes: Notes, facts: Facts, lease: Lease | None) -> None:
    name = f"Lease {facts.config.hub_lease}"
    look = (
        f"`kubectl -n {facts.config.hub_lease.namespace} get pods` and `logs deploy/mcs-hub` say why. If the "
        "hub is not wanted any more, delete the ClusterProfiles: nobody else keeps them."
    )
    if lease is None:
        notes.failed(f"there are ClusterProfiles of a hub, and no {name}: nobody keeps them", look)
        return
    ahead = facts.broker.ahead_seconds
    earlier = facts.earlier.broker.hub_lease if facts.earlier is not None else None
    renewed_between = isinstance(earlier, Lease) and earlier.renewed != lease.renewed
    age = facts.now_seconds + (ahead if isinstance(ahead, float) else 0.0)
    age -= seconds_of_time(lease.renewed) or 0.0
    if not lease.holder:
        notes.failed(f"{name} has no holder: no hub leads now", look)
    elif age > lease.duration_seconds and not renewed_between:
        notes.failed(
            f"{name}: {cut(lease.holder, _SHOWN_CHARS)} has not renewed it, last {age_text(age)}", look
        )
    else:
        notes.ok(f"the hub {cut(lease.holder, _SHOWN_CHARS)} leads, and renews {name}")


def missing(facts: Facts) -> set[str]:
    """The members that no profile is of."""
    members, profiles = facts.broker.members, facts.broker.profiles
    if isinstance(members, Unknown) or isinstance(profiles, Unknown):
        return set()
    return {one.cluster for one in members if not one.leaving} - {one.member for one in profiles}


def _judge_profiles(notes: Notes, facts: Facts, profiles: tuple[ProfileFacts, ...]) -> None:
    if not notes.knows(facts.broker.members):
        return
    before = missing(facts.earlier) if facts.earlier is not None else missing(facts)
    if left := sorted(missing(facts) & before):
        notes.warning(
            f"{counted(len(left), 'member')} without a ClusterProfile: {cut(some(left), 2 * _SHOWN_CHARS)}",
            "The log of the hub that leads says why, such as a profile of another manager with that name "
            "(docs/inventory.md).",
        )
    else:
        # Profiles of other managers may lie beside them, which nobody here knows anything of.
        managers = some(sorted({one.manager for one in profiles if one.manager}))
        of = f" of manager {cut(managers, 2 * _SHOWN_CHARS)}" if managers else ""
        notes.ok(f"{counted(len(profiles), 'ClusterProfile')}{of} in the inventory")


INVENTORY: Final = Check(
    "MCS-CHK-26",
    "inventory",
    looks_at="The Lease of the hub's replicas, and its ClusterProfiles, if there is a hub. Only with a "
    "credential of the broker's administrator.",
    means="Failed: there are profiles and no hub that leads, so that they say what was so some time ago. A "
    "warning: members have no profile.",
    todo="Look at the hub's pods and their log, and at [inventory.md](inventory.md#the-list-of-clusters).",
    judge=judge,
    passing=True,
)
