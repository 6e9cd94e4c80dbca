"""Which exported labels and annotations go on ServiceImports.

What an exporting user asks for (MCS-EXP-11) less what an API server would refuse, what would pass for this
project's own or the API's marks (MCS-IMP-17), and what a deployment tool of the importing cluster could take
for its own and prune. Applied by the exporter and again by each importer, so that all clusters compare the
same maps (MCS-NS-09). What one importing cluster leaves out besides (`without`) is therefore no part of this:
it changes what that cluster writes, and nothing of what is compared.
"""

import re
from collections.abc import Sequence
from typing import Final

from mcs_controller.api.names import MANAGED_BY
from mcs_controller.clusterset.model import StringMap
from mcs_controller.clusterset.syntax import valid_annotations, valid_labels

MAX_PAIRS: Final = 100
"""Exported labels, and as many annotations, of one service; more do not fit the broker's schema."""

RESERVED_DOMAINS: Final = (MANAGED_BY, "kubernetes.io", "k8s.io", "x-k8s.io")
"""Ours, Kubernetes' and the API's. Of a key with such a prefix, whatever its capitalisation, or with one of a
subdomain, `CARRIED` are let through only."""

CARRIED: Final = frozenset(
    f"app.kubernetes.io/{name}" for name in ("name", "version", "component", "part-of")
)
"""What Kubernetes recommends to tell applications by, and no tool finds its objects by."""

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
"""Of tools that find the objects that they own by labels or annotations, and delete what they miss."""

_WITHHELD: Final = frozenset((*RESERVED_DOMAINS, *TOOLS_DOMAINS))
_WITHHELD_SUBDOMAINS: Final = tuple(f".{domain}" for domain in sorted(_WITHHELD))
_has_unsafe_character = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
).search
"""Controls but tab and newline, and what hides text or changes its direction. A fixed list, since what
Unicode calls a format character depends on the version of Python, and clusters have to agree. The two joiners
(U+200C, U+200D) are part of words and emoji."""


def exportable_labels(pairs: StringMap) -> StringMap:
    """The labels that ServiceImports can carry."""
    return valid_labels(_not_withheld(pairs))[:MAX_PAIRS]


def exportable_annotations(pairs: StringMap) -> StringMap:
    """The annotations that ServiceImports can carry.

    Who looks at an import sees these texts on a terminal: one that could repaint it is left out.
    """
    safe = tuple(pair for pair in _not_withheld(pairs) if _is_safe(pair[1]))
    return valid_annotations(safe)[:MAX_PAIRS]


def without(pairs: StringMap, prefixes: Sequence[str]) -> StringMap:
    """The pairs but those whose key begins with one of the prefixes, whatever the capitalisation."""
    unwanted = tuple(prefix.lower() for prefix in prefixes)
    return tuple(pair for pair in pairs if not pair[0].lower().startswith(unwanted))


def _not_withheld(pairs: StringMap) -> StringMap:
    return tuple(pair for pair in pairs if pair[0] in CARRIED or not _is_withheld(pair[0]))


def _is_withheld(key: str) -> bool:
    prefix, slash, _ = key.partition("/")
    domain = prefix.lower()
    return slash != "" and (domain in _WITHHELD or domain.endswith(_WITHHELD_SUBDOMAINS))


def _is_safe(value: str) -> bool:
    return (value.isascii() and value.isprintable()) or _has_unsafe_character(value) is None
