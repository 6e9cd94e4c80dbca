"""MCS-CHK-17 to 21: do names of the clusterset's zone resolve in this cluster?

Which addresses can be reached depends on where the command runs. A server that is silent is a finding only
where it must be reachable: in a pod, where the user named it, or where it answers over the other protocol.
"""

from collections.abc import Iterable
from typing import Any, Final

from mcs_controller.clusterset.errors import cut
from mcs_controller.install.checks.facts import Answers, Facts, JsonObject, Silent
from mcs_controller.install.checks.model import Check, Notes, Outcome, Unknown, counted, some
from mcs_controller.install.cluster_dns.config_maps import (
    COREDNS,
    COREFILE,
    KUBE_DNS,
    NAMES,
    NODE_LOCAL_DNS,
    ConfigMaps,
    installing,
)
from mcs_controller.install.cluster_dns.corefile import read_corefile
from mcs_controller.install.cluster_dns.errors import ClusterDnsError, ServedAlready
from mcs_controller.install.cluster_dns.stub import Stub

DNS_PORT: Final = 53
_PROTOCOLS: Final = ("UDP", "TCP")


def service_addresses(service: JsonObject | Unknown | None) -> tuple[str, ...]:
    """The cluster IPs of a Service."""
    if service is None or isinstance(service, Unknown):
        return ()
    spec = service.get("spec") or {}
    found = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return tuple(str(address) for address in found if address and address != "None")


def judge_stub(facts: Facts) -> Outcome:
    """Whether the cluster's own DNS forwards the zone to our servers."""
    notes = Notes()
    config, found = facts.config, facts.cluster.config_maps
    addresses = service_addresses(facts.cluster.dns_service)
    if not notes.knows(found):
        return notes.outcome()
    if not addresses and not notes.unknown(facts.cluster.dns_service):
        service = config.dns_service
        notes.unseen(f"Service {service} has no cluster IP to compare with: see MCS-CHK-18")
    if not addresses:
        return notes.outcome()
    service = config.dns_service
    named = "" if str(service) == "mcs-system/mcs-dns" else f" --dns-service {service}"
    todo = f"Run `{config.program} dns install{named}`; --dry-run shows what it changes."
    stub = Stub(config.zone, addresses)
    known_maps = {name: {name: found[name]} for name in NAMES if name in found}
    if COREDNS in known_maps:
        # The two are one configuration.
        known_maps[COREDNS] = {name: body for name, body in found.items() if name != NODE_LOCAL_DNS}
        known_maps.pop(KUBE_DNS, None)
    checked = [_judge_map(notes, name, maps, stub, todo) for name, maps in known_maps.items()]
    if not any(checked):
        notes.unseen(
            f"namespace {config.dns_namespace} has no ConfigMap of a cluster DNS that is known "
            f"({', '.join(NAMES)}): look yourself whether it forwards {config.zone} to "
            f"{', '.join(addresses)}"
        )
    return notes.outcome()


def _judge_map(notes: Notes, name: str, maps: ConfigMaps, stub: Stub, todo: str) -> bool:
    """Note what one ConfigMap says; whether it configures anything."""
    servers = ", ".join(stub.servers)
    try:
        edits = installing(maps, stub)
    except ServedAlready as error:
        _judge_others(notes, name, maps, stub, str(error))
        return True
    except ClusterDnsError as error:
        notes.warning(
            f"{cut(str(error), 200)}", f"Look yourself whether it forwards {stub.zone} to {servers}."
        )
        return True
    for edit in edits:
        where = f"ConfigMap {edit.config_map}, {edit.key}"
        if not edit.changes:
            notes.ok(f"{where}: forwards {stub.zone} to {servers}")
        elif stub.zone in (edit.before or ""):
            notes.failed(f"{where}: forwards {stub.zone} to another address than {servers}", todo)
        else:
            notes.failed(f"{where}: does not forward {stub.zone}", todo)
        if not edit.reloaded:
            notes.warning(
                f"{where}: its Corefile has no `reload`",
                "Restart the pods of the cluster's DNS after each change, or add `reload` to the Corefile.",
            )
    return bool(edits)


def _judge_others(notes: Notes, name: str, maps: ConfigMaps, stub: Stub, told: str) -> None:
    """The zone is in it, and `dns install` did not write that."""
    forwards = set(_forwarded_by_hand(maps, name, stub.zone))
    if forwards and forwards <= {*stub.servers, *(f"{one}:{DNS_PORT}" for one in stub.servers)}:
        notes.ok(f"ConfigMap {name}: forwards {stub.zone} to {', '.join(sorted(forwards))}, written by hand")
    elif forwards:
        notes.failed(
            f"ConfigMap {name}: forwards {stub.zone} to {cut(', '.join(sorted(forwards)), 80)}, and our "
            f"DNS servers are at {', '.join(stub.servers)}",
            "Somebody wrote that by hand: correct it, or take it out and run `dns install`.",
        )
    else:
        notes.warning(
            cut(told, 200),
            "If that is meant, MCS-CHK-21 says whether names resolve; if not, take the zone out of it.",
        )


