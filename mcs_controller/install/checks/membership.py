"""MCS-CHK-10, 11 and 12: who the members are, whether they live, and what they run."""

import re
from collections import defaultdict
from typing import Final

from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.model import Member
from mcs_controller.clusterset.syntax import seconds_of_time
from mcs_controller.install.checks.clocks import earlier_heartbeats
from mcs_controller.install.checks.facts import Credential, Facts
from mcs_controller.install.checks.model import Check, Notes, Outcome, Unknown, counted, some
from mcs_controller.install.members import age_text

SILENT_SECONDS: Final = 30.0
"""Three heartbeats."""
FUTURE_SECONDS: Final = 5.0


def judge_ids(facts: Facts) -> Outcome:
    """Whether each cluster id belongs to one cluster, and ours to this one."""
    notes = Notes()
    _judge_agreement(notes, facts)
    members, uid = facts.broker.members, facts.cluster.uid
    if not notes.knows(members):
        return notes.outcome()
    _judge_twins(notes, members)
    for name in facts.broker.unreadable_members:
        notes.warning(
            f"MemberCluster {cut(name, 80)} cannot be read",
            "Compare it with `kubectl explain membercluster`.",
        )
    if facts.has_cluster and notes.knows(uid):
        _judge_own(notes, facts, members, uid)
    if not facts.has_cluster:
        notes.ok(f"{counted(len(members), 'member')}: {some([one.cluster for one in members])}")
    return notes.outcome()


def _judge_agreement(notes: Notes, facts: Facts) -> None:
    """The option, the credential and the ClusterProperty name one id."""
    credential, found = facts.broker.credential, facts.cluster.property_id
    said = {"--cluster-id": facts.config.cluster_id}
    if isinstance(credential, Credential):
        said[f"the credential in {credential.source}"] = credential.cluster_id
    if isinstance(found, str):
        said["ClusterProperty cluster.clusterset.k8s.io"] = found
    ids = {name: value for name, value in said.items() if value is not None}
    if len(set(ids.values())) > 1:
        notes.failed(
            "; ".join(f"{name} says {cut(value, 60)}" for name, value in ids.items()),
            "Make them equal: an agent that finds two ids does not start, and a credential is for one "
            "member only.",
        )


def _judge_twins(notes: Notes, members: tuple[Member, ...]) -> None:
    by_uid: dict[str, list[str]] = defaultdict(list)
    for member in members:
        if member.cluster_uid:
            by_uid[member.cluster_uid].append(member.cluster)
    for uid, names in by_uid.items():
        if len(names) > 1:
            notes.warning(
                f"{' and '.join(names)} are the same cluster, by the UID of kube-system ({cut(uid, 40)})",
                "A cluster that changed its id leaves the former one behind: `broker remove-member ID "
                "--gone` removes the one that is not used any more. Two clusters restored from one backup "
                "have one UID, too: they must not both be members.",
            )


def _judge_own(notes: Notes, facts: Facts, members: tuple[Member, ...], uid: str) -> None:
    cluster_id = facts.cluster_id
    if cluster_id is None:
        notes.unseen("nothing says this cluster's id: give --cluster-id")
        return
    own = facts.member()
    if own is None:
        notes.failed(
            f"the broker has no MemberCluster {cluster_id}",
            f"The broker's administrator runs `{facts.config.program} broker create-member {cluster_id}`.",
        )
    elif own.cluster_uid and own.cluster_uid != uid:
        notes.failed(
            f"{cluster_id} is used by another cluster (UID {cut(own.cluster_uid, 40)} of kube-system, ours "
            f"is {uid})",
            "Give this cluster an id of its own. If the other one is gone for good, or this one was built "
            "anew, delete the MemberCluster, and create the member again.",
        )
    elif own.cluster_uid:
        notes.ok(f"this cluster is {cluster_id}, and no other uses that id")
    else:
        notes.ok(f"this cluster is to be {cluster_id}, which no agent has used yet")


def judge_heartbeats(facts: Facts) -> Outcome:
    """Who lives, by heartbeats; looked at twice, whether one changed decides, and not its time."""
    notes = Notes()
    members, ahead = facts.broker.members, facts.broker.ahead_seconds
    if not notes.knows(members):
        return notes.outcome()
    before = earlier_heartbeats(facts)
    now_seconds = facts.now_seconds + (ahead if isinstance(ahead, float) else 0.0)
    alive = []
    for member in members:
        if member.leaving:
            notes.warning(
                f"{member.cluster} is leaving, or has left, since {cut(member.leaving, 40)}",
                f"When it has left: `{facts.config.program} broker remove-member {member.cluster}`.",
            )
        elif not member.heartbeat:
            notes.warning(
                f"{member.cluster} has never been heard of",
                "Join it and start its agent, or delete its MemberCluster.",
            )
        elif before.get(member.cluster, member.heartbeat) != member.heartbeat or not _judge_age(
            notes, facts, member, now_seconds - (seconds_of_time(member.heartbeat) or 0.0)
        ):
            alive.append(member.cluster)
    if alive:
        notes.ok(f"{counted(len(alive), 'member')} alive: {some(alive)}")
    _judge_missing(notes, facts, members)
    if not members:
        notes.warning("the broker has no members", "Create them with `broker create-member`.")
    return notes.outcome()


