"""What other clusters may see of a slice: all that it says but nodes, hints, and a crowd of addresses.

A node of one cluster means nothing in another, or worse, something else, and hints belong to one cluster's
zones and kube-proxies (MCS-EPS-11). Addresses beyond `ADDRESSES_PER_ENDPOINT_MAX` of one endpoint
cost every cluster and are used by nobody. The exporter publishes this, and importers read nothing more out of
what was published.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from mcs_controller.clusterset.membership.limits import ADDRESSES_PER_ENDPOINT_MAX
from mcs_controller.clusterset.model import Endpoint, SliceContent, SourceSlice

MAX_REMEMBERED_ENDPOINTS: Final = 4096
"""Most endpoints of a slice that changes did not: these compare in no time if they are the very same."""


def published_slice(slice_: SourceSlice) -> SourceSlice:
    """The slice as an ExportedEndpointSlice of it decodes, and so what to compare one with."""
    content = published_content(slice_.content)
    return slice_ if content is slice_.content else replace(slice_, content=content)


def published_content(content: SliceContent) -> SliceContent:
    """The content without what is not to be seen; the very same when there was nothing of that."""
    endpoints = content.endpoints
    for endpoint in endpoints:
        if endpoint.node_name or endpoint.hint_zones or len(endpoint.addresses) > ADDRESSES_PER_ENDPOINT_MAX:
            return SliceContent(content.address_type, content.ports, tuple(map(_published, endpoints)))
    return content


def _published(endpoint: Endpoint) -> Endpoint:
    return _endpoint(
        endpoint.addresses[:ADDRESSES_PER_ENDPOINT_MAX],
        endpoint.ready,
        endpoint.serving,
        endpoint.terminating,
        endpoint.hostname,
        endpoint.zone,
    )


@lru_cache(maxsize=MAX_REMEMBERED_ENDPOINTS)
def _endpoint(
    addresses: tuple[str, ...],
    ready: bool | None,
    serving: bool | None,
    terminating: bool | None,
    hostname: str,
    zone: str,
) -> Endpoint:
    return Endpoint(addresses, ready, serving, terminating, hostname, zone)
