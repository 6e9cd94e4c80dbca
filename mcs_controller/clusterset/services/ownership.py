"""Names that the broker's administrator gave to a member (`MemberCluster.spec.owns`).

A member states the age of its export itself (`exportedAt`). So age cannot decide between members that are not
equally trusted. For an owned name the owners' exports win, whatever the age of others. The others only add
endpoints, if these fit. While no owner exports the name, age decides.
"""

from mcs_controller.clusterset.model import (
    ExportRecord,
    ImportType,
    Member,
    MergedService,
    ServiceKey,
    ServicePort,
)
from mcs_controller.clusterset.services.ports import declared


def owns(member: Member | None, key: ServiceKey) -> bool:
    """Whether the member owns the name: the name itself, or its whole namespace."""
    return (
        member is not None and bool(member.owns) and (key.namespace in member.owns or str(key) in member.owns)
    )


def ports_fit(import_type: ImportType, ports: tuple[ServicePort, ...], record: ExportRecord) -> bool:
    """Whether clients of these ports may be sent to endpoints of the record.

    kube-proxy routes each port by itself, so one common port is enough for a clusterset IP. Clients of a
    headless service get only addresses and may try any port, so the record must serve all ports.
    """
    common = len(declared(ports, record))
    return common == len(ports) if import_type == "Headless" else common > 0


def takes_part(merged: MergedService, record: ExportRecord) -> bool:
    """Whether the endpoints of an export belong to the merged service. Families are checked by slice."""
    if not merged.owners or record.cluster in merged.owners:
        return True
    return record.type == merged.type and ports_fit(merged.type, merged.ports, record)
