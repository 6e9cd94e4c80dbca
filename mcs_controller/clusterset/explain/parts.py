"""Each cluster's part in a service: whose exports count, as every importer decides it.

The same rules as in the agents: `evaluate_export` for the cluster that was looked at, admission for all, and
the merge of what is left. A cluster's own export is read in the cluster itself, the others' on the broker.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from mcs_controller.clusterset.explain.picture import InCluster, OnBroker, Picture, Piece
from mcs_controller.clusterset.membership.limits import SERVICES, says_not_published
from mcs_controller.clusterset.model import (
    Condition,
    ExportRecord,
    LocalExport,
    LocalImport,
    Member,
    SourceSlice,
)
from mcs_controller.clusterset.services.admission import admit_record, admit_slice
from mcs_controller.clusterset.services.export import evaluate_export
from mcs_controller.clusterset.services.exported_content import published_slice
from mcs_controller.clusterset.services.ownership import owns
from mcs_controller.clusterset.services.policies.verdict import REASONS
from mcs_controller.clusterset.syntax import seconds_of_time

WhyNoPart = Literal[
    "",
    "not-exported",
    "export-not-valid",
    "refused-by-policy",
    "not-admitted",
    "not-published",
    "unreadable",
    "withdrawing",
]


_EXPORTED: Final[frozenset[Piece]] = frozenset({"Service", "EndpointSlices", "ServiceExport"})


@dataclass(frozen=True, slots=True)
class Part:
    """What one cluster offers.

    `why_not` says why it has no part in the service, "" if it has; `text` says the same for people. `slices`
    are all of its slices, before endpoints are checked; a cluster without a part may have some, too.
    """

    cluster: str
    member: Member | None
    record: ExportRecord | None
    slices: tuple[SourceSlice, ...]
    why_not: WhyNoPart = ""
    text: str = ""

    @property
    def counts(self) -> bool:
        """Whether its export is merged with the others."""
        return self.why_not == "" and self.record is not None

    @property
    def admitted_slices(self) -> Iterator[SourceSlice]:
        """Its slices with the endpoints that it may have."""
        for slice_ in self.slices:
            if self.member is None:
                yield slice_
            elif (admitted := admit_slice(slice_, self.member)[0]) is not None:
                yield admitted


def parts_of(picture: Picture) -> tuple[Part, ...]:
    """Of every cluster that has, or should have, a part in the service; by cluster id."""
    here, on_broker = picture.here, picture.broker or ()
    # What of its own export cannot be read here is on the broker as it was last published.
    is_read = here is not None and not here.unread & _EXPORTED
    found = [
        _part_on_broker(one)
        for one in on_broker
        if (one.record is not None or one.slices or one.unreadable)
        and not (is_read and here is not None and here.cluster == one.cluster)
    ]
    if is_read and here is not None and here.cluster:
        held = next((one for one in on_broker if one.cluster == here.cluster), None)
        own = _part_here(here, held, broker_read=picture.broker is not None)
        if own is not None:
            found.append(own)
    return tuple(sorted(found, key=lambda part: part.cluster))


def owners_of(parts: Collection[Part]) -> frozenset[str]:
    """The exporting clusters that own the name."""
    return frozenset(
        part.cluster for part in parts if part.record is not None and owns(part.member, part.record.service)
    )


def condition_of(held: LocalExport | LocalImport | None, kind: str) -> Condition | None:
    """A condition by its type."""
    return next((one for one in (held.conditions if held else ()) if one.type == kind), None)


def heartbeat_age_seconds(member: Member | None, now_seconds: float) -> float | None:
    """How long ago the last heartbeat was, by the member's clock and ours; None if it never sent one."""
    at_seconds = seconds_of_time(member.heartbeat) if member is not None else None
    return None if at_seconds is None else max(0.0, now_seconds - at_seconds)


def is_silent(member: Member | None, picture: Picture) -> bool:
    """Whether the last heartbeat is older than agents wait for by default. One that never came is no sign."""
    age_seconds = heartbeat_age_seconds(member, picture.now_seconds)
    return age_seconds is not None and age_seconds >= picture.assumed.member_timeout_seconds


def leads(here: InCluster, picture: Picture) -> bool | None:
    """Whether an agent leads in the looked-at cluster by its Lease; None if that is not known."""
    leader_at = seconds_of_time(here.leader_at)
    if leader_at is None:
        return None
    return picture.now_seconds - leader_at < picture.assumed.member_timeout_seconds


def _part_on_broker(held: OnBroker) -> Part:
    record = held.record
    if record is None:
        why: WhyNoPart = "unreadable" if held.unreadable else "not-exported"
        text = held.unreadable[0] if held.unreadable else "it has EndpointSlices on the broker, but no export"
        return Part(held.cluster, held.member, None, held.slices, why, text)
    if record.withdrawn:
        return Part(
            held.cluster, held.member, record, held.slices, "withdrawing", "it is withdrawing the export"
        )
    if (refusal := admit_record(record, held.member)) is not None:
        return Part(held.cluster, held.member, record, held.slices, "not-admitted", refusal)
    return Part(held.cluster, held.member, record, held.slices)


def _part_here(here: InCluster, held: OnBroker | None, *, broker_read: bool) -> Part | None:
    """The part of the cluster that was looked at; None if it neither exports the service nor did."""
    member = held.member if held is not None else None
    published = held is not None and (held.record is not None or bool(held.slices))
    if here.export is None:
        if not published or held is None:
            return None
        text = "its ServiceExport is gone, and the export is still on the broker"
        return Part(here.cluster, member, held.record, held.slices, "withdrawing", text)
    evaluation = evaluate_export(here.export, here.service, here.cluster)
    slices = tuple(map(published_slice, here.slices))
    if evaluation.record is None:
        return Part(here.cluster, member, None, slices, "export-not-valid", evaluation.valid.message)
    valid = condition_of(here.export, "Valid")
    if valid is not None and valid.status == "False" and valid.reason in REASONS:
        # Only the agent knows whether it asks policies, and which are in force: its word counts.
        return Part(here.cluster, member, None, slices, "refused-by-policy", valid.message)
    if member is not None and (refusal := admit_record(evaluation.record, member)) is not None:
        return Part(here.cluster, member, evaluation.record, slices, "not-admitted", refusal)
    ready = condition_of(here.export, "Ready")
    kept_back = ready is not None and ready.status == "False" and says_not_published(ready.message, SERVICES)
    if ready is not None and kept_back and broker_read and (held is None or held.record is None):
        return Part(here.cluster, member, evaluation.record, slices, "not-published", ready.message)
    # Nodes mean something here: what is written of its own endpoints is not what other clusters get.
    return Part(here.cluster, member, evaluation.record, here.slices)
