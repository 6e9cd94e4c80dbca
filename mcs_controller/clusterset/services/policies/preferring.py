"""Which ImportPolicy says whether near endpoints come first for a service (docs/decisions/0030-locality.md).

One that names the service goes before one that names its namespace, that before one that selects it by
labels, and that before one that is about all; among equals the first by name. So what is said of all services
can be said otherwise of one, and nobody has to edit somebody else's policy for that.
"""

from collections.abc import Mapping
from typing import NamedTuple

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.services.policies.policy import Policy
from mcs_controller.clusterset.services.policies.verdict import Policies, is_about
from mcs_controller.clusterset.services.preference import Ordered


class Said(NamedTuple):
    """What the policies say of one service: None is nothing. `is_sure`: no other may say otherwise."""

    ordered: Ordered | None = None
    is_sure: bool = True


def judge_preference(rules: Policies, key: ServiceKey, labels: Mapping[str, str] | None) -> Said:
    """Asks the policies that are in force. `labels` are the namespace's, None if they have not been read.

    While there is doubt about them, one that is in force and is about the service goes on deciding.
    """
    about = [
        (_place(one), match, one)
        for one in rules.policies
        if one.prefers is not None and (match := is_about(one, key, labels)) is not False
    ]
    if not about:
        return Said(is_sure=not rules.doubt)
    _, match, first = min(about, key=lambda one: one[0])
    if match is None or first.prefers is None:
        return Said(is_sure=False)
    return Said(Ordered(first.name, *first.prefers))


def _place(policy: Policy) -> tuple[bool, bool, bool, str]:
    """The less, the more it is about just this service."""
    return not policy.services, not policy.namespaces, policy.namespace_selector is None, policy.name
