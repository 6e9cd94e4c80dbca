"""What the API server refuses in a Service, after defaults and addresses have been filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.schemas import names
from mcs_controller.simcluster.status import FieldError

Spec = Mapping[str, Any]

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
PROTOCOLS = ("SCTP", "TCP", "UDP")
FAMILIES = ("IPv4", "IPv6")
FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
TRAFFIC_POLICIES = ("Cluster", "Local")
TRAFFIC_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
AFFINITY_TIMEOUT_MAX_SECONDS = 86400
_SET_ONCE = "may not change once set"


def is_headless(spec: Spec) -> bool:
    return bool(spec.get("clusterIPs") == ["None"])


def is_externally_accessible(spec: Spec) -> bool:
    kind = spec.get("type")
    return kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def validate_service(spec: Spec, old: Spec | None) -> list[FieldError]:
    errors = [*_changes(spec, old)] if old is not None else []
    return [
        *errors,
        *_type(spec),
        *_ports(spec),
        *_selector(spec),
        *_session_affinity(spec),
        *validate_cluster_ips(spec),
        *_traffic(spec),
    ]


def _type(spec: Spec) -> Iterator[FieldError]:
    kind = spec["type"]
    if kind not in TYPES:
        yield status.not_supported("spec.type", kind, TYPES)
    if not spec.get("ports") and not is_headless(spec) and kind != "ExternalName":
        yield status.required("spec.ports")
    if kind in ("LoadBalancer", "NodePort") and is_headless(spec):
        yield status.invalid_value(
            "spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services"
        )
    if kind == "ExternalName":
        for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if spec.get(field):
                yield status.forbidden_field(f"spec.{field}", "may not be set for ExternalName services")
        name = (spec.get("externalName") or "").removesuffix(".")
        if not name:
            yield status.required("spec.externalName")
        elif complaint := names.subdomain_complaint(name):
            yield status.invalid_value("spec.externalName", name, complaint)


def _ports(spec: Spec) -> Iterator[FieldError]:
    ports = spec.get("ports") or ()
    seen_names: set[str] = set()
    seen_numbers: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        yield from _port(port, path, seen_names, name_required=len(ports) > 1)
        if port.get("nodePort") and spec["type"] == "ClusterIP":
            yield status.forbidden_field(f"{path}.nodePort", "may not be used when `type` is 'ClusterIP'")
        number = (port["protocol"], port.get("port", 0))
        if number in seen_numbers:
            yield status.duplicate(path, {"port": number[1], "protocol": number[0]})
        seen_numbers.add(number)


def _port(
    port: Mapping[str, Any], path: str, seen_names: set[str], *, name_required: bool
) -> Iterator[FieldError]:
    name = port.get("name") or ""
    if name_required and not name:
        yield status.required(f"{path}.name")
    if name:
        if complaint := names.label_complaint(name):
            yield status.invalid_value(f"{path}.name", name, complaint)
        if name in seen_names:
            yield status.duplicate(f"{path}.name", name)
        seen_names.add(name)
    number = port.get("port", 0)
    if complaint := names.port_number_complaint(number):
        yield status.invalid_value(f"{path}.port", number, complaint)
    if port["protocol"] not in PROTOCOLS:
        yield status.not_supported(f"{path}.protocol", port["protocol"], PROTOCOLS)
    target = port["targetPort"]
    by_name = isinstance(target, str)
    if complaint := names.port_name_complaint(target) if by_name else names.port_number_complaint(target):
        yield status.invalid_value(f"{path}.targetPort", target, complaint)
    protocol = port.get("appProtocol")
    if protocol is not None and (complaint := names.qualified_name_complaint(protocol)):
        yield status.invalid_value(f"{path}.appProtocol", protocol, complaint)


def _selector(spec: Spec) -> Iterator[FieldError]:
    for key, value in (spec.get("selector") or {}).items():
        if complaint := names.qualified_name_complaint(key):
            yield status.invalid_value("spec.selector", key, complaint)
        if complaint := names.label_value_complaint(value):
            yield status.invalid_value("spec.selector", value, complaint)


def _session_affinity(spec: Spec) -> Iterator[FieldError]:
    affinity = spec["sessionAffinity"]
    if affinity not in ("ClientIP", "None"):
        yield status.not_supported("spec.sessionAffinity", affinity, ("ClientIP", "None"))
    if affinity == "ClientIP":
        seconds = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]
        if not 0 < seconds <= AFFINITY_TIMEOUT_MAX_SECONDS:
            where = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
            detail = f"must be greater than 0 and less than {AFFINITY_TIMEOUT_MAX_SECONDS}"
            yield status.invalid_value(where, seconds, detail)


def validate_cluster_ips(spec: Spec) -> list[FieldError]:
    """clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy must fit one another."""
    if spec["type"] == "ExternalName":
        return []
    errors = [*_single_and_several(spec), *_families(spec)]
    ips = list(spec.get("clusterIPs") or ())
    bad_ips = []
    if "None" in ips[:1] and len(ips) > 1:
        bad_ips.append(
            status.invalid_value("spec.clusterIPs", ips, "'None' must be the first and only value")
        )
    for index, ip in enumerate(ips):
        if not (index == 0 and ip == "None") and names.parse_ip(ip) is None:
            bad_ips.append(status.invalid_value(f"spec.clusterIPs[{index}]", ip, names.NOT_AN_IP))
    if len(ips) > 2:
        errors.append(status.invalid_value("spec.clusterIPs", ips, "may only hold up to 2 values"))
    if bad_ips or ips == ["None"]:
        return errors + bad_ips
    versions = [ip_address(ip).version for ip in ips]
    if len(set(versions)) < len(versions):
        detail = "may specify no more than one IP for each IP family"
        errors.append(status.invalid_value("spec.clusterIPs", ips, detail))
    for index, (version, family) in enumerate(zip(versions, spec.get("ipFamilies") or (), strict=False)):
        if family in FAMILIES and family != f"IPv{version}":
            detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            errors.append(status.invalid_value(f"spec.clusterIPs[{index}]", ips[index], detail))
    return errors


def _single_and_several(spec: Spec) -> Iterator[FieldError]:
    single, several = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    if single and not several:
        yield status.required("spec.clusterIPs")
    elif single and several[0] != single:
        yield status.invalid_value("spec.clusterIPs", several, "first value must match `clusterIP`")
    elif several and not single:
        detail = "must be empty when `clusterIP` is not specified"
        yield status.invalid_value("spec.clusterIPs", several, detail)


def _families(spec: Spec) -> Iterator[FieldError]:
    families = spec.get("ipFamilies") or ()
    for index, family in enumerate(families):
        if family not in FAMILIES:
            yield status.not_supported(f"spec.ipFamilies[{index}]", family, FAMILIES)
        if family in families[:index]:
            yield status.duplicate(f"spec.ipFamilies[{index}]", family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in FAMILY_POLICIES:
        yield status.not_supported("spec.ipFamilyPolicy", policy, FAMILY_POLICIES)


def _traffic(spec: Spec) -> Iterator[FieldError]:
    external = spec.get("externalTrafficPolicy") or ""
    if external and not is_externally_accessible(spec):
        detail = "may only be set for externally-accessible services"
        yield status.invalid_value("spec.externalTrafficPolicy", external, detail)
    elif external and external not in TRAFFIC_POLICIES:
        yield status.not_supported("spec.externalTrafficPolicy", external, TRAFFIC_POLICIES)
    internal = spec.get("internalTrafficPolicy")
    if internal is not None and internal not in TRAFFIC_POLICIES:
        yield status.not_supported("spec.internalTrafficPolicy", internal, TRAFFIC_POLICIES)
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in TRAFFIC_DISTRIBUTIONS:
        yield status.not_supported("spec.trafficDistribution", distribution, TRAFFIC_DISTRIBUTIONS)


def _changes(spec: Spec, old: Spec) -> Iterator[FieldError]:
    """What may not change while the Service keeps cluster IPs: the first address and the first family."""
    if "ExternalName" in (spec["type"], old["type"]) or (is_headless(spec) and is_headless(old)):
        return
    yield from _ip_changes(spec, old)
    if is_headless(spec) == is_headless(old):
        yield from _family_changes(spec, old)


def _ip_changes(spec: Spec, old: Spec) -> Iterator[FieldError]:
    ips, old_ips = spec.get("clusterIPs") or [], old.get("clusterIPs", [])
    if not ips:
        yield status.invalid_value("spec.clusterIPs[0]", ips, "primary clusterIP can not be unset")
    for index in range(min(len(ips), len(old_ips)) if len(ips) == len(old_ips) else min(1, len(ips))):
        if ips[index] != old_ips[index]:
            yield status.invalid_value(f"spec.clusterIPs[{index}]", ips, _SET_ONCE)
    if len(ips) == 1 < len(old_ips) and spec.get("ipFamilyPolicy") != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        yield status.invalid_value("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), detail)


def _family_changes(spec: Spec, old: Spec) -> Iterator[FieldError]:
    families, old_families = spec.get("ipFamilies") or [], old.get("ipFamilies", [])
    compared = len(families) if len(families) == len(old_families) else 1
    for family, old_family in list(zip(families, old_families, strict=False))[:compared]:
        if family != old_family:
            yield status.invalid_value("spec.ipFamilies[0]", families, _SET_ONCE)
    if len(families) == 1 < len(old_families) and spec.get("ipFamilyPolicy") != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        yield status.invalid_value("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), detail)
