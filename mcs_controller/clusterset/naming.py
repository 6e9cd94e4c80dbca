"""Names of the objects that this project makes, each a function of what the object is for.

Deterministic, so that after a restart the same object is found under the same name, and every cluster
agrees. A name that would be longer than an object name may be is shortened and told apart by a hash.
"""

import base64
import hashlib

from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.clusterset.texts import MAX_NAME_CHARS

_HASH_CHARS = 10


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32hexencode(digest).decode().lower()[:_HASH_CHARS]


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
    # A label may not end in '-' or be empty, wherever the cut falls.
    return name[: MAX_NAME_CHARS - _HASH_CHARS - 1].rstrip("-.") + "-" + _hash(name)


def imported_slice_name(service: str, cluster: str, slice_name: str) -> str:
    """The imported EndpointSlice of a cluster's slice; at most 63 + 52 + 10 characters and two dashes."""
    return f"{service}-{cluster}-{_hash(f'{service}/{cluster}/{slice_name}')}"
