"""The columns that `kubectl get` shows of built-in kinds; each getter makes one cell of one object.

CRDs bring their own columns, as JSONPaths. Times in cells are ages at the time handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mcs_controller.simcluster.kinds.resource_kind import Column
from mcs_controller.simcluster.kubectl.ages import age_since

Getter = Callable[[Mapping[str, Any], datetime], Any]

NONE = "<none>"
UNSET = "<unset>"
SHOWN_IN_A_CELL = 3
LOAD_BALANCER_WIDTH_CHARS = 16


def _path(*keys: str, missing: Any = "") -> Getter:
    def get(obj: Mapping[str, Any], now: datetime) -> Any:
        value: Any = obj
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return missing if value in (None, "") else value

    return get


def _age(*keys: str) -> Getter:
    get = _path(*keys)
    return lambda obj, now: age_since(get(obj, now), now)


def _status_of(kind: str) -> Getter:
    def get(obj: Mapping[str, Any], now: datetime) -> str:
        for condition in (obj.get("status") or {}).get("conditions") or ():
            if condition.get("type") == kind:
                return str(condition.get("status"))
        return ""

    return get


def _shortened(entries: Sequence[str]) -> str:
    shown = ",".join(entries[:SHOWN_IN_A_CELL])
    if len(entries) > SHOWN_IN_A_CELL:
        return f"{shown} + {len(entries) - SHOWN_IN_A_CELL} more..."
    return shown or UNSET


NAME = Column("Name", getter=_path("metadata", "name"), format="name", description="Name of the object.")
AGE = Column("Age", getter=_age("metadata", "creationTimestamp"), description="Time since its creation.")
CREATED_AT = Column(
    "Created At",
    type="date",
    getter=_path("metadata", "creationTimestamp"),
    description="When it was created.",
)


def _column(
    name: str, getter: Getter, description: str, *, wide: bool = False, type: str = "string"
) -> Column:
    return Column(name, type, getter=getter, priority=1 if wide else 0, description=description)


def _cluster_ip(service: Mapping[str, Any], now: datetime) -> str:
    ips = service["spec"].get("clusterIPs") or [NONE]
    return str(ips[0])


def _external_ip(service: Mapping[str, Any], now: datetime) -> str:
    spec = service["spec"]
    own: list[str] = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "ExternalName":
            return str(spec.get("externalName", ""))
        case "LoadBalancer":
            ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
            given = sorted({one.get("ip") or one.get("hostname") or "" for one in ingress} - {""})
            return ",".join([*given, *own]) or "<pending>"
        case _:
            return ",".join(own) or NONE


def _service_ports(service: Mapping[str, Any], now: datetime) -> str:
    shown = []
    for port in service["spec"].get("ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        shown.append(f"{port['port']}{node}/{port['protocol']}")
    return ",".join(shown) or NONE


def _selector(service: Mapping[str, Any], now: datetime) -> str:
    selector = service["spec"].get("selector") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items())) or NONE


SERVICE = (
    NAME,
    _column("Type", _path("spec", "type"), "How the Service is reached."),
    _column("Cluster-IP", _cluster_ip, "Its address in the cluster."),
    _column("External-IP", _external_ip, "Its addresses outside the cluster."),
    _column("Port(s)", _service_ports, "The ports that it is reached at."),
    AGE,
    _column("Selector", _selector, "Labels of the pods that serve it.", wide=True),
)


def _slice_ports(slice_: Mapping[str, Any], now: datetime) -> str:
    ports = slice_.get("ports") or ()
    return _shortened([str(one["port"]) if "port" in one else one.get("name", "*") for one in ports])


def _slice_addresses(slice_: Mapping[str, Any], now: datetime) -> str:
    endpoints = slice_.get("endpoints") or ()
    return _shortened([address for one in endpoints for address in one.get("addresses") or ()])


ENDPOINT_SLICE = (
    NAME,
    _column("AddressType", _path("addressType"), "What the addresses are."),
    _column("Ports", _slice_ports, "The ports of the endpoints."),
    _column("Endpoints", _slice_addresses, "The addresses of the endpoints."),
    AGE,
)
NAMESPACE = (NAME, _column("Status", _path("status", "phase"), "Where it is in its life."), AGE)
LEASE = (NAME, _column("Holder", _path("spec", "holderIdentity"), "Who holds it."), AGE)


def _count_of(*fields: str) -> Getter:
    return lambda obj, now: sum(len(obj.get(field) or ()) for field in fields)


CONFIG_MAP = (NAME, _column("Data", _count_of("data", "binaryData"), "How many keys it has."), AGE)
SECRET = (
    NAME,
    _column("Type", _path("type"), "What kind of secret it is."),
    _column("Data", _count_of("data"), "How many keys it has."),
    AGE,
)
PLAIN = (NAME, AGE)
CREATED = (NAME, CREATED_AT)


def _role(binding: Mapping[str, Any], now: datetime) -> str:
    role = binding.get("roleRef") or {}
    return f"{role.get('kind', '')}/{role.get('name', '')}"


def _subjects(kind: str) -> Getter:
    def get(binding: Mapping[str, Any], now: datetime) -> str:
        found = [one for one in binding.get("subjects") or () if one.get("kind") == kind]
        prefixed = (f"{one['namespace']}/" if one.get("namespace") else "" for one in found)
        return ", ".join(prefix + one["name"] for prefix, one in zip(prefixed, found, strict=True))

    return get


BINDING = (
    NAME,
    _column("Role", _role, "The role that is given."),
    AGE,
    _column("Users", _subjects("User"), "The users who get it.", wide=True),
    _column("Groups", _subjects("Group"), "The groups that get it.", wide=True),
    _column("ServiceAccounts", _subjects("ServiceAccount"), "The accounts that get it.", wide=True),
)


def _ready_containers(pod: Mapping[str, Any], now: datetime) -> str:
    states = (pod.get("status") or {}).get("containerStatuses") or ()
    total = len((pod.get("spec") or {}).get("containers") or ())
    return f"{sum(bool(one.get('ready')) for one in states)}/{total}"


def _pod_status(pod: Mapping[str, Any], now: datetime) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    state = pod.get("status") or {}
    return str(state.get("reason") or state.get("phase") or "")


def _restarts(pod: Mapping[str, Any], now: datetime) -> str:
    states = (pod.get("status") or {}).get("containerStatuses") or ()
    return str(sum(one.get("restartCount", 0) for one in states))


POD = (
    NAME,
    _column("Ready", _ready_containers, "How many of its containers are ready."),
    _column("Status", _pod_status, "Where it is in its life."),
    _column("Restarts", _restarts, "How often its containers were started again."),
    AGE,
    _column("IP", _path("status", "podIP", missing=NONE), "Its address.", wide=True),
    _column("Node", _path("spec", "nodeName", missing=NONE), "The node it runs on.", wide=True),
    _column(
        "Nominated Node",
        _path("status", "nominatedNodeName", missing=NONE),
        "The node it may get.",
        wide=True,
    ),
    _column(
        "Readiness Gates",
        lambda pod, now: NONE,
        "Conditions that it waits for.",
        wide=True,
    ),
)

_ROLE_LABEL = "node-role.kubernetes.io/"


def _node_status(node: Mapping[str, Any], now: datetime) -> str:
    ready = {"True": "Ready", "": "Unknown"}.get(_status_of("Ready")(node, now), "NotReady")
    cordoned = (node.get("spec") or {}).get("unschedulable")
    return f"{ready},SchedulingDisabled" if cordoned else ready


def _node_roles(node: Mapping[str, Any], now: datetime) -> str:
    labels = node["metadata"].get("labels") or {}
    roles = sorted(one.removeprefix(_ROLE_LABEL) for one in labels if one.startswith(_ROLE_LABEL))
    return ",".join(roles) or NONE


def _node_address(kind: str) -> Getter:
    def get(node: Mapping[str, Any], now: datetime) -> str:
        for address in (node.get("status") or {}).get("addresses") or ():
            if address.get("type") == kind:
                return str(address.get("address"))
        return NONE

    return get


def _node_info(field: str) -> Getter:
    return _path("status", "nodeInfo", field, missing="<unknown>")


NODE = (
    NAME,
    _column("Status", _node_status, "Whether it takes pods."),
    _column("Roles", _node_roles, "What it is for."),
    AGE,
    _column("Version", _path("status", "nodeInfo", "kubeletVersion"), "Version of its kubelet."),
    _column("Internal-IP", _node_address("InternalIP"), "Its address.", wide=True),
    _column("External-IP", _node_address("ExternalIP"), "Its address outside.", wide=True),
    _column("OS-Image", _node_info("osImage"), "Its system.", wide=True),
    _column("Kernel-Version", _node_info("kernelVersion"), "Its kernel.", wide=True),
    _column(
        "Container-Runtime", _node_info("containerRuntimeVersion"), "What runs its containers.", wide=True
    ),
)


def _first_seen(event: Mapping[str, Any], now: datetime) -> str:
    return age_since(event.get("firstTimestamp") or event.get("eventTime"), now)


def _last_seen(event: Mapping[str, Any], now: datetime) -> str:
    series = event.get("series")
    if series:
        return age_since(series.get("lastObservedTime"), now)
    return age_since(event["lastTimestamp"], now) if event.get("lastTimestamp") else _first_seen(event, now)


def _event_object(event: Mapping[str, Any], now: datetime) -> str:
    about = event.get("involvedObject") or {}
    kind, name = about.get("kind", "").lower(), about.get("name")
    return f"{kind}/{name}" if name else kind


def _event_source(event: Mapping[str, Any], now: datetime) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    instance = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def _event_count(event: Mapping[str, Any], now: datetime) -> int:
    series = event.get("series")
    return int(series.get("count", 0) if series else event.get("count") or 1)


EVENT = (
    _column("Last Seen", _last_seen, "When it was last seen."),
    _column("Type", _path("type"), "How serious it is."),
    _column("Reason", _path("reason"), "What happened, in one word."),
    _column("Object", _event_object, "The object it is about."),
    _column("Subobject", _path("involvedObject", "fieldPath"), "The part of the object.", wide=True),
    _column("Source", _event_source, "Who reports it.", wide=True),
    _column("Message", lambda event, now: (event.get("message") or "").strip(), "What happened."),
    _column("First Seen", _first_seen, "When it was first seen.", wide=True),
    _column("Count", _event_count, "How often it was seen.", wide=True),
    Column("Name", getter=_path("metadata", "name"), format="name", priority=1, description="Its name."),
)
