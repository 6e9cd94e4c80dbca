"""The part of a slice that other clusters may see: all but nodes, hints, and too many addresses.

A node name means nothing in another cluster, or names another node. Hints belong to one cluster's zones and
kube-proxies (MCS-EPS-11). Addresses of one endpoint beyond `ADDRESSES_PER_ENDPOINT_MAX` cost every cluster,
and nobody uses them. The exporter publishes only this part, and importers read only this part.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from mcs_controller.clusterset.membership.limits import ADDRESSES_PER_ENDPOINT_MAX
from mcs_controller.clusterset.model import Endpoint, SliceContent, SourceSlice

MAX_REMEMBERED_ENDPOINTS: Final = 4096
"""When a slice changes, most of its endpoints do not: the same objects compare fast."""


def published_slice(slice_: SourceSlice) -> SourceSlice:
    """The slice as its ExportedEndpointSlice decodes, so that the two can be compared."""
    content = published_content(slice_.content)
    return slice_ if content is slice_.content else replace(slice_, content=content)


def published_content(content: SliceContent) -> SliceContent:
    """The content that other clusters may see; the same object if nothing has to be left out."""
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
