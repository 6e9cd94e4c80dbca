"""What a member may export, checked by every importer (docs/architecture.md, The broker).

A MemberCluster, written by the broker's administrator, says from which namespaces a member may export and in
which networks its endpoints are. The broker cannot check that, so importers do: an attacker who took over a
member cannot send traffic to addresses of others. The caller counts what is refused.
"""

import ipaddress
from dataclasses import replace
from functools import lru_cache

from mcs_controller.clusterset.model import Endpoint, ExportRecord, Member, ServiceKey, SourceSlice
from mcs_controller.clusterset.syntax import parse_ip

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def admit_record(record: ExportRecord, member: Member | None) -> str | None:
    """Why the record is refused, None if it is admitted. `member` is the record's cluster."""
    return refusal_of(record.cluster, record.service, member)


def admit_slice(slice_: SourceSlice, member: Member | None) -> tuple[SourceSlice | None, int]:
    """The slice with the endpoints that its member may have, and how many were refused.

    The slice is None when its service may not be exported, or when no endpoint is left. A slice without
    endpoints is admitted unchanged.
    """
    endpoints = slice_.content.endpoints
    if member is None or refusal_of(slice_.cluster, slice_.service, member) is not None:
        return None, len(endpoints)
    kept = admitted_endpoints(endpoints, member)
    refused = len(endpoints) - len(kept)
    if not refused:
        return slice_, 0
    if not kept:
        return None, refused
    return replace(slice_, content=replace(slice_.content, endpoints=kept)), refused


def admitted_endpoints(endpoints: tuple[Endpoint, ...], member: Member) -> tuple[Endpoint, ...]:
    """The endpoints that a member may have."""
    if not member.allowed_cidrs:
        return endpoints
    networks = _networks(member.allowed_cidrs)
    return tuple(endpoint for endpoint in endpoints if _lies_in(endpoint, networks))


def refusal_of(cluster: str, service: ServiceKey, member: Member | None) -> str | None:
    """Why what a cluster exports of this service is refused, None if it is admitted."""
    if member is None:
        return (
            f"cluster {cluster} has no MemberCluster on the broker: the broker's administrator must create it"
        )
    if member.allowed_namespaces and service.namespace not in member.allowed_namespaces:
        return (
            f"cluster {cluster} may not export from namespace {service.namespace}: the broker's "
            "administrator can allow it in spec.namespaces of its MemberCluster"
        )
    return None


@lru_cache(maxsize=1024)
def _networks(cidrs: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks that can be read. One that cannot be read allows no address."""
    found = []
    for cidr in cidrs:
        try:
            found.append(ipaddress.ip_network(cidr, strict=False))
        except ValueError:
            continue
    return tuple(found)


def _lies_in(endpoint: Endpoint, networks: tuple[Network, ...]) -> bool:
    return all(_in_any(text, networks) for text in endpoint.addresses)


def _in_any(text: str, networks: tuple[Network, ...]) -> bool:
    address = parse_ip(text)
    return address is not None and any(address in network for network in networks)
