"""How many ServiceExports policies may remove at once (docs/decisions/0031-bulk-export.md).

The fuse's rule is asked twice: of what one policy made, since a mistake in a selector is about one; and of
what all made, since labels may be lost everywhere at once.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from mcs_controller.api.names import ANNOTATION_WITHDRAW, LABEL_EXPORT_POLICY
from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.services.policies.bulk.service_policy import PolicyKey

RECENT_SECONDS: Final = 60.0
"""What was removed so shortly before counts, too: labels may be lost one after the other."""


def held_policies(
    live: Mapping[PolicyKey, int],
    lost: Mapping[PolicyKey, int],
    released: Collection[PolicyKey],
    *,
    share: float,
    minimum: int,
) -> frozenset[PolicyKey]:
    """Of whose ServiceExports none may be removed now.

    `live` and `lost` count what each policy made, and what of it is to go (which is live, too). What is
    confirmed by a policy in `released` does not count as lost.
    """
    losing = Counter({key: number for key, number in lost.items() if number and key not in released})
    if fuse.would_trip(sum(live.values()), losing.total(), share=share, minimum=minimum):
        return frozenset(losing)
    return frozenset(
        key
        for key, number in losing.items()
        if fuse.would_trip(live.get(key, 0), number, share=share, minimum=minimum)
    )


def held_text(lost: int, live: int) -> str:
    """Why nothing is removed, and the way out."""
    return (
        f"{lost} of {live} ServiceExports that it made would be removed, which is too many at once, counted "
        "with those of the last minute and of other policies: correct the policy or the labels; or confirm "
        f"it by the annotation {ANNOTATION_WITHDRAW} on the policy, with a time within the next 24 hours"
    )


def orphans_text(policy: PolicyKey, lost: int) -> str:
    """The same, where the policy itself is gone, as a line in the log."""
    return (
        f"ServiceExportPolicy {policy} is gone; {lost} ServiceExports that it made stay, since so many would "
        f"be removed at once: if that is meant, kubectl delete serviceexports -n {policy.namespace} "
        f"-l {LABEL_EXPORT_POLICY}={policy.name}"
    )
