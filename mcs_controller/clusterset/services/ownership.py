"""Names that belong to a member, by the word of the broker's administrator (`MemberCluster.spec.owns`).

Age is the member's own word (`exportedAt`), so among members that are not trusted alike it cannot decide
whose values an import has. For an owned name the owners' exports win whatever the age of others; the others
add endpoints where these fit, and change nothing else. While no owner exports the name, age decides.
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
    """Whether the name is the member's: by itself, or with all its namespace."""
    return (
        member is not None and bool(member.owns) and (key.namespace in member.owns or str(key) in member.owns)
    )


def ports_fit(import_type: ImportType, ports: tuple[ServicePort, ...], record: ExportRecord) -> bool:
    """Whether clients of these ports may be sent to endpoints of the record.

    kube-proxy is told port by port, so one in common is enough for a clusterset IP. Clients of a headless
    service learn addresses only and try any port there, so all have to be served.
    """
    common = len(declared(ports, record))
    return common == len(ports) if import_type == "Headless" else common > 0


def takes_part(merged: MergedService, record: ExportRecord) -> bool:
    """Whether the endpoints of an export belong to the merged service; families are the slices' matter."""
    if not merged.owners or record.cluster in merged.owners:
        return True
    return record.type == merged.type and ports_fit(merged.type, merged.ports, record)
