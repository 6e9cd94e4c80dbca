"""Whether a cluster may join: pure checks over what was read on both sides.

The broker decides who is a member: it has a MemberCluster of this id, which no other cluster uses
(`controllers/membership/claim.py`). Clocks matter little (heartbeats are never read as times), but the age of
exports decides conflicts: so a difference is told, and stops nobody.
"""

from datetime import datetime, timedelta
from typing import Final

from mcs_controller.api.names import CLUSTERSET_PROPERTY
from mcs_controller.clusterset.errors import shortened
from mcs_controller.install.errors import InstallError

CLOCKS_MAX_DIFFERENCE_SECONDS: Final = 5.0
"""The answers have whole seconds, and come one after the other."""


def agreed_id(of_kubeconfig: str | None, given: str | None) -> str | None:
    """The id with which a cluster is to join, None if that is left to the cluster. Raises `InstallError`."""
    if of_kubeconfig is not None and given is not None and of_kubeconfig != given:
        raise InstallError(
            f"this cluster is {given}, but the broker's kubeconfig is for {of_kubeconfig}: two clusters "
            "never have one id, so make a kubeconfig for this one with `broker create-member`"
        )
    return of_kubeconfig or given


def check_same_member(before: str | None, cluster_id: str, secret: str) -> None:
    """Raise `InstallError` if the cluster has joined under another id."""
    if before is not None and before != cluster_id:
        raise InstallError(
            f"this cluster has joined as {before} already (Secret {secret}), and is to join as "
            f"{cluster_id}: run `leave` first"
        )


def check_one_clusterset(held: str, clusterset: str) -> None:
    """Raise `InstallError` if the cluster says that it is in another clusterset (ABT-09); "" is none."""
    if held and clusterset and held != clusterset:
        raise InstallError(
            f"this cluster is in clusterset {shortened(held, 80)} already (ClusterProperty "
            f"{CLUSTERSET_PROPERTY}), and the broker is that of {clusterset}: run `leave` for that one "
            "first, or delete the ClusterProperty if the cluster is no member of it"
        )


def clocks_problem(member: datetime | None, broker: datetime | None) -> str | None:
    """What to tell of the clocks of two API servers, asked at one time; None is one that said nothing."""
    if member is None or broker is None:
        return None
    seconds = (member - broker) / timedelta(seconds=1)
    if abs(seconds) <= CLOCKS_MAX_DIFFERENCE_SECONDS:
        return None
    side = "ahead of" if seconds > 0 else "behind"
    return (
        f"the clock of this cluster's API server is {abs(seconds):.0f} s {side} the broker's: set both by "
        "NTP, since the oldest export decides conflicts"
    )
