"""From a picture to its explanation. Pure: the same picture gives the same explanation."""

from collections.abc import Iterator, Sequence

from mcs_controller.api.names import CONDITION_LOCALITY
from mcs_controller.clusterset.explain.case import Case, judge
from mcs_controller.clusterset.explain.decisions import PortUse, decisions, port_uses
from mcs_controller.clusterset.explain.explanation import Dns, Explanation, Exporter, Here, Verdict
from mcs_controller.clusterset.explain.findings.all import AGENT_SILENT, UNDONE, findings
from mcs_controller.clusterset.explain.findings.finding import Finding
from mcs_controller.clusterset.explain.parts import Part, condition_of
from mcs_controller.clusterset.explain.picture import InCluster, Picture
from mcs_controller.clusterset.model import ServicePort
from mcs_controller.clusterset.services.disputes import port_text
from mcs_controller.clusterset.services.ownership import owns
from mcs_controller.clusterset.syntax import micro_time


def explain(picture: Picture) -> Explanation:
    """All that can be said of the service."""
    case = judge(picture)
    found = findings(case)
    merged, dns = case.merged, picture.dns
    return Explanation(
        namespace=picture.service.namespace,
        name=picture.service.name,
        at=_second(picture.now_seconds),
        verdict=_verdict(case, found),
        is_recorded=case.is_recorded,
        type=merged.type if merged is not None else "",
        ip_families=merged.ip_families if merged is not None else (),
        exporters=tuple(_exporters(case)),
        decisions=tuple(decisions(case.order)) if case.order is not None else (),
        ports=_ports(case),
        here=_here(case, picture.here) if picture.here is not None else None,
        dns=Dns(dns.server, dns.problem, dns.answers) if dns is not None else None,
        findings=found,
        unknown=picture.unknown,
    )


def _verdict(case: Case, found: Sequence[Finding]) -> Verdict:
    key = str(case.picture.service)
    where = f" in {case.here.cluster or 'this cluster'}" if case.here is not None else ""
    taking = [use for use in case.uses if use.state == "in"]
    clusters = sorted({use.cluster for use in taking})
    problems = [one for one in found if one.severity == "problem"]
    if case.merged is None and case.held is None:
        if problems:
            return Verdict("does not work", f"{key} does not work{where}: {problems[0].what}")
        return Verdict("not known", f"{key}: not enough could be read to say whether it works{where}")
    if not taking:
        cause = problems[0].what if problems else "no endpoint takes traffic"
        if len(problems) > 1 and all(one.id == _NOT_READY for one in problems):
            cause = f"no endpoint of {', '.join(sorted(one.cluster for one in problems))} is ready"
        return Verdict("does not work", f"{key} does not work{where}: {cause}")
    broken = [one for one in problems if one.id in _FATAL]
    if broken:
        silent = [one for one in problems if one.id == AGENT_SILENT and broken[0].id in UNDONE]
        return Verdict("does not work", f"{key} does not work{where}: {(silent or broken)[0].what}")
    number = f"{len(taking)} endpoint{'s' * (len(taking) != 1)} of {', '.join(clusters)}"
    takes = f"{number} {'takes' if len(taking) == 1 else 'take'} traffic"
    if problems or any(one.severity == "warning" for one in found):
        count = sum(one.severity != "note" for one in found)
        return Verdict(
            "works in part", f"{key} works{where}, with {count} finding{'s' * (count != 1)}: {takes}"
        )
    return Verdict("works", f"{key} works{where}: {takes}")


_NOT_READY = "MCS-WHY-21"
_FATAL = frozenset(f"MCS-WHY-{number}" for number in ("46", "48", "50", "71"))
"""With these nothing works in the cluster, though endpoints are offered."""


def _exporters(case: Case) -> Iterator[Exporter]:
    if case.is_recorded and case.merged is not None:
        known = {part.cluster: part for part in case.parts}
        for cluster in sorted({*case.merged.clusters, *known}):
            yield _exporter(case, known.get(cluster) or Part(cluster, None, None, ()), 0)
        return
    ranks = {record.cluster: rank for rank, record in enumerate(case.order.records, 1)} if case.order else {}
    for part in sorted(case.parts, key=lambda part: (ranks.get(part.cluster, len(ranks) + 1), part.cluster)):
        yield _exporter(case, part, ranks.get(part.cluster, 0))
    for cluster in sorted({use.cluster for use in case.uses} - {part.cluster for part in case.parts}):
        yield _exporter(case, Part(cluster, case.member(cluster), None, (), "not-exported", "held"), 0)


def _exporter(case: Case, part: Part, rank: int) -> Exporter:
    record, held = part.record, case.on_broker(part.cluster)
    stamps = [slice_.changed_at_seconds for slice_ in (held.slices if held is not None else part.slices)]
    if held is not None and held.record is not None:
        stamps.append(held.record.changed_at_seconds)
    changed_at_seconds = max(stamps, default=0.0)
    member = part.member or case.member(part.cluster)
    return Exporter(
        cluster=part.cluster,
        rank=rank,
        owns_name=owns(member, case.picture.service),
        why_not=part.why_not,
        text=part.text,
        exported_at=record.exported_at if record is not None else "",
        changed_at=_second(changed_at_seconds) if changed_at_seconds else "",
        heartbeat_at=member.heartbeat if member is not None else "",
        type=record.type if record is not None else "",
        ports=_texts(record.ports) if record is not None else (),
        ip_families=record.ip_families if record is not None else (),
        endpoints=tuple(use for use in case.uses if use.cluster == part.cluster),
    )


def _ports(case: Case) -> tuple[PortUse, ...]:
    if case.merged is None:
        return ()
    if case.order is None:
        return tuple(PortUse(port_text(port), (), ()) for port in case.merged.ports)
    return tuple(port_uses(case.order, case.merged))


def _here(case: Case, here: InCluster) -> Here:
    imported, derived = here.imported, here.derived
    ready, near_first = condition_of(imported, "Ready"), condition_of(imported, CONDITION_LOCALITY)
    differs = case.differs
    return Here(
        cluster=here.cluster,
        namespace=here.namespace,
        place=case.place,
        has_service=here.service is not None,
        has_export=here.export is not None,
        has_import=imported is not None,
        imported_at=here.imported_at,
        ready="" if ready is None else ready.status if ready.status == "True" else ready.reason,
        held=case.held.reason if case.held is not None else "",
        near_first=near_first.message if near_first is not None else "",
        ips=imported.spec.ips if imported is not None else (),
        derived_service=derived.service.name if derived is not None else "",
        derived_ips=derived.cluster_ips if derived is not None else (),
        derived_ports=_texts(derived.ports) if derived is not None else (),
        missing=differs.missing if differs is not None else (),
        left_over=differs.left_over if differs is not None else (),
        leader_at=here.leader_at,
        unread=tuple(sorted(here.unread)),
    )


def _texts(ports: Sequence[ServicePort]) -> tuple[str, ...]:
    return tuple(map(port_text, ports))


def _second(seconds: float) -> str:
    return micro_time(seconds)[:19] + "Z"
