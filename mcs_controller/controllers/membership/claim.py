"""Whose a cluster id is: the cluster with the kube-system UID that the MemberCluster names.

An agent says so with its first heartbeat (`presence.py`). `join` says so before there is an agent, in the
same field, so that no second cluster joins with the same credential; the agent that follows finds its own
UID. As long as no agent has spoken, `leave` takes it back.
"""

from typing import Final

from mcs_controller.api.resources import MEMBER_CLUSTERS
from mcs_controller.clusterset.identity import member_namespace
from mcs_controller.clusterset.membership.member import decode_member
from mcs_controller.clusterset.model import Member
from mcs_controller.controllers.membership.errors import ClusterIdTaken
from mcs_controller.kube.client import Client
from mcs_controller.kube.errors import Conflict

TRIES: Final = 5
"""Each is lost only to somebody who wrote the MemberCluster at the same time."""


def check_owner(member: Member, uid: str) -> None:
    """Raise `ClusterIdTaken` when the MemberCluster names another cluster than the one with this UID."""
    if member.cluster_uid and uid and member.cluster_uid != uid:
        raise ClusterIdTaken(
            f"cluster id {member.cluster} belongs to another cluster (kube-system UID {member.cluster_uid}, "
            f"ours is {uid}): choose another id. If that cluster joined with it by mistake, run `leave` "
            "there; if it is gone for good, delete and create its MemberCluster in namespace "
            f"{member_namespace(member.cluster)} on the broker"
        )


async def claim(broker: Client, cluster_id: str, uid: str) -> None:
    """Make the id this cluster's, if it is nobody's. Raises `ClusterIdTaken`, `KubeError`."""
    await _make_owner(uid, broker, cluster_id, uid)


async def give_back(broker: Client, cluster_id: str, uid: str) -> bool:
    """Make the id nobody's, unless an agent has used it: whether it is nobody's then.

    Raises `ClusterIdTaken`, `KubeError`.
    """
    return await _make_owner("", broker, cluster_id, uid)


async def _make_owner(owner: str, broker: Client, cluster_id: str, uid: str) -> bool:
    """Whether the id is the owner's then; "" means nobody's, which it is not where an agent has spoken."""
    namespace = member_namespace(cluster_id)
    for further in reversed(range(TRIES)):
        raw = await broker.get(MEMBER_CLUSTERS, cluster_id, namespace)
        member = decode_member(raw)
        check_owner(member, uid)
        if member.cluster_uid == owner:
            return True
        if not owner and member.heartbeat:
            return False
        # With the version, only one of two clusters that claim one id at once succeeds.
        version = raw["metadata"]["resourceVersion"]
        said = {"metadata": {"resourceVersion": version}, "status": {"clusterUID": owner or None}}
        try:
            await broker.patch(MEMBER_CLUSTERS, cluster_id, said, namespace=namespace, subresource="status")
            break
        except Conflict:
            if not further:
                raise
    return True
