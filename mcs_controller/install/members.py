"""What the MemberClusters on the broker say of each member, as rows and as objects. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from mcs_controller.clusterset.model import Member
from mcs_controller.clusterset.syntax import seconds_of_time

COLUMNS: Final = ("MEMBER", "HEARTBEAT", "VERSION", "SERVICES", "SLICES", "LIMITED TO", "RELEASE")
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def age_text(seconds: float) -> str:
    """How long ago something was, in its largest whole unit."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit} ago"
    return "now"


def member_row(member: Member, now_seconds: float) -> tuple[str, ...]:
    """What a table shows of a member; the age of its heartbeat is by its clock and ours."""
    heartbeat = seconds_of_time(member.heartbeat)
    said = member.exported
    limits = [*member.allowed_cidrs, *member.allowed_namespaces]
    return (
        member.cluster,
        "never" if heartbeat is None else age_text(now_seconds - heartbeat),
        member.version or "-",
        "-" if said is None else str(said.services),
        "-" if said is None else str(said.endpoint_slices),
        ",".join(limits) or "-",
        member.release or "-",
    )


def member_object(member: Member) -> dict[str, Any]:
    """The same for programs; None for what the member has not said."""
    said = member.exported
    return {
        "name": member.cluster,
        "clusterUID": member.cluster_uid or None,
        "heartbeat": member.heartbeat or None,
        "version": member.version or None,
        "services": None if said is None else said.services,
        "endpointSlices": None if said is None else said.endpoint_slices,
        "podCIDRs": list(member.allowed_cidrs),
        "namespaces": list(member.allowed_namespaces),
        "release": member.release or None,
    }


def by_name(members: Sequence[Member]) -> list[Member]:
    """In the order in which they are shown."""
    return sorted(members, key=lambda member: member.cluster)
