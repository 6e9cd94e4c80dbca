"""The fuse against mass withdrawal (docs/decisions/0007-fuse.md).

When many imports lose their exporters at once, or most members go silent at once, the likely cause is a
fault and not the wish of many users. The agent then holds everything, and says so in conditions. The same
rule serves for services (`SERVICES_MINIMUM`) and for members (`MEMBERS_MINIMUM`: a single other cluster can
really die). A fuse that holds does so until nothing is missing any more, since lost data comes back bit by
bit. What an operator releases does not count as missing.
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
    """Whether `lost` of `imported` are so many that a fault is the likely cause."""
    return lost >= minimum and lost > imported * share


def holds(held_before: bool, *, missing: int, tripping: bool) -> bool:
    """Whether to hold now. `missing` counts what would be withdrawn, without what an operator released."""
    return missing > 0 and (held_before or tripping)


def is_released(annotations: StringMap) -> bool:
    """Whether an operator allowed the withdrawal by an annotation on the object."""
    return (ANNOTATION_WITHDRAW, WITHDRAW_ALLOWED) in annotations


def was_held(imported: LocalImport) -> bool:
    """Whether a fuse held the import when its status was written. The status survives a restart."""
    return any(
        (one.type, one.status, one.reason) == (CONDITION_HELD, "True", MASS_WITHDRAWAL)
        for one in imported.conditions
    )


def held_for_mass_withdrawal(imported: LocalImport) -> Condition:
    """The condition of an import that no cluster exports any more and that is held."""
    key = imported.service
    return Condition(
        CONDITION_HELD,
        "True",
        MASS_WITHDRAWAL,
        "no cluster exports this service any more; it is held because many others lost their exports at the "
        "same time, which is probably a fault; if it is intended, release it with: "
        f"kubectl annotate serviceimport --namespace {key.namespace} {key.name} "
        f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}",
        imported.generation,
    )


def held_for_missing_exports(imported: LocalImport, clusters: Sequence[str]) -> Condition:
    """The condition of an import with records or slices missing on the broker but not confirmed gone."""
    who = ", ".join(cluster for cluster in clusters if cluster) or "the exporting clusters"
    key = imported.service
    return Condition(
        CONDITION_HELD,
        "True",
        EXPORTS_MISSING,
        f"data exported by {who} is missing on the broker, or older than before, and no exporter has "
        "confirmed that it is gone: the last known state is held until then; if it is gone for good, release "
        f"it with: kubectl annotate serviceimport --namespace {key.namespace} {key.name} "
        f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}",
        imported.generation,
    )


def held(
    imported: LocalImport, *, silent: Sequence[str], missing: Sequence[str], generation: int
) -> tuple[Condition, ...]:
    """The Held condition of an import that is exported: True, or False if it was held, or none.

    `silent` are exporters that count as alive although they send no heartbeats. `missing` are exporters with
    data missing on the broker that they have not confirmed as gone.
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
