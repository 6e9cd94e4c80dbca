"""The options of `explain`."""

import ipaddress
from dataclasses import dataclass
from typing import Annotated, Literal

from mcs_controller.cli.shared_options import (
    AgentLeaseName,
    AgentLeaseNamespace,
    AgentNamespace,
    BrokerContext,
    BrokerOrSecret,
    ClusterId,
    Context,
    DeadAfterSeconds,
    Kubeconfig,
    Zone,
)
from mcs_controller.cli.values import service_name
from mcs_controller.clusterset.model import ServiceKey
from mcs_controller.observe.listening import ListenAddress
from mcs_controller.options import Option, one_of

ExplainFormat = Literal["text", "json"]


def dns_address(text: str) -> ListenAddress:
    """An IP address and a port. Raises ValueError with what would be right."""
    address = ListenAddress.parse(text if text.count(":") and not text.endswith(":") else f"{text}:53")
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        raise ValueError(
            f"{text!r} is no address of a DNS server: write 10.96.0.53 or 10.96.0.53:53"
        ) from None
    return address


@dataclass(frozen=True, slots=True)
class ExplainSettings:
    """`mcs-controller explain NAMESPACE/NAME`."""

    output: Annotated[
        ExplainFormat,
        Option("text (for people) or json", parse=one_of("text", "json"), default="text", short="-o"),
    ]
    what_if: Annotated[
        str | None,
        Option(
            "say what would change if the objects in this file (- is standard input) were applied: a "
            "ServiceExport, Service, EndpointSlice, Namespace, ServiceExportPolicy, ExportPolicy or "
            "ImportPolicy here, a MemberCluster on the broker",
            metavar="FILE",
        ),
    ]
    what_if_deleted: Annotated[
        str | None, Option("as --what-if, for objects that would be deleted", metavar="FILE")
    ]
    from_: Annotated[
        str | None,
        Option(
            "look at nothing but the broker: its kubeconfig file, or a context of --kubeconfig or KUBECONFIG",
            metavar="BROKER",
        ),
    ]
    dns: Annotated[
        ListenAddress | None,
        Option(
            "the DNS server to ask; without it, the cluster IP of --dns-service, which often cannot be "
            "reached from outside of the cluster",
            parse=dns_address,
            metavar="ADDRESS[:PORT]",
        ),
    ]
    dns_service: Annotated[
        ServiceKey | None,
        Option(
            "the Service of our DNS servers; without it, mcs-dns in --namespace",
            parse=service_name,
            metavar="NAMESPACE/NAME",
        ),
    ]
    zone: Zone
    namespace: AgentNamespace
    lease_namespace: AgentLeaseNamespace
    lease_name: AgentLeaseName
    member_timeout_seconds: DeadAfterSeconds
    cluster_id: ClusterId
    kubeconfig: Kubeconfig
    context: Context
    broker_kubeconfig: BrokerOrSecret
    broker_context: BrokerContext
