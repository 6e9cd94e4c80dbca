"""Which members' exports have to be judged again, since their rights, limits or location have changed."""

from collections.abc import Mapping

from mcs_controller.clusterset.model import Member


def rights_changed(before: Mapping[str, Member], after: Mapping[str, Member]) -> set[str]:
    """The members that came, left, or now have other rights or limits, or lie elsewhere."""
    changed = set(before.keys() ^ after.keys())
    for cluster in before.keys() & after.keys():
        if _rights(before[cluster]) != _rights(after[cluster]):
            changed.add(cluster)
    return changed


def _rights(member: Member) -> tuple[object, ...]:
    return (
        member.allowed_cidrs,
        member.allowed_namespaces,
        member.limits,
        member.owns,
        member.region,
        member.zone,
    )
