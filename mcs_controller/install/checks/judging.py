"""All checks, in the order of their ids, and what they find in one look."""

from collections.abc import Iterable, Sequence
from typing import Final

from mcs_controller.install.checks import (
    access,
    agent,
    api_server,
    clocks,
    dns,
    inventory,
    leftovers,
    membership,
    network,
    policies,
    properties,
    rights,
)
from mcs_controller.install.checks.facts import Facts
from mcs_controller.install.checks.model import Check, Finding, Result

CHECKS: Final[tuple[Check[Facts], ...]] = (
    api_server.API_SERVER,
    api_server.MCS_KINDS,
    rights.AGENT_RIGHTS,
    rights.DNS_RIGHTS,
    access.REACHED,
    access.LIFETIME,
    api_server.BROKER_KINDS,
    rights.MEMBER_RIGHTS,
    clocks.CLOCKS,
    membership.IDS,
    membership.HEARTBEATS,
    membership.VERSIONS,
    agent.LEADER,
    agent.HELD,
    leftovers.ORPHANS,
    leftovers.BROKER_LEFTOVERS,
    dns.STUB,
    dns.SERVICE,
    dns.UDP,
    dns.TCP,
    dns.THROUGH,
    network.POD_NETWORKS,
    network.KUBE_PROXY,
    policies.POLICIES,
    properties.PROPERTIES,
    inventory.INVENTORY,
)


def judge(facts: Facts) -> list[Finding]:
    """What each check finds."""
    return [Finding(one.id, one.title, one.anchor, one.passing, one.judge(facts)) for one in CHECKS]


def needs_another_look(findings: Iterable[Finding]) -> list[Finding]:
    """What may be over in seconds."""
    return [one for one in findings if one.passing and one.outcome.result in ("warning", "failed")]


def worst(findings: Sequence[Finding]) -> Result:
    """The result of all of them together."""
    results = {one.outcome.result for one in findings}
    order: tuple[Result, ...] = ("failed", "warning", "ok")
    return next((one for one in order if one in results), "skipped")
