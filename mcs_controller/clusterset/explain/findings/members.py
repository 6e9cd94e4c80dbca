"""Findings about members: who is silent, who is no member any more."""

from collections.abc import Iterator

from mcs_controller.clusterset import fuse
from mcs_controller.clusterset.explain.ages import age_text
from mcs_controller.clusterset.explain.case import Case
from mcs_controller.clusterset.explain.findings.finding import Finding, Severity, finding
from mcs_controller.clusterset.explain.parts import heartbeat_age_seconds, is_silent, leads
from mcs_controller.clusterset.syntax import seconds_of_time


def member_findings(case: Case) -> Iterator[Finding]:
    """Of every exporter, and of the cluster that was looked at."""
    own = case.here.cluster if case.here is not None else ""
    yield from _own_agent(case, own)
    exporters = {part.cluster for part in case.exporters}
    if case.is_recorded and case.merged is not None:
        exporters |= {*case.merged.clusters}
    for cluster in sorted((exporters | case.withdrawn) - {own}):
        yield from _exporter(case, cluster)
    for one in case.picture.broker or ():
        if one.member is not None and one.member.leaving:
            yield _leaves(one.cluster, one.member.leaving, is_here=one.cluster == own)
    if case.imported is not None and case.picture.broker is not None:
        members = {one.cluster for one in case.picture.broker if one.member is not None}
        for cluster in sorted({*case.imported.clusters} - members - exporters):
            yield _no_member(cluster)


def _exporter(case: Case, cluster: str) -> Iterator[Finding]:
    member = case.member(cluster)
    ago = _ago(case, cluster)
    look = (
        f"look at the agent of {cluster}: does it run, and does it reach the broker? If {cluster} is gone "
        "for good, the broker's administrator deletes its MemberCluster"
    )
    heard = f"its last heartbeat on the broker is {ago} old" if ago else "the agent here hears no heartbeats"
    if cluster in case.withdrawn:
        yield finding(
            "30",
            "problem" if not any(use.state == "in" for use in case.uses) else "warning",
            cluster,
            f"{cluster} is silent: its endpoints are not used",
            f"{heard}; a member that sends none for a while counts as dead, so that clients are not sent to "
            "a cluster that may be gone",
            look,
        )
    elif is_silent(member, case.picture):
        held = case.held is not None and case.held.reason == fuse.MEMBERS_SILENT
        why = (
            "most members fell silent at once, which is probably a fault: the fuse holds their endpoints"
            if held
            else "either it fell silent only now, or the agent here does not reach the broker, or runs with "
            "--dead-member-policy=keep"
        )
        yield finding(
            "31",
            "warning",
            cluster,
            f"{cluster} is silent (last heartbeat {ago} ago), and its endpoints are still used",
            why,
            look,
        )


def _own_agent(case: Case, own: str) -> Iterator[Finding]:
    """Whether the cluster that was looked at is kept up to date."""
    here = case.here
    member = case.member(own) if own else None
    if here is None or member is None:
        if here is not None and own and case.picture.broker is not None:
            yield _no_member(own)
        return
    if member.leaving or not is_silent(member, case.picture):
        return
    leader_at = seconds_of_time(here.leader_at)
    if leads(here, case.picture):
        why = (
            "an agent leads here (its Lease is fresh), so it does not reach the broker, or may not "
            "write there"
        )
        do = (
            f"look at the log and at /readyz of the agent of {own}: a network, a firewall, a credential "
            "that has expired? What was imported stays as it is until then"
        )
    elif leader_at is not None:
        why = (
            f"no agent leads here: its Lease was renewed {age_text(case.picture.now_seconds - leader_at)} ago"
        )
        do = f"look at the agent's pods in {own}: kubectl --namespace mcs-system get pods, describe, logs"
    else:
        why = "its agent does not run, or it does not reach the broker"
        do = (
            f"look at the agent of {own}: does it run (its pods, its process), and what do its log and "
            "/readyz say?"
        )
    yield finding(
        "33",
        "problem",
        own,
        f"the agent of {own} is silent: its last heartbeat on the broker is {_ago(case, own)} old; nothing "
        f"here follows the other clusters, and they stop using the endpoints of {own}",
        why,
        do,
    )


def _leaves(cluster: str, since: str, *, is_here: bool) -> Finding:
    """Its agent is stopped and its exports are withdrawn, so that nothing else is to be said of it."""
    return finding(
        "34",
        "problem" if is_here else "note",
        cluster,
        f"{cluster} is leaving the clusterset since {since}"
        + (": it exports and imports nothing any more" if is_here else ": it exports nothing any more"),
        "somebody ran `mcs-controller leave` there",
        f"nothing, if that is intended; start the agent of {cluster} again to take it back",
    )


def _no_member(cluster: str) -> Finding:
    severity: Severity = "problem"
    return finding(
        "32",
        severity,
        cluster,
        f"{cluster} has no MemberCluster on the broker",
        "only a cluster with a MemberCluster is a member; what one exported that has lost it is withdrawn "
        "after one to ten minutes",
        f"if {cluster} should be a member, the broker's administrator runs `mcs-controller broker "
        f"create-member {cluster}`",
    )


def _ago(case: Case, cluster: str) -> str:
    age_seconds = heartbeat_age_seconds(case.member(cluster), case.picture.now_seconds)
    return "" if age_seconds is None else age_text(age_seconds)