def _forwarded_by_hand(maps: ConfigMaps, name: str, zone: str) -> Iterable[str]:
    data: dict[str, str] = (maps.get(name) or {}).get("data") or {}
    if name == KUBE_DNS or COREFILE not in data:
        return ()
    try:
        blocks = read_corefile(data[COREFILE]).blocks
    except ClusterDnsError:
        return ()
    return [
        word
        for block in blocks
        if any(served.zone == zone for served in block.served)
        for line in block.directives
        if line[0] in ("forward", "proxy")
        for word in line[2:]
    ]


def judge_service(facts: Facts) -> Outcome:
    """Whether the Service of our DNS servers has UDP and TCP 53, and servers that are ready."""
    notes = Notes()
    config, service = facts.config, facts.cluster.dns_service
    if not notes.knows(service):
        return notes.outcome()
    if service is None:
        notes.failed(
            f"there is no Service {config.dns_service}",
            "Install the DNS server (docs/helm.md), or name its Service with --dns-service.",
        )
        return notes.outcome()
    ports = (service.get("spec") or {}).get("ports") or ()
    for protocol in _PROTOCOLS:
        if not any(one.get("port") == DNS_PORT and one.get("protocol", "TCP") == protocol for one in ports):
            notes.failed(
                f"Service {config.dns_service} has no port {DNS_PORT}/{protocol}",
                "Add it: resolvers ask over UDP, and over TCP for large answers (docs/dns.md).",
            )
    slices = facts.cluster.dns_slices
    if not notes.knows(slices):
        return notes.outcome()
    for protocol in _PROTOCOLS:
        ready = _ready_endpoints(slices, protocol)
        if ready:
            notes.ok(f"{counted(len(ready), 'server')} ready over {protocol}")
        else:
            notes.failed(
                f"no server of Service {config.dns_service} is ready over {protocol}",
                f"`kubectl -n {config.dns_service.namespace} get pods` and their logs say why.",
            )
    return notes.outcome()


def _ready_endpoints(slices: Iterable[JsonObject], protocol: str) -> set[str]:
    found: set[str] = set()
    for piece in slices:
        ports: list[dict[str, Any]] = piece.get("ports") or []
        if not any(one.get("protocol", "TCP") == protocol for one in ports):
            continue
        for one in piece.get("endpoints") or ():
            if (one.get("conditions") or {}).get("ready") is not False:
                found.update(one.get("addresses") or ())
    return found


def judge_udp(facts: Facts) -> Outcome:
    """Our DNS server's answers over UDP against the imports."""
    return _judge_answers(facts, "UDP")


def judge_tcp(facts: Facts) -> Outcome:
    """The same over TCP."""
    return _judge_answers(facts, "TCP")


def _judge_answers(facts: Facts, protocol: str) -> Outcome:
    notes = Notes()
    dns, config = facts.dns, facts.config
    answers, other = (dns.udp, dns.tcp) if protocol == "UDP" else (dns.tcp, dns.udp)
    if isinstance(answers, Unknown):
        notes.unknown(answers)
        return notes.outcome()
    if isinstance(answers, Silent):
        told = f"{dns.server} over {protocol}: {cut(answers.told, 160)}"
        if isinstance(other, Answers) or config.dns_server or config.in_pod:
            notes.failed(
                told,
                f"Look at firewalls and NetworkPolicies for {protocol}, and at the DNS servers' log.",
            )
        else:
            notes.unseen(f"{told}. Cluster IPs are mostly not reached from outside. {_inside(facts)}")
        return notes.outcome()
    earlier = _earlier(facts, protocol)
    lasting = {key: text for key, text in answers.differences.items() if earlier is None or key in earlier}
    if lasting:
        notes.failed(
            f"{dns.server} over {protocol}: {counted(len(lasting), 'answer')} of {answers.questions} "
            f"{'differs' if len(lasting) == 1 else 'differ'} from the imports: "
            f"{cut(some(list(lasting.values()), 2), 300)}",
            f"`{config.program} dns check --server {dns.server}` lists all. Is it a server of this "
            "cluster? Can it read the API server (`/readyz`, its log)?",
        )
    else:
        notes.ok(
            f"{dns.server} over {protocol}: {counted(answers.questions, 'answer')}, all as the imports say"
        )
    return notes.outcome()


