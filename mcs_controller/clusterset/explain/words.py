"""Why an export does not count, or an endpoint takes no traffic, in the words that people read."""

from collections.abc import Mapping
from typing import Final

WHY_NOT: Final[Mapping[str, str]] = {
    "not-exported": "no cluster exports them",
    "export-not-valid": "the export is not valid",
    "refused-by-policy": "the cluster's policies keep it back",
    "not-admitted": "the export is not admitted",
    "not-published": "the export is over a limit",
    "unreadable": "the export cannot be read",
    "withdrawing": "the export is withdrawn",
    "namespace-missing": "the namespace does not exist here",
    "namespace-ending": "the namespace is being deleted here",
    "no-api": "the MCS API is not installed here",
    "foreign-import": "somebody else's ServiceImport is here",
    "reserved": "the namespace is reserved here",
    "name-taken": "the derived Service's name is taken here",
    "no-room": "no room for another import here",
    "policy": "policies here refuse it",
    "not-ready": "not ready",
    "terminating": "being deleted",
    "address-not-admitted": "the address is not allowed (podCIDRs)",
    "member-silent": "withdrawn, the cluster is silent",
    "family": "IP family that the service does not have",
    "not-as-owners": "type or ports are not those of the name's owner",
    "no-zone": "without a zone",
    "conflicting-port": "conflicting ports",
    "held": "held",
    "farther": "nearer ones are enough",
}
