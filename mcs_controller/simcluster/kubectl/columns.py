"""The columns that `kubectl get` shows of built-in kinds; a getter makes one cell of one object.

CRDs bring their own columns, as JSONPaths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mcs_controller.simcluster.kinds.kind import Column
from mcs_controller.simcluster.kubectl.ages import age_since

Getter = Callable[[Mapping[str, Any], datetime], Any]

NONE = "<none>"
UNSET = "<unset>"
SHOWN_IN_A_CELL = 3


def _path(*keys: str) -> Getter:
    def get(obj: Mapping[str, Any], now: datetime) -> Any:
        value: Any = obj
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return "" if value is None else value

    return get


def _shortened(entries: Sequence[str]) -> str:
    shown = ",".join(entries[:SHOWN_IN_A_CELL])
    if len(entries) > SHOWN_IN_A_CELL:
        return f"{shown} + {len(entries) - SHOWN_IN_A_CELL} more..."
    return shown or UNSET


NAME = Column("Name", getter=_path("metadata", "name"), format="name")
AGE = Column("Age", getter=lambda obj, now: age_since(obj["metadata"].get("creationTimestamp"), now))
CREATED_AT = Column("Created At", type="date", getter=_path("metadata", "creationTimestamp"))


def _column(name: str, getter: Getter, *, wide: bool = False) -> Column:
    return Column(name, getter=getter, priority=1 if wide else 0)


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
    _column("Type", _path("spec", "type")),
    _column("Cluster-IP", _cluster_ip),
    _column("External-IP", _external_ip),
    _column("Port(s)", _service_ports),
    AGE,
    _column("Selector", _selector, wide=True),
)


def _slice_ports(slice_: Mapping[str, Any], now: datetime) -> str:
    ports = slice_.get("ports") or ()
    return _shortened([str(one["port"]) if "port" in one else one.get("name", "*") for one in ports])


def _slice_addresses(slice_: Mapping[str, Any], now: datetime) -> str:
    endpoints = slice_.get("endpoints") or ()
    return _shortened([address for one in endpoints for address in one.get("addresses") or ()])


ENDPOINT_SLICE = (
    NAME,
    _column("AddressType", _path("addressType")),
    _column("Ports", _slice_ports),
    _column("Endpoints", _slice_addresses),
    AGE,
)
NAMESPACE = (NAME, _column("Status", _path("status", "phase")), AGE)
LEASE = (NAME, _column("Holder", _path("spec", "holderIdentity")), AGE)


def _count_of(*fields: str) -> Getter:
    return lambda obj, now: sum(len(obj.get(field) or ()) for field in fields)


CONFIG_MAP = (NAME, _column("Data", _count_of("data", "binaryData")), AGE)
SECRET = (NAME, _column("Type", _path("type")), _column("Data", _count_of("data")), AGE)


def _role(binding: Mapping[str, Any], now: datetime) -> str:
    role = binding.get("roleRef") or {}
    return f"{role.get('kind', '')}/{role.get('name', '')}"


ROLE_BINDING = (NAME, _column("Role", _role), AGE)
CREATED = (NAME, CREATED_AT)
PLAIN = (NAME, AGE)


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
    _column("Last Seen", _last_seen),
    _column("Type", _path("type")),
    _column("Reason", _path("reason")),
    _column("Object", _event_object),
    _column("Subobject", _path("involvedObject", "fieldPath"), wide=True),
    _column("Source", _event_source, wide=True),
    _column("Message", lambda event, now: (event.get("message") or "").strip()),
    _column("First Seen", _first_seen, wide=True),
    _column("Count", _event_count, wide=True),
    Column("Name", getter=_path("metadata", "name"), format="name", priority=1),
)
