"""Schemas of the built-in groups besides the core: EndpointSlices, Leases, Events, RBAC, CRDs."""

from __future__ import annotations

from mcs_controller.simcluster.schemas.definitions import (
    anything,
    boolean,
    choice,
    define,
    define_kind,
    integer,
    micro_time,
    ref,
    refs,
    text,
    text_map,
    texts,
    time,
)

define(
    "discovery.v1.EndpointConditions",
    "Whether an endpoint can be used. A condition that is not given counts as the best case.",
    {
        "ready": boolean("Whether it accepts traffic."),
        "serving": boolean("Whether it answers, even while it is being stopped."),
        "terminating": boolean("Whether it is being stopped."),
    },
)
define("discovery.v1.ForZone", "A zone.", {"name": text("Name of the zone.")}, ["name"])
define("discovery.v1.ForNode", "A node.", {"name": text("Name of the node.")}, ["name"])
define(
    "discovery.v1.EndpointHints",
    "Who should use an endpoint.",
    {
        "forZones": refs("discovery.v1.ForZone", "The zones whose clients should use it."),
        "forNodes": refs("discovery.v1.ForNode", "The nodes whose clients should use it."),
    },
)
define(
    "discovery.v1.Endpoint",
    "One backend of a Service.",
    {
        "addresses": texts("Its addresses, all meaning the same; 1 to 100.", list_type="set"),
        "conditions": ref("discovery.v1.EndpointConditions", "Whether it can be used."),
        "hostname": text("The host name that it is published under, a DNS label."),
        "targetRef": ref("core.v1.ObjectReference", "The object behind it, mostly a Pod."),
        "deprecatedTopology": text_map("No longer written."),
        "nodeName": text("The node that it runs on."),
        "zone": text("The zone that it runs in."),
        "hints": ref("discovery.v1.EndpointHints", "Who should use it."),
    },
    ["addresses"],
)
define(
    "discovery.v1.EndpointPort",
    "A port that all endpoints of a slice have.",
    {
        "name": text("Name of the port, the Service's name for it; unique in the slice."),
        "protocol": text("TCP, UDP or SCTP. TCP when not given."),
        "port": integer("The number at the endpoint. Without one: every port."),
        "appProtocol": text("What is spoken on the port."),
    },
    **{"x-kubernetes-map-type": "atomic"},
)
ENDPOINT_SLICE = define_kind(
    "discovery.v1.EndpointSlice",
    "A part of the endpoints of a Service; a Service may have many of them.",
    {
        "addressType": choice("What the addresses are; cannot be changed.", "IPv4", "IPv6", "FQDN"),
        "endpoints": refs("discovery.v1.Endpoint", "The endpoints; at most 1000."),
        "ports": refs("discovery.v1.EndpointPort", "The ports that each endpoint has."),
    },
    ["addressType", "endpoints"],
    group="discovery.k8s.io",
)

define(
    "coordination.v1.LeaseSpec",
    "Who holds a Lease, and since when.",
    {
        "holderIdentity": text("Who holds it."),
        "leaseDurationSeconds": integer("How long after renewTime others have to leave it alone."),
        "acquireTime": micro_time("When the holder took it."),
        "renewTime": micro_time("When the holder last renewed it."),
        "leaseTransitions": integer("How often it has changed hands."),
        "strategy": text("How the holder is chosen, where the server chooses."),
        "preferredHolder": text("Who should get it next."),
    },
)
LEASE = define_kind(
    "coordination.v1.Lease",
    "A lock that runs out when its holder does not renew it.",
    {"spec": ref("coordination.v1.LeaseSpec", "Who holds it, and since when.")},
    group="coordination.k8s.io",
)

define(
    "events.v1.EventSeries",
    "How often an event has come back.",
    {"count": integer("How often."), "lastObservedTime": micro_time("When it was last seen.")},
    ["count", "lastObservedTime"],
)
EVENT = define_kind(
    "events.v1.Event",
    "A report of something that happened to an object.",
    {
        "eventTime": micro_time("When it was first seen, to the microsecond."),
        "series": ref("events.v1.EventSeries", "How often it has come back."),
        "reportingController": text("The controller that reports it."),
        "reportingInstance": text("Which of its replicas."),
        "action": text("What was done, or failed."),
        "reason": text("Why, in one word."),
        "regarding": ref("core.v1.ObjectReference", "The object that it is about."),
        "related": ref("core.v1.ObjectReference", "Another object that had a part in it."),
        "note": text("What happened, for people."),
        "type": choice("How serious it is.", "Normal", "Warning"),
        "deprecatedSource": ref("core.v1.EventSource", "`source` of a core Event."),
        "deprecatedFirstTimestamp": time("`firstTimestamp` of a core Event."),
        "deprecatedLastTimestamp": time("`lastTimestamp` of a core Event."),
        "deprecatedCount": integer("`count` of a core Event."),
    },
    ["eventTime"],
    group="events.k8s.io",
)

