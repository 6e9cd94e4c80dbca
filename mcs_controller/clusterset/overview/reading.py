"""From what lies on API servers to the values of an overview."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from mcs_controller.clusterset.fields import Json, child, integer, text
from mcs_controller.clusterset.held import held_of
from mcs_controller.clusterset.model import ExportRecord, LocalExport, LocalImport, Member, ServiceKey
from mcs_controller.clusterset.overview.model import (
    BrokerSeen,
    Dispute,
    ExportsSeen,
    ImportsSeen,
    Leader,
    MemberSeen,
    Trouble,
    Unknown,
)
from mcs_controller.clusterset.services.admission import admit_record
from mcs_controller.clusterset.services.merge import merge
from mcs_controller.clusterset.services.ownership import owns
from mcs_controller.clusterset.syntax import seconds_of_time


def broker_seen(members: Sequence[Member], records: Iterable[ExportRecord], now_seconds: float) -> BrokerSeen:
    """What the broker holds, judged as every importer judges it. `now_seconds` is since the epoch."""
    by_name = {member.cluster: member for member in members}
    of_service: dict[ServiceKey, list[ExportRecord]] = defaultdict(list)
    for record in records:
        if not record.withdrawn and admit_record(record, by_name.get(record.cluster)) is None:
            of_service[record.service].append(record)
    return BrokerSeen(
        tuple(_member(member, now_seconds) for _, member in sorted(by_name.items())),
        sum(map(len, of_service.values())),
        len(of_service),
        tuple(_disputes(of_service, by_name)),
    )


def _member(member: Member, now_seconds: float) -> MemberSeen:
    heartbeat = seconds_of_time(member.heartbeat)
    return MemberSeen(
        member.cluster,
        member.cluster_uid,
        None if heartbeat is None else max(0.0, now_seconds - heartbeat),
        None if member.exported is None else member.exported.services,
        member.version,
    )


def _disputes(
    of_service: Mapping[ServiceKey, Sequence[ExportRecord]], members: Mapping[str, Member]
) -> Iterable[Dispute]:
    for service, records in sorted(of_service.items()):
        if len(records) > 1:
            owners = {name for name, member in members.items() if owns(member, service)}
            merged = merge(records, owners)
            if merged.conflicts:
                reasons = ",".join(one.reason for one in merged.conflicts)
                yield Dispute(service, reasons, merged.clusters)


def exports_seen(exports: Iterable[LocalExport], cluster: str) -> ExportsSeen:
    """The ServiceExports of a cluster with this name. What is being deleted does not count."""
    count = 0
    conflicts: list[Dispute] = []
    troubles: list[Trouble] = []
    for one in sorted(exports, key=lambda export: export.service):
        if one.deleting:
            continue
        count += 1
        said = {condition.type: condition for condition in one.conditions}
        conflict = said.get("Conflict")
        if conflict is not None and conflict.status == "True":
            conflicts.append(Dispute(one.service, conflict.reason, (cluster,)))
        # An export that is not valid is not ready either: the first says why.
        for type_ in ("Valid", "Ready"):
            condition = said.get(type_)
            if condition is not None and condition.status == "False":
                troubles.append(
                    Trouble(one.service, f"export not {type_.lower()}", condition.reason, condition.message)
                )
                break
    return ExportsSeen(count, tuple(conflicts), tuple(troubles))


def imports_seen(imports: Iterable[LocalImport]) -> ImportsSeen:
    """The ServiceImports that an agent made; those of others are left out."""
    ours = sorted((one for one in imports if one.managed and not one.deleting), key=lambda one: one.service)
    troubles: list[Trouble] = []
    held_count = 0
    for one in ours:
        if (held := held_of(one)) is not None:
            held_count += 1
            ends = f"ends by itself at {held.ends_at}" if held.ends_at else "does not end by itself"
            troubles.append(Trouble(one.service, "held", held.reason, ends))
        for condition in one.conditions:
            if (condition.type, condition.status) == ("Ready", "False"):
                troubles.append(Trouble(one.service, "import not ready", condition.reason, condition.message))
    return ImportsSeen(len(ours), held_count, tuple(troubles))


def leader_seen(lease: Json, now_seconds: float) -> Leader:
    """What a Lease says. Raises `MalformedObject`."""
    spec = child(lease, "spec")
    holder, _, _ = text(spec, "holderIdentity").partition("_")
    renewed = seconds_of_time(text(spec, "renewTime"))
    lasts_seconds = integer(spec, "leaseDurationSeconds") or 0
    late = 0.0 if renewed is None else max(0.0, now_seconds - renewed - lasts_seconds)
    return Leader(holder, late if holder else 0.0)


def shown_name(uid: str, id: str, called: str, broker: BrokerSeen | Unknown) -> str:
    """The name to show a cluster by: that of the member that it is, else its id, else what the user calls it.

    `uid` is that of its namespace kube-system, "" if not known.
    """
    if uid and isinstance(broker, BrokerSeen):
        for member in broker.members:
            if member.cluster_uid == uid:
                return member.name
    return id or called
