"""MCS-CHK-22 and 23: can endpoints of other clusters be reached, and does kube-proxy send traffic to them?"""

import ipaddress
from collections.abc import Iterable
from typing import Any, Final

import yaml

from mcs_controller.clusterset.errors import cut
from mcs_controller.clusterset.syntax import parse_ip
from mcs_controller.install.checks.facts import Facts, SliceFacts
from mcs_controller.install.checks.model import Check, Notes, Outcome, Unknown, counted, some
from mcs_controller.kube.decoding.yaml_parser import UNREADABLE, Loader

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SYNC_PERIOD_MAX_SECONDS: Final = 10.0
_OVERLAP_TODO: Final = (
    "Pods of clusters that share services need addresses of their own: traffic to such an address stays in "
    "the cluster that it comes from. Give one of them another pod network."
)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def judge_pod_networks(facts: Facts) -> Outcome:
    """Whether pods of two clusters may have one address."""
    notes = Notes()
    members = facts.broker.members
    own_id = facts.cluster_id if facts.has_cluster else None
    notes.unknown(members)
    allowed: dict[str, list[Network]] = {}
    if not isinstance(members, Unknown):
        allowed = {one.cluster: list(_networks(one.allowed_cidrs)) for one in members}
    addresses = _addresses(facts)
    if facts.has_cluster:
        _judge_own(notes, facts, allowed, addresses, own_id)
    _judge_pairs(notes, {name: cidrs for name, cidrs in allowed.items() if name != own_id})
    _judge_shared_addresses(notes, addresses)
    compared = sorted(name for name in {*allowed, *addresses} if name != own_id)
    if compared and notes.outcome().result == "skipped":
        notes.ok(f"no two of these share an address of a pod: {some(compared)}")
    return notes.outcome()


def _judge_own(
    notes: Notes,
    facts: Facts,
    allowed: dict[str, list[Network]],
    addresses: dict[str, set[str]],
    own_id: str | None,
) -> None:
    cidrs = facts.cluster.pod_cidrs
    if not notes.knows(cidrs):
        return
    if own_id is None:
        notes.unseen("nothing says which member this cluster is: give --cluster-id")
        return
    own = list(_networks(cidrs))
    if not own:
        notes.unseen("the nodes of this cluster have no podCIDRs, so its pod network is not known")
        return
    clean = True
    for name, networks in allowed.items():
        if name != own_id and (pairs := _overlaps(own, networks)):
            clean = False
            notes.failed(f"{name} may use {some(pairs)}, and so do pods of this cluster", _OVERLAP_TODO)
    for name, found in addresses.items():
        inside = sorted(one for one in found if _within(one, own))
        if name != own_id and inside:
            clean = False
            notes.failed(
                f"{cut(name, 60)} exports {counted(len(inside), 'endpoint')} in this cluster's pod network: "
                f"{some(inside, 3)}",
                _OVERLAP_TODO,
            )
    limits = allowed.get(own_id, [])
    outside = [str(one) for one in own if limits and not any(_contains(limit, one) for limit in limits)]
    if outside:
        notes.warning(
            f"pods of this cluster use {some(outside)}, which its MemberCluster does not allow",
            "Others drop such endpoints. The broker's administrator adds the network to spec.podCIDRs of the "
            "MemberCluster.",
        )
    if clean:
        others = sorted(name for name in {*allowed, *addresses} if name != own_id)
        notes.ok(
            f"pods of this cluster use {some([str(one) for one in own], 3)}, and none of "
            f"{counted(len(others), 'other')} does"
        )


def _judge_pairs(notes: Notes, allowed: dict[str, list[Network]]) -> None:
    names = sorted(allowed)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            pairs = _overlaps(allowed[first], allowed[second])
            if pairs:
                notes.warning(f"{first} and {second} may both use {some(pairs)}", _OVERLAP_TODO)


def _judge_shared_addresses(notes: Notes, addresses: dict[str, set[str]]) -> None:
    names = sorted(addresses)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            shared = sorted(addresses[first] & addresses[second])
            if shared:
                notes.failed(
                    f"{cut(first, 60)} and {cut(second, 60)} both export {some(shared, 3)}", _OVERLAP_TODO
                )


def _addresses(facts: Facts) -> dict[str, set[str]]:
    """The addresses of endpoints by the cluster that exports them: as imported here, or as on the broker."""
    found: dict[str, set[str]] = {}
    sources: list[SliceFacts] = []
    for slices in (facts.cluster.slices, facts.broker.slices):
        if not isinstance(slices, Unknown):
            sources += slices
    for piece in sources:
        found.setdefault(piece.cluster, set()).update(piece.addresses)
    return found


def _networks(cidrs: Iterable[str]) -> Iterable[Network]:
    for text in cidrs:
        try:
            yield ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue


