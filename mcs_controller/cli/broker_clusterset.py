"""What a broker's clusterset is called: `broker init` and `broker create-member` give it that name.

Each member is told in its MemberCluster, by which it sets its ClusterProperties. For those that come later
the name is kept as a label of the members' role, which is there before the first of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mcs_controller.api.names import LABEL_CLUSTERSET_OF_BROKER
from mcs_controller.api.resources import CLUSTER_ROLES, MEMBER_CLUSTERS
from mcs_controller.cli.errors import CliError
from mcs_controller.cli.installing import say
from mcs_controller.install.objects import ROLE_MEMBER, named_member
from mcs_controller.install.planning import Wanted, is_ours
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import NotFound
from mcs_controller.kube.lookup import find

_SHOWN_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Names:
    """What the broker has: its own name, "" for none, and those of members, "" for one that has none.

    `of_others` are the members that something else than these commands made.
    """

    broker: str
    members: Mapping[str, str]
    of_others: frozenset[str] = frozenset()

    def other_than(self, clusterset: str, *, but: str = "") -> dict[str, str]:
        """The members, `but` one, that are of another clusterset than this one."""
        return {
            member: name
            for member, name in self.members.items()
            if name not in ("", clusterset) and member != but
        }


async def read_names(client: Client) -> Names:
    """What is called how. Raises `KubeError`."""
    role = await find(client, CLUSTER_ROLES, ROLE_MEMBER)
    labels = ((role or {}).get("metadata") or {}).get("labels") or {}
    try:
        found = (await client.list(MEMBER_CLUSTERS)).items
    except NotFound:
        found = []
    members = [one for one in found if not one["metadata"].get("deletionTimestamp")]
    return Names(
        str(labels.get(LABEL_CLUSTERSET_OF_BROKER) or ""),
        {one["metadata"]["name"]: str((one.get("spec") or {}).get("clusterset") or "") for one in members},
        frozenset(one["metadata"]["name"] for one in members if not is_ours(one)),
    )


def for_all(names: Names, clusterset: str) -> list[Wanted]:
    """The members that get the name because they have none. Raises `CliError` if one has another."""
    others = names.other_than(clusterset)
    if others:
        told = [f"{member} of {name}" for member, name in sorted(others.items())]
        raise CliError(
            f"members are of another clusterset: {_some(told)}. Nothing was written: all members of a broker "
            f"are of one. To rename it, run `broker create-member NAME --renew --clusterset {clusterset}` "
            "for each of them"
        )
    nameless = [member for member, name in sorted(names.members.items()) if not name]
    kept = [member for member in nameless if member in names.of_others]
    if kept:
        say(
            f"warning: {_some(kept)} was not made by this command, and has no clusterset: set "
            f"spec.clusterset of its MemberCluster to {clusterset} with what made it"
        )
    return [named_member(member, clusterset) for member in nameless if member not in kept]


def for_member(names: Names, member: str, said: str | None) -> str | None:
    """The name that a member gets, None if it keeps what it has; `said` is what the command's user says."""
    if said is None:
        if names.members.get(member):
            return None
        others = set(names.members.values()) - {""}
        return names.broker or (others.pop() if len(others) == 1 else None)
    others = {*names.other_than(said, but=member).values(), names.broker} - {"", said}
    if others:
        say(
            f"warning: this broker is that of clusterset {', '.join(sorted(others))}: all members of a "
            "broker are of one, so name it for the others, too"
        )
    return said


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - _SHOWN_MAX} more" if len(texts) > _SHOWN_MAX else ""
    return ", ".join(texts[:_SHOWN_MAX]) + more
