"""Schemas of the core group: Service in full; of Pods and Nodes only what printing and patching need."""

from __future__ import annotations

from typing import Any

from mcs_controller.simcluster.schemas.definitions import (
    anything,
    boolean,
    choice,
    define,
    define_kind,
    integer,
    micro_time,
    number_or_text,
    ref,
    refs,
    text,
    text_map,
    texts,
    time,
)

_PRESERVE: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}

define(
    "core.v1.ServicePort",
    "One port that a Service is reached at.",
    {
        "name": text("Name of the port, a DNS label; required when there are several."),
        "protocol": text("TCP, UDP or SCTP. TCP when not given.", default="TCP"),
        "appProtocol": text("What is spoken on the port, for those who treat protocols differently."),
        "port": integer("The number that clients connect to."),
        "targetPort": number_or_text("Number or name of the port on the pods; `port` when not given."),
        "nodePort": integer("The number on every node, for NodePort and LoadBalancer."),
    },
    ["port"],
)
define(
    "core.v1.ClientIPConfig",
    "Session affinity by client address.",
    {"timeoutSeconds": integer("How long a client stays with its pod; 10800 when not given.")},
)
define(
    "core.v1.SessionAffinityConfig",
    "Settings of session affinity.",
    {"clientIP": ref("core.v1.ClientIPConfig", "Settings of affinity by client address.")},
)
define(
    "core.v1.ServiceSpec",
    "What a Service offers, and how it is reached.",
    {
        "ports": refs(
            "core.v1.ServicePort",
            "The ports of the Service.",
            map_keys=["port", "protocol"],
            merge_key="port",
        ),
        "selector": text_map(
            "Labels of the pods that serve it. Without one the endpoints are made by others."
        )
        | {"x-kubernetes-map-type": "atomic"},
        "clusterIP": text(
            "The address in the cluster: given by the server, or `None` for a headless Service."
        ),
        "clusterIPs": texts("The addresses in the cluster, one for each IP family; the first is clusterIP."),
        "type": choice("How it is reached.", "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
        "externalIPs": texts("Addresses from outside at which nodes accept traffic for it."),
        "sessionAffinity": choice("Whether a client stays with one pod.", "ClientIP", "None"),
        "sessionAffinityConfig": ref("core.v1.SessionAffinityConfig", "Settings of session affinity."),
        "loadBalancerIP": text("The address wished for at the load balancer."),
        "loadBalancerSourceRanges": texts("The clients that the load balancer lets through."),
        "loadBalancerClass": text("Which implementation of load balancers is to serve it."),
        "externalName": text("The DNS name that an ExternalName Service stands for."),
        "externalTrafficPolicy": choice("Which nodes serve traffic from outside.", "Cluster", "Local"),
        "internalTrafficPolicy": choice("Which pods serve traffic from inside.", "Cluster", "Local"),
        "healthCheckNodePort": integer("Where load balancers ask a node whether it has local pods."),
        "publishNotReadyAddresses": boolean("Whether pods that are not ready count as endpoints."),
        "ipFamilies": texts("The IP families, IPv4 and IPv6, in order of preference."),
        "ipFamilyPolicy": choice(
            "How many families it gets.", "SingleStack", "PreferDualStack", "RequireDualStack"
        ),
        "allocateLoadBalancerNodePorts": boolean("Whether a LoadBalancer gets node ports as well."),
        "trafficDistribution": choice(
            "Which endpoints to prefer.", "PreferClose", "PreferSameZone", "PreferSameNode"
        ),
    },
)
define(
    "core.v1.PortStatus",
    "State of one port of a load balancer.",
    {
        "port": integer("The port."),
        "protocol": text("Its protocol."),
        "error": text("Why it does not work, if it does not."),
    },
    ["port", "protocol"],
)
define(
    "core.v1.LoadBalancerIngress",
    "One entry point of a load balancer.",
    {
        "ip": text("Its address."),
        "hostname": text("Its name."),
        "ipMode": text("VIP or Proxy."),
        "ports": refs("core.v1.PortStatus", "State of its ports."),
    },
)
define(
    "core.v1.LoadBalancerStatus",
    "State of a load balancer.",
    {"ingress": refs("core.v1.LoadBalancerIngress", "Where it is reached.")},
)
define(
    "core.v1.ServiceStatus",
    "The observed state of a Service.",
    {
        "loadBalancer": ref("core.v1.LoadBalancerStatus", "State of its load balancer."),
        "conditions": refs("meta.v1.Condition", "State of the Service.", map_keys=["type"], merge_key="type"),
    },
)
SERVICE = define_kind(
    "core.v1.Service",
    "A name for a set of pods, with addresses and ports that stay while the pods come and go.",
    {
        "spec": ref("core.v1.ServiceSpec", "What the Service offers, and how it is reached."),
        "status": ref("core.v1.ServiceStatus", "The observed state; read-only."),
    },
)

define(
    "core.v1.NamespaceCondition",
    "State of one aspect of a Namespace.",
    {
        "type": text("The aspect."),
        "status": text("True, False or Unknown."),
        "lastTransitionTime": time("When the status last changed."),
        "reason": text("Why, in one word."),
        "message": text("Why, for people."),
    },
    ["type", "status"],
)
define(
    "core.v1.NamespaceSpec",
    "What keeps a Namespace.",
    {"finalizers": texts("What has to be done before the Namespace may go.")},
)
define(
    "core.v1.NamespaceStatus",
    "The observed state of a Namespace.",
    {
        "phase": choice("Where it is in its life.", "Active", "Terminating"),
        "conditions": refs(
            "core.v1.NamespaceCondition", "State of the Namespace.", map_keys=["type"], merge_key="type"
        ),
    },
)
NAMESPACE = define_kind(
    "core.v1.Namespace",
    "A scope for names.",
    {
        "spec": ref("core.v1.NamespaceSpec", "What keeps the Namespace."),
        "status": ref("core.v1.NamespaceStatus", "The observed state."),
    },
)

CONFIG_MAP = define_kind(
    "core.v1.ConfigMap",
    "Configuration for pods to use.",
    {
        "data": text_map("Texts by key."),
        "binaryData": text_map("Bytes by key, in base64."),
        "immutable": boolean("Whether the data may never be changed."),
    },
)
SECRET = define_kind(
    "core.v1.Secret",
    "Data that not everybody may read.",
    {
        "type": text("What kind of secret it is."),
        "data": text_map("Bytes by key, in base64."),
        "stringData": text_map("Texts by key, for writing only: they become `data`."),
        "immutable": boolean("Whether the data may never be changed."),
    },
)
define(
    "core.v1.ObjectReference",
    "Points to an object.",
    {
        "apiVersion": text("Group and version of the object."),
        "kind": text("Kind of the object."),
        "namespace": text("Namespace of the object."),
        "name": text("Name of the object."),
        "uid": text("UID of the object."),
        "resourceVersion": text("The version of the object that is meant."),
        "fieldPath": text("The part of the object that is meant."),
    },
    **{"x-kubernetes-map-type": "atomic"},
)
define(
    "core.v1.LocalObjectReference",
    "Points to an object in the same namespace.",
    {"name": text("Name of the object.")},
    **{"x-kubernetes-map-type": "atomic"},
)
SERVICE_ACCOUNT = define_kind(
    "core.v1.ServiceAccount",
    "Who a program in a pod is to the API server.",
    {
        "secrets": refs("core.v1.ObjectReference", "Secrets that its pods may use.", merge_key="name"),
        "imagePullSecrets": refs("core.v1.LocalObjectReference", "Secrets to pull images with."),
        "automountServiceAccountToken": boolean("Whether its pods get its token without asking."),
    },
)
define(
    "core.v1.EventSource",
    "Who reports an event.",
    {"component": text("The program."), "host": text("The node it runs on.")},
)
define(
    "core.v1.EventSeries",
    "How often an event has come back.",
    {"count": integer("How often."), "lastObservedTime": micro_time("When it was last seen.")},
)
EVENT = define_kind(
    "core.v1.Event",
    "A report of something that happened to an object.",
    {
        "involvedObject": ref("core.v1.ObjectReference", "The object that it is about."),
        "reason": text("What happened, in one word."),
        "message": text("What happened, for people."),
        "source": ref("core.v1.EventSource", "Who reports it."),
        "firstTimestamp": time("When it was first seen."),
        "lastTimestamp": time("When it was last seen."),
        "count": integer("How often it was seen."),
        "type": choice("How serious it is.", "Normal", "Warning"),
        "eventTime": micro_time("When it was first seen, to the microsecond."),
        "series": ref("core.v1.EventSeries", "How often it has come back."),
        "action": text("What was done, or failed."),
        "related": ref("core.v1.ObjectReference", "Another object that had a part in it."),
        "reportingComponent": text("The controller that reports it."),
        "reportingInstance": text("Which of its replicas."),
    },
    ["metadata", "involvedObject"],
)

define("core.v1.Container", "One container of a Pod.", {"name": text("Its name.")}, ["name"], **_PRESERVE)
define(
    "core.v1.PodSpec",
    "What a Pod is to run.",
    {
        "containers": refs(
            "core.v1.Container", "The containers of the Pod.", map_keys=["name"], merge_key="name"
        ),
        "nodeName": text("The node that it runs on."),
        "serviceAccountName": text("Who its programs are to the API server."),
        "hostname": text("Its host name."),
        "subdomain": text("The headless Service that its host name is published under."),
    },
    ["containers"],
    **_PRESERVE,
)
define(
    "core.v1.PodCondition",
    "State of one aspect of a Pod.",
    {"type": text("The aspect."), "status": text("True, False or Unknown.")},
    ["type", "status"],
    **_PRESERVE,
)
define("core.v1.PodIP", "An address of a Pod.", {"ip": text("The address.")}, ["ip"])
define(
    "core.v1.PodStatus",
    "The observed state of a Pod.",
    {
        "phase": text("Where it is in its life."),
        "conditions": refs("core.v1.PodCondition", "State of the Pod.", map_keys=["type"], merge_key="type"),
        "podIP": text("Its address."),
        "podIPs": refs("core.v1.PodIP", "Its addresses.", map_keys=["ip"], merge_key="ip"),
    },
    **_PRESERVE,
)
POD = define_kind(
    "core.v1.Pod",
    "Containers that run together on one node.",
    {
        "spec": ref("core.v1.PodSpec", "What the Pod is to run."),
        "status": ref("core.v1.PodStatus", "The observed state."),
    },
)
define(
    "core.v1.NodeStatus",
    "The observed state of a Node.",
    {"conditions": refs("core.v1.PodCondition", "State of the Node.", map_keys=["type"], merge_key="type")},
    **_PRESERVE,
)
NODE = define_kind(
    "core.v1.Node",
    "A machine that runs pods.",
    {
        "spec": anything("How the machine is to be used."),
        "status": ref("core.v1.NodeStatus", "The observed state."),
    },
)