_RBAC = "rbac.authorization.k8s.io"
define(
    "rbac.v1.PolicyRule",
    "Something that may be done.",
    {
        "verbs": texts("What may be done."),
        "apiGroups": texts("The API groups of the resources."),
        "resources": texts("The resources."),
        "resourceNames": texts("The objects, when not all of them are meant."),
        "nonResourceURLs": texts("Paths that are not resources."),
    },
    ["verbs"],
)
define(
    "rbac.v1.Subject",
    "Somebody who is given rights.",
    {
        "kind": choice("What the subject is.", "User", "Group", "ServiceAccount"),
        "apiGroup": text("API group of the subject."),
        "name": text("Name of the subject."),
        "namespace": text("Namespace of a ServiceAccount."),
    },
    ["kind", "name"],
)
define(
    "rbac.v1.RoleRef",
    "The role that is given.",
    {
        "apiGroup": text("API group of the role."),
        "kind": text("Role or ClusterRole."),
        "name": text("Name of the role."),
    },
    ["apiGroup", "kind", "name"],
)


def _define_role(name: str, description: str, extra: dict[str, dict[str, object]]) -> str:
    rules = {"rules": refs("rbac.v1.PolicyRule", "What the role allows.")}
    return define_kind(f"rbac.v1.{name}", description, rules | extra, group=_RBAC)


def _define_binding(name: str, description: str) -> str:
    properties = {
        "subjects": refs("rbac.v1.Subject", "Who gets the role."),
        "roleRef": ref("rbac.v1.RoleRef", "The role; cannot be changed."),
    }
    return define_kind(f"rbac.v1.{name}", description, properties, ["roleRef"], group=_RBAC)


ROLE = _define_role("Role", "What may be done in one namespace.", {})
CLUSTER_ROLE = _define_role(
    "ClusterRole",
    "What may be done in the whole cluster.",
    {"aggregationRule": anything("Other roles that this one is put together from.")},
)
ROLE_BINDING = _define_binding("RoleBinding", "Gives a role to somebody in one namespace.")
CLUSTER_ROLE_BINDING = _define_binding("ClusterRoleBinding", "Gives a role to somebody everywhere.")

define(
    "apiextensions.v1.CustomResourceDefinitionNames",
    "What a resource and its kind are called.",
    {
        "plural": text("The resource in paths."),
        "singular": text("One of it, in commands."),
        "shortNames": texts("Abbreviations for commands."),
        "kind": text("The kind of its objects."),
        "listKind": text("The kind of its lists."),
        "categories": texts("Groups such as `all` that commands know it under."),
    },
    ["plural", "kind"],
)
define(
    "apiextensions.v1.CustomResourceColumnDefinition",
    "One column of the tables that commands print.",
    {
        "name": text("Its title."),
        "type": text("The type of its values."),
        "jsonPath": text("Where in the object they are."),
        "format": text("How they are shown."),
        "description": text("What they mean."),
        "priority": integer("Above 0: only in wide tables."),
    },
)
define(
    "apiextensions.v1.CustomResourceDefinitionVersion",
    "One version of a resource.",
    {
        "name": text("The version in paths."),
        "served": boolean("Whether it can be used."),
        "storage": boolean("Whether objects are kept in it."),
        "deprecated": boolean("Whether using it is warned of."),
        "deprecationWarning": text("The words of that warning."),
        "schema": {
            "type": "object",
            "properties": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            },
            "description": "What its objects look like.",
        },
        "subresources": anything("Whether it has a status of its own."),
        "selectableFields": anything("What objects can be selected by."),
        "additionalPrinterColumns": refs(
            "apiextensions.v1.CustomResourceColumnDefinition", "Its columns besides the name."
        ),
    },
    ["name", "served", "storage"],
)
define(
    "apiextensions.v1.CustomResourceDefinitionSpec",
    "What the new resource is called, and what its objects look like.",
    {
        "group": text("The API group of the resource."),
        "names": ref(
            "apiextensions.v1.CustomResourceDefinitionNames", "What the resource and its kind are called."
        ),
        "scope": choice("Whether its objects lie in namespaces.", "Cluster", "Namespaced"),
        "versions": refs(
            "apiextensions.v1.CustomResourceDefinitionVersion", "The versions that the resource is served in."
        ),
        "conversion": anything("How objects are turned from one version into another."),
        "preserveUnknownFields": boolean("No longer allowed."),
    },
    ["group", "names", "scope", "versions"],
)
CUSTOM_RESOURCE_DEFINITION = define_kind(
    "apiextensions.v1.CustomResourceDefinition",
    "Adds a resource to this API server.",
    {
        "spec": ref("apiextensions.v1.CustomResourceDefinitionSpec", "The new resource."),
        "status": anything("Whether the resource is served."),
    },
    ["spec"],
    group="apiextensions.k8s.io",
)
