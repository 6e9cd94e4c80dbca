"""MCS-CHK-15 and 16: is there anything of ours that nothing wants any more?

What is found twice counts: between the writes of an agent there is always something half done.
"""

from typing import Final

from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.held import held_of
from mcs_controller.clusterset.identity import cluster_of_namespace
from mcs_controller.install.checks.facts import Facts
from mcs_controller.install.checks.model import Check, Notes, Outcome, Unknown, counted, some

_IMPORT: Final = "ServiceImport"


def orphans(facts: Facts) -> dict[str, set[str]]:
    """What stands in this cluster without a reason, by kind."""
    cluster = facts.cluster
    found: dict[str, set[str]] = {}
    if isinstance(cluster.imports, Unknown):
        return found
    imports = {one.service for one in cluster.imports if one.managed}
    if not isinstance(cluster.derived, Unknown):
        found["derived Service"] = {
            str(one.service) for one in cluster.derived if one.imported not in imports
        }
    if not isinstance(cluster.slices, Unknown):
        found["EndpointSlice"] = {
            f"{one.service.namespace}/{one.name}" for one in cluster.slices if one.service not in imports
        }
    records, exports = facts.broker.records, cluster.exports
    if not isinstance(records, Unknown) and not isinstance(exports, Unknown):
        exported = {service for _, service in records} | exports
        found[_IMPORT] = {
            str(one.service)
            for one in cluster.imports
            if one.managed and not one.deleting and held_of(one) is None and one.service not in exported
        }
    return found


def judge_cluster(facts: Facts) -> Outcome:
    """Imports, derived Services and slices in this cluster."""
    notes = Notes()
    cluster = facts.cluster
    notes.unknown(cluster.imports, cluster.derived, cluster.slices, facts.broker.records, cluster.exports)
    found = orphans(facts)
    before = orphans(facts.earlier) if facts.earlier is not None else found
    lasting = {kind: sorted(names & before.get(kind, set())) for kind, names in found.items()}
    for kind, left in lasting.items():
        if not left:
            continue
        why = "which no cluster exports" if kind == _IMPORT else "without an import"
        notes.warning(
            f"{counted(len(left), kind)} {why}: {cut(some(left, 3), 200)}",
            "A running agent removes them within minutes. If none is to run here any more, "
            f"`{facts.config.program} leave` does.",
        )
    if isinstance(cluster.imports, tuple) and not any(lasting.values()):
        ours = sum(one.managed for one in cluster.imports)
        notes.ok(f"all of ours in this cluster belongs to one of {counted(ours, 'import')}")
    return notes.outcome()


def judge_broker(facts: Facts) -> Outcome:
    """Namespaces and records on the broker of clusters that are no members."""
    notes = Notes()
    broker = facts.broker
    if not notes.knows(broker.members):
        return notes.outcome()
    notes.unknown(broker.records)
    members = {member.cluster for member in broker.members}
    todo = (
        "If the cluster is gone for good: `broker remove-member NAME`. If not, `broker create-member NAME` "
        "makes its MemberCluster again."
    )
    if not isinstance(broker.namespaces, Unknown):
        owners = {cluster_of_namespace(name) or name for name in broker.namespaces}
        empty = sorted(owners - members)
        if empty:
            notes.warning(f"namespaces of no member: {cut(some(empty), 200)}", todo)
    if not isinstance(broker.records, Unknown):
        left = sorted({cluster for cluster, _ in broker.records} - members)
        if left:
            notes.warning(f"exports of clusters that are no members: {cut(some(left), 200)}", todo)
        else:
            notes.ok(f"{counted(len(broker.records), 'export')} on the broker, and none of a stranger")
    return notes.outcome()


ORPHANS: Final = Check(
    "MCS-CHK-15",
    "leftovers in this cluster",
    looks_at="Derived Services and imported EndpointSlices without a ServiceImport, and ServiceImports of "
    "ours that no cluster exports and nothing holds. What is there is looked at again after "
    "--again-after-seconds.",
    means="A warning: they are left over from an agent that does not run, or lacks rights. Clients may be "
    "sent to endpoints that are gone.",
    todo="Start the agent, which removes them; where none is to run any more, `mcs-controller leave`.",
    judge=judge_cluster,
    passing=True,
)
BROKER_LEFTOVERS: Final = Check(
    "MCS-CHK-16",
    "leftovers on the broker",
    looks_at="Namespaces `mcs-member-…` without a MemberCluster (with an administrator's credential), and "
    "exports in such namespaces.",
    means="A warning: a cluster left, or its MemberCluster was deleted, and its namespace is still there. "
    "Nobody imports what is in it.",
    todo="`mcs-controller broker remove-member NAME`, or create the member again.",
    judge=judge_broker,
)
