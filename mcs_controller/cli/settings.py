"""Every option of the commands that run in a cluster, each declared once.

`docs/configuration.md` is checked against these classes, and a chart's values would carry the same names.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from mcs_controller.cli.options import (
    Option,
    count,
    count_up_to,
    key_prefix,
    one_of,
    seconds,
    seconds_or_0,
    share,
    switch,
)
from mcs_controller.clusterset.identity import check_cluster_id
from mcs_controller.clusterset.syntax import is_dns_label, is_subdomain
from mcs_controller.controllers.config import DeadMemberPolicy
from mcs_controller.dns.errors import ZoneNameError
from mcs_controller.dns.wire.encoding import origin_name
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.logging import LogFormat, LogLevel

AGENT_WORKERS_MAX: Final = 256
"""More would only wait for the API server, which lets a client have so much at once and no more."""

DNS_WORKERS_MAX: Final = 64
"""Each is a process with the sockets of all and a copy of the zone; no more than cores make sense."""


def zone_name(text: str) -> str:
    """A DNS name. Raises ValueError with what would be right."""
    try:
        origin_name(text)
    except ZoneNameError as error:
        raise ValueError(str(error)) from error
    return text


def lease_namespace(text: str) -> str:
    """The name of a namespace. Raises ValueError with what would be right."""
    if not is_dns_label(text):
        raise ValueError(f"{text!r} is not the name of a namespace: use lower-case letters, digits and '-'")
    return text


def lease_name(text: str) -> str:
    """The name of a Lease. Raises ValueError with what would be right."""
    if not is_subdomain(text):
        raise ValueError(f"{text!r} is not the name of a Lease: use lower-case letters, digits, '-' and '.'")
    return text


CrdsFor = Literal["member", "broker", "all"]

_Kubeconfig = Annotated[
    Path | None,
    Option(
        "kubeconfig file of this cluster; without it, the service account of the pod that this runs in, "
        "or outside of one, what KUBECONFIG names",
        parse=Path,
        metavar="FILE",
    ),
]
_Context = Annotated[str | None, Option("context of --kubeconfig; without it, the file's current one")]
_Http = Annotated[
    ListenAddress,
    Option(
        "where /metrics, /healthz and /readyz are served; :PORT means every address of this machine",
        parse=ListenAddress.parse,
        metavar="ADDR:PORT",
        default=":8080",
    ),
]
_Level = Annotated[
    LogLevel,
    Option(
        "least level that is logged: debug, info, warning or error",
        parse=one_of("debug", "info", "warning", "error"),
        default="info",
    ),
]
_Format = Annotated[
    LogFormat,
    Option(
        "format of the log: json (one object a line, for machines) or text (for people)",
        parse=one_of("json", "text"),
        default="json",
    ),
]
_ClusterId = Annotated[
    str | None,
    Option(
        "this cluster's name in the clusterset: a DNS label of at most 52 characters, never reused; "
        "without it, what the ClusterProperty cluster.clusterset.k8s.io says",
        parse=check_cluster_id,
    ),
]
_BrokerKubeconfig = Annotated[
    Path | None,
    Option(
        "kubeconfig file of the broker, with this cluster's credential for it; "
        "needed unless --broker-context names a context of --kubeconfig",
        parse=Path,
        metavar="FILE",
    ),
]
_BrokerContext = Annotated[
    str | None, Option("context of --broker-kubeconfig; without it, the file's current one")
]


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """`mcs-controller agent`."""

    cluster_id: _ClusterId
    kubeconfig: _Kubeconfig
    context: _Context
    broker_kubeconfig: _BrokerKubeconfig
    broker_context: _BrokerContext
    http: _Http
    heartbeat_interval_seconds: Annotated[
        float, Option("how often this cluster tells the broker that it is alive", parse=seconds, default="10")
    ]
    member_timeout_seconds: Annotated[
        float,
        Option(
            "how long another cluster's heartbeat may be missing, while the broker answers, until it is dead",
            parse=seconds,
            default="60",
        ),
    ]
    dead_member_policy: Annotated[
        DeadMemberPolicy,
        Option(
            "what happens to a dead cluster's endpoints: withdraw or keep",
            parse=one_of("withdraw", "keep"),
            default="withdraw",
        ),
    ]
    fuse_share: Annotated[
        float,
        Option(
            "hold everything when more than this share of the imported services, or of the other members, is "
            "lost at once; 1 turns that off",
            parse=share,
            default="0.5",
        ),
    ]
    fuse_minimum: Annotated[
        int,
        Option(
            "how many imported services at least must be lost at once for everything to be held",
            parse=count,
            default="10",
            metavar="N",
        ),
    ]
    member_max_services: Annotated[
        int,
        Option(
            "how many exported services of one other cluster are read, unless its MemberCluster says "
            "otherwise, as for the next four",
            parse=count,
            default="5000",
            metavar="N",
        ),
    ]
    member_max_endpoint_slices: Annotated[
        int,
        Option(
            "how many EndpointSlices of one other cluster are read", parse=count, default="10000", metavar="N"
        ),
    ]
    member_max_endpoints: Annotated[
        int,
        Option(
            "how many endpoints of one other cluster are read, in all of its slices",
            parse=count,
            default="100000",
            metavar="N",
        ),
    ]
    member_max_mebibytes: Annotated[
        int,
        Option(
            "size of all that is read of one other cluster, as JSON: a quarter for services, the rest for "
            "slices",
            parse=count,
            default="64",
            metavar="MIB",
        ),
    ]
    member_max_imports: Annotated[
        int,
        Option(
            "how many services of one other cluster are imported; each may take an address of this cluster's "
            "Service range",
            parse=count,
            default="1000",
            metavar="N",
        ),
    ]
    exclude_metadata: Annotated[
        tuple[str, ...],
        Option(
            "exported labels and annotations whose key begins with this are not carried to this cluster's "
            "imports; may be repeated (in the environment: with commas)",
            parse=key_prefix,
            metavar="PREFIX",
            repeatable=True,
        ),
    ]
    controllers: Annotated[
        tuple[str, ...],
        Option(
            "which controllers run, by name: * stands for all, -NAME leaves one out; may be repeated (in the "
            "environment: with commas)",
            metavar="NAME",
            default="*",
            repeatable=True,
        ),
    ]
    workers: Annotated[
        int,
        Option(
            "how many services each work queue reconciles at the same time",
            parse=count_up_to(AGENT_WORKERS_MAX),
            default="16",
            metavar="N",
        ),
    ]
    leader_elect: Annotated[
        bool,
        Option(
            "whether replicas agree by a Lease on the one that works; without it, run one replica only",
            parse=switch,
            default="true",
        ),
    ]
    lease_namespace: Annotated[
        str, Option("namespace of the Lease", parse=lease_namespace, default="mcs-system")
    ]
    lease_name: Annotated[str, Option("name of the Lease", parse=lease_name, default="mcs-agent")]
    log_level: _Level
    log_format: _Format


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """`mcs-controller dns`."""

    zone: Annotated[str, Option("the zone that is answered for", parse=zone_name, default="clusterset.local")]
    listen: Annotated[
        tuple[ListenAddress, ...],
        Option(
            "where DNS is answered, over UDP and TCP; may be repeated (in the environment: with commas)",
            parse=ListenAddress.parse,
            metavar="ADDR:PORT",
            default="0.0.0.0:53",
            repeatable=True,
        ),
    ]
    workers: Annotated[
        int,
        Option(
            "how many processes answer; from 2 on they are processes of their own, fed by one that watches",
            parse=count_up_to(DNS_WORKERS_MAX),
            default="1",
            metavar="N",
        ),
    ]
    snapshot: Annotated[
        Path | None,
        Option(
            "file in which the zone is kept, to be answered from (as stale) after a restart "
            "until the API server has been read",
            parse=Path,
            metavar="FILE",
        ),
    ]
    drain_seconds: Annotated[
        float,
        Option(
            "how long it goes on answering, not ready any more, after SIGTERM or Ctrl-C: as long as clients "
            "may still be sent here; another signal ends that",
            parse=seconds_or_0,
            default="5",
        ),
    ]
    join_replies: Annotated[
        bool,
        Option(
            "whether replies to one client that go out together may leave as one long datagram, which the "
            "kernel or the network card cuts (UDP_SEGMENT); turn it off where a network loses these",
            parse=switch,
            default="true",
        ),
    ]
    kubeconfig: _Kubeconfig
    context: _Context
    http: _Http
    log_level: _Level
    log_format: _Format


@dataclass(frozen=True, slots=True)
class DnsCheckSettings:
    """`mcs-controller dns check`."""

    server: Annotated[
        ListenAddress,
        Option(
            "the DNS server to ask, any that answers for the zone",
            parse=ListenAddress.parse,
            metavar="ADDR:PORT",
            required=True,
        ),
    ]
    zone: Annotated[str, Option("the zone that it answers for", parse=zone_name, default="clusterset.local")]
    kubeconfig: _Kubeconfig
    context: _Context


@dataclass(frozen=True, slots=True)
class LeaveSettings:
    """`mcs-controller leave`: where the agent finds its two API servers."""

    cluster_id: _ClusterId
    kubeconfig: _Kubeconfig
    context: _Context
    broker_kubeconfig: _BrokerKubeconfig
    broker_context: _BrokerContext


@dataclass(frozen=True, slots=True)
class CrdsSettings:
    """`mcs-controller crds`."""

    check: Annotated[
        bool,
        Option(
            "compare with the cluster; exit code 1 if something is missing or older, 2 if nobody knows",
            parse=switch,
            default="false",
        ),
    ]
    apply: Annotated[
        bool,
        Option("install what is missing or older; never downgrades", parse=switch, default="false"),
    ]
    for_: Annotated[
        CrdsFor,
        Option(
            "the definitions of a member cluster, of the broker, or all: member, broker or all",
            parse=one_of("member", "broker", "all"),
            default="all",
            metavar="WHICH",
        ),
    ]
    kubeconfig: _Kubeconfig
    context: _Context
