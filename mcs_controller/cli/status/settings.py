"""The options of `mcs-controller status`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

from mcs_controller.cli.shared_options import (
    AgentLeaseName,
    AgentLeaseNamespace,
    AgentNamespace,
    BrokerContext,
    BrokerOrSecret,
    DeadAfterSeconds,
    TableOrJson,
)
from mcs_controller.options import Option, seconds, switch

_EXAMPLE: Final = "write http://127.0.0.1:8080/metrics, or east=http://127.0.0.1:8080/metrics"


class MetricsOf(NamedTuple):
    """Where the metrics of a process are served; `cluster` is "" for the first cluster that is asked."""

    cluster: str
    server: str
    path: str


def metrics_url(text: str) -> MetricsOf:
    """A URL, perhaps after the name of a cluster. Raises ValueError with what would be right."""
    name, equals, url = text.partition("=")
    if not equals or "/" in name:
        name, url = "", text
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in url or parts.query or parts.fragment:
        raise ValueError(f"the value is no URL of metrics: {_EXAMPLE}")
    return MetricsOf(name, f"{parts.scheme}://{parts.netloc}", parts.path or "/metrics")


@dataclass(frozen=True, slots=True)
class StatusSettings:
    """`mcs-controller status`."""

    watch: Annotated[
        bool,
        Option("go on, and show what changes: in place on a terminal", parse=switch, default="false"),
    ]
    interval_seconds: Annotated[
        float,
        Option(
            "with --watch, how long after it was read each place is read again", parse=seconds, default="2"
        ),
    ]
    timeout_seconds: Annotated[
        float,
        Option("how long a place may take to answer before it counts as away", parse=seconds, default="5"),
    ]
    output: TableOrJson
    kubeconfig: Annotated[
        tuple[Path, ...],
        Option(
            "kubeconfig file of a cluster; may be repeated, or given with commas, to see several; without "
            "it, the pod's own cluster, or outside of a pod what KUBECONFIG names",
            parse=Path,
            metavar="FILE",
            repeatable=True,
        ),
    ]
    context: Annotated[
        tuple[str, ...],
        Option(
            "context of a cluster in the one kubeconfig; may be repeated, or given with commas; without it, "
            "the current one",
            repeatable=True,
        ),
    ]
    broker_kubeconfig: BrokerOrSecret
    broker_context: BrokerContext
    namespace: AgentNamespace
    lease_namespace: AgentLeaseNamespace
    lease_name: AgentLeaseName
    member_timeout_seconds: DeadAfterSeconds
    agent_metrics: Annotated[
        tuple[MetricsOf, ...],
        Option(
            "where an agent serves metrics; without it, its pods are asked through the API server; may be "
            "repeated, with CLUSTER= before it where several clusters are shown",
            parse=metrics_url,
            metavar="[CLUSTER=]URL",
            repeatable=True,
        ),
    ]
    dns_metrics: Annotated[
        tuple[MetricsOf, ...],
        Option(
            "where a DNS server serves metrics, as with --agent-metrics",
            parse=metrics_url,
            metavar="[CLUSTER=]URL",
            repeatable=True,
        ),
    ]
