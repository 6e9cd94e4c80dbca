"""MCS-CHK-25: does the cluster say who it is, in its two well-known ClusterProperties (KEP-2149)?

Both are optional: a cluster that sets neither, of a clusterset that nobody named, lacks nothing. That the id
is the one of the credential is for MCS-CHK-10.
"""

from typing import Final

from mcs_controller.api.names import CLUSTER_ID_PROPERTY, CLUSTERSET_PROPERTY
from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.model import Member
from mcs_controller.install.checks.facts import Facts
from mcs_controller.install.checks.model import Check, Notes, Outcome, Unknown

_SHOWN_CHARS: Final = 80


def judge(facts: Facts) -> Outcome:
    """The kind, and what the two properties say, beside what the broker says."""
    notes = Notes()
    cluster = facts.cluster
    if not notes.knows(cluster.about):
        return notes.outcome()
    own, named = facts.member(), ""
    if own is not None:
        named = own.clusterset
    if not cluster.about:
        _judge_missing_kind(notes, facts, named)
    elif notes.knows(cluster.property_id) and notes.knows(cluster.property_clusterset):
        _judge_values(notes, facts, own, cluster.property_id, cluster.property_clusterset)
    return notes.outcome()


def _judge_missing_kind(notes: Notes, facts: Facts, named: str) -> None:
    if named:
        notes.warning(
            f"the API server does not serve ClusterProperty, and the broker says clusterset {cut(named, 63)}",
            f"Run `{facts.config.program} crds --apply --for member`, then `{facts.config.program} join` "
            "again, or start the agent with --manage-properties.",
        )
    else:
        notes.ok("ClusterProperty is not installed, and nothing needs it")


def _judge_values(
    notes: Notes, facts: Facts, own: Member | None, cluster_id: str | None, clusterset: str | None
) -> None:
    program = facts.config.program
    said = cut(clusterset or "", _SHOWN_CHARS)
    if clusterset is not None and cluster_id is None:
        notes.failed(
            f"{CLUSTERSET_PROPERTY} is {said}, and {CLUSTER_ID_PROPERTY} is missing",
            f"Run `{program} join` again, or start the agent with --manage-properties: a cluster of a "
            "clusterset has an id.",
        )
    if own is None:
        _judge_stranger(notes, facts, clusterset, said)
    elif own.clusterset and clusterset is not None and clusterset != own.clusterset:
        notes.failed(
            f"{CLUSTERSET_PROPERTY} is {said}, and the broker is that of {cut(own.clusterset, 63)}",
            "A cluster is in one clusterset at most: leave the other one first (`leave`), or delete the "
            "ClusterProperty if the cluster is no member of it.",
        )
    elif own.clusterset and None in (cluster_id, clusterset):
        missing = CLUSTER_ID_PROPERTY if cluster_id is None else CLUSTERSET_PROPERTY
        notes.warning(
            f"{missing} is not set, and the broker says clusterset {cut(own.clusterset, 63)}",
            f"Run `{program} join` again, or start the agent with --manage-properties.",
        )
    elif clusterset is not None and not own.clusterset:
        notes.warning(
            f"{CLUSTERSET_PROPERTY} is {said}, and the broker names no clusterset",
            f"The broker's administrator runs `{program} broker init --clusterset {said}`.",
        )
    elif clusterset is None:
        notes.ok(f"{CLUSTERSET_PROPERTY} is not set, and the broker names no clusterset")
    else:
        notes.ok(
            f"{CLUSTER_ID_PROPERTY} is {cut(cluster_id or '', _SHOWN_CHARS)}; {CLUSTERSET_PROPERTY} is {said}"
        )


def _judge_stranger(notes: Notes, facts: Facts, clusterset: str | None, said: str) -> None:
    members = facts.broker.members
    if isinstance(members, Unknown):
        notes.unknown(members)
    elif clusterset is not None:
        notes.warning(
            f"{CLUSTERSET_PROPERTY} is {said}, and the broker does not know this cluster",
            f"Run `{facts.config.program} leave --local-only` if the cluster is no member any more, or "
            "delete the ClusterProperty.",
        )
    else:
        notes.ok(f"{CLUSTERSET_PROPERTY} is not set, and the cluster is no member")


PROPERTIES: Final = Check(
    "MCS-CHK-25",
    "cluster properties",
    looks_at="Whether the API server serves ClusterProperty, what cluster.clusterset.k8s.io and "
    "clusterset.k8s.io say, and the clusterset that the broker names in the MemberCluster.",
    means="Failed: the cluster says another clusterset than the broker, or a clusterset without an id. A "
    "warning: the broker names a clusterset and the cluster does not say it, or the other way round. A "
    "cluster of a clusterset that nobody named lacks nothing.",
    todo="Name the clusterset on the broker, and have the properties set: "
    "[inventory.md](inventory.md#have-them-set).",
    judge=judge,
)
