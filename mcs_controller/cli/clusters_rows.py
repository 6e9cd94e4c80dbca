"""The table of clusters, as the options of `clusters` want it."""

from collections.abc import Sequence

from mcs_controller.access.listing import COLUMNS, WIDE_COLUMNS, row
from mcs_controller.cli.clusters_settings import ClustersSettings
from mcs_controller.kube.client import JsonObject
from mcs_controller.kube.clock import SystemClock


def namespace_of(settings: ClustersSettings) -> str:
    """The namespace to read, "" for all."""
    return "" if settings.all_namespaces else settings.namespace


def columns_of(settings: ClustersSettings) -> tuple[str, ...]:
    """The heads of the columns."""
    columns = WIDE_COLUMNS if settings.output == "wide" else COLUMNS
    return ("NAMESPACE", *columns) if settings.all_namespaces else columns


def rows_of(found: Sequence[JsonObject], settings: ClustersSettings) -> list[tuple[str, ...]]:
    """The cells of each ClusterProfile."""
    now_seconds = SystemClock().now().timestamp()
    rows = [row(one, now_seconds, wide=settings.output == "wide") for one in found]
    if not settings.all_namespaces:
        return rows
    return [(str(one["metadata"]["namespace"]), *cells) for one, cells in zip(found, rows, strict=True)]
