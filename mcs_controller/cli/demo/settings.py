"""The options of `mcs-controller demo`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcs_controller.cli.demo.ports import DNS_PORT, HTTP_PORT, PAGE_PORT
from mcs_controller.cli.demo.sites import CLUSTERS_MAX, CLUSTERS_MIN
from mcs_controller.observe.logging import LogLevel
from mcs_controller.options import Option, count_up_to, one_of, port, switch


def clusters(text: str) -> int:
    """How many clusters. Raises ValueError with what would be right."""
    count: int = count_up_to(CLUSTERS_MAX)(text)
    if count < CLUSTERS_MIN:
        raise ValueError(
            f"a demo has {CLUSTERS_MIN} to {CLUSTERS_MAX} clusters, since a service is exported from two"
        )
    return count


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """`mcs-controller demo`."""

    clusters: Annotated[
        int,
        Option(
            f"how many member clusters, {CLUSTERS_MIN} to {CLUSTERS_MAX}",
            parse=clusters,
            default="3",
            metavar="N",
        ),
    ]
    once: Annotated[
        bool,
        Option(
            "play a story that checks every step, and exit: 0 if all of it held, 1 if not",
            parse=switch,
            default="false",
        ),
    ]
    dns_port: Annotated[
        int | None,
        Option(
            "DNS port of the first cluster, the others take the next ones; 0 means any free ones; "
            f"without it {DNS_PORT}, or the next range that is free",
            parse=port,
        ),
    ]
    http_port: Annotated[
        int | None,
        Option(
            "port of the first cluster for metrics and health, as with --dns-port; "
            f"without it {HTTP_PORT}, or the next range that is free",
            parse=port,
        ),
    ]
    page_port: Annotated[
        int | None,
        Option(
            "port of the first cluster for the status page, as with --dns-port; "
            f"without it {PAGE_PORT}, or the next range that is free",
            parse=port,
        ),
    ]
    kubeconfig_dir: Annotated[
        Path | None,
        Option(
            "where the kubeconfig files are written, as CLUSTER.kubeconfig and broker.kubeconfig, "
            "until the end; without it a new directory, which is printed. While a file CLUSTER.stopped is "
            "there, the agent of that cluster is dead; CLUSTER.cut-off: it does not reach the broker; "
            "broker.stopped: nobody does",
            parse=Path,
        ),
    ]
    log_level: Annotated[
        LogLevel | None,
        Option(
            "least level that is logged: debug, info, warning or error; "
            "without it warning, and error with --once, where failures are part of it",
            parse=one_of("debug", "info", "warning", "error"),
        ),
    ]
