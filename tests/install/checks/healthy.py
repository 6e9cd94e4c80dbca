"""Facts of a clusterset in which all is well, for tests that break one thing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcs_controller.api.crd import all_crds
from mcs_controller.api.names import LABEL_MANAGED_BY, MANAGED_BY
from mcs_controller.clusterset.model import (
    Condition,
    ConditionStatus,
    ImportSpec,
    LocalImport,
    Member,
    ServiceKey,
)
from mcs_controller.install.checks.facts import (
    Answers,
    BrokerFacts,
    CheckConfig,
    ClusterFacts,
    Credential,
    DerivedService,
    DnsFacts,
    Facts,
    Lease,
    PolicyFacts,
    ProfileFacts,
    Reached,
    Review,
    SliceFacts,
)
from mcs_controller.install.checks.reading_cluster import MCS_CRDS
from mcs_controller.install.cluster_dns.stub import Stub, with_stub
from mcs_controller.kube.connection.lifetime import Lifetime
from tests.install.cluster_dns.corefiles import KUBEADM

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z"""
FRESH, OLD, DEAD = "2027-01-15T07:59:55Z", "2027-01-15T07:59:20Z", "2027-01-15T07:50:00Z"
DNS_IP = "10.96.0.53"
WEB = ServiceKey("shop", "web")
UID = "00000000-0000-0000-0000-000000000001"


def stored(crd: dict[str, Any], **labels: str) -> dict[str, Any]:
    """A definition as an API server has it."""
    conditions = [{"type": "Established", "status": "True"}]
    metadata = {**crd["metadata"], "labels": {**crd["metadata"]["labels"], **labels}}
    return {**crd, "metadata": metadata, "status": {"conditions": conditions}}


CRDS = {crd["metadata"]["name"]: stored(crd) for crd in all_crds()}
MCS = {name: crd for name, crd in CRDS.items() if name in MCS_CRDS}
BROKER = {name: crd for name, crd in CRDS.items() if name not in MCS}


def member(name: str, heartbeat: str = FRESH, **fields: Any) -> Member:
    return Member(
        name, **{"cluster_uid": f"uid-{name}", "version": "0.1.0", "heartbeat": heartbeat, **fields}
    )


def imported(
    service: ServiceKey = WEB, *, held: str = "", clusters: tuple[str, ...] = ("west",)
) -> LocalImport:
    conditions = (Condition("mcs-controller.io/Held", "True", held),) if held else ()
    return LocalImport(
        service,
        f"uid-{service.name}",
        1,
        ImportSpec("ClusterSetIP", ()),
        labels=((LABEL_MANAGED_BY, MANAGED_BY),),
        clusters=clusters,
        conditions=conditions,
        managed=True,
    )


def corefile(*servers: str) -> dict[str, Any]:
    """The ConfigMap of a CoreDNS that forwards the zone to these, to nobody without any."""
    text = with_stub(KUBEADM, Stub("clusterset.local", servers)) if servers else KUBEADM
    return {"metadata": {"name": "coredns"}, "data": {"Corefile": text}}


def service(*ports: tuple[int, str]) -> dict[str, Any]:
    """The Service of our DNS servers."""
    return {
        "spec": {
            "clusterIP": DNS_IP,
            "clusterIPs": [DNS_IP],
            "ports": [{"port": number, "protocol": protocol} for number, protocol in ports],
        }
    }


def ready(*protocols: str, ready: bool = True) -> dict[str, Any]:
    """A slice of that Service."""
    return {
        "ports": [{"port": 1053, "protocol": protocol} for protocol in protocols],
        "endpoints": [{"addresses": ["10.1.0.9"], "conditions": {"ready": ready}}],
    }


def kube_proxy(config: str) -> dict[str, Any]:
    return {"data": {"config.conf": config}}


