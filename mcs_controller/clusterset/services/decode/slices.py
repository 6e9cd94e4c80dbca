"""Decodes EndpointSlices. This is the hot path: endpoints change more often than all other watched objects.

`slice_content` reads the content of a slice in its own cluster, on the broker, or imported. Addresses must be
valid for an API server in the slice's family. So a slice from another cluster can neither be refused on
import, nor send traffic to the node itself.
"""

from functools import lru_cache
from sys import intern
from typing import Any, Final, TypedDict, cast

from mcs_controller.api.names import (
    ANNOTATION_SOURCE_CHANGED_AT,
    LABEL_KUBERNETES_SERVICE_NAME,
    LABEL_SERVICE_NAME,
    LABEL_SLICE_MANAGED_BY,
    LABEL_SOURCE_CLUSTER,
    MANAGED_BY,
)
from mcs_controller.clusterset.errors import MalformedObject
from mcs_controller.clusterset.fields import (
    FAMILIES,
    Json,
    an_object,
    bad,
    child,
    items,
    port_number,
    port_texts,
    text,
)
from mcs_controller.clusterset.model import (
    MAX_PORTS,
    AddressFamily,
    Endpoint,
    ImportedSlice,
    ServiceKey,
    SliceContent,
    SlicePort,
    SourceSlice,
)
from mcs_controller.clusterset.services.decode.owner import import_owner_uid
from mcs_controller.clusterset.syntax import (
    MAX_LABEL_CHARS,
    endpoint_address,
    is_dns_label,
    is_label_value,
    seconds_of_change,
)


class _Metadata(TypedDict, total=False):
    namespace: str
    name: str
    uid: str
    resourceVersion: str
    labels: dict[str, str]
    ownerReferences: list[Any]


class _Conditions(TypedDict, total=False):
    ready: bool
    serving: bool
    terminating: bool


class _Endpoint(TypedDict, total=False):
    addresses: list[str]
    conditions: _Conditions
    hostname: str
    zone: str
    nodeName: str
    hints: dict[str, Any]


class _Port(TypedDict, total=False):
    name: str
    protocol: str
    port: int
    appProtocol: str


class SliceFields(TypedDict, total=False):
    """All fields of an EndpointSlice that are read here; a parser may leave out the rest."""

    metadata: _Metadata
    addressType: str
    ports: list[_Port]
    endpoints: list[_Endpoint]


# The key of ANNOTATION_SOURCE_CHANGED_AT: type checkers take nothing but a literal here.
_OurAnnotations = TypedDict("_OurAnnotations", {"mcs-controller.io/source-changed-at": str}, total=False)


class _ImportedMetadata(_Metadata, total=False):
    annotations: _OurAnnotations


class ImportedSliceFields(TypedDict, total=False):
    """All fields of an imported EndpointSlice that are read here."""

    metadata: _ImportedMetadata
    addressType: str
    ports: list[_Port]
    endpoints: list[_Endpoint]


MAX_IMPORTED_PORTS: Final = 2 * MAX_PORTS + 2
"""An imported slice may hold a port under two names, and the ports before and after a change at once."""
MAX_ENDPOINTS: Final = 1000
MAX_ADDRESSES: Final = 100
MAX_HINTS: Final = 8
MAX_REMEMBERED_ENDPOINTS: Final = 16_384
"""About 5 MiB of endpoints, for the next change of their slices."""
MAX_REMEMBERED_CHARS: Final = 400
"""Of the texts of one endpoint (an address and three names), so that no member can fill the memory."""
MAX_ADDRESS_CHARS: Final = 45
"""The longest IPv6 address ends in a dotted IPv4 one. A longer text never reaches the cache of addresses."""

_NO_CONDITIONS: Final[Json] = {}
_BOOLEANS: Final = (None, True, False)


