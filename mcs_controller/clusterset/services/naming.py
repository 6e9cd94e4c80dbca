"""Names of the objects that this project makes; each depends only on what the object is for.

Names are deterministic: after a restart the same object has the same name, and all clusters agree. A name
that is too long for an object name is shortened, and a hash makes it unique.
"""

import hashlib
from functools import lru_cache
from itertools import product
from typing import Final

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.syntax import MAX_NAME_CHARS

_HASH_CHARS: Final = 10
_PAIRS: Final = tuple(map("".join, product("0123456789abcdefghijklmnopqrstuv", repeat=2)))
"""Two digits of base 32 (RFC 4648, section 7) for each ten bits."""


@lru_cache(maxsize=1024)
def _hash(text: str) -> str:
    """The first ten digits of the SHA-256 in base 32.

    The standard library's encoder is slower: it runs Python code for each five bytes of the whole digest.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    bits = int.from_bytes(digest[:7]) >> 6
    return "".join([_PAIRS[bits >> at & 1023] for at in (40, 30, 20, 10, 0)])


def derived_service_name(key: ServiceKey) -> str:
    """The Service behind a ServiceImport, as the upstream reference names it (MCS-IMP-18)."""
    return "derived-" + _hash(f"{key.namespace}/{key.name}")


def exported_service_name(key: ServiceKey) -> str:
    """The ExportedService of a service in its member's namespace on the broker."""
    return f"{key.namespace}.{key.name}"


def exported_slice_name(namespace: str, slice_name: str) -> str:
    """The ExportedEndpointSlice of a slice in its member's namespace on the broker."""
    name = f"{namespace}.{slice_name}"
    if len(name) <= MAX_NAME_CHARS:
        return name
    # No label may be empty or end in '-' after the cut.
    return name[: MAX_NAME_CHARS - _HASH_CHARS - 1].rstrip("-.") + "-" + _hash(name)


def imported_slice_name(service: str, cluster: str, slice_name: str) -> str:
    """The imported EndpointSlice for a cluster's slice; at most 63 + 52 + 10 characters and two dashes."""
    return f"{service}-{cluster}-{_hash(f'{service}/{cluster}/{slice_name}')}"