def _earlier(facts: Facts, protocol: str) -> set[tuple[str, str]] | None:
    if facts.earlier is None:
        return None
    answers = facts.earlier.dns.udp if protocol == "UDP" else facts.earlier.dns.tcp
    return set(answers.differences) if isinstance(answers, Answers) else None


def judge_through(facts: Facts) -> Outcome:
    """What the cluster's own DNS, which pods ask, answers about the zone."""
    notes = Notes()
    dns, config = facts.dns, facts.config
    through = dns.through
    if isinstance(through, Unknown):
        notes.unknown(through)
        return notes.outcome()
    if isinstance(through, Silent):
        told = f"{dns.cluster_dns}: {cut(through.told, 160)}"
        if config.cluster_dns or config.in_pod:
            notes.failed(told, "Look at the pods of the cluster's DNS, and at their log.")
        else:
            notes.unseen(f"{told}. Cluster IPs are mostly not reached from outside. {_inside(facts)}")
    elif through.differences and not (config.cluster_dns or config.in_pod):
        texts = list(through.differences.values())
        notes.unseen(
            f"{dns.cluster_dns}: {cut(some(texts, 2), 200)}. From outside it is not known whether the "
            f"cluster's own DNS answered that. {_inside(facts)}"
        )
    elif through.differences:
        texts = list(through.differences.values())
        notes.failed(
            f"{dns.cluster_dns}: {cut(some(texts, 2), 300)}",
            "Pods do not resolve names of the clusterset. If MCS-CHK-17 and 18 are ok, restart the pods of "
            "the cluster's DNS, and look whether they may send to our DNS servers (NetworkPolicies).",
        )
    else:
        notes.ok(f"{dns.cluster_dns}, the cluster's own DNS, answers for {config.zone}")
    return notes.outcome()


def _inside(facts: Facts) -> str:
    config = facts.config
    where = "" if config.namespace == "mcs-system" else f" --namespace {config.namespace}"
    inside = f"kubectl -n {config.namespace} exec deploy/mcs-agent -- mcs-controller check{where}"
    return f"To ask from inside: `{inside}`"


STUB: Final = Check(
    "MCS-CHK-17",
    "cluster DNS forwards the zone",
    looks_at="The ConfigMaps of CoreDNS (also `coredns-custom`), NodeLocal DNSCache and kube-dns: do they "
    "forward the zone to the cluster IPs of the Service of our DNS servers? What was written by hand "
    "counts as well.",
    means="Failed: pods get NXDOMAIN for all names of the zone, or ask a server that is not there. A "
    "warning: the zone is answered in another way, or a change needs a restart.",
    todo="`mcs-controller dns install`, again also after the Service got another address.",
    judge=judge_stub,
)
SERVICE: Final = Check(
    "MCS-CHK-18",
    "Service of the DNS servers",
    looks_at="The Service mcs-system/mcs-dns (`--dns-service`): the ports 53/UDP and 53/TCP, and ready "
    "endpoints for both.",
    means="Failed: it is missing, lacks a port, or no server is ready. Without TCP, large answers are lost.",
    todo="Look at the pods of the DNS server.",
    judge=judge_service,
    passing=True,
)
UDP: Final = Check(
    "MCS-CHK-19",
    "answers over UDP",
    looks_at="Every answer that the specification asks for, of each ServiceImport and headless endpoint of "
    "this cluster, from the Service's address or --dns-server; as `mcs-controller dns check` does. What "
    "differs is asked again after --again-after-seconds.",
    means="Failed: answers differ, or none come although they should. Skipped: the address cannot be "
    "reached from here; the finding has the command that asks from inside.",
    todo="`mcs-controller dns check --server ADDR:PORT` lists the differences. Look at `/readyz` and the "
    "log of the DNS servers.",
    judge=judge_udp,
    passing=True,
)
TCP: Final = Check(
    "MCS-CHK-20",
    "answers over TCP",
    looks_at="The same questions over TCP.",
    means="As MCS-CHK-19. If only TCP is silent, something drops it on the way: then truncated answers "
    "cannot be completed.",
    todo="Open port 53/TCP in firewalls and NetworkPolicies.",
    judge=judge_tcp,
    passing=True,
)
THROUGH: Final = Check(
    "MCS-CHK-21",
    "names through the cluster's own DNS",
    looks_at="What the Service of the cluster's own DNS (kube-dns or coredns in kube-system, or "
    "--cluster-dns) answers for `dns-version` in the zone, and for one imported service.",
    means="Failed: pods do not resolve names of the clusterset. Skipped: it cannot be reached from here; "
    "the finding has the command that asks from inside.",
    todo="See MCS-CHK-17 and 18; after a change of the Corefile without `reload`, restart its pods.",
    judge=judge_through,
    passing=True,
)