def policy(
    name: str, *, accepted: ConditionStatus | None = "True", held: str = "", generation: int = 1
) -> PolicyFacts:
    """A policy to which an agent answered when it was of generation 1; `accepted` is None for no answer."""
    told = [Condition("Accepted", accepted, "Reason", "for a reason", 1)] if accepted else []
    told += [Condition("mcs-controller.io/Held", "True", "TooManyAtOnce", held, 1)] if held else []
    return PolicyFacts(name, generation, tuple(told))


def profiles_of(*clusters: str) -> tuple[ProfileFacts, ...]:
    return tuple(
        ProfileFacts(f"mcs-inventory/mcs-controller.{name}", name, "mcs-controller") for name in clusters
    )


FACTS = Facts(
    CheckConfig(),
    NOW,
    "0.1.0",
    ClusterFacts(
        version="v1.36.4",
        uid="uid-east",
        about=("v1beta1", "v1alpha1"),
        property_id=None,
        property_clusterset=None,
        ahead_seconds=0.2,
        crds=MCS,
        served=("v1beta1", "v1alpha1"),
        agent_rights=(Review("mcs-system/mcs-agent", "list services", True),),
        properties_rights=(Review("mcs-system/mcs-agent", "list clusterproperties", True),),
        renewal_rights=(Review("mcs-system/mcs-agent", "patch secrets mcs-broker", True),),
        dns_rights=(Review("mcs-system/mcs-dns", "list endpointslices", True),),
        lease=Lease("mcs-agent-0", FRESH, 15.0),
        imports=(imported(),),
        exports=frozenset(),
        derived=(DerivedService(ServiceKey("shop", "derived-web"), WEB),),
        slices=(SliceFacts(WEB, "web-west", "west", ("10.2.0.7",)),),
        config_maps={"coredns": corefile(DNS_IP)},
        dns_service=service((53, "UDP"), (53, "TCP")),
        dns_slices=(ready("UDP", "TCP"),),
        cluster_dns_service=service((53, "UDP")),
        pod_cidrs=("10.1.0.0/24", "10.1.1.0/24"),
        kube_proxy=kube_proxy("mode: nftables\nnftables: {minSyncPeriod: 1s}\n"),
        policies={
            "ExportPolicy": (policy("all"),),
            "ImportPolicy": (),
            "ServiceExportPolicy": (policy("shop/public"),),
        },
    ),
    BrokerFacts(
        credential=Credential(
            "Secret mcs-system/mcs-broker", "east", "https://broker:6443", Lifetime(NOW - 10, NOW + 1000)
        ),
        reached=Reached("member"),
        ahead_seconds=-0.2,
        kinds=frozenset({"memberclusters", "exportedservices", "exportedendpointslices"}),
        crds=BROKER,
        members=(
            member("east", allowed_cidrs=("10.1.0.0/16",)),
            member("west", allowed_cidrs=("10.2.0.0/16",)),
        ),
        namespaces=frozenset({"mcs-member-east", "mcs-member-west"}),
        records=frozenset({("west", WEB)}),
        slices=(SliceFacts(WEB, "shop.web", "west", ("10.2.0.7",)),),
        rights=(Review("this credential", "list exportedservices", True),),
        too_many=(Review("this credential", "get secrets", False),),
        hub_lease=Lease("mcs-hub-0", FRESH, 15.0),
        profiles=profiles_of("east", "west"),
    ),
    DnsFacts("10.96.0.53:53", Answers(8, {}), Answers(8, {}), "10.96.0.10:53", Answers(2, {})),
)


def cluster(**changes: Any) -> Facts:
    return replace(FACTS, cluster=replace(FACTS.cluster, **changes))


def broker(**changes: Any) -> Facts:
    return replace(FACTS, broker=replace(FACTS.broker, **changes))


def dns(**changes: Any) -> Facts:
    return replace(FACTS, dns=replace(FACTS.dns, **changes))


def members(*found: Member) -> Facts:
    """East, which is ours, and these."""
    return broker(members=(member("east"), *found))


def configured(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, config=replace(facts.config, **changes))


def after(facts: Facts, earlier: Facts) -> Facts:
    """The second of two looks, 12 s later."""
    return replace(facts, now_seconds=earlier.now_seconds + 12, earlier=earlier)
