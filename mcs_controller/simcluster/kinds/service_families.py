"""The IP families of a Service: `ipFamilyPolicy` and `ipFamilies`.

They follow from what the Service asks for and from the ranges of the cluster; addresses are allocated in
`services.py`. Rules and order are the real server's, so that an impossible Service is refused on the same
field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Object
from mcs_controller.simcluster.kinds.service_ips import family_of
from mcs_controller.simcluster.kinds.service_validation import validate_cluster_ips
from mcs_controller.simcluster.status import FieldError

_POLICY = "spec.ipFamilyPolicy"


def needs_cluster_ip(spec: Mapping[str, Any]) -> bool:
    """All types but ExternalName; `None` is a value of clusterIP, too."""
    return bool(spec["type"] != "ExternalName")


def keeps_dual_stack(spec: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    """A PreferDualStack Service keeps its families while its own fields do not change."""
    if old is None or spec["type"] != old["type"] or not needs_cluster_ip(spec):
        return False
    same = all((spec.get(field) or []) == old.get(field, []) for field in ("clusterIPs", "ipFamilies"))
    return same and spec.get("ipFamilyPolicy") == old.get("ipFamilyPolicy") == "PreferDualStack"


def choose_families(
    spec: Object, old: Mapping[str, Any] | None, configured: Sequence[str]
) -> list[FieldError]:
    """Fill in `ipFamilyPolicy` and `ipFamilies`; returns what is wrong with them."""
    if not needs_cluster_ip(spec):
        return []
    selectorless_headless = spec.get("clusterIP") == "None" and not spec.get("selector")
    if spec.get("ipFamilyPolicy") is None:
        default = "RequireDualStack" if selectorless_headless else "SingleStack"
        spec["ipFamilyPolicy"] = (old or {}).get("ipFamilyPolicy") or default
    spec["ipFamilies"] = families = list(spec.get("ipFamilies") or ())
    errors = (
        validate_cluster_ips(spec)
        or _check_reduction(spec, old)
        or _check_single_stack(spec)
        or _infer_from_ips(spec, configured)
    )
    families = spec["ipFamilies"]
    if errors:
        return errors
    dual = spec["ipFamilyPolicy"] != "SingleStack"
    if selectorless_headless:
        families = families or [configured[0]]
        spec["ipFamilies"] = [*families, _other(families[0])] if dual and len(families) == 1 else families
        return []
    errors = _check_configured(spec, configured)
    if errors:
        return errors
    families = families or [configured[0]]
    if dual and len(families) == 1 and len(configured) == 2:
        families = [*families, _other(families[0])]
    spec["ipFamilies"] = families
    return []


def _other(family: str) -> str:
    return "IPv6" if family == "IPv4" else "IPv4"


def _check_reduction(spec: Object, old: Mapping[str, Any] | None) -> list[FieldError]:
    """On an update: the second family is released with SingleStack, and only then."""
    if old is None:
        return []
    ips, families = spec.get("clusterIPs") or [], spec["ipFamilies"]
    old_ips, old_families = old.get("clusterIPs", []), old.get("ipFamilies", [])
    policy = spec["ipFamilyPolicy"]
    if policy == "SingleStack":
        if ips == old_ips:
            spec["clusterIPs"] = ips[:1]
        if families == old_families:
            spec["ipFamilies"] = families[:1]
        return []
    errors = []
    if ips and len(ips) == 1 < len(old_ips) and ips[0] == old_ips[0]:
        detail = "must be 'SingleStack' to release the secondary cluster IP"
        errors.append(status.invalid_value(_POLICY, policy, detail))
    if families and len(families) == 1 < len(old_families) and families[0] == old_families[0]:
        detail = "must be 'SingleStack' to release the secondary IP family"
        errors.append(status.invalid_value(_POLICY, policy, detail))
    return errors


def _check_single_stack(spec: Mapping[str, Any]) -> list[FieldError]:
    if spec["ipFamilyPolicy"] != "SingleStack":
        return []
    must = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
    errors = []
    if len(spec.get("clusterIPs") or ()) == 2:
        errors.append(status.invalid_value(_POLICY, "SingleStack", f"{must} cluster IPs are specified"))
    if len(spec["ipFamilies"]) == 2:
        errors.append(status.invalid_value(_POLICY, "SingleStack", f"{must} IP families are specified"))
    return errors


def _infer_from_ips(spec: Object, configured: Sequence[str]) -> list[FieldError]:
    """Where `ipFamilies` says nothing, the addresses tell the families."""
    families = list(spec["ipFamilies"])
    ips = spec.get("clusterIPs") or []
    for index, ip in enumerate(ips):
        if ip == "None" or index < len(families):
            continue
        family = family_of(ip)
        if family not in configured:
            where = f"spec.clusterIPs[{index}]"
            return [status.invalid_value(where, ips, f"{family} is not configured on this cluster")]
        families.append(family)
    spec["ipFamilies"] = families
    return []


def _check_configured(spec: Mapping[str, Any], configured: Sequence[str]) -> list[FieldError]:
    errors = []
    if spec["ipFamilyPolicy"] == "RequireDualStack" and len(configured) < 2:
        detail = "this cluster is not configured for dual-stack services"
        errors.append(status.invalid_value(_POLICY, "RequireDualStack", detail))
    for index, family in enumerate(spec["ipFamilies"]):
        if family not in configured:
            where = f"spec.ipFamilies[{index}]"
            errors.append(status.invalid_value(where, family, "not configured on this cluster"))
    return errors
