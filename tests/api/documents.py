"""Valid objects of every kind, with every field filled, and changes that make them invalid.

A change is a JSON merge patch of a valid object (RFC 7396). The same table is held against the generated
schemas, the models and a real API server, so that the three can only agree.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mcs_controller.api import resources
from mcs_controller.api.resources import Resource

JsonObject = dict[str, Any]
NOW = "2026-11-20T10:00:00Z"
MICRO_NOW = "2026-11-20T10:00:00.123456Z"


def condition(**changes: Any) -> JsonObject:
    return {
        "type": "Conflict",
        "status": "True",
        "reason": "PortConflict,TypeConflict",
        "message": "",
        "lastTransitionTime": NOW,
        "observedGeneration": 1,
        **changes,
    }


SERVICE_EXPORT: JsonObject = {
    "apiVersion": "multicluster.x-k8s.io/v1beta1",
    "kind": "ServiceExport",
    "metadata": {"name": "web"},
    "spec": {"exportedLabels": {"team": "shop"}, "exportedAnnotations": {"example.com/note": "any text"}},
    "status": {"conditions": [condition()]},
}
SERVICE_IMPORT: JsonObject = {
    "apiVersion": "multicluster.x-k8s.io/v1beta1",
    "kind": "ServiceImport",
    "metadata": {"name": "web"},
    "spec": {
        "type": "ClusterSetIP",
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "appProtocol": "http"}, {"port": 81}],
        "ips": ["10.96.0.9", "fd00::9"],
        "ipFamilies": ["IPv4", "IPv6"],
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10}},
        "internalTrafficPolicy": "Cluster",
        "trafficDistribution": "PreferClose",
    },
    "status": {
        "clusters": [{"cluster": "east"}, {"cluster": "west"}],
        "conditions": [condition(type="Ready", reason="Ready")],
        "endpointSliceObjects": "Present",
    },
}
MEMBER_CLUSTER: JsonObject = {
    "apiVersion": "broker.mcs-controller.io/v1alpha1",
    "kind": "MemberCluster",
    "metadata": {"name": "east"},
    "spec": {
        "clusterset": "prod",
        "podCIDRs": ["10.1.0.0/16", "fd00:10:1::/56"],
        "namespaces": ["shop"],
        "owns": ["shop", "bank/ledger"],
        "limits": {
            "services": 500,
            "endpointSlices": 2000,
            "endpoints": 20000,
            "mebibytes": 16,
            "imports": 0,
        },
        "location": {"region": "eu-west", "zone": "eu-west-1a"},
        "displayName": "Köln, the new one",
        "access": [
            {
                "name": "corporate",
                "server": "https://east.example.com:6443",
                "certificateAuthorityData": "Y2VydGlmaWNhdGVz",
                "tlsServerName": "kubernetes",
                "proxyUrl": "socks5://proxy.example.com:1080",
                "insecureSkipTLSVerify": False,
                "disableCompression": True,
                "extensions": [
                    {"name": "client.authentication.k8s.io/exec", "extension": {"clusterName": "east"}}
                ],
            },
            {"name": "internal", "server": "https://[fd00::1]"},
        ],
    },
    "status": {
        "clusterUID": "0d6ba6f3-2d5e-4c58-8d4e-6f1d2c8d1e11",
        "version": "0.1.0",
        "kubernetesVersion": "v1.36.4",
        "heartbeat": MICRO_NOW,
        "exported": {"at": MICRO_NOW, "services": 3, "endpointSlices": 7, "digest": "0123456789abcdef"},
        "leaving": MICRO_NOW,
        "letGo": [{"member": "west", "leaving": MICRO_NOW}],
        "conditions": [condition(type="Ready", reason="Ready")],
    },
}
PORT: JsonObject = {"name": "http", "protocol": "TCP", "port": 8080, "appProtocol": "example.com/http"}
EXPORTED_SERVICE: JsonObject = {
    "apiVersion": "broker.mcs-controller.io/v1alpha1",
    "kind": "ExportedService",
    "metadata": {"name": "web"},
    "spec": {
        "serviceNamespace": "shop",
        "serviceName": "web",
        "exportedAt": NOW,
        "changedAt": MICRO_NOW,
        "withdrawn": False,
        "type": "ClusterSetIP",
        "ports": [PORT],
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
        "internalTrafficPolicy": "Cluster",
        "trafficDistribution": "PreferClose",
        "ipFamilies": ["IPv4", "IPv6"],
        "exportedLabels": {"team": "shop"},
        "exportedAnnotations": {"example.com/note": "any text"},
    },
}
ENDPOINT: JsonObject = {
    "addresses": ["10.1.0.1"],
    "conditions": {"ready": True, "serving": True, "terminating": False},
    "hostname": "web-0",
    "zone": "zone-a",
}
EXPORTED_ENDPOINT_SLICE: JsonObject = {
    "apiVersion": "broker.mcs-controller.io/v1alpha1",
    "kind": "ExportedEndpointSlice",
    "metadata": {"name": "web-x7f2p"},
    "spec": {
        "serviceNamespace": "shop",
        "serviceName": "web",
        "sliceName": "web-x7f2p",
        "changedAt": MICRO_NOW,
        "addressType": "IPv4",
        "ports": [PORT],
        "endpoints": [ENDPOINT],
    },
}
SELECTOR: JsonObject = {
    "matchLabels": {"example.com/team": "blue", "tier": ""},
    "matchExpressions": [
        {"key": "tier", "operator": "NotIn", "values": ["db", ""]},
        {"key": "example.com/public", "operator": "Exists"},
    ],
}
EXPORT_POLICY: JsonObject = {
    "apiVersion": "mcs-controller.io/v1alpha1",
    "kind": "ExportPolicy",
    "metadata": {"name": "shop"},
    "spec": {
        "action": "Allow",
        "namespaces": ["shop", "pay"],
        "namespaceSelector": SELECTOR,
        "serviceSelector": SELECTOR,
    },
    "status": {"conditions": [condition(type="Accepted", reason="Accepted")]},
}
IMPORT_POLICY: JsonObject = {
    "apiVersion": "mcs-controller.io/v1alpha1",
    "kind": "ImportPolicy",
    "metadata": {"name": "shop"},
    "spec": {
        "action": "Forbid",
        "namespaces": ["shop"],
        "namespaceSelector": SELECTOR,
        "services": ["web", "api"],
        "sourceClusters": ["east", "west"],
    },
    "status": {"conditions": [condition(type="Accepted", reason="Accepted")]},
}
SERVICE_EXPORT_POLICY: JsonObject = {
    "apiVersion": "mcs-controller.io/v1alpha1",
    "kind": "ServiceExportPolicy",
    "metadata": {"name": "public"},
    "spec": {"serviceSelector": SELECTOR},
    "status": {"conditions": [condition(type="Accepted", reason="Accepted")]},
}
CLUSTER_PROPERTY: JsonObject = {
    "apiVersion": "about.k8s.io/v1beta1",
    "kind": "ClusterProperty",
    "metadata": {"name": "colour.example.com"},
    "spec": {"value": "green"},
    "status": {},
}
PREFERRING_POLICY: JsonObject = {
    "apiVersion": "mcs-controller.io/v1alpha1",
    "kind": "ImportPolicy",
    "metadata": {"name": "near"},
    "spec": {"action": "Prefer", "services": ["web"], "locality": {"scope": "zone", "minReady": "50%"}},
}
MEMBER_REPORT: JsonObject = {
    "apiVersion": "broker.mcs-controller.io/v1alpha1",
    "kind": "MemberReport",
    "metadata": {"name": "report"},
    "spec": {
        "clusterUID": "0d5e4c1a-7f0b-4a52-9d3c-1b1c6f1d2e3f",
        "kubernetesVersion": "v1.36.4",
        "controlPlane": {
            "status": "False",
            "reason": "EtcdFailing",
            "message": "etcd does not answer…",
            "observedTime": NOW,
        },
        "properties": [{"name": "colour.example.com", "value": "grün", "lastObservedTime": NOW}],
        "skippedProperties": [{"name": "novel.example.com", "reason": "ValueTooLong"}],
    },
}
CLUSTER_ACCESS: JsonObject = {
    "server": "https://east.example.com:6443",
    "tls-server-name": "kubernetes",
    "insecure-skip-tls-verify": False,
    "certificate-authority-data": "Y2VydGlmaWNhdGVz",
    "proxy-url": "http://proxy.example.com:3128",
    "disable-compression": True,
    "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"clusterName": "east"}}],
}
PROFILE_V1ALPHA2: JsonObject = {
    "apiVersion": "multicluster.x-k8s.io/v1alpha2",
    "kind": "ClusterProfile",
    "metadata": {"name": "mcs-controller-east"},
    "spec": {"displayName": "East", "clusterManager": {"name": "mcs-controller"}},
    "status": {
        "conditions": [condition(type="ControlPlaneHealthy", reason="Healthy")],
        "version": {"kubernetes": "v1.36.4"},
        "properties": [{"name": "colour.example.com", "value": "green", "lastObservedTime": NOW}],
        "accessProviders": [{"name": "corporate", "cluster": CLUSTER_ACCESS}],
    },
}
PROVIDER_V1ALPHA1: JsonObject = {
    "name": "corporate",
    "cluster": {**CLUSTER_ACCESS, "certificate-authority": "/ca.pem"},
}
CLUSTER_PROFILE: JsonObject = {
    **PROFILE_V1ALPHA2,
    "apiVersion": "multicluster.x-k8s.io/v1alpha1",
    "status": {
        **PROFILE_V1ALPHA2["status"],
        "accessProviders": [PROVIDER_V1ALPHA1],
        "credentialProviders": [PROVIDER_V1ALPHA1],
    },
}
VALID = (
    SERVICE_EXPORT,
    SERVICE_IMPORT,
    MEMBER_CLUSTER,
    EXPORTED_SERVICE,
    EXPORTED_ENDPOINT_SLICE,
    EXPORT_POLICY,
    IMPORT_POLICY,
    SERVICE_EXPORT_POLICY,
    CLUSTER_PROPERTY,
    MEMBER_REPORT,
    CLUSTER_PROFILE,
)
ALSO_VALID = (PREFERRING_POLICY, PROFILE_V1ALPHA2)
"""With the fields that exclude others of their kind, and of another version."""

RESOURCES: dict[str, Resource] = {
    resource.kind: resource
    for resource in (
        resources.service_exports(),
        resources.service_imports(),
        resources.MEMBER_CLUSTERS,
        resources.EXPORTED_SERVICES,
        resources.EXPORTED_ENDPOINT_SLICES,
        resources.EXPORT_POLICIES,
        resources.IMPORT_POLICIES,
        resources.SERVICE_EXPORT_POLICIES,
        resources.cluster_properties(),
        resources.MEMBER_REPORTS,
        resources.cluster_profiles(),
    )
}


def resource_of(document: JsonObject) -> Resource:
    """Its kind, in its version."""
    return replace(RESOURCES[document["kind"]], version=document["apiVersion"].rpartition("/")[2])


@dataclass(frozen=True)
class Refused:
    """`change` of `valid` must be refused at `field`, written as an API server writes it.

    `server_only`: plain JSON Schema has no word for the reason.
    """

    name: str
    valid: JsonObject
    change: JsonObject
    field: str
    server_only: bool = False

    @property
    def requirements(self) -> tuple[str, ...]:
        if self.valid is SERVICE_EXPORT:
            return ("MCS-API-12",) if self.in_status else ("MCS-API-07",)
        if self.valid is SERVICE_IMPORT:
            return ("MCS-API-10", "MCS-API-11") if self.in_status else ("MCS-API-08", "MCS-API-09")
        return ()

    @property
    def document(self) -> JsonObject:
        merged: JsonObject = merge(self.valid, self.change)
        return merged

    @property
    def in_status(self) -> bool:
        return "status" in self.change


def parameters(cases: Iterable[Refused]) -> list[Any]:
    """For `pytest.mark.parametrize`: named, and marked with the requirements that each case proves."""
    return [
        pytest.param(
            case,
            id=case.name,
            marks=[pytest.mark.requirement(*case.requirements)] if case.requirements else [],
        )
        for case in cases
    ]


def merge(target: Any, patch: Any) -> Any:
    """A JSON merge patch, applied to a copy."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = copy.deepcopy(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def _condition_is_refused(name: str, field: str, server_only: bool = False, **changes: Any) -> Refused:
    broken = {key: value for key, value in condition(**changes).items() if value is not None}
    where = f"status.conditions[0].{field}"
    return Refused(name, SERVICE_EXPORT, {"status": {"conditions": [broken]}}, where, server_only)


