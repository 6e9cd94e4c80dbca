"""An agent's settings, and a hub's, each with its option for operators. Frozen before anything starts."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple

from mcs_controller.clusterset.fuse import DEFAULT_SHARE, HOLD_SECONDS, SERVICES_MINIMUM
from mcs_controller.clusterset.membership.limits import DEFAULT_LIMITS, Limits
from mcs_controller.clusterset.services.locality import RETURN_SECONDS
from mcs_controller.clusterset.services.preference import (
    DEFAULT_SCOPES,
    ONE_READY,
    DefaultScope,
    MinReady,
    min_ready,
)
from mcs_controller.clusterset.services.reserved import RESERVED_NAMESPACES
from mcs_controller.clusterset.syntax import is_dns_label, is_label_value
from mcs_controller.observe.service_metrics import SERVICE_METRICS_MAX
from mcs_controller.options import (
    Group,
    Option,
    count,
    count_or_0_up_to,
    count_up_to,
    key_prefix,
    one_of,
    seconds,
    seconds_or_0,
    share,
    switch,
)

DeadMemberPolicy = Literal["withdraw", "keep"]

WORKERS_MAX: Final = 256
"""More workers would only wait: the API server limits how many requests a client may have at once."""


class SecretName(NamedTuple):
    """A Secret of this cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """One agent's settings; `cluster_id` is empty until it has been found (`membership/cluster_id.py`).

    `member_timeout_seconds`: a member counts as dead when its heartbeat stays unchanged for so long while the
    broker answers. `dead_member_policy` says what then happens to its endpoints
    (docs/decisions/0006-dead-members.md). `fuse_share` and `fuse_minimum`: nothing is withdrawn when so many
    imports are missing at once, as a share and in services, and `fuse_hold_seconds` says for how long
    (docs/decisions/0007-fuse.md).
    `confirm_delay_seconds` is the time between the first complete read after a start and the second one,
    which proves what is gone (docs/decisions/0008-proof.md). `limits` apply to each member whose
    MemberCluster states no others. `exclude_metadata` are prefixes of exported labels and annotations that
    this cluster's imports leave out. `import_reserved_namespaces` are the reserved namespaces
    that it imports into (docs/decisions/0025-reserved-namespaces.md). `service_metrics` bounds the metrics of
    single services (`services/one_by_one.py`). `export_policies`: only what the ExportPolicies of this
    cluster allow is exported; `import_policies`: only what its ImportPolicies allow is imported
    (docs/decisions/0029-policies.md). `service_export_policies`: what ServiceExportPolicies select is
    exported (docs/decisions/0031-bulk-export.md). `manage_properties`: the two well-known cluster properties
    are written (KEP-2149). `report_to_inventory`: the broker is told how this cluster's control plane is, its
    version, and its cluster properties (KEP-4322). `locality` and the two after it say which endpoints
    clients get first (docs/decisions/0030-locality.md).
    """

    cluster_id: str = ""
    heartbeat_interval_seconds: Annotated[
        float, Option("how often this cluster tells the broker that it is alive", parse=seconds)
    ] = 10.0
    member_timeout_seconds: Annotated[
        float,
        Option(
            "how long another cluster's heartbeat may be missing, while the broker answers, until it is dead",
            parse=seconds,
        ),
    ] = 60.0
    dead_member_policy: Annotated[
        DeadMemberPolicy,
        Option(
            "what happens to a dead cluster's endpoints: withdraw or keep",
            parse=one_of("withdraw", "keep"),
        ),
    ] = "withdraw"
    fuse_share: Annotated[
        float,
        Option(
            "hold everything when more than this share of the imported services, of those with ready "
            "endpoints, or of the other members, is lost at once; 1 turns that off",
            parse=share,
        ),
    ] = DEFAULT_SHARE
    fuse_minimum: Annotated[
        int,
        Option(
            "how many imported services at least must be lost at once for everything to be held",
            parse=count,
            metavar="N",
        ),
    ] = SERVICES_MINIMUM
    fuse_hold_seconds: Annotated[
        float,
        Option(
            "how long what was lost at once is held, while its exporters are alive and go on stating that it "
            "is gone; 0: until it returns or an operator releases it",
            parse=seconds_or_0,
        ),
    ] = HOLD_SECONDS
    limits: Annotated[
        Limits,
        Group(
            Limits,
            prefix="member_max_",
            options={
                "services": Option(
                    "how many exported services of one other cluster are read, unless its MemberCluster says "
                    "otherwise, as for the next four",
                    parse=count,
                    metavar="N",
                ),
                "endpoint_slices": Option(
                    "how many EndpointSlices of one other cluster are read", parse=count, metavar="N"
                ),
                "endpoints": Option(
                    "how many endpoints of one other cluster are read, in all of its slices",
                    parse=count,
                    metavar="N",
                ),
                "mebibytes": Option(
                    "size of all that is read of one other cluster, as JSON: a quarter for services, "
                    "the rest for slices",
                    parse=count,
                    metavar="MIB",
                ),
                "imports": Option(
                    "how many services of one other cluster are imported; each may take an address of "
                    "this cluster's Service range",
                    parse=count,
                    metavar="N",
                ),
            },
        ),
    ] = DEFAULT_LIMITS
    exclude_metadata: Annotated[
        tuple[str, ...],
        Option(
            "exported labels and annotations whose key begins with this are not carried to this cluster's "
            "imports; may be repeated, or given with commas",
            parse=key_prefix,
            metavar="PREFIX",
            repeatable=True,
        ),
    ] = ()
    import_reserved_namespaces: Annotated[
        tuple[str, ...],
        Option(
            "which of default, kube-node-lease, kube-public and kube-system services are imported into: none "
            "of them unless named; may be repeated, or given with commas",
            parse=one_of(*RESERVED_NAMESPACES),
            metavar="NAMESPACE",
            repeatable=True,
        ),
    ] = ()
    export_policies: Annotated[
        bool,
        Option(
            "whether the ExportPolicies of this cluster decide what may be exported; while there is none, "
            "nothing new is",
            parse=switch,
        ),
    ] = False
    import_policies: Annotated[
        bool,
        Option(
            "whether the ImportPolicies of this cluster decide what is imported, and from which clusters; "
            "while there is none, nothing new is",
            parse=switch,
        ),
    ] = False
    service_export_policies: Annotated[
        bool,
        Option(
            "whether the ServiceExportPolicies of this cluster are followed: for each Service that one "
            "selects a ServiceExport is made, and removed again",
            parse=switch,
        ),
    ] = False
    manage_properties: Annotated[
        bool,
        Option(
            "whether the agent sets this cluster's ClusterProperties cluster.clusterset.k8s.io and "
            "clusterset.k8s.io, and puts back what others change of them, while the cluster is a member",
            parse=switch,
        ),
    ] = False
    report_to_inventory: Annotated[
        bool,
        Option(
            "whether the broker is told how this cluster's control plane is, which version of Kubernetes it "
            "runs, and its ClusterProperties, for the inventory that `hub` keeps",
            parse=switch,
        ),
    ] = False
    locality: Annotated[
        DefaultScope,
        Option(
            "which endpoints clients here get first, where the export does not say: those of this cluster "
            "(cluster), of its zone, of its region, or of all alike (none); never: whatever exports say",
            parse=one_of(*DEFAULT_SCOPES),
            metavar="SCOPE",
        ),
    ] = "none"
    locality_min_ready: Annotated[
        MinReady,
        Option(
            "how many of these endpoints must be ready, as a number or a share such as 50%, so that farther "
            "ones are left out, where the export does not say",
            parse=min_ready,
            metavar="N",
        ),
    ] = ONE_READY
    locality_return_seconds: Annotated[
        float,
        Option(
            "how long so many near endpoints must have been ready until farther ones are left out again",
            parse=seconds_or_0,
        ),
    ] = RETURN_SECONDS
    workers: Annotated[
        int,
        Option(
            "how many services each work queue reconciles at the same time",
            parse=count_up_to(WORKERS_MAX),
            metavar="N",
        ),
    ] = 16
    service_metrics: Annotated[
        int,
        Option(
            "how many services have metrics of their own, by name, those exported here first; 0: none",
            parse=count_or_0_up_to(SERVICE_METRICS_MAX),
            metavar="N",
        ),
    ] = 0
    confirm_delay_seconds: float = 5.0


