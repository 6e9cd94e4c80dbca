"""The zone: which services it has, and what a name in it means.

Holds what services are made of and works out a name when it is asked for, so that a change costs next to
nothing and a zone of many services takes little memory. Only the changed service is touched, ever. `svc.Z`
and `<ns>.svc.Z` exist while a service below them does. What is not about services (the apex, the schema
version) is fixed. The NS record names `ns.dns.Z`, which exists and has no address: cluster DNS reaches this
server by the address that it is configured with.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.dns.wire.encoding import TYPE_NS, TYPE_SOA, TYPE_TXT, label, label_offsets, origin_name
from mcs_controller.dns.zone.packed import PackedService
from mcs_controller.dns.zone.records import NO_DATA, RRset, ServiceRecords

APEX_TTL_SECONDS: Final = 4
"""Also how long a denial may be remembered (SOA MINIMUM): a new export must be seen soon (MCS-DNS-17)."""

SCHEMA_VERSION: Final = b"1.0.0"
SCHEMA_VERSION_TTL_SECONDS: Final = 28800
_SVC: Final = b"\x03svc"
_NS: Final = b"\x02ns"
_DNS: Final = b"\x03dns"
_HOSTMASTER: Final = b"\x0ahostmaster"
_SOA_NUMBERS: Final = struct.pack("!IIIII", 1, 7200, 1800, 86400, APEX_TTL_SECONDS)
"""Serial (constant: there are no transfers), refresh, retry, expire, minimum."""


class Found(NamedTuple):
    """What is known of a name in the zone: `rrset` is None when it does not exist.

    `service` is the service that the name is of or below; None when there is no such service.
    """

    rrset: RRset | None
    service: bytes | None = None


class Change(NamedTuple):
    """Which service an update touched, and whether its name began or ceased to exist."""

    service: bytes
    came_or_went: bool


_Node = Mapping[int, RRset]
"""A name that is not about services: its records by type."""

_EMPTY: Final[_Node] = {}


class Zone:
    """The services of one zone. `name` is its text with a final dot, `origin` its name on the wire.

    Services are known by their two labels on the wire (`service_id`), as they stand in a question.
    """

    def __init__(self, name: str) -> None:
        self.origin = origin_name(name)
        self.name = name.rstrip(".").lower() + "."
        self.address_count = 0
        self._origin_label_count = len(label_offsets(self.origin))
        self._services: dict[bytes, ServiceRecords] = {}
        self._namespaces: dict[bytes, int] = {}
        name_server = _NS + _DNS + self.origin
        self.soa = name_server + _HOSTMASTER + self.origin + _SOA_NUMBERS
        schema_version = bytes((len(SCHEMA_VERSION),)) + SCHEMA_VERSION
        self._fixed: dict[bytes, _Node] = {
            b"": {
                TYPE_SOA: RRset(TYPE_SOA, APEX_TTL_SECONDS, (self.soa,)),
                TYPE_NS: RRset(TYPE_NS, APEX_TTL_SECONDS, (name_server,)),
            },
            b"\x0bdns-version": {
                TYPE_TXT: RRset(TYPE_TXT, SCHEMA_VERSION_TTL_SECONDS, (schema_version,)),
            },
            _DNS: _EMPTY,
            _NS + _DNS: _EMPTY,
        }

    @property
    def service_count(self) -> int:
        """How many services have a name at present."""
        return len(self._services)

    def update(self, service: ServiceKey, packed: PackedService | None) -> Change | None:
        """Take over a service as it is now, None when it is gone. None: nothing that can be asked changed."""
        service_id = _service_id(service)
        if service_id is None:
            return None
        old = self._services.get(service_id)
        if old is not None and old.packed == packed:
            return None
        new = None if packed is None else ServiceRecords(packed)
        if new is not None and new.exists:
            self._services[service_id] = new
            self.address_count += new.address_count
        elif old is None:
            return None
        else:
            new = None
            del self._services[service_id]
        if old is not None:
            self.address_count -= old.address_count
        came_or_went = old is None or new is None
        if came_or_went:
            self._count_namespace(service_id[1 + service_id[0] :], -1 if new is None else 1)
        return Change(service_id, came_or_went)

    def find(self, name: bytes, rtype: int, begin: float) -> Found | None:
        """What a well-formed lower-case name on the wire has of a type; None: it is not in this zone.

        `begin` says which records there are of more than an answer may have (`ServiceRecords.find`).
        """
        offsets = label_offsets(name)
        depth = len(offsets) - self._origin_label_count
        if depth < 0 or name[offsets[depth] :] != self.origin:
            return None
        if depth == 0 or name[offsets[depth - 1] : offsets[depth]] != _SVC:
            node = self._fixed.get(name[: offsets[depth]])
            return Found(None if node is None else node.get(rtype, NO_DATA))
        if depth < 3:
            return Found(self._branch(name[: offsets[depth - 1]]))
        service_at = offsets[depth - 3]
        service_id = name[service_at : offsets[depth - 1]]
        service = self._services.get(service_id)
        if service is None:
            return Found(None)
        return Found(service.find(name[service_at:], name[:service_at], rtype, begin), service_id)

    def _branch(self, namespace: bytes) -> RRset | None:
        """`svc.Z` (no namespace) and `<ns>.svc.Z`: there while something is below them."""
        exists = namespace in self._namespaces if namespace else bool(self._namespaces)
        return NO_DATA if exists else None

    def _count_namespace(self, namespace: bytes, change: int) -> None:
        count = self._namespaces.get(namespace, 0) + change
        if count:
            self._namespaces[namespace] = count
        else:
            del self._namespaces[namespace]


@lru_cache(maxsize=1024)
def _service_id(service: ServiceKey) -> bytes | None:
    name, namespace = label(service.name), label(service.namespace)
    return None if name is None or namespace is None else name + namespace
