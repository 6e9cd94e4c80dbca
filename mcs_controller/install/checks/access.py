"""MCS-CHK-05 and 06: does the broker let the member in, and for how long?"""

from datetime import UTC, datetime
from typing import Final

from mcs_controller.clusterset.errors import cut
from mcs_controller.install.checks.facts import Credential, Facts
from mcs_controller.install.checks.model import Check, Notes, Outcome
from mcs_controller.install.joining import CLOCKS_MAX_DIFFERENCE_SECONDS
from mcs_controller.install.members import age_text
from mcs_controller.kube.clock import rfc3339

USED_SHARE_MAX: Final = 0.85
"""An agent renews its credential at two thirds of its life."""


def judge_reached(facts: Facts) -> Outcome:
    """Whether the broker answers the member's own credential, as that of a member."""
    notes = Notes()
    credential, reached, program = facts.broker.credential, facts.broker.reached, facts.config.program
    where = "the broker that was named"
    if isinstance(credential, Credential):
        where = f"{cut(credential.server, 80)}, with the credential in {credential.source}"
    if not notes.knows(reached):
        return notes.outcome()
    name = facts.cluster_id or "NAME"
    renew = (
        f"The broker's administrator runs `{program} broker create-member {name} --renew`; then run `join` "
        "with the file."
    )
    told = cut(reached.told, 200)
    match reached.as_what:
        case "member":
            notes.ok(f"the broker answers at {where}")
        case "no credential":
            notes.failed(told, f"Run `{program} join` with the file that `broker create-member` made.")
        case "unusable":
            notes.failed(told, renew)
        case "unreachable":
            notes.failed(
                f"no answer from {where}: {told}",
                "Look at address, firewall and proxy on the way from here. If agents reach the broker and "
                "this machine does not, run this command in the agent's pod: `kubectl -n "
                f"{facts.config.namespace} exec deploy/mcs-agent -- mcs-controller check`.",
            )
        case "refused":
            notes.failed(
                f"{where}: the broker does not accept it, it has expired or was revoked: {told}", renew
            )
        case "forbidden":
            notes.failed(f"{where}: it is not that of member {name}: {told}", renew)
        case "no member":
            notes.failed(
                f"{where}: the broker has no MemberCluster {name}",
                f"The broker's administrator runs `{program} broker create-member {name}`. If this cluster "
                "was a member before, find out who deleted the MemberCluster: others withdraw its exports.",
            )
        case "error":
            notes.failed(f"{where}: {told}", "Look at the broker's API server.")
    return notes.outcome()


def judge_lifetime(facts: Facts) -> Outcome:
    """When the credential ends."""
    notes = Notes()
    credential = facts.broker.credential
    if credential is None:
        notes.unseen("there is no credential that can be used: see MCS-CHK-05")
        return notes.outcome()
    if not notes.knows(credential):
        return notes.outcome()
    lifetime = credential.lifetime
    if lifetime is None:
        notes.ok(f"{credential.source}: it does not say when it ends")
        return notes.outcome()
    name = credential.cluster_id or facts.cluster_id or "NAME"
    renew = (
        f"The broker's administrator runs `{facts.config.program} broker create-member {name} --renew`; "
        f"then run `{facts.config.program} join` with the file."
    )
    ends = rfc3339(datetime.fromtimestamp(lifetime.expires, UTC))
    left_seconds = lifetime.expires - _brokers_seconds(facts)
    used_share = 1 - left_seconds / (lifetime.expires - lifetime.issued)
    if left_seconds <= 0:
        notes.failed(f"{credential.source}: it ended {age_text(-left_seconds)}, at {ends}", renew)
    elif used_share > USED_SHARE_MAX:
        left = age_text(left_seconds).removesuffix(" ago")
        notes.warning(f"{credential.source}: it ends in {left}, at {ends}, and nobody has renewed it", renew)
    else:
        notes.ok(f"{credential.source}: valid until {ends}")
    rights = facts.cluster.renewal_rights
    if facts.has_cluster and notes.knows(rights) and not all(one.allowed for one in rights):
        notes.warning(
            "the agent may not renew it itself",
            f"`{facts.config.program} rbac --for credential | kubectl apply -f -`, and start the agent with "
            "--broker-renew-in; with Helm, broker.renew=true. Without that, renew it by hand in time.",
        )
    return notes.outcome()


def _brokers_seconds(facts: Facts) -> float:
    """What time it is for the broker, which decides. It says whole seconds: small differences are none."""
    ahead = facts.broker.ahead_seconds
    if isinstance(ahead, float) and abs(ahead) > CLOCKS_MAX_DIFFERENCE_SECONDS:
        return facts.now_seconds + ahead
    return facts.now_seconds


REACHED: Final = Check(
    "MCS-CHK-05",
    "broker reached with the member's own credential",
    looks_at="The MemberCluster of this cluster, read with the credential in the Secret mcs-broker; "
    "without the right to read that, with the file that --broker-kubeconfig names, if it is a member's.",
    means="Failed: the agent cannot read or write the broker. Imports stay as they are, and go out of "
    "date; others take this cluster for dead after --member-timeout-seconds. It is asked from where the "
    "command runs, which may be further away from the broker than the agent is.",
    todo="As the finding says: the way to the broker, another credential, or the MemberCluster.",
    judge=judge_reached,
)
LIFETIME: Final = Check(
    "MCS-CHK-06",
    "end of the credential",
    looks_at="When the token in that credential ends, as it says itself, and whether the agent may renew it.",
    means="Failed: it has ended. A warning: 85% of its time are over, and nothing has renewed it; or the "
    "agent has not the right to, so that somebody must.",
    todo="`mcs-controller broker create-member NAME --renew` on the broker, then `mcs-controller join` "
    "with the new file. A running agent takes it without a restart.",
    judge=judge_lifetime,
)
