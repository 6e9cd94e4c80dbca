"""MCS-CHK-03, 04 and 08: do the components have the rights that the charts give them?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from mcs_controller.install.checks.facts import Facts, Review
from mcs_controller.install.checks.model import Check, Notes, Outcome, counted, some


def judge_agent(facts: Facts) -> Outcome:
    """The agent's rights in this cluster."""
    notes = Notes()
    cluster = facts.cluster
    todo = _apply(facts, "agent,properties")
    restored = False
    if notes.knows(cluster.agent_rights):
        _judge_all(notes, cluster.agent_rights, todo)
        # Then it is said already what restores all of them.
        restored = bool(_lacking(cluster.agent_rights))
    if notes.knows(cluster.properties_rights):
        lacking = _lacking(cluster.properties_rights)
        if lacking:
            notes.warning(
                f"the agent's controller `properties` lacks: {some(lacking)}",
                f"{'' if restored else f'{todo} '}Or run the agent with --controllers='*,-properties'.",
            )
    return notes.outcome()


def judge_dns(facts: Facts) -> Outcome:
    """The DNS server's rights in this cluster."""
    notes = Notes()
    rights = facts.cluster.dns_rights
    if notes.knows(rights):
        _judge_all(notes, rights, _apply(facts, "dns"))
    return notes.outcome()


def judge_members(facts: Facts) -> Outcome:
    """The rights of members on the broker: all that they need, and none that they must not have."""
    notes = Notes()
    broker, program = facts.broker, facts.config.program
    if notes.knows(broker.rights):
        todo = (
            f"The broker's administrator runs `{program} broker init`, then `{program} broker create-member "
            "NAME --renew`: both mend what they made."
        )
        _judge_all(notes, broker.rights, todo)
    if notes.knows(broker.too_many):
        for account, rights in _by_account(one for one in broker.too_many if one.allowed).items():
            notes.failed(
                f"{account} has more rights than a member may have: {some(rights)}",
                "With them a member can act for others, or read secrets. Look at the bindings of its "
                "account: a member has the roles mcs-broker-reader everywhere and mcs-broker-member in its "
                "own namespace, and nothing else.",
            )
    return notes.outcome()


def _judge_all(notes: Notes, reviews: Sequence[Review], todo: str) -> None:
    every = _by_account(reviews)
    lacking = _by_account(one for one in reviews if not one.allowed)
    for account, rights in every.items():
        if account not in lacking:
            notes.ok(f"{account} has all {len(rights)} rights that it needs")
        elif len(lacking[account]) == len(rights):
            notes.failed(f"{account} has none of the {len(rights)} rights that it needs", todo)
        else:
            missing = lacking[account]
            notes.failed(f"{account} lacks {counted(len(missing), 'right')}: {some(missing)}", todo)


def _lacking(reviews: Iterable[Review]) -> list[str]:
    return [one.told for one in reviews if not one.allowed]


def _by_account(reviews: Iterable[Review]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in reviews:
        found[one.account].append(one.told)
    return found


def _apply(facts: Facts, components: str) -> str:
    return (
        f"With Helm, `helm upgrade` restores them; without, `{facts.config.program} rbac --for {components} "
        "| kubectl apply -f -`. If the component runs in another namespace, name it with --namespace."
    )


AGENT_RIGHTS: Final = Check(
    "MCS-CHK-03",
    "rights of the agent",
    looks_at="Whether the ServiceAccount mcs-agent has each right of the charts' rules "
    "(`charts/mcs-controller/files/rules/agent*.yaml`), asked with SubjectAccessReviews. That needs the "
    "right to create those, which administrators have.",
    means="Failed: a right is missing. What needs it does not happen; the agent's log and `/readyz` say "
    "so, too.",
    todo="`helm upgrade`, or `mcs-controller rbac --for agent,properties | kubectl apply -f -`.",
    judge=judge_agent,
)
DNS_RIGHTS: Final = Check(
    "MCS-CHK-04",
    "rights of the DNS server",
    looks_at="The same for the ServiceAccount mcs-dns.",
    means="Failed: the DNS server cannot read what names are made of, and answers SERVFAIL.",
    todo="`helm upgrade`, or `mcs-controller rbac --for dns | kubectl apply -f -`.",
    judge=judge_dns,
)
MEMBER_RIGHTS: Final = Check(
    "MCS-CHK-08",
    "rights of members on the broker",
    looks_at="Whether the member's own credential has each right of the charts' rules "
    "(`charts/mcs-broker/files/rules/`), and none of a few that would let it act for other members. With the "
    "broker's administrator's credential alone, the same for the account `member` of up to 20 members.",
    means="Failed: a right is missing, so that exports are not written or others' are not read; or there "
    "is one too many, which breaks the separation of members.",
    todo="`mcs-controller broker init` and `broker create-member NAME --renew` restore what they made. "
    "Remove bindings that give a member more.",
    judge=judge_members,
)
