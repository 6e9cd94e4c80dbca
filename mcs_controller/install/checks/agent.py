"""MCS-CHK-13 and 14: does an agent lead, and does it hold something?"""

from collections import Counter
from typing import Final

from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.held import held_of
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.install.checks.facts import Facts, Lease
from mcs_controller.install.checks.model import Check, Notes, Outcome, counted, some
from mcs_controller.install.members import age_text


def judge_leader(facts: Facts) -> Outcome:
    """The Lease of the agent's replicas."""
    notes = Notes()
    config, lease, ahead = facts.config, facts.cluster.lease, facts.cluster.ahead_seconds
    name = f"Lease {config.lease}"
    look = (
        f"`kubectl -n {config.namespace} get pods` and `kubectl -n {config.namespace} logs "
        "deploy/mcs-agent` say why. If the agent runs in another namespace, name it with --namespace, "
        "and its Lease with --lease-namespace and --lease-name, as the agent has them."
    )
    if not notes.knows(lease):
        return notes.outcome()
    if lease is None:
        notes.failed(f"there is no {name}: no agent has led here", look)
        return notes.outcome()
    earlier = facts.earlier.cluster.lease if facts.earlier is not None else None
    renewed_between = isinstance(earlier, Lease) and earlier.renewed != lease.renewed
    renewed = seconds_of_time(lease.renewed)
    age = facts.now_seconds + (ahead if isinstance(ahead, float) else 0.0) - (renewed or 0.0)
    if not lease.holder:
        notes.failed(f"{name} has no holder: no agent leads now", look)
    elif age > lease.duration_seconds and not renewed_between:
        notes.failed(f"{name}: {cut(lease.holder, 80)} has not renewed it, last {age_text(age)}", look)
    else:
        notes.ok(f"{cut(lease.holder, 80)} leads, and renews {name}")
    return notes.outcome()


def judge_held(facts: Facts) -> Outcome:
    """What the fuse holds, or what is kept although it vanished from the broker."""
    notes = Notes()
    imports = facts.cluster.imports
    if not notes.knows(imports):
        return notes.outcome()
    held = [one for each in imports if (one := held_of(each)) is not None]
    todo = (
        f"`{facts.config.program} fuse status` lists them, why they are held and when that ends. Find out "
        "whether the loss was intended; if so, `fuse release` (docs/operations.md, The fuse)."
    )
    for reason, number in sorted(Counter(one.reason for one in held).items()):
        names = [str(one.service) for one in held if one.reason == reason]
        verb = "is" if number == 1 else "are"
        notes.warning(
            f"{counted(number, 'import')} {verb} held, {cut(reason, 60)}: {some(sorted(names), 3)}", todo
        )
    if not held:
        notes.ok(f"none of {counted(sum(one.managed for one in imports), 'import')} is held")
    return notes.outcome()


LEADER: Final = Check(
    "MCS-CHK-13",
    "leader of the agent",
    looks_at="The Lease of the agent's replicas: who holds it, and whether it is renewed.",
    means="Failed: no agent leads, so nothing is exported, imported or withdrawn. An agent that runs with "
    "--no-leader-elect has no Lease, and fails here.",
    todo="Look at the agent's pods and their log.",
    judge=judge_leader,
    passing=True,
)
HELD: Final = Check(
    "MCS-CHK-14",
    "imports that are held",
    looks_at="The condition `mcs-controller.io/Held` of all ServiceImports.",
    means="A warning: a fuse holds imports, endpoints or members, or records vanished from the broker "
    "unexplained. This cluster goes on with the last that it knew.",
    todo="`mcs-controller fuse status`, then [operations.md](operations.md#the-fuse).",
    judge=judge_held,
)
