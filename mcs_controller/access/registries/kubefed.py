"""KubeFedCluster objects (core.kubefed.io/v1beta1), the members of a federation of KubeFed (KF-02)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from mcs_controller.access.profiles import URL_MAX_CHARS
from mcs_controller.access.registries.importing import (
    PROPERTY_DOMAIN,
    PROPERTY_MAX_CHARS,
    Registration,
    Target,
    access_of,
    conditions,
    registration_of,
    secret_config,
)
from mcs_controller.clusterset.errors import MalformedObject, cut
from mcs_controller.clusterset.fields import an_object, child, items, text, texts

API_VERSION: Final = "core.kubefed.io/v1beta1"
KIND: Final = "KubeFedCluster"
CONDITIONS_MAX: Final = 64
ZONES_MAX: Final = 64

_ALL_VALIDATIONS: Final = "*"
_PROXY: Final = re.compile(r"(?:https?|socks5)://[!-.0-~]+/?")


def read_kubefed_cluster(body: Mapping[str, Any], target: Target) -> Registration:
    """What a KubeFedCluster says. Raises `MalformedObject`."""
    found = registration_of(body, KIND)
    spec, status = child(body, "spec"), child(body, "status")
    _read_access(found, spec, target.provider)
    found.conditions = _health(status, target)
    found.version = text(status, "kubernetesVersion")
    zones = ",".join(sorted(texts(status, "zones", ZONES_MAX)))
    for name, value in (("region", text(status, "region")), ("zones", zones)):
        if len(value) > PROPERTY_MAX_CHARS:
            found.notes.append(f"its {name} are too long for a property")
        elif value:
            found.properties[f"{name}.{PROPERTY_DOMAIN}"] = value
    return found


def _read_access(found: Registration, spec: Mapping[str, Any], provider: str) -> None:
    more: dict[str, Any] = {}
    disabled = texts(spec, "disabledTLSValidations", 8)
    ca = text(spec, "caBundle")
    if _ALL_VALIDATIONS in disabled:
        more["insecure-skip-tls-verify"] = True
        ca = ""
        found.notes.append("its certificate is not checked (disabledTLSValidations has *)")
    elif disabled:
        found.notes.append(
            f"disabledTLSValidations ({cut(', '.join(disabled), 80)}) cannot be said in a profile: the "
            "certificate is checked as a whole"
        )
    if proxy := text(spec, "proxyURL"):
        if "@" in proxy:
            raise MalformedObject("proxyURL holds a user name or password, which no profile may have")
        if len(proxy) > URL_MAX_CHARS or not _PROXY.fullmatch(proxy):
            raise MalformedObject("proxyURL is no URL of a proxy: it must look like http://host:port")
        more["proxy-url"] = proxy
    reference = child(spec, "secretRef")
    config = secret_config(found, reference) if text(reference, "name") else None
    found.access.append(access_of(provider, text(spec, "apiEndpoint"), ca, config, **more))


def _health(status: Mapping[str, Any], target: Target) -> list[dict[str, str]]:
    """Offline and ConfigMalformed count before Ready: with them nothing is known of the cluster."""
    told = {
        text(an_object(one, "conditions"), "type"): one for one in items(status, "conditions", CONDITIONS_MAX)
    }
    for kind, reason in (("ConfigMalformed", "ConfigMalformed"), ("Offline", "Unreachable")):
        if kind in told and text(told[kind], "status") == "True":
            return _condition(told[kind], "Unknown", reason, target)
    ready = told.get("Ready", {})
    healthy = text(ready, "status")
    return _condition(ready, healthy, "NotReady" if healthy == "False" else text(ready, "reason"), target)


def _condition(raw: Mapping[str, Any], healthy: str, reason: str, target: Target) -> list[dict[str, str]]:
    since, probed = text(raw, "lastTransitionTime"), text(raw, "lastProbeTime")
    return conditions(healthy, reason, text(raw, "message"), since, probed, target, KIND)
