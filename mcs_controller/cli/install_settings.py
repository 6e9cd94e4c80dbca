"""The options of the commands that set a clusterset up, look at it, and take it away."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from mcs_controller.cli.shared_options import (
    AgentLeaseName,
    AgentLeaseNamespace,
    AgentNamespace,
    BrokerContext,
    BrokerOrSecret,
    ClusterDnsNamespace,
    Context,
    DeadAfterSeconds,
    DryRun,
    Kubeconfig,
    Zone,
)
from mcs_controller.cli.values import (
    clusterset_name,
    location,
    namespace_name,
    network,
    server_address,
    server_url,
    service_name,
)
from mcs_controller.clusterset.identity import check_cluster_id
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.options import Option, count_up_to, one_of, seconds_or_0, switch

ResultFormat = Literal["table", "json", "yaml"]

_Output = Annotated[
    ResultFormat,
    Option(
        "format of the result: table (for people), json or yaml",
        parse=one_of("table", "json", "yaml"),
        default="table",
        short="-o",
    ),
]
_OwnId = Annotated[
    str | None,
    Option(
        "this cluster's id; without it, what its credential for the broker says, or its ClusterProperty",
        parse=check_cluster_id,
    ),
]
_ContextsOf = Annotated[
    Path | None,
    Option(
        "kubeconfig file of which --broker-context names a context, where --broker-kubeconfig is not given; "
        "without it, what KUBECONFIG names",
        parse=Path,
        metavar="FILE",
    ),
]
_Broker = Annotated[
    Path | None,
    Option(
        "kubeconfig file of the broker, with the rights of its administrator; needed unless --broker-context "
        "names a context of --kubeconfig",
        parse=Path,
        metavar="FILE",
    ),
]
_WaitSeconds = Annotated[
    float,
    Option(
        "for how long it waits until every other member has let go of what the cluster exported",
        parse=seconds_or_0,
        default="120",
    ),
]


@dataclass(frozen=True, slots=True)
class BrokerInitSettings:
    """`mcs-controller broker init`."""

    clusterset: Annotated[
        str | None,
        Option(
            "name of the clusterset, for the ClusterProperties of its members: of those that have none yet, "
            "and of those that come; without it, it stays as it is, at first none",
            parse=clusterset_name,
            metavar="NAME",
        ),
    ]
    dry_run: DryRun
    output: _Output
    kubeconfig: _ContextsOf
    broker_kubeconfig: _Broker
    broker_context: BrokerContext


@dataclass(frozen=True, slots=True)
class CreateMemberSettings:
    """`mcs-controller broker create-member NAME`."""

    pod_cidrs: Annotated[
        tuple[str, ...],
        Option(
            "network that the member's endpoints must lie in; may be repeated, or given with commas; without "
            "it, what the MemberCluster has, at first any",
            parse=network,
            metavar="CIDR",
            repeatable=True,
        ),
    ]
    namespaces: Annotated[
        tuple[str, ...],
        Option(
            "namespace that the member may export from; may be repeated, or given with commas; without it, "
            "what the MemberCluster has, at first all",
            parse=namespace_name,
            metavar="NAME",
            repeatable=True,
        ),
    ]
    location: Annotated[
        tuple[str, str] | None,
        Option(
            "where the member lies, for services whose clients get near endpoints first: its region, and its "
            "zone if all of its nodes are in one; without it, what the MemberCluster has, at first nowhere",
            parse=location,
            metavar="REGION[/ZONE]",
        ),
    ]
    clusterset: Annotated[
        str | None,
        Option(
            "name of the clusterset, the same for all members, for their ClusterProperties; without it, what "
            "the MemberCluster has, or else what `broker init` said or all other members have, at first none",
            parse=clusterset_name,
            metavar="NAME",
        ),
    ]
    server: Annotated[
        str | None,
        Option(
            "where the member reaches the broker; without it, the server of the broker's kubeconfig",
            parse=server_url,
            metavar="URL",
        ),
    ]
    certificate_authority: Annotated[
        Path | None,
        Option(
            "PEM file of the CA by which the member knows the broker; without it, the CA of the broker's "
            "kubeconfig",
            parse=Path,
            metavar="FILE",
        ),
    ]
    token_hours: Annotated[
        int,
        Option(
            "how long the credential is valid, and each by which the agent renews it; the broker's API "
            "server may make it shorter",
            parse=count_up_to(87_600),
            default="1008",
        ),
    ]
    renew: Annotated[
        bool,
        Option(
            "make another credential for a member that exists, also if a cluster uses it already",
            parse=switch,
            default="false",
        ),
    ]
    revoke: Annotated[
        bool,
        Option(
            "with --renew: end all earlier credentials of the member, by making its ServiceAccount anew",
            parse=switch,
            default="false",
        ),
    ]
    output_file: Annotated[
        Path | None,
        Option(
            "where the member's kubeconfig is written, readable by its owner only; without it, it is printed",
            parse=Path,
            metavar="FILE",
        ),
    ]
    force: Annotated[bool, Option("replace --output-file if it exists", parse=switch, default="false")]
    dry_run: DryRun
    output: _Output
    kubeconfig: _ContextsOf
    broker_kubeconfig: _Broker
    broker_context: BrokerContext


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """`mcs-controller join`."""

    broker_kubeconfig: Annotated[
        Path,
        Option(
            "the file that `broker create-member` made for this cluster",
            parse=Path,
            metavar="FILE",
            required=True,
        ),
    ]
    broker_context: BrokerContext
    cluster_id: Annotated[
        str | None,
        Option(
            "this cluster's id; without it, what --broker-kubeconfig says, or the cluster's ClusterProperty, "
            "or else the UID of its namespace kube-system",
            parse=check_cluster_id,
        ),
    ]
    namespace: AgentNamespace
    dry_run: DryRun
    output: _Output
    kubeconfig: Kubeconfig
    context: Context


@dataclass(frozen=True, slots=True)
class RemoveMemberSettings:
    """`mcs-controller broker remove-member NAME`."""

    gone: Annotated[
        bool,
        Option(
            "also a member that has not left, since its cluster is gone for good or may not be a member any "
            "more: all clusters withdraw what it exports",
            parse=switch,
            default="false",
        ),
    ]
    wait_seconds: _WaitSeconds
    dry_run: DryRun
    output: _Output
    kubeconfig: _ContextsOf
    broker_kubeconfig: _Broker
    broker_context: BrokerContext


@dataclass(frozen=True, slots=True)
class LeaveSettings:
    """`mcs-controller leave`."""

    wait_seconds: _WaitSeconds
    ignore_importers: Annotated[
        bool,
        Option(
            "clean up also when, after --wait-seconds, members still use what this cluster exported: they "
            "are named, and use it until the broker's administrator removes this cluster",
            parse=switch,
            default="false",
        ),
    ]
    local_only: Annotated[
        bool,
        Option(
            "clean up this cluster without asking the broker, as when it was removed there before",
            parse=switch,
            default="false",
        ),
    ]
    namespace: AgentNamespace
    lease_namespace: AgentLeaseNamespace
    lease_name: AgentLeaseName
    dry_run: DryRun
    output: _Output
    cluster_id: _OwnId
    kubeconfig: Kubeconfig
    context: Context
    broker_kubeconfig: BrokerOrSecret
    broker_context: BrokerContext


@dataclass(frozen=True, slots=True)
class UninstallSettings:
    """`mcs-controller uninstall`."""

    check: Annotated[
        bool,
        Option(
            "only list what is left of this project in the cluster; exit code 1 if anything is, 2 if nobody "
            "knows",
            parse=switch,
            default="false",
        ),
    ]
    crds: Annotated[
        bool,
        Option(
            "also the definitions of the Multicluster Services API: all ServiceExports of users go with them",
            parse=switch,
            default="false",
        ),
    ]
    namespace: AgentNamespace
    lease_namespace: AgentLeaseNamespace
    lease_name: AgentLeaseName
    dns_namespace: ClusterDnsNamespace
    zone: Zone
    dry_run: DryRun
    output: _Output
    kubeconfig: Kubeconfig
    context: Context


@dataclass(frozen=True, slots=True)
class MembersSettings:
    """`mcs-controller members`."""

    output: _Output
    kubeconfig: _ContextsOf
    broker_kubeconfig: Annotated[
        Path | None,
        Option(
            "kubeconfig file of the broker, of its administrator or of a member; needed unless "
            "--broker-context names a context of --kubeconfig",
            parse=Path,
            metavar="FILE",
        ),
    ]
    broker_context: BrokerContext


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """`mcs-controller check`."""

    output: _Output
    broker: Annotated[
        bool,
        Option("look at the broker only, not at a member cluster", parse=switch, default="false"),
    ]
    kubeconfig: Kubeconfig
    context: Context
    broker_kubeconfig: BrokerOrSecret
    broker_context: BrokerContext
    cluster_id: _OwnId
    namespace: AgentNamespace
    lease_namespace: AgentLeaseNamespace
    lease_name: AgentLeaseName
    member_timeout_seconds: DeadAfterSeconds
    zone: Zone
    dns_service: Annotated[
        ServiceKey | None,
        Option(
            "the Service of our DNS servers; without it, mcs-dns in --namespace",
            parse=service_name,
            metavar="NAMESPACE/NAME",
        ),
    ]
    dns_server: Annotated[
        ListenAddress | None,
        Option(
            "a DNS server of ours that can be reached from here, instead of the address of --dns-service",
            parse=server_address,
            metavar="ADDR:PORT",
        ),
    ]
    dns_namespace: ClusterDnsNamespace
    cluster_dns: Annotated[
        ListenAddress | None,
        Option(
            "the cluster's own DNS where it can be reached from here, instead of the address of its Service",
            parse=server_address,
            metavar="ADDR:PORT",
        ),
    ]
    again_after_seconds: Annotated[
        float,
        Option(
            "after how long that is looked at again which may be over by then, such as a late heartbeat; "
            "0: never",
            parse=seconds_or_0,
            default="12",
        ),
    ]
