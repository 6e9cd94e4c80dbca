"""Services: defaults, cluster IPs and node ports.

The order of the steps is the real server's: defaults; on an update, allocated values that the client left
out are taken from the old object; families and addresses; fields that the new type does not use are dropped;
validation.

Invariant: when `prepare_service` refuses, or the request is a dry run, the allocator is as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Context, Object
from mcs_controller.simcluster.kinds.service_families import (
    choose_families,
    keeps_dual_stack,
    needs_cluster_ip,
)
from mcs_controller.simcluster.kinds.service_ips import AllocationError, IpFamily, ServiceIpAllocator
from mcs_controller.simcluster.kinds.service_validation import is_externally_accessible, validate_service
from mcs_controller.simcluster.status import FieldError

CLIENT_IP_TIMEOUT_SECONDS = 10800
_EXTERNAL_TYPES = ("NodePort", "LoadBalancer")
_CLUSTER_TYPES = ("ClusterIP", *_EXTERNAL_TYPES)


class _Ledger:
    """What one request allocates (at once) and releases (when it succeeds)."""

    def __init__(self, allocator: ServiceIpAllocator) -> None:
        self._allocator = allocator
        self._taken_ips: list[str] = []
        self._taken_ports: list[int] = []
        self.ips_to_release: list[str] = []
        self.ports_to_release: list[int] = []

    def take_ip(self, family: IpFamily, wanted: str) -> str:
        if wanted:
            self._allocator.request(wanted)
        ip = wanted or self._allocator.allocate(family)
        self._taken_ips.append(ip)
        return ip

    def take_port(self, wanted: int = 0) -> int:
        if wanted:
            self._allocator.request_node_port(wanted)
        port = wanted or self._allocator.allocate_node_port()
        self._taken_ports.append(port)
        return port

    def commit(self) -> None:
        self._release(self.ips_to_release, self.ports_to_release)

    def rollback(self) -> None:
        self._release(self._taken_ips, self._taken_ports)

    def _release(self, ips: list[str], ports: list[int]) -> None:
        for ip in ips:
            self._allocator.release(ip)
        for port in ports:
            self._allocator.release_node_port(port)


def prepare_service(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    spec: Object = dict(new.get("spec") or {})
    new["spec"] = spec
    old_spec: Object | None = old["spec"] if old is not None else None
    _fill_in(spec)
    if old_spec is not None:
        _keep_allocated(spec, old_spec)
    _align_cluster_ips(spec, old_spec)
    ledger = _Ledger(ctx.ip_allocator)
    errors: list[FieldError] = []
    if not keeps_dual_stack(spec, old_spec):
        errors = choose_families(spec, old_spec, ctx.ip_allocator.families)
        errors = errors or _allocate_ips(spec, old_spec, ledger)
    errors = errors or _allocate_node_ports(spec, old_spec or {}, ledger)
    if not errors:
        if old_spec is not None:
            _drop_unused(spec, old_spec)
        errors = validate_service(spec, old_spec)
    if errors or ctx.dry_run:
        ledger.rollback()
    else:
        ledger.commit()
    _drop_empty(spec)
    _settle_status(new)
    return errors


def release_service(gone: Object, ctx: Context) -> None:
    """Release the addresses and ports of a Service that no longer exists."""
    spec = gone.get("spec") or {}
    for ip in spec.get("clusterIPs", ()):
        if ip != "None":
            ctx.ip_allocator.release(ip)
    for port in _node_ports(spec):
        ctx.ip_allocator.release_node_port(port)


def _fill_in(spec: Object) -> None:
    """The defaults that do not depend on the cluster."""
    spec["sessionAffinity"] = affinity = spec.get("sessionAffinity") or "None"
    if affinity == "None":
        spec.pop("sessionAffinityConfig", None)
    elif affinity == "ClientIP":
        config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        if config.get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": CLIENT_IP_TIMEOUT_SECONDS}}
    spec["type"] = kind = spec.get("type") or "ClusterIP"
    ports = [dict(one) for one in spec.get("ports") or ()]
    for port in ports:
        port["protocol"] = port.get("protocol") or "TCP"
        port["targetPort"] = port.get("targetPort") or port.get("port", 0)
        for field in ("name", "nodePort"):
            if not port.get(field):
                port.pop(field, None)
    spec["ports"] = ports
    if is_externally_accessible(spec) and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if kind in _CLUSTER_TYPES and spec.get("internalTrafficPolicy") is None:
        spec["internalTrafficPolicy"] = "Cluster"
    if kind == "ExternalName":
        spec.pop("internalTrafficPolicy", None)
    if kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is None:
        spec["allocateLoadBalancerNodePorts"] = True


def _keep_allocated(spec: Object, old: Mapping[str, Any]) -> None:
    """Allocated values that the client left out of a replacement are kept."""
    if needs_cluster_ip(spec) and needs_cluster_ip(old):
        spec["clusterIP"] = spec.get("clusterIP") or old.get("clusterIP", "")
        spec["clusterIPs"] = spec.get("clusterIPs") or list(old.get("clusterIPs", ()))
    if spec["type"] in _EXTERNAL_TYPES and old["type"] in _EXTERNAL_TYPES:
        named = {port.get("name", ""): port.get("nodePort", 0) for port in old.get("ports", ())}
        used = set(_node_ports(spec))
        for port in spec["ports"]:
            known = named.get(port.get("name", ""), 0)
            if not port.get("nodePort") and known and known not in used:
                port["nodePort"] = known


def _align_cluster_ips(spec: Object, old: Mapping[str, Any] | None) -> None:
    """Clients from before dual stack know only `clusterIP`; `clusterIPs` follows it."""
    single, several = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    if old is None:
        if single and not several:
            spec["clusterIPs"] = [single]
        return
    old_single, old_several = old.get("clusterIP", ""), old.get("clusterIPs", [])
    if single == old_single and not several:
        spec["clusterIPs"] = list(old_several)
    elif single != old_single and several == old_several:
        spec["clusterIPs"] = [single] if single else []


def _allocate_ips(spec: Object, old: Mapping[str, Any] | None, ledger: _Ledger) -> list[FieldError]:
    was_external = old is not None and not needs_cluster_ip(old)
    if old is not None and not was_external:
        return _change_ips(spec, old, ledger)
    if not needs_cluster_ip(spec) or spec.get("clusterIP") == "None":
        return []
    wanted = list(spec.get("clusterIPs") or ())
    families = spec["ipFamilies"]
    spec["clusterIPs"] = wanted = wanted + [""] * (len(families) - len(wanted))
    for index, family in enumerate(families):
        try:
            wanted[index] = ledger.take_ip(family, wanted[index])
        except AllocationError as error:
            return [_ip_error(spec, wanted[index], error)]
    spec["clusterIP"] = wanted[0]
    return []


def _change_ips(spec: Object, old: Mapping[str, Any], ledger: _Ledger) -> list[FieldError]:
    """A Service with addresses gets a second one, loses it, or becomes an ExternalName."""
    if old.get("clusterIP") == "None":
        return []
    old_ips = old.get("clusterIPs", [])
    if not needs_cluster_ip(spec):
        ledger.ips_to_release += old_ips
        return []
    before, after = len(old.get("ipFamilies", ())), len(spec.get("ipFamilies", ()))
    if (before, after) == (1, 2):
        ips = list(spec["clusterIPs"]) + [""] * (2 - len(spec["clusterIPs"]))
        spec["clusterIPs"] = ips
        try:
            ips[1] = ledger.take_ip(spec["ipFamilies"][1], ips[1])
        except AllocationError as error:
            return [_ip_error(spec, ips[1], error)]
    elif (before, after) == (2, 1):
        ledger.ips_to_release.append(old_ips[1])
    return []


def _ip_error(spec: Mapping[str, Any], wanted: str, error: AllocationError) -> FieldError:
    what = f"failed to allocate IP {wanted}: {error}" if wanted else f"failed to allocate IP: {error}"
    return status.invalid_value("spec.clusterIPs", spec["clusterIPs"], what)


def _allocate_node_ports(spec: Object, old: Mapping[str, Any], ledger: _Ledger) -> list[FieldError]:
    held, kept = set(_node_ports(old)), set()
    if spec["type"] in _EXTERNAL_TYPES:
        for index, port in enumerate(spec["ports"]):
            wanted = port.get("nodePort", 0)
            if wanted not in held:
                try:
                    port["nodePort"] = ledger.take_port(wanted)
                except AllocationError as error:
                    return [status.invalid_value(f"spec.ports[{index}].nodePort", wanted, str(error))]
        kept = set(_node_ports(spec))
    ledger.ports_to_release += sorted(held - kept)
    return []


def _drop_unused(spec: Object, old: Mapping[str, Any]) -> None:
    """Drop fields that only the old type needs, unless the client changed them."""

    def drop_if_unchanged(*fields: str) -> None:
        for field in fields:
            if spec.get(field) == old.get(field):
                spec.pop(field, None)

    if needs_cluster_ip(old) and not needs_cluster_ip(spec):
        drop_if_unchanged("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
    if is_externally_accessible(old) and not is_externally_accessible(spec):
        drop_if_unchanged("externalTrafficPolicy")
    stops_using_node_ports = old["type"] in _EXTERNAL_TYPES and spec["type"] not in _EXTERNAL_TYPES
    if stops_using_node_ports and set(_node_ports(spec)) <= set(_node_ports(old)):
        for port in spec["ports"]:
            port.pop("nodePort", None)
    if old["type"] == "LoadBalancer" != spec["type"]:
        drop_if_unchanged("allocateLoadBalancerNodePorts")


def _drop_empty(spec: Object) -> None:
    """The server leaves out what has no value."""
    for field in [key for key, value in spec.items() if value in (None, "", False, 0, [], {})]:
        del spec[field]


def _settle_status(new: Object) -> None:
    """Only a load balancer has the state of one."""
    state = dict(new.get("status") or {})
    ingress = (state.get("loadBalancer") or {}).get("ingress")
    if new["spec"]["type"] == "LoadBalancer" and ingress:
        state["loadBalancer"] = {
            "ingress": [{"ipMode": "VIP", **one} if one.get("ip") else one for one in ingress]
        }
    else:
        state["loadBalancer"] = {}
    new["status"] = state


def _node_ports(spec: Mapping[str, Any]) -> list[int]:
    return [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