def _overlaps(some_networks: list[Network], others: list[Network]) -> list[str]:
    pairs = ((one, other) for one in some_networks for other in others)
    found = (max(one, other, key=lambda each: each.prefixlen) for one, other in pairs if _overlap(one, other))
    return list(dict.fromkeys(map(str, found)))


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _contains(outer: Network, inner: Network) -> bool:
    return _overlap(outer, inner) and outer.prefixlen <= inner.prefixlen


def _within(text: str, networks: list[Network]) -> bool:
    address = parse_ip(text)
    return address is not None and any(address in network for network in networks)


def judge_kube_proxy(facts: Facts) -> Outcome:
    """What is known of how this cluster serves cluster IPs."""
    notes = Notes()
    found = facts.cluster.kube_proxy
    if not notes.knows(found):
        return notes.outcome()
    if found is None:
        notes.unseen(
            "there is no ConfigMap kube-system/kube-proxy: something else serves cluster IPs, or the "
            "cluster is managed. It must serve Services without a selector, from EndpointSlices of any "
            "controller"
        )
        return notes.outcome()
    config = _configuration(found)
    if config is None:
        notes.warning(
            "ConfigMap kube-system/kube-proxy has no configuration that can be read",
            "Look yourself which mode kube-proxy uses: nftables and iptables are known to work.",
        )
        return notes.outcome()
    _judge_mode(notes, str(config.get("mode") or ""))
    _judge_periods(notes, config)
    return notes.outcome()


def _judge_mode(notes: Notes, mode: str) -> None:
    match mode:
        case "nftables":
            notes.ok("mode nftables, which is tested with traffic through clusterset IPs")
        case "" | "iptables":
            notes.ok("mode iptables; clusterset IPs are cluster IPs like any other there")
        case "ipvs":
            notes.warning(
                "mode ipvs: Kubernetes has deprecated it, and it is not tested here",
                "It serves clusterset IPs as cluster IPs. Plan the change to nftables.",
            )
        case _:
            notes.warning(
                f"mode {cut(mode, 40)} is not known here",
                "Try a clusterset IP from a pod. nftables and iptables are known to work.",
            )


def _judge_periods(notes: Notes, config: dict[str, Any]) -> None:
    mode = str(config.get("mode") or "iptables")
    section = config.get(mode)
    period = _seconds(section.get("minSyncPeriod")) if isinstance(section, dict) else None
    if period is not None and period > SYNC_PERIOD_MAX_SECONDS:
        notes.warning(
            f"{mode}.minSyncPeriod is {period:g} s: for so long traffic goes to endpoints that are gone",
            "Set it to a second or less: that is enough to spare CPU.",
        )


def _configuration(config_map: dict[str, Any]) -> dict[str, Any] | None:
    data = config_map.get("data") or {}
    text = next(
        (data[key] for key in ("config.conf", "config", "kube-proxy-config.yaml") if key in data), None
    )
    if not isinstance(text, str):
        return None
    try:
        found = yaml.load(text, Loader)
    except UNREADABLE:
        return None
    return found if isinstance(found, dict) else None


def _seconds(duration: Any) -> float | None:
    """Of a duration such as 1s or 500ms; None if it is none of one unit."""
    text = str(duration or "")
    for unit in ("ms", "s", "m", "h"):
        number = text.removesuffix(unit)
        if number != text and number.replace(".", "", 1).isdigit():
            return float(number) * _UNITS[unit]
    return None


POD_NETWORKS: Final = Check(
    "MCS-CHK-22",
    "pod networks of the clusters",
    looks_at="The podCIDRs of this cluster's nodes, the `podCIDRs` of all MemberClusters, and the "
    "addresses of exported endpoints.",
    means="Failed: another cluster uses addresses of this cluster's pods, or two clusters export one "
    "address. Traffic goes to the wrong pod. A warning: two MemberClusters allow the same network, or this "
    "cluster uses one that its own does not allow.",
    todo="Pod networks must not overlap. Set `spec.podCIDRs` of the MemberClusters "
    "(`broker create-member --pod-cidrs`): then endpoints outside of them are dropped.",
    judge=judge_pod_networks,
)
KUBE_PROXY: Final = Check(
    "MCS-CHK-23",
    "kube-proxy",
    looks_at="The mode and the sync period in the ConfigMap kube-system/kube-proxy. nftables and iptables "
    "serve clusterset IPs; tests run nftables with real traffic.",
    means="A warning: a mode that is deprecated or not known, or endpoints that are followed slowly. "
    "Skipped: there is no such ConfigMap. A replacement of kube-proxy works if it serves Services without "
    "a selector from EndpointSlices of any controller.",
    todo="Use nftables or iptables, with a `minSyncPeriod` of a second or less.",
    judge=judge_kube_proxy,
)
