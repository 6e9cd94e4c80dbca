"""Every option of the commands that run in a cluster, each declared once.

`docs/configuration.md` is checked against these classes, and a chart's values would carry the same names.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from mcs_controller.cli.shared_options import (
    BrokerContext,
    ClusterDnsNamespace,
    ClusterId,
    Context,
    DryRun,
    Kubeconfig,
    TableOrJson,
    Zone,
)
from mcs_controller.cli.values import (
    controller,
    dns_server,
    import_name,
    lease_identity,
    lease_name,
    namespace_name,
    release_duration,
    secret_name,
    service_name,
)
from mcs_controller.clusterset.identity import check_cluster_id
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.controllers.config import AgentConfig, HubConfig, SecretName
from mcs_controller.dns.config import DEFAULT_ZONE, DnsConfig, zone_name
from mcs_controller.install.rights import COMPONENTS
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.observe.logging import LogFormat, LogLevel
from mcs_controller.options import Group, Option, one_of, seconds_or_0, switch

CrdsFor = Literal["member", "broker", "all"]

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


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """`mcs-controller agent`."""

    cluster_id: ClusterId
    kubeconfig: Kubeconfig
    context: Context
    broker_kubeconfig: Annotated[
        Path | None,
        Option(
            "kubeconfig file of the broker, with this cluster's credential for it; "
            "needed unless --broker-context names a context of --kubeconfig",
            parse=Path,
            metavar="FILE",
        ),
    ]
    broker_context: BrokerContext
    broker_renew_in: Annotated[
        SecretName | None,
        Option(
            "the Secret that --broker-kubeconfig is mounted from, under the file's name: the leader renews "
            "the token in it when two thirds of its life are over; without it, nothing is renewed",
            parse=secret_name,
            metavar="NAMESPACE/NAME",
        ),
    ]
    http: _Http
    status_page: Annotated[
        ListenAddress | None,
        Option(
            "where the status page is served, read-only and without asking who looks: 127.0.0.1:8081 for "
            "this machine alone, as kubectl port-forward reaches it; without it, nowhere",
            parse=ListenAddress.parse,
            metavar="ADDR:PORT",
        ),
    ]
    agent: Annotated[AgentConfig, Group(AgentConfig)]
    controllers: Annotated[
        tuple[str, ...],
        Option(
            "which controllers run: * for all, NAME for one more, -NAME for one less (--controllers=-NAME: "
            "all but that one); may be repeated, or given with commas",
            parse=controller,
            metavar="NAME",
            default="*",
            repeatable=True,
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
        str, Option("namespace of the Lease", parse=namespace_name, default="mcs-system")
    ]
    lease_name: Annotated[str, Option("name of the Lease", parse=lease_name, default="mcs-agent")]
    lease_identity: Annotated[
        str | None,
        Option(
            "ends the name that this replica has in the Lease, which begins with the host's, and is the same "
            "when it is started again, such as the UID of its pod: then it goes on at once; without it, each "
            "start is somebody new and waits for 15 s",
            parse=lease_identity,
            metavar="NAME",
            default=None,
        ),
    ]
    log_level: _Level
    log_format: _Format


@dataclass(frozen=True, slots=True)
class HubSettings:
    """`mcs-controller hub`."""

    kubeconfig: Kubeconfig
    context: Context
    http: _Http
    hub: Annotated[HubConfig, Group(HubConfig)]
    leader_elect: Annotated[
        bool,
        Option(
            "whether replicas agree by a Lease on the one that works; without it, run one replica only",
            parse=switch,
            default="true",
        ),
    ]
    lease_namespace: Annotated[
        str, Option("namespace of the Lease", parse=namespace_name, default="mcs-system")
    ]
    lease_name: Annotated[str, Option("name of the Lease", parse=lease_name, default="mcs-hub")]
    lease_identity: Annotated[
        str | None,
        Option(
            "ends the name that this replica has in the Lease, which begins with the host's, and is the same "
            "when it is started again, such as the UID of its pod: then it goes on at once; without it, each "
            "start is somebody new and waits for 15 s",
            parse=lease_identity,
            metavar="NAME",
            default=None,
        ),
    ]
    log_level: _Level
    log_format: _Format


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """`mcs-controller dns`."""

    dns: Annotated[DnsConfig, Group(DnsConfig)]
    drain_seconds: Annotated[
        float,
        Option(
            "how long it goes on answering, not ready any more, after SIGTERM or Ctrl-C: as long as clients "
            "may still be sent here; another signal ends that",
            parse=seconds_or_0,
            default="10",
        ),
    ]
    kubeconfig: Kubeconfig
    context: Context
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
    zone: Annotated[str, Option("the zone that it answers for", parse=zone_name, default=DEFAULT_ZONE)]
    kubeconfig: Kubeconfig
    context: Context


@dataclass(frozen=True, slots=True)
class DnsInstallSettings:
    """`mcs-controller dns install`."""

    forward_to: Annotated[
        tuple[str, ...],
        Option(
            "address of a DNS server of ours, instead of those of --dns-service; may be repeated, or given "
            "with commas",
            parse=dns_server,
            metavar="ADDR[:PORT]",
            repeatable=True,
        ),
    ]
    dns_service: Annotated[
        ServiceKey,
        Option(
            "the Service of our DNS servers",
            parse=service_name,
            metavar="NAMESPACE/NAME",
            default="mcs-system/mcs-dns",
        ),
    ]
    zone: Zone
    dns_namespace: ClusterDnsNamespace
    dry_run: DryRun
    kubeconfig: Kubeconfig
    context: Context


@dataclass(frozen=True, slots=True)
class DnsUninstallSettings:
    """`mcs-controller dns uninstall`."""

    zone: Zone
    dns_namespace: ClusterDnsNamespace
    dry_run: DryRun
    kubeconfig: Kubeconfig
    context: Context


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
    kubeconfig: Kubeconfig
    context: Context


@dataclass(frozen=True, slots=True)
class RbacSettings:
    """`mcs-controller rbac`."""

    for_: Annotated[
        tuple[str, ...],
        Option(
            f"whose rights are printed: {', '.join(COMPONENTS[:-1])} or {COMPONENTS[-1]}; "
            "may be repeated, or given with commas",
            parse=one_of(*COMPONENTS),
            metavar="WHICH",
            required=True,
            repeatable=True,
        ),
    ]


_BrokerOfReleases = Annotated[
    Path | None,
    Option(
        "kubeconfig file of the broker, with a credential for its MemberClusters", parse=Path, metavar="FILE"
    ),
]


@dataclass(frozen=True, slots=True)
class FuseStatusSettings:
    """`mcs-controller fuse status`."""

    output: TableOrJson
    kubeconfig: Kubeconfig
    context: Context
    broker_kubeconfig: _BrokerOfReleases
    broker_context: BrokerContext


@dataclass(frozen=True, slots=True)
class FuseReleaseSettings:
    """`mcs-controller fuse release`."""

    import_: Annotated[
        tuple[ServiceKey, ...],
        Option(
            "a held ServiceImport of this cluster; may be repeated, or given with commas",
            parse=import_name,
            metavar="NAMESPACE/NAME",
            repeatable=True,
        ),
    ]
    all_: Annotated[bool, Option("all that is held in this cluster", parse=switch, default="false")]
    member: Annotated[
        tuple[str, ...],
        Option(
            "all that is held of a member in all clusters, and what it withdraws within --for; may be "
            "repeated, or given with commas",
            parse=check_cluster_id,
            metavar="NAME",
            repeatable=True,
        ),
    ]
    for_: Annotated[
        float | None,
        Option(
            "how long the release of a member is valid, such as 90s, 30m or 2h, a day at most; without "
            "it, an hour",
            parse=release_duration,
            metavar="DURATION",
        ),
    ]
    dry_run: Annotated[bool, Option("only say what would be released", parse=switch, default="false")]
    kubeconfig: Kubeconfig
    context: Context
    broker_kubeconfig: _BrokerOfReleases
    broker_context: BrokerContext
