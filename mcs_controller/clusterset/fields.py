"""Checked access to the fields of parsed JSON.

Each function returns the value in the type that it names, or raises `MalformedObject`. As in Kubernetes, a
field that is absent or null is the empty value of its type, unless the function's name says `required`.
"""

from collections.abc import Mapping, Sequence
from sys import intern
from typing import Any, Final, cast

from mcs_controller.clusterset.errors import MalformedObject, shortened
from mcs_controller.clusterset.model import (
    MAX_PORTS,
    AddressFamily,
    AffinityConfig,
    ServiceKey,
    ServicePort,
    StringMap,
)
from mcs_controller.clusterset.syntax import (
    is_dns_label,
    is_qualified_name,
    is_subdomain,
    seconds_of_change,
    string_map,
)

Json = Mapping[str, Any]

MAX_PORT_NUMBER: Final = 65_535
PROTOCOLS: Final = frozenset({"TCP", "UDP", "SCTP"})
FAMILIES: Final = frozenset({"IPv4", "IPv6"})
DEFAULT_AFFINITY_TIMEOUT_SECONDS: Final = 10_800
MAX_AFFINITY_TIMEOUT_SECONDS: Final = 86_400

_NOTHING: Json = {}
_SHOWN_CHARS: Final = 80
_SHOWN_INTEGER: Final = 10**20


def bad(field: str, value: object, wanted: str) -> MalformedObject:
    """The error for a field with a value that is not allowed."""
    return MalformedObject(f"{field} is {_shown(value)}, not {wanted}")


def _shown(value: object) -> str:
    """The value in a few characters. To write out a huge value would cost time, or fail."""
    if isinstance(value, str):
        return repr(shortened(value, _SHOWN_CHARS))
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return repr(value) if abs(value) < _SHOWN_INTEGER else "a huge number"
    return f"a {type(value).__name__}"


def an_object(value: object, field: str) -> Json:
    """The value, which must be an object."""
    if type(value) is not dict:
        raise bad(field, value, "an object")
    return value


def child(parent: Json, field: str) -> Json:
    """The object in the field."""
    value = parent.get(field)
    if value is None:
        return _NOTHING
    if type(value) is not dict:
        raise bad(field, value, "an object")
    return value


def items(parent: Json, field: str, limit: int) -> Sequence[Any]:
    """The list in the field, of at most `limit` items."""
    value = parent.get(field)
    if value is None:
        return ()
    if type(value) is not list:
        raise bad(field, value, "a list")
    if len(value) > limit:
        raise MalformedObject(f"{field} has {len(value)} items, more than {limit}")
    return value


def text(parent: Json, field: str) -> str:
    """The text in the field."""
    value = parent.get(field)
    if value is None:
        return ""
    if type(value) is not str:
        raise bad(field, value, "a text")
    return value


def texts(parent: Json, field: str, limit: int) -> tuple[str, ...]:
    """The list of texts in the field, of at most `limit` items."""
    found = items(parent, field, limit)
    for value in found:
        if type(value) is not str:
            raise bad(field, value, "a text")
    return tuple(found)


def integer(parent: Json, field: str) -> int | None:
    """The whole number in the field, None when absent."""
    value = parent.get(field)
    if value is not None and type(value) is not int:
        raise bad(field, value, "a whole number")
    return value


def required_label(parent: Json, field: str) -> str:
    """The DNS label in the field."""
    value = text(parent, field)
    if not is_dns_label(value):
        raise bad(field, value, "a DNS label")
    return intern(value)


def required_name(parent: Json, field: str) -> str:
    """The object name in the field."""
    value = text(parent, field)
    if not is_subdomain(value):
        raise bad(field, value, "a name of an object")
    return value


def string_pairs(parent: Json, field: str) -> StringMap:
    """The map of texts in the field, as sorted pairs."""
    value = child(parent, field)
    for key, item in value.items():
        if type(item) is not str:
            raise bad(f"{field}[{_shown(key)}]", item, "a text")
    return string_map(value)


def local_key(metadata: Json) -> ServiceKey:
    """The key made of an object's own namespace and name."""
    return ServiceKey(intern(text(metadata, "namespace")), intern(text(metadata, "name")))


def change_seconds(parent: Json, field: str) -> float:
    """Seconds since the epoch of the change in the field, 0.0 when absent, or no time of a change."""
    value = text(parent, field)
    if not value:
        return 0.0
    seconds = seconds_of_change(value)
    if seconds is None:
        raise bad(field, value, "a time in UTC")
    return seconds


def service_ports(parent: Json, limit: int = MAX_PORTS) -> tuple[ServicePort, ...]:
    """The ports of a Service, each checked as an API server does."""
    return tuple(_service_port(an_object(item, "ports")) for item in items(parent, "ports", limit))


def _service_port(raw: Json) -> ServicePort:
    name, protocol, app_protocol = port_texts(raw)
    return ServicePort(port_number(raw.get("port")), name, protocol, app_protocol)


def port_texts(raw: Json) -> tuple[str, str, str | None]:
    """Name, protocol and application protocol of a Service's or a slice's port."""
    name = text(raw, "name")
    if name and not is_dns_label(name):
        raise bad("port name", name, "a DNS label")
    protocol = text(raw, "protocol") or "TCP"
    if protocol not in PROTOCOLS:
        raise bad("protocol", protocol, "TCP, UDP or SCTP")
    app_protocol = text(raw, "appProtocol") or None
    if app_protocol is not None and not is_qualified_name(app_protocol):
        raise bad("appProtocol", app_protocol, "a qualified name")
    return intern(name), intern(protocol), app_protocol


def port_number(value: object) -> int:
    """The value, which must be a port number."""
    if type(value) is not int or not 0 < value <= MAX_PORT_NUMBER:
        raise bad("port", value, "a port number")
    return value


def ip_families(parent: Json) -> tuple[AddressFamily, ...]:
    """The IP families in the field `ipFamilies`, each once."""
    found = texts(parent, "ipFamilies", 2)
    if not FAMILIES.issuperset(found) or len(set(found)) != len(found):
        raise bad("ipFamilies", ", ".join(found), "IPv4, IPv6 or both")
    return cast(tuple[AddressFamily, ...], found)


def affinity(parent: Json) -> AffinityConfig:
    """Session affinity with its time-out, defaults filled (MCS-CON-13)."""
    kind = text(parent, "sessionAffinity") or "None"
    if kind == "None":
        return AffinityConfig()
    if kind != "ClientIP":
        raise bad("sessionAffinity", kind, "None or ClientIP")
    config = child(child(parent, "sessionAffinityConfig"), "clientIP")
    timeout = integer(config, "timeoutSeconds")
    if timeout is None:
        timeout = DEFAULT_AFFINITY_TIMEOUT_SECONDS
    if not 0 < timeout <= MAX_AFFINITY_TIMEOUT_SECONDS:
        raise bad("timeoutSeconds", timeout, f"1 to {MAX_AFFINITY_TIMEOUT_SECONDS}")
    return AffinityConfig(kind, timeout)


def internal_traffic_policy(parent: Json) -> str:
    """Internal traffic policy, default filled (MCS-CON-13)."""
    policy = text(parent, "internalTrafficPolicy") or "Cluster"
    if policy not in ("Cluster", "Local"):
        raise bad("internalTrafficPolicy", policy, "Cluster or Local")
    return policy


def traffic_distribution(parent: Json) -> str | None:
    """Traffic distribution unchanged. Values that this program does not know are passed on, too."""
    value = text(parent, "trafficDistribution") or None
    if value is not None and not is_qualified_name(value):
        raise bad("trafficDistribution", value, "a name")
    return value