def slice_content(
    raw: Json, addresses_max: int = MAX_ADDRESSES, *, max_ports: int = MAX_PORTS
) -> SliceContent:
    """The content of a slice. `raw` is the object with `addressType`, `ports` and `endpoints`.

    At most the first `addresses_max` addresses of an endpoint are read.

    A port without a number ("all ports") is left out: no Service port can lead to it.
    """
    family = raw.get("addressType")
    if type(family) is not str or family not in FAMILIES:
        raise bad("addressType", family, "IPv4 or IPv6")
    address_type = cast(AddressFamily, intern(family))
    ports = tuple(
        _slice_port(port)
        for item in items(raw, "ports", max_ports)
        if (port := an_object(item, "ports")).get("port") is not None
    )
    if len({port.name for port in ports}) != len(ports):
        raise MalformedObject("two ports of a slice have the same name")
    return SliceContent(
        address_type,
        ports,
        tuple(
            _endpoint(item, address_type, addresses_max) for item in items(raw, "endpoints", MAX_ENDPOINTS)
        ),
    )


def _slice_port(raw: Json) -> SlicePort:
    name, protocol, app_protocol = port_texts(raw)
    return SlicePort(port_number(raw["port"]), name, protocol, app_protocol)


def _endpoint(raw: Any, family: AddressFamily, addresses_max: int) -> Endpoint:
    """An endpoint. Usual ones, with one address and no hints, are cached."""
    if type(raw) is not dict:
        raise bad("endpoint", raw, "an object")
    addresses, conditions = raw.get("addresses"), raw.get("conditions")
    if conditions is None:
        conditions = _NO_CONDITIONS
    if (
        type(addresses) is list
        and len(addresses) == 1
        and type(conditions) is dict
        and raw.get("hints") is None
    ):
        address, hostname = addresses[0], raw.get("hostname") or ""
        zone, node_name = raw.get("zone") or "", raw.get("nodeName") or ""
        if (
            type(address) is type(hostname) is type(zone) is type(node_name) is str
            and len(address) + len(hostname) + len(zone) + len(node_name) <= MAX_REMEMBERED_CHARS
        ):
            ready, serving = conditions.get("ready"), conditions.get("serving")
            terminating = conditions.get("terminating")
            if ready in _BOOLEANS and serving in _BOOLEANS and terminating in _BOOLEANS:
                return _usual_endpoint(
                    family, address, ready, serving, terminating, hostname, zone, node_name
                )
    return _any_endpoint(raw, family, addresses_max)


@lru_cache(maxsize=MAX_REMEMBERED_ENDPOINTS, typed=True)
def _usual_endpoint(
    family: AddressFamily,
    address: str,
    ready: bool | None,
    serving: bool | None,
    terminating: bool | None,
    hostname: str,
    zone: str,
    node_name: str,
) -> Endpoint:
    """The same object for the same texts and conditions. The cache is typed, since 1 is not true in JSON.

    When a slice changes, most of its endpoints do not change. These are not checked and made again, and two
    slices that share them compare fast. An endpoint that is refused is not cached, and checked each time.
    """
    return _any_endpoint(
        {
            "addresses": [address],
            "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
            "hostname": hostname,
            "zone": zone,
            "nodeName": node_name,
        },
        family,
        1,
    )