def _judge_age(notes: Notes, facts: Facts, member: Member, age_seconds: float) -> bool:
    """Note a heartbeat that is too old, or cannot be; whether it is."""
    own = facts.has_cluster and member.cluster == facts.cluster_id
    look = (
        f"`kubectl -n {facts.config.namespace} logs deploy/mcs-agent` in this cluster says why."
        if own
        else f"Look at the agent of {member.cluster}, and at its way to the broker. If it is gone for good: "
        f"`{facts.config.program} broker remove-member {member.cluster} --gone`."
    )
    if age_seconds >= facts.config.member_timeout_seconds:
        notes.failed(
            f"{member.cluster} is dead: its last heartbeat was {age_text(age_seconds)}; others have "
            "withdrawn its endpoints",
            look,
        )
    elif age_seconds >= SILENT_SECONDS:
        notes.warning(f"{member.cluster} is silent: its last heartbeat was {age_text(age_seconds)}", look)
    elif age_seconds < -FUTURE_SECONDS:
        notes.warning(
            f"{member.cluster}: its last heartbeat is {-age_seconds:.0f} s in the future, by the broker's "
            "clock",
            f"{look} Its clock is wrong: see MCS-CHK-09.",
        )
    else:
        return False
    return True


def _judge_missing(notes: Notes, facts: Facts, members: tuple[Member, ...]) -> None:
    imports = facts.cluster.imports
    if isinstance(imports, Unknown):
        return
    exporters = {cluster for one in imports if one.managed and not one.deleting for cluster in one.clusters}
    for name in sorted(exporters - {member.cluster for member in members}):
        notes.warning(
            f"{cut(name, 60)} exports services that are imported here, and has no MemberCluster",
            "All clusters withdraw its exports after a minute, or ten. If nobody removed it on purpose, "
            "create its MemberCluster again at once.",
        )


def judge_versions(facts: Facts) -> Outcome:
    """Whether all agents run one release, and this command too."""
    notes = Notes()
    members = facts.broker.members
    if not notes.knows(members):
        return notes.outcome()
    by_version: dict[str, list[str]] = defaultdict(list)
    for member in members:
        if member.version:
            by_version[member.version].append(member.cluster)
    if not by_version:
        notes.unseen("no agent has told its version yet")
        return notes.outcome()
    told = "; ".join(f"{cut(version, 40)}: {some(names)}" for version, names in sorted(by_version.items()))
    if len({_minor(version) for version in by_version}) > 1:
        notes.warning(
            f"agents of different releases run: {told}",
            "That is meant for the time of an update. Update the older ones (docs/operations.md).",
        )
    else:
        notes.ok(f"agents: {told}")
    own = facts.member() if facts.has_cluster else None
    if own is not None and own.version and _minor(own.version) != _minor(facts.version):
        notes.warning(
            f"this command is {facts.version}, the agent of this cluster is {cut(own.version, 40)}",
            "Run the command of the agent's release: checks change from one release to the next.",
        )
    return notes.outcome()


def _minor(version: str) -> str:
    found = re.match(r"\d+\.\d+", version)
    return found[0] if found is not None else version


IDS: Final = Check(
    "MCS-CHK-10",
    "cluster ids",
    looks_at="Which cluster uses which id: the UID of kube-system in the status of each MemberCluster, the "
    "id in the credential, --cluster-id, and the ClusterProperty cluster.clusterset.k8s.io.",
    means="Failed: another cluster uses this cluster's id, the ids that are configured differ, or the "
    "broker does not know this cluster. A warning: one cluster has two ids, or a MemberCluster cannot be "
    "read.",
    todo="One id for each cluster, never used again. How to change one: "
    "[operations.md](operations.md#a-cluster-changes-its-id).",
    judge=judge_ids,
)
HEARTBEATS: Final = Check(
    "MCS-CHK-11",
    "heartbeats",
    looks_at="When each member was last heard of. One that looks silent is looked at again after "
    "--again-after-seconds: if its heartbeat has changed it is alive, whatever its clock says.",
    means="Failed: a member is dead (`--member-timeout-seconds`), so that others have withdrawn its "
    "endpoints. A warning: silent for 30 s, never heard of, leaving, or without a MemberCluster while its "
    "services are imported here.",
    todo="Look at the agent of that cluster and at its way to the broker. For a cluster that is gone for "
    "good: [operations.md](operations.md#a-cluster-leaves).",
    judge=judge_heartbeats,
    passing=True,
)
VERSIONS: Final = Check(
    "MCS-CHK-12",
    "versions of the agents",
    looks_at="The version in the status of each MemberCluster, and that of this command.",
    means="A warning: agents of different minor versions run. They work together during an update.",
    todo="Finish the update.",
    judge=judge_versions,
)
