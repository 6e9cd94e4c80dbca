"""The fuse against mass withdrawal (docs/decisions/0007-fuse.md).

When much of what is imported would go away at once, or most members go silent at once, the likelier cause is
a fault than the wish of that many users: hold everything, and say so. The same rule serves for services
(`SERVICES_MINIMUM`) and for members (`MEMBERS_MINIMUM`: one of one other cluster may well die). Once it
holds it does so until nothing is missing any more, since data that comes back comes back bit by bit; what an
operator releases is not missing.
"""

from collections.abc import Sequence
from typing import Final

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD, WITHDRAW_ALLOWED
from mcs_controller.clusterset.model import Condition, LocalImport, StringMap

DEFAULT_SHARE: Final = 0.5
SERVICES_MINIMUM: Final = 10
MEMBERS_MINIMUM: Final = 2

MASS_WITHDRAWAL: Final = "MassWithdrawal"
MEMBERS_SILENT: Final = "MembersSilent"
EXPORTS_MISSING: Final = "ExportsMissing"


def would_trip(
    imported: int, lost: int, *, share: float = DEFAULT_SHARE, minimum: int = SERVICES_MINIMUM
) -> bool:
    """Whether losing `lost` of `imported` at once is too much to believe."""
    return lost >= minimum and lost > imported * share


def holds(held_before: bool, *, missing: int, tripping: bool) -> bool:
    """Whether to hold now; `missing` is what would be withdrawn, without what an operator released."""
    return missing > 0 and (held_before or tripping)


def is_released(annotations: StringMap) -> bool:
    """Whether an operator said, on the object itself, that it may go."""
    return (ANNOTATION_WITHDRAW, WITHDRAW_ALLOWED) in annotations


def was_held(imported: LocalImport) -> bool:
    """Whether a fuse held the import when its status was written: that outlives the agent."""
    return any(
        (one.type, one.status, one.reason) == (CONDITION_HELD, "True", MASS_WITHDRAWAL)
        for one in imported.conditions
    )


def held_for_mass_withdrawal(imported: LocalImport) -> Condition:
    """What is said on an import that no cluster exports any more and that stays nevertheless."""
    key = imported.service
    return Condition(
        CONDITION_HELD,
        "True",
        MASS_WITHDRAWAL,
        "no cluster exports this service any more, and the same is true of so many others that it is held; "
        "if that is meant, let it go with: "
        f"kubectl annotate serviceimport --namespace {key.namespace} {key.name} "
        f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}",
        imported.generation,
    )


def held_for_missing_exports(imported: LocalImport, clusters: Sequence[str]) -> Condition:
    """What is said on an import of which something is missing on the broker without its exporter's word."""
    who = ", ".join(cluster for cluster in clusters if cluster) or "the exporting clusters"
    key = imported.service
    return Condition(
        CONDITION_HELD,
        "True",
        EXPORTS_MISSING,
        f"something that {who} exported is missing on the broker, or older than it was, and they have not "
        "said that it is gone: what was known last stays until they do; if it is gone for good, let it go "
        f"with: kubectl annotate serviceimport --namespace {key.namespace} {key.name} "
        f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}",
        imported.generation,
    )


def held(
    imported: LocalImport, *, silent: Sequence[str], missing: Sequence[str], generation: int
) -> tuple[Condition, ...]:
    """The condition of an import that is exported: held, or no longer held, or never was.

    `silent` are exporters that count as alive although nothing is heard of them, `missing` those of whom
    something is missing on the broker without their word.
    """
    if silent:
        text = (
            f"most members went silent at once: the endpoints of {', '.join(silent)} are held; if they "
            f"are gone for good, annotate their MemberClusters on the broker with "
            f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}"
        )
        return (Condition(CONDITION_HELD, "True", MEMBERS_SILENT, text, generation),)
    if missing:
        return (held_for_missing_exports(imported, missing),)
    if any(one.type == CONDITION_HELD for one in imported.conditions):
        return (Condition(CONDITION_HELD, "False", "NotHeld", "", generation),)
    return ()
