"""Options that several commands have: each means the same everywhere, and is declared here once."""

from pathlib import Path
from typing import Annotated, Literal, Protocol

from mcs_controller.cli.values import lease_name, namespace_name
from mcs_controller.clusterset.identity import check_cluster_id
from mcs_controller.dns.config import DEFAULT_ZONE, zone_name
from mcs_controller.install.lease import LeaseName
from mcs_controller.options import Option, one_of, seconds, switch

OutputFormat = Literal["table", "json"]

Kubeconfig = Annotated[
    Path | None,
    Option(
        "kubeconfig file of this cluster; without it, the service account of the pod that this runs in, "
        "or outside of one, what KUBECONFIG names",
        parse=Path,
        metavar="FILE",
    ),
]
Context = Annotated[str | None, Option("context of --kubeconfig; without it, the file's current one")]
ClusterId = Annotated[
    str | None,
    Option(
        "this cluster's name in the clusterset: a DNS label of at most 52 characters, never reused; "
        "without it, what the ClusterProperty cluster.clusterset.k8s.io says",
        parse=check_cluster_id,
    ),
]
BrokerContext = Annotated[
    str | None, Option("context of --broker-kubeconfig; without it, the file's current one")
]
BrokerOrSecret = Annotated[
    Path | None,
    Option(
        "kubeconfig file of the broker, of its administrator or of a member; without it and without "
        "--broker-context, what the Secret mcs-broker in --namespace has, if you may read that",
        parse=Path,
        metavar="FILE",
    ),
]
AgentNamespace = Annotated[
    str,
    Option("namespace of agent and DNS server in the cluster", parse=namespace_name, default="mcs-system"),
]
AgentLeaseNamespace = Annotated[
    str | None,
    Option("namespace of the agent's Lease; without it, --namespace", parse=namespace_name),
]
AgentLeaseName = Annotated[str, Option("name of the agent's Lease", parse=lease_name, default="mcs-agent")]
DeadAfterSeconds = Annotated[
    float,
    Option(
        "from which age of its heartbeat a member counts as dead, as the agents have it",
        parse=seconds,
        default="60",
    ),
]
Zone = Annotated[str, Option("the zone of the clusterset", parse=zone_name, default=DEFAULT_ZONE)]
ClusterDnsNamespace = Annotated[
    str,
    Option("namespace of the ConfigMaps of the cluster's DNS", parse=namespace_name, default="kube-system"),
]
DryRun = Annotated[bool, Option("only print what would be changed", parse=switch, default="false")]
TableOrJson = Annotated[
    OutputFormat,
    Option("table (for people) or json", parse=one_of("table", "json"), default="table", short="-o"),
]


class _LooksForLease(Protocol):
    @property
    def namespace(self) -> str: ...
    @property
    def lease_namespace(self) -> str | None: ...
    @property
    def lease_name(self) -> str: ...


def agents_lease(settings: _LooksForLease) -> LeaseName:
    """The Lease that `--namespace`, `--lease-namespace` and `--lease-name` name."""
    return LeaseName(settings.lease_namespace or settings.namespace, settings.lease_name)