def _namespace(text: str) -> str:
    if not is_dns_label(text):
        raise ValueError(f"{text!r} is not the name of a namespace: use lower-case letters, digits and '-'")
    return text


def _manager(text: str) -> str:
    if not text or not is_label_value(text):
        raise ValueError(
            f"{text!r} is not the name of a cluster manager: use 1 to 63 letters, digits, '-', '_' and '.', "
            "with a letter or digit at both ends"
        )
    return text


@dataclass(frozen=True, slots=True)
class HubConfig:
    """One hub's settings. `interval_seconds` is the time between two reads of the members."""

    inventory_namespace: Annotated[
        str,
        Option(
            "namespace of the broker's API server that holds the ClusterProfiles; it has to exist",
            parse=_namespace,
            metavar="NAMESPACE",
        ),
    ] = "mcs-inventory"
    cluster_manager: Annotated[
        str,
        Option(
            "name of this manager in its ClusterProfiles, and the beginning of theirs; it differs from those "
            "of other managers in the namespace, and is never changed",
            parse=_manager,
            metavar="NAME",
        ),
    ] = "mcs-controller"
    member_timeout_seconds: Annotated[
        float,
        Option(
            "how long a cluster's heartbeat may be missing, while the broker answers, until nobody knows how "
            "the cluster is",
            parse=seconds,
        ),
    ] = 60.0
    interval_seconds: float = 10.0