def _spec(name: str, valid: JsonObject, field: str, server_only: bool = False, **changes: Any) -> Refused:
    return Refused(name, valid, {"spec": changes}, f"spec.{field}", server_only)


CONDITIONS = (
    _condition_is_refused("reason with a space", "reason", reason="PortConflict, TypeConflict"),
    _condition_is_refused("empty reason", "reason", reason=""),
    _condition_is_refused("reason that ends in a comma", "reason", reason="PortConflict,"),
    _condition_is_refused("reason longer than 1024", "reason", reason="R" * 1025),
    _condition_is_refused("no reason", "reason", reason=None),
    _condition_is_refused("message longer than 32768", "message", message="m" * 32769),
    _condition_is_refused("no message", "message", message=None),
    _condition_is_refused("status that is no condition status", "status", status="true"),
    _condition_is_refused("no status", "status", status=None),
    _condition_is_refused("type with a space", "type", type="Not Ready"),
    _condition_is_refused("type longer than 316", "type", type="T" * 317),
    _condition_is_refused("negative generation", "observedGeneration", observedGeneration=-1),
    _condition_is_refused("no transition time", "lastTransitionTime", lastTransitionTime=None),
    _condition_is_refused("no time at all", "lastTransitionTime", True, lastTransitionTime="yesterday"),
    Refused(
        "two conditions of one type",
        SERVICE_EXPORT,
        {"status": {"conditions": [condition(), condition(status="False")]}},
        "status.conditions[1]",
        server_only=True,
    ),
)
EXPORTS = (
    _spec("exported label that is a number", SERVICE_EXPORT, "exportedLabels.n", exportedLabels={"n": 1}),
    _spec("exported annotations as a list", SERVICE_EXPORT, "exportedAnnotations", exportedAnnotations=["a"]),
)
IMPORTS = (
    _spec("import without a type", SERVICE_IMPORT, "type", type=None),
    _spec("import of an unknown type", SERVICE_IMPORT, "type", type="ExternalName"),
    _spec("import without ports", SERVICE_IMPORT, "ports", ports=None),
    _spec("port without a number", SERVICE_IMPORT, "ports[0].port", ports=[{"name": "http"}]),
    _spec("port number as text", SERVICE_IMPORT, "ports[0].port", ports=[{"port": "80"}]),
    _spec("port number above int32", SERVICE_IMPORT, "ports[0].port", True, ports=[{"port": 2**31}]),
    _spec("three clusterset IPs", SERVICE_IMPORT, "ips", ips=["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
    _spec("three IP families", SERVICE_IMPORT, "ipFamilies", ipFamilies=["IPv4", "IPv6", "IPv4"]),
    _spec(
        "affinity time-out as text",
        SERVICE_IMPORT,
        "sessionAffinityConfig.clientIP.timeoutSeconds",
        sessionAffinityConfig={"clientIP": {"timeoutSeconds": "10"}},
    ),
    Refused(
        "endpointSliceObjects of another word",
        SERVICE_IMPORT,
        {"status": {"endpointSliceObjects": "Some"}},
        "status.endpointSliceObjects",
    ),
    Refused(
        "exporting cluster without a name",
        SERVICE_IMPORT,
        {"status": {"clusters": [{}]}},
        "status.clusters[0].cluster",
    ),
    Refused(
        "exporting cluster named twice",
        SERVICE_IMPORT,
        {"status": {"clusters": [{"cluster": "east"}, {"cluster": "east"}]}},
        "status.clusters[1]",
        server_only=True,
    ),
)
BROKER = (
    _spec("export without a service", EXPORTED_SERVICE, "serviceName", serviceName=None),
    _spec("export of no service name", EXPORTED_SERVICE, "serviceName", serviceName="a.b"),
    _spec("export without its age", EXPORTED_SERVICE, "exportedAt", exportedAt=None),
    _spec("export whose age is no time", EXPORTED_SERVICE, "exportedAt", True, exportedAt="old"),
    _spec("export of an unknown type", EXPORTED_SERVICE, "type", type="ExternalName"),
    _spec("export of 101 ports", EXPORTED_SERVICE, "ports", ports=[PORT] * 101),
    _spec("port 0", EXPORTED_SERVICE, "ports[0].port", ports=[{**PORT, "port": 0}]),
    _spec("unknown protocol", EXPORTED_SERVICE, "ports[0].protocol", ports=[{**PORT, "protocol": "QUIC"}]),
    _spec("unknown IP family", EXPORTED_SERVICE, "ipFamilies[0]", ipFamilies=["IPv5"]),
    _spec(
        "101 exported labels",
        EXPORTED_SERVICE,
        "exportedLabels",
        exportedLabels={f"label-{number}": "" for number in range(101)},
    ),
    _spec(
        "huge exported annotation",
        EXPORTED_SERVICE,
        "exportedAnnotations.note",
        exportedAnnotations={"note": "n" * 16385},
    ),
    _spec("slice of host names", EXPORTED_ENDPOINT_SLICE, "addressType", addressType="FQDN"),
    _spec("slice of nobody's", EXPORTED_ENDPOINT_SLICE, "serviceNamespace", serviceNamespace=None),
    _spec(
        "endpoint without an address",
        EXPORTED_ENDPOINT_SLICE,
        "endpoints[0].addresses",
        endpoints=[{**ENDPOINT, "addresses": []}],
    ),
    _spec(
        "slice of 1001 endpoints",
        EXPORTED_ENDPOINT_SLICE,
        "endpoints",
        endpoints=[{"addresses": ["10.1.0.1"]}] * 1001,
    ),
    _spec(
        "endpoint with nine addresses",
        EXPORTED_ENDPOINT_SLICE,
        "endpoints[0].addresses",
        endpoints=[{**ENDPOINT, "addresses": [f"10.1.0.{number}" for number in range(1, 10)]}],
    ),
    _spec(
        "host name of two labels",
        EXPORTED_ENDPOINT_SLICE,
        "endpoints[0].hostname",
        endpoints=[{**ENDPOINT, "hostname": "web-0.web"}],
    ),
    *(
        Refused(
            f"member's {field} of two lines",
            MEMBER_CLUSTER,
            {"status": {field: "v1\nSpec:"}},
            f"status.{field}",
        )
        for field in ("clusterUID", "version", "kubernetesVersion")
    ),
    Refused(
        "member's version that is turned round",
        MEMBER_CLUSTER,
        {"status": {"version": "v1\u202e"}},
        "status.version",
    ),
    Refused(
        "member's condition of two lines",
        MEMBER_CLUSTER,
        {"status": {"conditions": [condition(message="well\nSpec:")]}},
        "status.conditions[0].message",
    ),
    *(
        _spec(f"owned name {name!r}", MEMBER_CLUSTER, "owns[0]", owns=[name])
        for name in ("", "Shop", "shop/", "/web", "shop/web/http", "s" * 64, "shop/" + "w" * 64)
    ),
    _spec("owned name twice", MEMBER_CLUSTER, "owns[1]", True, owns=["shop", "shop"]),
    _spec("1001 owned names", MEMBER_CLUSTER, "owns", owns=[f"shop-{number}" for number in range(1001)]),
    _spec("pod network that is none", MEMBER_CLUSTER, "podCIDRs[0]", True, podCIDRs=["10.1.0.0"]),
    Refused(
        "statement whose digest is none",
        MEMBER_CLUSTER,
        {"status": {"exported": {"digest": "abc"}}},
        "status.exported.digest",
    ),
    *(
        _spec(f"zone {name!r}", MEMBER_CLUSTER, "location.zone", location={"zone": name})
        for name in ("", "eu west", "-eu", "z" * 64)
    ),
    _spec("limit below nothing", MEMBER_CLUSTER, "limits.imports", limits={"imports": -1}),
    _spec("namespace listed twice", MEMBER_CLUSTER, "namespaces[1]", True, namespaces=["shop", "shop"]),
    Refused(
        "heartbeat that is no time",
        MEMBER_CLUSTER,
        {"status": {"heartbeat": "alive"}},
        "status.heartbeat",
        server_only=True,
    ),
)


def _selecting(name: str, field: str, *, server_only: bool = False, **expression: Any) -> Refused:
    changed = {"matchExpressions": [{"key": "tier", "operator": "In", **expression}]}
    where = f"spec.serviceSelector.matchExpressions[0]{field}"
    return Refused(name, EXPORT_POLICY, {"spec": {"serviceSelector": changed}}, where, server_only)


POLICIES = (
    Refused("policy without an action", EXPORT_POLICY, {"spec": {"action": None}}, "spec.action"),
    Refused("policy of another action", EXPORT_POLICY, {"spec": {"action": "Deny"}}, "spec.action"),
    Refused("policy about no namespace", EXPORT_POLICY, {"spec": {"namespaces": []}}, "spec.namespaces"),
    Refused(
        "policy about a namespace that cannot be",
        EXPORT_POLICY,
        {"spec": {"namespaces": ["Shop"]}},
        "spec.namespaces[0]",
    ),
    Refused(
        "policy that names a namespace twice",
        EXPORT_POLICY,
        {"spec": {"namespaces": ["shop", "shop"]}},
        "spec.namespaces[1]",
        server_only=True,
    ),
    Refused(
        "policy about a label value that cannot be",
        EXPORT_POLICY,
        {"spec": {"namespaceSelector": {"matchLabels": {"tier": "a b"}}}},
        "spec.namespaceSelector.matchLabels.tier",
    ),
    Refused("policy about no source", IMPORT_POLICY, {"spec": {"sourceClusters": []}}, "spec.sourceClusters"),
    Refused(
        "policy about a source that cannot be",
        IMPORT_POLICY,
        {"spec": {"sourceClusters": ["east.example"]}},
        "spec.sourceClusters[0]",
    ),
    Refused(
        "bulk export without a selector",
        SERVICE_EXPORT_POLICY,
        {"spec": {"serviceSelector": None}},
        "spec.serviceSelector",
    ),
    Refused(
        "bulk export whose name is no label",
        SERVICE_EXPORT_POLICY,
        {"metadata": {"name": "p" * 64}},
        # So an API server writes the whole object.
        "<nil>",
        server_only=True,
    ),
    *(
        Refused(
            f"policy that prefers when {enough!r} are ready",
            PREFERRING_POLICY,
            {"spec": {"locality": {"minReady": enough}}},
            "spec.locality.minReady",
        )
        for enough in ("0", "101%", "few")
    ),
    Refused(
        "policy that prefers what nobody knows",
        PREFERRING_POLICY,
        {"spec": {"locality": {"scope": "planet"}}},
        "spec.locality.scope",
    ),
    Refused(
        "policy that prefers nothing",
        PREFERRING_POLICY,
        {"spec": {"locality": None}},
        "spec",
        server_only=True,
    ),
    Refused(
        "policy that forbids and prefers",
        PREFERRING_POLICY,
        {"spec": {"action": "Forbid"}},
        "spec",
        server_only=True,
    ),
    Refused(
        "policy that prefers by source",
        PREFERRING_POLICY,
        {"spec": {"sourceClusters": ["east"]}},
        "spec",
        server_only=True,
    ),
    _selecting("selector of another operator", ".operator", operator="Gt", values=["1"]),
    _selecting("selector of a key that cannot be", ".key", key="a b", values=["1"]),
    _selecting("selector by a value that cannot be", ".values[0]", values=["a b"]),
    _selecting("In without values", "", server_only=True),
    _selecting("Exists with values", "", server_only=True, operator="Exists", values=["1"]),
)
PROPERTIES = (
    Refused("property without a value", CLUSTER_PROPERTY, {"spec": {"value": None}}, "spec.value"),
    Refused("property of an empty value", CLUSTER_PROPERTY, {"spec": {"value": ""}}, "spec.value"),
    Refused("property of a number", CLUSTER_PROPERTY, {"spec": {"value": 7}}, "spec.value"),
)


def _report(name: str, field: str, server_only: bool = False, **changes: Any) -> Refused:
    return _spec(f"report with {name}", MEMBER_REPORT, field, server_only, **changes)


def _reported(**changes: Any) -> JsonObject:
    known = {"name": "colour.example.com", "value": "green", "lastObservedTime": NOW, **changes}
    return {"properties": [{key: value for key, value in known.items() if value is not None}]}


def _access(name: str, field: str, server_only: bool = False, **changes: Any) -> Refused:
    known = {"name": "corporate", "server": "https://east.example.com", **changes}
    ways = {"access": [{key: value for key, value in known.items() if value is not None}]}
    return _spec(f"access with {name}", MEMBER_CLUSTER, f"access[0]{field}", server_only, **ways)


def _narrower(name: str, field: str, changes: JsonObject, server_only: bool = False) -> Refused:
    """Refused in v1alpha2; v1alpha1 takes it."""
    cluster = {**CLUSTER_ACCESS, **changes}
    ways = [{"name": "corporate", "cluster": {key: one for key, one in cluster.items() if one is not None}}]
    where = f"status.accessProviders[0].cluster{field}"
    return Refused(
        f"profile with {name}", PROFILE_V1ALPHA2, {"status": {"accessProviders": ways}}, where, server_only
    )


REPORTS = (
    _report("a version of two lines", "kubernetesVersion", kubernetesVersion="v1\nv2"),
    _report("a version of 65 characters", "kubernetesVersion", kubernetesVersion="v" * 65),
    _report("a health that nobody knows", "controlPlane.status", controlPlane={"status": "Maybe"}),
    _report("a reason of two words", "controlPlane.reason", controlPlane={"reason": "no etcd"}),
    _report("a long message", "controlPlane.message", controlPlane={"message": "m" * 1025}),
    _report("a message turned round", "controlPlane.message", controlPlane={"message": "\u202e"}),
    _report("no time of its health", "controlPlane.observedTime", controlPlane={"observedTime": None}),
    _report("a property of an empty value", "properties[0].value", **_reported(value="")),
    _report("a property of 1025 characters", "properties[0].value", **_reported(value="v" * 1025)),
    _report("a property that no object is named", "properties[0].name", **_reported(name="a/b")),
    _report(
        "a property without a time", "properties[0].lastObservedTime", **_reported(lastObservedTime=None)
    ),
    _report("a property twice", "properties[1]", True, properties=_reported()["properties"] * 2),
    _report(
        "129 properties",
        "properties",
        properties=[*(_reported(name=f"p{number}")["properties"][0] for number in range(129))],
    ),
    _report(
        "129 skipped properties",
        "skippedProperties",
        skippedProperties=[{"name": f"p{number}", "reason": "ValueTooLong"} for number in range(129)],
    ),
    _report(
        "a skipped property without a reason",
        "skippedProperties[0].reason",
        skippedProperties=[{"name": "a"}],
    ),
)
ACCESS = (
    _access("no server", ".server", server=None),
    _access("a server that is no URL", ".server", server="east.example.com:6443"),
    _access("a server of another scheme", ".server", server="ftp://east.example.com"),
    _access("a password in its server", ".server", server="https://me:secret@east.example.com"),
    _access("a password in its proxy", ".proxyUrl", proxyUrl="http://me:secret@proxy.example.com"),
    _access("a proxy of another scheme", ".proxyUrl", proxyUrl="east.example.com"),
    _access("authorities that are no bytes", ".certificateAuthorityData", True, certificateAuthorityData="?"),
    _access(
        "an extension that is a text",
        ".extensions[0].extension",
        extensions=[{"name": "a", "extension": "b"}],
    ),
    _spec(
        "way named twice", MEMBER_CLUSTER, "access[1]", True, access=[MEMBER_CLUSTER["spec"]["access"][1]] * 2
    ),
    _spec(
        "17 ways",
        MEMBER_CLUSTER,
        "access",
        access=[{"name": f"way-{number}", "server": "https://a"} for number in range(17)],
    ),
    _spec("display name of two lines", MEMBER_CLUSTER, "displayName", displayName="East\nSpec:"),
)
PROFILES = (
    _spec("profile without a manager", CLUSTER_PROFILE, "clusterManager", clusterManager=None),
    _spec(
        "profile of a nameless manager", CLUSTER_PROFILE, "clusterManager.name", clusterManager={"name": None}
    ),
    Refused(
        "profile with a property of 1025 characters",
        CLUSTER_PROFILE,
        {"status": {"properties": [{"name": "a", "value": "v" * 1025}]}},
        "status.properties[0].value",
    ),
    Refused(
        "profile with a nameless property",
        CLUSTER_PROFILE,
        {"status": {"properties": [{"name": "", "value": "v"}]}},
        "status.properties[0].name",
    ),
    Refused(
        "profile with a nameless way",
        CLUSTER_PROFILE,
        {"status": {"accessProviders": [{"cluster": CLUSTER_ACCESS}]}},
        "status.accessProviders[0].name",
    ),
    Refused(
        "profile with a way to nowhere",
        CLUSTER_PROFILE,
        {"status": {"accessProviders": [{"name": "a", "cluster": {}}]}},
        "status.accessProviders[0].cluster.server",
    ),
    *(
        _spec(
            f"newer profile managed by {name!r}",
            PROFILE_V1ALPHA2,
            "clusterManager.name",
            clusterManager={"name": name},
        )
        for name in ("", "m" * 64, "a b", "-a", "a.")
    ),
    Refused(
        "newer profile with a way without a cluster",
        PROFILE_V1ALPHA2,
        {"status": {"accessProviders": [{"name": "a"}]}},
        "status.accessProviders[0].cluster",
    ),
    Refused(
        "newer profile with 65 ways",
        PROFILE_V1ALPHA2,
        {
            "status": {
                "accessProviders": [
                    {"name": f"way-{number}", "cluster": {"server": "https://a"}} for number in range(65)
                ]
            }
        },
        "status.accessProviders",
    ),
    _narrower("a server without a scheme", ".server", {"server": "east.example.com:6443"}, True),
    _narrower("a server without a host", ".server", {"server": "https:///path"}, True),
    _narrower("a server of 2049 characters", ".server", {"server": "https://" + "a" * 2041}),
    _narrower("a proxy of another scheme", ".proxy-url", {"proxy-url": "ftp://proxy.example.com"}, True),
    _narrower("a certificate name of 254 characters", ".tls-server-name", {"tls-server-name": "n" * 254}),
    _narrower("a nameless extension", ".extensions[0].name", {"extensions": [{"name": "", "extension": {}}]}),
    _narrower(
        "an extension twice", ".extensions[1]", {"extensions": [{"name": "a", "extension": {}}] * 2}, True
    ),
)
REFUSED = CONDITIONS + EXPORTS + IMPORTS + BROKER + POLICIES + PROPERTIES + REPORTS + ACCESS + PROFILES
