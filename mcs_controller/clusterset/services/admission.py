"""What a member may export, checked by every importer (docs/architecture.md, The broker).

The broker's administrator says in a MemberCluster which namespaces a member may export from and in which
networks its endpoints lie. The broker cannot check that, so importers do: a member that was taken over
cannot draw traffic to addresses that are not its own. What is refused is counted by the caller.
"""

import ipaddress
from dataclasses import replace
from functools import lru_cache

from mcs_controller.clusterset.model import Endpoint, ExportRecord, Member, ServiceKey, SourceSlice
from mcs_controller.clusterset.syntax import parse_ip

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def admit_record(record: ExportRecord, member: Member | None) -> str | None:
    """Why the record is refused, None if it is admitted. `member` is that of the record's cluster."""
    return _refusal(record.cluster, record.service, member)


def admit_slice(slice_: SourceSlice, member: Member | None) -> tuple[SourceSlice | None, int]:
    """The slice with the endpoints that its member may name, and how many were refused.

    The slice is None when its service may not be exported, or when nothing of it is left. A slice that had
    no endpoints to begin with is admitted as it is.
    """
    endpoints = slice_.content.endpoints
    if member is None or _refusal(slice_.cluster, slice_.service, member) is not None:
        return None, len(endpoints)
    if not member.allowed_cidrs:
        return slice_, 0
    networks = _networks(member.allowed_cidrs)
    kept = tuple(endpoint for endpoint in endpoints if _lies_in(endpoint, networks))
    refused = len(endpoints) - len(kept)
    if not refused:
        return slice_, 0
    if not kept:
        return None, refused
    return replace(slice_, content=replace(slice_.content, endpoints=kept)), refused


def _refusal(cluster: str, service: ServiceKey, member: Member | None) -> str | None:
    if member is None:
        return f"cluster {cluster} has no MemberCluster on the broker"
    if member.allowed_namespaces and service.namespace not in member.allowed_namespaces:
        return f"cluster {cluster} may not export from namespace {service.namespace}"
    return None


@lru_cache(maxsize=1024)
def _networks(cidrs: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks that can be read; one that cannot allows nothing."""
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
