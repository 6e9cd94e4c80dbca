"""Which exported labels and annotations go on ServiceImports.

All that the exporting user asks for (MCS-EXP-11), except keys or values that an API server would refuse, that
look like this project's own or the API's (MCS-IMP-17), or that a deployment tool of the importing cluster
could mistake for its own and prune. The exporter applies these rules, and each importer applies them again,
so that all clusters compare the same maps (MCS-NS-09). One importing cluster may leave out more (`without`):
that changes what the cluster writes, but not what is compared.
"""

import re
from collections.abc import Sequence, Set
from typing import Final

from mcs_controller.api.names import ANNOTATION_LOCALITY, ANNOTATION_LOCALITY_MIN_READY, MANAGED_BY
from mcs_controller.clusterset.model import StringMap
from mcs_controller.clusterset.syntax import valid_annotations, valid_labels

MAX_PAIRS: Final = 100
"""Exported labels per service, and as many annotations; the broker's schema allows no more."""

RESERVED_DOMAINS: Final = (MANAGED_BY, "kubernetes.io", "k8s.io", "x-k8s.io")
"""Ours, Kubernetes' and the API's. Keys with such a prefix, or a subdomain of it, in upper or lower case, are
left out unless they are in `CARRIED`."""

CARRIED: Final = frozenset(
    f"app.kubernetes.io/{name}" for name in ("name", "version", "component", "part-of")
)
"""Labels that Kubernetes recommends to identify applications, and that no tool uses to find its objects."""

READ_BY_IMPORTERS: Final = frozenset((ANNOTATION_LOCALITY, ANNOTATION_LOCALITY_MIN_READY))
"""Annotations of ours that are exported, since importers go by them (`locality.py`)."""
_CARRIED_ANNOTATIONS: Final = CARRIED | READ_BY_IMPORTERS

TOOLS_DOMAINS: Final = (
    "argoproj.io",
    "cattle.io",
    "configmanagement.gke.io",
    "configsync.gke.io",
    "fluxcd.io",
    "helm.sh",
    "k14s.io",
    "oam.dev",
)
"""Of tools that find the objects they own by labels or annotations, and delete those they do not expect."""

_WITHHELD: Final = frozenset((*RESERVED_DOMAINS, *TOOLS_DOMAINS))
_WITHHELD_SUBDOMAINS: Final = tuple(f".{domain}" for domain in sorted(_WITHHELD))
_has_unsafe_character = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
).search
"""Controls but tab and newline, and characters that hide text or change its direction. A fixed list, since
Unicode's format characters depend on the version of Python, and all clusters must agree. The two joiners
(U+200C, U+200D) are part of words and emoji, and allowed."""


def exportable_labels(pairs: StringMap) -> StringMap:
    """The labels that ServiceImports can carry."""
    return valid_labels(_not_withheld(pairs, CARRIED))[:MAX_PAIRS]


def exportable_annotations(pairs: StringMap) -> StringMap:
    """The annotations that ServiceImports can carry.

    Users see these texts on a terminal, so a text with control codes for it is left out.
    """
    allowed = _not_withheld(pairs, _CARRIED_ANNOTATIONS)
    safe = tuple(pair for pair in allowed if _is_safe(pair[1]))
    return valid_annotations(safe)[:MAX_PAIRS]


def without(pairs: StringMap, prefixes: Sequence[str]) -> StringMap:
    """The pairs without those whose key begins with one of the prefixes, in upper or lower case."""
    unwanted = tuple(prefix.lower() for prefix in prefixes)
    return tuple(pair for pair in pairs if not pair[0].lower().startswith(unwanted))


def _not_withheld(pairs: StringMap, carried: Set[str]) -> StringMap:
    return tuple(pair for pair in pairs if pair[0] in carried or not _is_withheld(pair[0]))


def _is_withheld(key: str) -> bool:
    prefix, slash, _ = key.partition("/")
    domain = prefix.lower()
    return slash != "" and (domain in _WITHHELD or domain.endswith(_WITHHELD_SUBDOMAINS))


def _is_safe(value: str) -> bool:
    return (value.isascii() and value.isprintable()) or _has_unsafe_character(value) is None