def _any_endpoint(raw: Json, family: AddressFamily, addresses_max: int) -> Endpoint:
    addresses = raw.get("addresses")
    if type(addresses) is not list or not 0 < len(addresses) <= MAX_ADDRESSES:
        raise bad("addresses", addresses, f"a list of 1 to {MAX_ADDRESSES} addresses")
    canonical = []
    for spelt in addresses[:addresses_max] if len(addresses) > addresses_max else addresses:
        address = None
        if type(spelt) is str and len(spelt) <= MAX_ADDRESS_CHARS:
            address = endpoint_address(spelt, family)
        if address is None:
            raise bad("address", spelt, f"an {family} address that an endpoint can have")
        canonical.append(address)

    ready = serving = terminating = None
    conditions = raw.get("conditions")
    if conditions is not None:
        if type(conditions) is not dict:
            raise bad("conditions", conditions, "an object")
        ready = conditions.get("ready")
        serving = conditions.get("serving")
        terminating = conditions.get("terminating")
        for condition in (ready, serving, terminating):
            if condition is not None and condition is not True and condition is not False:
                raise bad("endpoint condition", condition, "true or false")

    hostname = raw.get("hostname") or ""
    if hostname and (type(hostname) is not str or not is_dns_label(hostname)):
        raise bad("hostname", hostname, "a DNS label")
    zone = raw.get("zone") or ""
    node_name = raw.get("nodeName") or ""
    if type(zone) is not str or type(node_name) is not str:
        raise bad("zone or nodeName", zone or node_name, "a text")
    return Endpoint(
        tuple(canonical),
        ready,
        serving,
        terminating,
        hostname,
        _usable_zone(zone) if len(zone) <= MAX_LABEL_CHARS else "",
        intern(node_name),
        _hint_zones(raw["hints"]) if raw.get("hints") is not None else (),
    )


@lru_cache(maxsize=4096)
def _usable_zone(zone: str) -> str:
    """The zone, or "" if it is no label value: such a zone cannot be a hint, and nobody else uses it."""
    return intern(zone) if is_label_value(zone) else ""


def _hint_zones(hints: Any) -> tuple[str, ...]:
    zones = items(an_object(hints, "hints"), "forZones", MAX_HINTS)
    return tuple(intern(text(an_object(zone, "forZones"), "name")) for zone in zones)


def _labels(metadata: Json) -> tuple[str, str]:
    labels = child(metadata, "labels")
    return text(labels, LABEL_KUBERNETES_SERVICE_NAME), text(labels, LABEL_SERVICE_NAME)


def source_slice(raw: Json, cluster: str) -> SourceSlice | None:
    """A slice of the local cluster as a source of endpoints; None if it is not one (MCS-EXP-17)."""
    metadata = child(an_object(raw, "object"), "metadata")
    local_name, imported_name = _labels(metadata)
    if not local_name or imported_name or raw.get("addressType") == "FQDN":
        return None
    return SourceSlice(
        cluster,
        ServiceKey(intern(text(metadata, "namespace")), intern(local_name)),
        text(metadata, "name"),
        _own_content(raw),
    )


def _own_content(raw: Json) -> SliceContent:
    """The content of a local slice; endpoints that are not usable in other clusters are left out."""
    try:
        return slice_content(raw)
    except MalformedObject:
        usable = [one for one in items(raw, "endpoints", MAX_ENDPOINTS) if _is_usable(one, raw)]
        return slice_content({**raw, "endpoints": usable})


def _is_usable(endpoint: Any, raw: Json) -> bool:
    try:
        slice_content({**raw, "ports": None, "endpoints": [endpoint]})
    except MalformedObject:
        return False
    return True


def imported_slice(raw: Json) -> ImportedSlice | None:
    """An imported slice that this project wrote; None if it is not one."""
    labels = child(child(an_object(raw, "object"), "metadata"), "labels")
    if labels.get(LABEL_SLICE_MANAGED_BY) != MANAGED_BY:
        return None
    return imported_slice_any_manager(raw)


def imported_slice_any_manager(raw: Json) -> ImportedSlice | None:
    """An imported slice from any writer; None if it is not one."""
    metadata = child(an_object(raw, "object"), "metadata")
    derived_name, service_name = _labels(metadata)
    if not service_name or raw.get("addressType") == "FQDN":
        return None
    return ImportedSlice(
        ServiceKey(intern(text(metadata, "namespace")), intern(service_name)),
        text(metadata, "name"),
        intern(text(child(metadata, "labels"), LABEL_SOURCE_CLUSTER)),
        slice_content(raw, max_ports=MAX_IMPORTED_PORTS),
        derived_name,
        import_owner_uid(metadata),
        seconds_of_change(text(child(metadata, "annotations"), ANNOTATION_SOURCE_CHANGED_AT)) or 0.0,
    )
