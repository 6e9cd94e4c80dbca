"""The fuse against mass withdrawal (docs/decisions/0007-fuse.md).

When many imports lose their exporters at once, or most members go silent at once, the likely cause is a
fault and not the wish of many users. The agent then holds everything, and says so in conditions. The same
rule serves for services (`SERVICES_MINIMUM`) and for members (`MEMBERS_MINIMUM`: a single other cluster can
really die). A fuse that holds does so until nothing is missing any more, since lost data comes back bit by
bit. What an operator releases does not count as missing, and neither does a hold that is over: each ends by
itself once the exporters have gone on stating for long enough that the loss is meant.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mcs_controller.api.names import ANNOTATION_WITHDRAW, CONDITION_HELD, WITHDRAW_ALLOWED
from mcs_controller.clusterset.model import Condition, LocalImport, StringMap
from mcs_controller.clusterset.syntax import seconds_of_time

DEFAULT_SHARE: Final = 0.5
SERVICES_MINIMUM: Final = 10
MEMBERS_MINIMUM: Final = 2
HOLD_SECONDS: Final = 1800.0
WITNESSED_SECONDS: Final = 300.0
"""So much of a hold's time, or all of a shorter one, passes in one process: what an earlier one saw is known
only by the wall clock."""

MASS_WITHDRAWAL: Final = "MassWithdrawal"
MEMBERS_SILENT: Final = "MembersSilent"
EXPORTS_MISSING: Final = "ExportsMissing"
MASS_ENDPOINT_LOSS: Final = "MassEndpointLoss"


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


def was_held(imported: LocalImport, reason: str = MASS_WITHDRAWAL) -> Condition | None:
    """The condition that says that a fuse held the import when its status was written; it survives a restart.

    None if the import was not held, or for another reason.
    """
    for one in imported.conditions:
        if (one.type, one.status, one.reason) == (CONDITION_HELD, "True", reason):
            return one
    return None


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that a fuse holds.

    `words` are the exporters, and for how many seconds each had been stating its exports when the hold began
    (`membership/word.py`). `before_seconds` counts from before this process started. `seconds` is how long
    the hold lasts in all, 0.0 for one that only data or an operator ends. `ends_at` tells people when that is
    at the earliest, "" if not by itself.
    """

    words: tuple[tuple[str, float], ...]
    seconds: float
    before_seconds: float = 0.0
    ends_at: str = ""

    def left_seconds(self, word_seconds: Callable[[str], float]) -> float:
        """How long it goes on, if every exporter goes on stating; infinite for one without an end."""
        if not self.seconds:
            return float("inf")
        passed_seconds = min((word_seconds(one) - begun for one, begun in self.words), default=0.0)
        return max(0.0, self.seconds - self.before_seconds - passed_seconds)


def held_before_seconds(since: str, now_seconds: float, hold_seconds: float) -> float:
    """How much of a hold passed before this process started, by the time in its condition.

    0.0 if that is no time, or one in the future. At least `WITNESSED_SECONDS` are left, unless the hold is
    shorter than that: then nothing counts.
    """
    since_seconds = seconds_of_time(since)
    if since_seconds is None:
        return 0.0
    most_seconds = max(0.0, hold_seconds - WITNESSED_SECONDS)
    return min(max(0.0, now_seconds - since_seconds), most_seconds)


_ENDS: Final = re.compile(r"it ends by itself at (\S+Z)")


def _end_text(ends_at: str, what: str = "exports") -> str:
    if not ends_at:
        return "it does not end by itself"
    return (
        f"it ends by itself at {ends_at}, or later by as long as an exporter is silent, "
        f"unless the {what} return"
    )


def ends_at(held: Condition) -> str:
    """When a hold ends by itself, as its condition says; "" if it does not."""
    found = _ENDS.search(held.message)
    return found.group(1) if found else ""


def held_for_mass_withdrawal(imported: LocalImport, hold: Hold | None = None) -> Condition:
    """The condition of an import that no cluster exports any more and that is held."""
    key = imported.service
    return Condition(
        CONDITION_HELD,
        "True",
        MASS_WITHDRAWAL,
        "no cluster exports this service any more; it is held because many others lost their exports at the "
        f"same time, which is probably a fault; {_end_text(hold.ends_at if hold else '')}; if it is "
        f"intended, release it with: kubectl annotate serviceimport --namespace {key.namespace} {key.name} "
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


def held_for_endpoint_loss(imported: LocalImport, clusters: Sequence[str], hold: Hold | None) -> Condition:
    """The condition of an import whose last ready endpoints these clusters lost, and that are held."""
    key = imported.service
    return Condition(
        CONDITION_HELD,
        "True",
        MASS_ENDPOINT_LOSS,
        f"{', '.join(clusters)} lost all ready endpoints of this service and of many others at the same "
        "time, which is probably a fault: the last known endpoints are held; "
        f"{_end_text(hold.ends_at if hold else '', 'endpoints')}; if it is intended, release it with: "
        f"kubectl annotate serviceimport --namespace {key.namespace} {key.name} "
        f"{ANNOTATION_WITHDRAW}={WITHDRAW_ALLOWED}",
        imported.generation,
    )


def held(
    imported: LocalImport,
    *,
    silent: Sequence[str],
    missing: Sequence[str],
    generation: int,
    lost: Sequence[str] = (),
    hold: Hold | None = None,
) -> Condition:
    """The Held condition of an import that is exported.

    `lost` are exporters whose last known endpoints are held, with their `hold`.
    `silent` are exporters that count as alive although they send no heartbeats. `missing` are exporters with
    data missing on the broker that they have not confirmed as gone.
    """
    if lost:
        return held_for_endpoint_loss(imported, lost, hold)
    if silent:
        text = (
            f"most members went silent at once: the endpoints of {', '.join(silent)} are held; if they "
            "are gone for good, the broker's administrator releases them with: mcs-controller fuse release "
            f"--member {','.join(silent)}"
        )
        return Condition(CONDITION_HELD, "True", MEMBERS_SILENT, text, generation)
    if missing:
        return held_for_missing_exports(imported, missing)
    return Condition(CONDITION_HELD, "False", "NotHeld", "", generation)
