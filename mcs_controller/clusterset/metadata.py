"""Which exported labels and annotations go on ServiceImports.

What an exporting user asks for (MCS-EXP-11) less what an API server would refuse and what would pass for
this project's own or the API's own marks (MCS-IMP-17). Applied by the exporter and again by each importer,
so that all clusters compare the same maps.
"""

from mcs_controller.api.names import MANAGED_BY
from mcs_controller.clusterset.model import StringMap
from mcs_controller.clusterset.texts import valid_annotations, valid_labels

MAX_PAIRS = 100
"""Exported labels, and as many annotations, of one service; more do not fit the broker's schema."""

_RESERVED = (f"{MANAGED_BY}/", "multicluster.kubernetes.io/", "multicluster.x-k8s.io/")


def _unreserved(pairs: StringMap) -> StringMap:
    return tuple(pair for pair in pairs if not pair[0].startswith(_RESERVED))


def exportable_labels(pairs: StringMap) -> StringMap:
    """The labels that ServiceImports can carry."""
    return valid_labels(_unreserved(pairs))[:MAX_PAIRS]


def exportable_annotations(pairs: StringMap) -> StringMap:
    """The annotations that ServiceImports can carry."""
    return valid_annotations(_unreserved(pairs))[:MAX_PAIRS]
