"""EndpointSlices: defaults, and what the API server refuses. The rules are the same for every writer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcs_controller.simcluster import status
from mcs_controller.simcluster.kinds.kind import Context, Object
from mcs_controller.simcluster.schemas import names
from mcs_controller.simcluster.status import FieldError

ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
PROTOCOLS = ("SCTP", "TCP", "UDP")
MAX_ENDPOINTS = 1000
MAX_ADDRESSES = 100


def prepare_endpoint_slice(new: Object, old: Object | None, ctx: Context) -> list[FieldError]:
    ports = [_filled_port(one) for one in new.get("ports") or ()]
    endpoints = [_filled_endpoint(one) for one in new.get("endpoints") or ()]
    new["ports"], new["endpoints"] = ports or None, endpoints or None
    errors = [*_address_type(new, old), *_ports(ports)]
    if old is None or endpoints != (old.get("endpoints") or []):
        errors += _endpoints(endpoints, new.get("addressType", ""))
    return errors


def _filled_port(port: Mapping[str, Any]) -> Object:
    name, protocol = port.get("name"), port.get("protocol")
    return {**port, "name": "" if name is None else name, "protocol": "TCP" if protocol is None else protocol}


def _filled_endpoint(endpoint: Mapping[str, Any]) -> Object:
    filled = {
        key: value for key, value in endpoint.items() if key != "deprecatedTopology" and value is not None
    }
    return {"addresses": None, "conditions": {}, **filled}


def _address_type(new: Object, old: Object | None) -> Iterator[FieldError]:
    kind = new.get("addressType") or ""
    if not kind:
        yield status.required("addressType")
    elif kind not in ADDRESS_TYPES:
        yield status.not_supported("addressType", kind, ADDRESS_TYPES)
    if old is not None and kind != old.get("addressType"):
        yield status.invalid_value("addressType", kind, "field is immutable")


def _ports(ports: list[Object]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, port in enumerate(ports):
        path, name = f"ports[{index}]", port["name"]
        if name and (complaint := names.label_complaint(name)):
            yield status.invalid_value(f"{path}.name", name, complaint)
        if name in seen:
            yield status.duplicate(f"{path}.name", name)
        seen.add(name)
        if port["protocol"] not in PROTOCOLS:
            yield status.not_supported(f"{path}.protocol", port["protocol"], PROTOCOLS)
        protocol = port.get("appProtocol")
        if protocol is not None and (complaint := names.qualified_name_complaint(protocol)):
            yield status.invalid_value(f"{path}.appProtocol", protocol, complaint)


def _endpoints(endpoints: list[Object], kind: str) -> Iterator[FieldError]:
    if len(endpoints) > MAX_ENDPOINTS:
        yield status.too_many("endpoints", len(endpoints), MAX_ENDPOINTS)
        return
    for index, endpoint in enumerate(endpoints):
        path = f"endpoints[{index}]"
        addresses = endpoint.get("addresses") or ()
        if not addresses:
            yield status.required(f"{path}.addresses", "must contain at least 1 address")
        elif len(addresses) > MAX_ADDRESSES:
            yield status.too_many(f"{path}.addresses", len(addresses), MAX_ADDRESSES)
        for position, address in enumerate(addresses):
            yield from _address(address, kind, f"{path}.addresses", position)
        for field in ("nodeName", "hostname"):
            text = endpoint.get(field)
            check = names.label_complaint if field == "hostname" else names.subdomain_complaint
            if text is not None and (complaint := check(text)):
                yield status.invalid_value(f"{path}.{field}", text, complaint)


def _address(text: str, kind: str, path: str, position: int) -> Iterator[FieldError]:
    where = f"{path}[{position}]"
    if kind == "FQDN":
        if complaint := names.fqdn_complaint(text):
            yield status.invalid_value(where, text, complaint)
        return
    if kind not in ADDRESS_TYPES:
        return
    address = names.parse_ip(text)
    if address is None:
        yield status.invalid_value(where, text, names.NOT_AN_IP)
        return
    if f"IPv{address.version}" != kind:
        yield status.invalid_value(path, text, f"must be an {kind} address")
    if complaint := names.endpoint_ip_complaint(address):
        yield status.invalid_value(where, text, complaint)
